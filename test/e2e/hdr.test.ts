import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { locateTools } from '../../src/media/ffmpeg-tools.js';
import { readLight, sameMastering } from '../../src/media/hdr-metadata.js';
import { compareOutside } from './blended-region.js';
import { decodeFrames, ffmpeg, makeClip, pick, videoFacts } from './clips.js';
import { fixture, readRows, runToReport, temporaryFolder } from './command-run.js';

const tools = await locateTools();
const folder = temporaryFolder('hdr');
const hopper = fixture('grace_hopper.jpg');
const at = (name: string): string => join(folder, name);
const frames = 6;
const mastering = 'G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)';

/** A clip of 10 bits whose values are darker, as those of high dynamic range are: white at 203 cd/m² is far from the end. */
const makeHdrClip = (file: string, transfer: string, ...encoder: readonly string[]): void => {
  const plain = at('plain.mkv');
  makeClip({
    shots: [{ photo: 'astronaut.png', frames }],
    rate: { num: 25, den: 1 },
    pixelFormat: 'gbrp',
    output: ['-c:v', 'ffv1', plain],
  });
  ffmpeg(
    ...['-i', plain, '-vf', 'colorlevels=romax=0.6:gomax=0.6:bomax=0.6,scale=out_color_matrix=bt2020'],
    ...['-pix_fmt', 'yuv420p10le', '-color_trc', transfer, '-color_primaries', 'bt2020'],
    ...['-colorspace', 'bt2020nc', '-color_range', 'tv', ...encoder, file],
  );
};

const words = (file: string): readonly Uint16Array[] =>
  decodeFrames(file, frames, 'yuv420p10le').map(
    ({ buffer, byteOffset, byteLength }) =>
      new Uint16Array(buffer.slice(byteOffset, byteOffset + byteLength)),
  );

const tags = ['pix_fmt', 'color_range', 'color_space', 'color_transfer', 'color_primaries'] as const;

for (const transfer of ['smpte2084', 'arib-std-b67']) {
  test(`${transfer}, lossless: only the faces change, in the picture's own coding`, async () => {
    const [target, output, rowsFile] = [at(`${transfer}.mkv`), at(`${transfer}-out.mkv`), at('rows.json')];
    makeHdrClip(target, transfer, '-c:v', 'ffv1');
    await runToReport([
      ...['-s', hopper, '-t', target, '-o', output, '--report', rowsFile, '--overwrite'],
      ...['--output-video-encoder', 'ffv1'],
    ]);
    assert.deepEqual(pick(videoFacts(output), tags), pick(videoFacts(target), tags));
    const [before, after] = [words(target), words(output)];
    const layout = { widthPx: 320, heightPx: 240, chromaShiftX: 1, chromaShiftY: 1 } as const;
    let [inside, brightest, brightestBefore] = [0, 0, 0];
    for (const [index, row] of readRows(rowsFile).entries()) {
      const [old, swapped] = [before[index] ?? new Uint16Array(), after[index] ?? new Uint16Array()];
      const found = compareOutside(old, swapped, row, layout);
      assert.equal(found.changedOutside, 0, `frame ${index}: samples changed outside of the faces`);
      inside += found.changedInside;
      const luma = 320 * 240;
      brightest = Math.max(brightest, ...swapped.subarray(0, luma));
      brightestBefore = Math.max(brightestBefore, ...old.subarray(0, luma));
    }
    assert.ok(inside > 200 * frames, `only ${inside} samples changed`);
    // No highlight of the new face is thrown up to the peak of the format.
    assert.ok(brightest < brightestBefore + 60, `${brightest} after ${brightestBefore}`);
  });
}

test('HDR10 metadata goes into MP4 with HEVC, which is the default there, and a warning says so', async () => {
  const [target, output] = [at('hdr10.mkv'), at('hdr10.mp4')];
  const parameters = `log-level=error:master-display=${mastering}:max-cll=900,300`;
  makeHdrClip(target, 'smpte2084', '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', parameters);
  const { warnings } = await runToReport([
    ...['-s', hopper, '-t', target, '-o', output, '--output-video-preset', 'ultrafast'],
  ]);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['hdr-encoder'],
  );
  assert.deepEqual(pick(videoFacts(output), ['codec_name', 'codec_tag_string']), {
    codec_name: 'hevc',
    codec_tag_string: 'hvc1',
  });
  const [was, is] = await Promise.all(
    [target, output].map((file) => readLight(tools, file, 0, { stage: 'test' })),
  );
  assert.ok(was?.metadata.mastering && is?.metadata.mastering);
  assert.ok(sameMastering(is.metadata.mastering, was.metadata.mastering));
  assert.deepEqual(is.metadata.contentLight, { maxContent: 900, maxAverage: 300 });
});
