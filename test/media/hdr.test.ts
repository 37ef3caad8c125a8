import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { lightDescription, readLight, sameMastering } from '../../src/media/hdr-metadata.js';
import { checkHdr, hdrSignalOf } from '../../src/media/hdr-signal.js';
import { addLightAtoms } from '../../src/media/light-atoms.js';
import { probeTarget } from '../../src/media/probe.js';
import { ffmpegOutput, inFolder, sharedFile, skipReason, tools } from './media-fixtures.js';

const light = {
  mastering: {
    red: [0.68, 0.32],
    green: [0.265, 0.69],
    blue: [0.15, 0.06],
    white: [0.3127, 0.329],
    minLuminance: 0.0001,
    maxLuminance: 1000,
  },
  contentLight: { maxContent: 1000, maxAverage: 400 },
} as const;

const picture = ['-f', 'lavfi', '-i', 'testsrc2=s=64x64:r=25', '-frames:v', '3'];
const pq = ['-color_trc', 'smpte2084', '-color_primaries', 'bt2020', '-colorspace', 'bt2020nc'];

test('a PQ and an HLG clip are described with their curve, and untagged ones have BT.2020', () =>
  inFolder(async (folder) => {
    const made = async (name: string, ...tags: string[]) => {
      const file = join(folder, name);
      ffmpegOutput(...picture, '-c:v', 'libx264', '-pix_fmt', 'yuv420p10le', ...tags, file);
      return (await probeTarget(tools, file)).video;
    };
    const tagged = await made('pq.mp4', ...pq);
    assert.deepEqual(tagged.format.hdr, { transfer: 'pq', primaries: 'bt2020' });
    assert.equal(tagged.format.matrix, 'bt2020');
    assert.deepEqual(tagged.light, { metadata: {}, notCarried: [] });
    const bare = await made('hlg.mp4', '-color_trc', 'arib-std-b67');
    assert.deepEqual(bare.format.hdr, { transfer: 'hlg', primaries: 'bt2020' });
    assert.equal(bare.format.matrix, 'bt2020');
    const standard = await made('sdr.mp4', '-color_trc', 'bt2020-10', '-colorspace', 'bt2020nc');
    assert.equal(standard.format.hdr, undefined);
    assert.equal(standard.light, undefined);
  }));

test('HDR10 of a real file is read with its mastering display and content light', async (context) => {
  const file = sharedFile('derived/hevc10_pq_hdr10.mkv');
  if (file === undefined) return context.skip(skipReason);
  const { video } = await probeTarget(tools, file);
  assert.deepEqual(video.format.hdr, { transfer: 'pq', primaries: 'bt2020' });
  assert.deepEqual(video.light, { metadata: light, notCarried: [] });
});

test('metadata that is written into a segment reaches MP4, QuickTime and Matroska, and the pictures stay', () =>
  inFolder(async (folder) => {
    const stage = 'test';
    for (const [segment, encoder, outputs] of [
      ['x264.mp4', 'libx264', ['mp4', 'mov', 'mkv']],
      ['ffv1.mov', 'ffv1', ['mov', 'mkv']],
    ] as const) {
      const file = join(folder, segment);
      ffmpegOutput(...picture, '-c:v', encoder, '-pix_fmt', 'yuv420p10le', ...pq, file);
      const framesOf = (of: string): string =>
        ffmpegOutput('-i', of, '-f', 'framemd5', '-bitexact', 'pipe:1').toString();
      const before = framesOf(file);
      await addLightAtoms(file, light);
      assert.equal(framesOf(file), before);
      for (const extension of outputs) {
        const output = join(folder, `${segment}.${extension}`);
        ffmpegOutput('-i', file, '-c', 'copy', output);
        const { metadata } = await readLight(tools, output, 0, { stage });
        assert.ok(metadata.mastering !== undefined && sameMastering(metadata.mastering, light.mastering));
        assert.deepEqual(metadata.contentLight, light.contentLight);
      }
    }
    const cut = join(folder, 'cut.mp4');
    ffmpegOutput(...picture, '-c:v', 'libx264', '-movflags', '+faststart', cut);
    await assert.rejects(addLightAtoms(cut, light), { kind: 'bug', message: /it ends with mdat/ });
  }));

test('values that cannot be are not carried, and say so; unknown ones are silent', () => {
  const display = {
    side_data_type: 'Mastering display metadata',
    ...{ red_x: '34000/50000', red_y: '16000/50000', green_x: '13250/50000', green_y: '34500/50000' },
    ...{
      blue_x: '7500/50000',
      blue_y: '3000/50000',
      white_point_x: '15635/50000',
      white_point_y: '16450/50000',
    },
    ...{ min_luminance: '0/10000', max_luminance: '10000000/10000' },
  };
  assert.equal(lightDescription([display]).metadata.mastering?.minLuminance, 0);
  for (const broken of [
    { red_x: '9/2' },
    { red_x: '1/0' },
    { white_point_y: 'N/A' },
    { max_luminance: '0/1' },
  ]) {
    assert.deepEqual(lightDescription([{ ...display, ...broken }]), {
      metadata: {},
      notCarried: ['incomplete mastering display'],
    });
  }
  for (const content of [
    { max_content: 0, max_average: 0 },
    { max_content: -3 },
    { max_content: 99_999 },
    {},
  ]) {
    const record = { side_data_type: 'Content light level metadata', ...content };
    assert.deepEqual(lightDescription([record]), { metadata: {}, notCarried: [] });
  }
});

test('dynamic metadata is named by either spelling of ffprobe', () => {
  const named = (type: string) => lightDescription([{ side_data_type: type }]).notCarried;
  assert.deepEqual(named('HDR Dynamic Metadata SMPTE2094-40 (HDR10+)'), ['HDR10+']);
  assert.deepEqual(named('HDR10+ Dynamic Metadata (SMPTE 2094-40)'), ['HDR10+']);
  assert.deepEqual(named('Dolby Vision RPU Data'), ['Dolby Vision']);
  assert.deepEqual(named('DOVI configuration record'), ['Dolby Vision']);
  assert.deepEqual(named('H.26[45] User Data Unregistered SEI message'), []);
});

test('Dolby Vision is taken with a base layer that can be shown, and refused without', () => {
  const refused = (record: Record<string, unknown>, pattern: RegExp): void =>
    assert.throws(
      () => checkHdr(record, 'x.mp4'),
      (error) => error instanceof FaceswapError && error.kind === 'media' && pattern.test(String(error)),
    );
  refused({ dv_profile: '5', dv_bl_signal_compatibility_id: '0' }, /Dolby Vision profile 5.*HDR10/);
  refused({ dv_profile: '10', dv_bl_signal_compatibility_id: '0' }, /Dolby Vision profile 10/);
  refused({ codec_tag_string: 'dvh1' }, /Dolby Vision is not supported/);
  checkHdr({ dv_profile: '8', dv_bl_signal_compatibility_id: '1', color_transfer: 'smpte2084' }, 'x.mp4');
  checkHdr({ codec_tag_string: 'hvc1', color_transfer: 'arib-std-b67' }, 'x.mp4');
  refused({ color_space: 'ictcp', color_transfer: 'smpte2084' }, /ICtCp/);
  refused({ color_primaries: 'film', color_transfer: 'smpte2084' }, /primaries film/);
  assert.equal(hdrSignalOf({ color_primaries: 'film', color_transfer: 'bt709' }), undefined);
  assert.deepEqual(hdrSignalOf({ color_primaries: 'smpte432', color_transfer: 'smpte2084' }), {
    transfer: 'pq',
    primaries: 'p3',
  });
});
