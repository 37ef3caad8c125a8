import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import type { FrameRange } from '../../src/media/decoder.js';
import { planMux } from '../../src/media/mux-plan.js';
import { concatList, muxOutput } from '../../src/media/muxer.js';
import { defaultVideoEncoder, outputContainer } from '../../src/media/output-container.js';
import { type ExpectedOutput, verifyOutput } from '../../src/media/output-verification.js';
import { probeTarget } from '../../src/media/probe.js';
import { probeStreams } from '../../src/media/stream-probe.js';
import { hasOwnLastDuration, type TargetMedia } from '../../src/media/target-media.js';
import { videoEncodingFor } from '../../src/media/video-encoding.js';
import {
  ffmpegOutput,
  inFolder,
  rangesOf,
  referenceHashes,
  sharedFile,
  skipReason,
  tools,
  transcodeSegments,
} from './media-fixtures.js';

type Outcome = { file: string; target: TargetMedia; expected: ExpectedOutput };

/** Everything that a run does with media, without a swap in between. */
const rebuild = async (
  folder: string,
  source: string,
  outputName: string,
  options: { encoder?: string; range?: FrameRange } = {},
): Promise<Outcome> => {
  const target = await probeTarget(tools, source);
  const file = join(folder, outputName);
  const container = outputContainer(file);
  const encoder = options.encoder ?? defaultVideoEncoder(container);
  const plan = await planMux({ tools, target, outputFile: file, videoEncoder: encoder });
  const encoding = videoEncodingFor({ target, encoder, container, preset: 'ultrafast', threads: 2 });
  const range = options.range ?? { start: 0, end: target.video.frameCount };
  const third = Math.ceil((range.end - range.start) / 3);
  const ranges = rangesOf(range.end - range.start, third, 2 * third).map(({ start, end }) => ({
    start: start + range.start,
    end: end + range.start,
  }));
  const segments = await transcodeSegments(target, encoding, ranges, folder);
  const { frameRate, clock, widthPx, heightPx, sampleAspectRatio, colour } = encoding;
  const keepsLastDuration = hasOwnLastDuration(target, range);
  await muxOutput({
    tools,
    target,
    plan,
    segments,
    range,
    frameRate,
    clock,
    keepsLastDuration,
    temporaryFile: file,
  });
  const slots = target.video.slots.subarray(range.start, range.end);
  const picture = { frameRate, clock, widthPx, heightPx, sampleAspectRatio, colour };
  const expected = { ...picture, slots, keepsTimes: true, plan, target, range };
  await verifyOutput(tools, file, expected);
  return { file, target, expected };
};

/** MD5 of all packets of a stream, undecoded. */
const packetDigest = (file: string, stream: string): string =>
  ffmpegOutput('-i', file, '-map', stream, '-c', 'copy', '-f', 'md5', 'pipe:1').toString();

test('the lengths in a concat list add up to the true time however many segments there are', () => {
  const frameRate = { num: 30000, den: 1001 };
  const segments = Array.from({ length: 1000 }, () => ({ file: '/a', slotCount: 29 }));
  const lengths = concatList(segments, frameRate)
    .split('\n')
    .filter((line) => line.startsWith('duration'))
    .map((line) => Math.round(Number(line.split(' ')[1]) * 1e6));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  assert.equal(total, Math.round((29_000 * 1001 * 1e6) / 30000));
});

test('a concat list holds bare names from one folder, whatever the folder is called', () => {
  const frameRate = { num: 25, den: 1 };
  const folder = "/it's\na 'folder' with #? and %d";
  const list = concatList([{ file: `${folder}/segment-0001.mp4`, slotCount: 1 }], frameRate);
  assert.equal(list, 'ffconcat version 1.0\nfile segment-0001.mp4\nduration 0.040000\n');
  for (const name of ['a b.mp4', '-i', '.mp4', "it's", 'a\nfile b', 'concat:a', 'é']) {
    const segments = [{ file: `/${name}`, slotCount: 1 }];
    assert.throws(() => concatList(segments, frameRate), /a name or a place/, JSON.stringify(name));
  }
  const apart = ['/a/1.mp4', '/b/2.mp4'].map((file) => ({ file, slotCount: 1 }));
  assert.throws(() => concatList(apart, frameRate), /a name or a place/);
});

test('three joined segments have the exact timestamps and pixels of one clip', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'source.mkv');
    const frames = ['-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=30000/1001', '-frames:v', '87'];
    ffmpegOutput(...frames, '-pix_fmt', 'yuv422p', '-c:v', 'ffv1', source);
    const target = await probeTarget(tools, source);
    const frameBytes = frameLayout(target.video.format).byteLength;
    for (const [encoder, name] of [
      ['ffv1', 'out.mov'],
      ['ffv1', 'out.mkv'],
      ['libx264', 'out.mp4'],
    ] as const) {
      const container = outputContainer(name);
      const encoding = videoEncodingFor({ target, encoder, container, threads: 2 });
      const segments = await transcodeSegments(target, encoding, rangesOf(87, 29, 58), folder);
      const file = join(folder, name);
      const plan = await planMux({ tools, target, outputFile: file, videoEncoder: encoder });
      const { frameRate, clock } = encoding;
      const range = { start: 0, end: 87 };
      await muxOutput({ tools, target, plan, segments, range, frameRate, clock, temporaryFile: file });
      const joined = await probeTarget(tools, file);
      assert.equal(joined.video.frameCount, 87);
      assert.deepEqual(joined.video.frameRate, { num: 30000, den: 1001 });
      if (container !== 'mkv') {
        const ticks = (1001 * joined.video.timeBase.den) / 30000;
        const wanted = Array.from({ length: 87 }, (_, k) => k * ticks);
        assert.deepEqual([...joined.video.ptsTicks], wanted, name);
      }
      if (encoder === 'ffv1') {
        assert.deepEqual(
          referenceHashes(file, 'yuv422p', frameBytes),
          referenceHashes(source, 'yuv422p', frameBytes),
          name,
        );
      }
    }
  }));

test('sound that starts late is copied bit for bit and stays late', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'source.mp4');
    ffmpegOutput(
      ...[
        '-f',
        'lavfi',
        '-i',
        'testsrc2=s=96x64:r=25:d=2',
        '-itsoffset',
        '0.48',
        '-f',
        'lavfi',
        '-i',
        'sine=d=2',
      ],
      ...[
        '-pix_fmt',
        'yuv420p',
        '-c:a',
        'aac',
        '-metadata',
        'comment=mine',
        '-metadata',
        'title=Test',
        source,
      ],
    );
    const { file, target, expected } = await rebuild(folder, source, 'out.mp4');
    assert.equal(packetDigest(file, '0:a:0'), packetDigest(source, '0:a:0'));
    const { tags } = await probeTarget(tools, file);
    assert.equal(tags['title'], 'Test');
    assert.match(tags['comment'] ?? '', /^mine; Face replaced with faceswap \d/);
    const names = await readdir(folder);
    assert.ok(!names.some((name) => name.endsWith('.txt')), 'the concat list is gone');
    const wrong = async (change: Partial<ExpectedOutput>, pattern: RegExp): Promise<void> => {
      await assert.rejects(verifyOutput(tools, file, { ...expected, ...change }), (error) => {
        assert.ok(error instanceof FaceswapError);
        assert.match(String(error), pattern);
        return true;
      });
    };
    await wrong({ slots: target.video.slots.subarray(1) }, /frame count is 50 instead of 49/);
    await wrong({ widthPx: 98 }, /size is 96x64/);
    await wrong({ colour: { ...expected.colour, space: 'bt709' } }, /colour space is missing/);
    const early = { ...target, streams: target.streams.map((s) => ({ ...s, startTicks: 0 })) };
    await wrong({ target: early }, /sound delay/);
  }));

test('a trimmed run cuts the sound to its time and in sync', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'source.mkv');
    // A tone that rises with time: each packet exists once.
    const sweep = "aevalsrc='sin(400*t*t)':d=4";
    ffmpegOutput(
      ...['-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=25:d=4', '-f', 'lavfi', '-i', sweep],
      ...['-pix_fmt', 'yuv420p', '-c:a', 'flac', source],
    );
    const { file } = await rebuild(folder, source, 'out.mkv', { range: { start: 25, end: 75 } });
    const packets = (name: string): Map<string, number> =>
      new Map(
        ffmpegOutput('-copyts', '-i', name, '-map', '0:a:0', '-c', 'copy', '-f', 'framemd5', 'pipe:1')
          .toString()
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith('#'))
          .map((line) => line.split(',').map((cell) => cell.trim()))
          .map((cells) => [cells[5] ?? '', Number(cells[2])]),
      );
    const [before, after] = [packets(source), packets(file)];
    assert.ok(after.size > 10);
    for (const [hash, milliseconds] of after) {
      const original = before.get(hash);
      assert.ok(original !== undefined, 'every packet comes from the source');
      assert.ok(Math.abs(original - milliseconds - 1000) <= 1, `${original} became ${milliseconds}`);
      assert.ok(milliseconds >= 0 && milliseconds < 2000);
    }
  }));

test('cover art does not move the picture of a trimmed run', async (context) => {
  const source = sharedFile('derived/cover_art_attached_pic.mp4');
  if (source === undefined) return context.skip(skipReason);
  await inFolder(async (folder) => {
    for (const name of ['out.mkv', 'out.mp4']) {
      const { file } = await rebuild(folder, source, name, { range: { start: 30, end: 60 } });
      const { video, streams } = await probeTarget(tools, file);
      assert.equal(video.ptsTicks[0], 0, name);
      assert.ok(streams.at(-1)?.dispositions.includes('attached_pic'), name);
    }
  });
});

test('all streams, chapters and tags of the shared clips survive', async (context) => {
  const multiTrack = sharedFile('open/noface_nasa_dim_multitrack.mp4');
  const matroska = sharedFile('derived/flac51_srt_chapters_attachment.mkv');
  const twoLanguages = sharedFile('derived/two_audio_one_subtitle.mp4');
  if (multiTrack === undefined || matroska === undefined || twoLanguages === undefined) {
    return context.skip(skipReason);
  }
  await inFolder(async (folder) => {
    const first = await rebuild(folder, multiTrack, 'out.mp4', { range: { start: 0, end: 325 } });
    assert.deepEqual(
      (await probeTarget(tools, first.file)).streams.map(({ type }) => type),
      first.target.streams.map(({ type }) => type),
    );
    const second = await rebuild(folder, matroska, 'out.mkv');
    const chapters = (file: string): string =>
      ffmpegOutput(
        '-i',
        file,
        '-map_metadata',
        '-1',
        '-map_chapters',
        '0',
        '-f',
        'ffmetadata',
        'pipe:1',
      ).toString();
    assert.equal(chapters(second.file), chapters(matroska));
    assert.match(chapters(matroska), /\[CHAPTER\]/);
    const third = await rebuild(folder, twoLanguages, 'out.mkv');
    const { streams } = await probeTarget(tools, third.file);
    assert.deepEqual(
      streams.map(({ language }) => language),
      third.target.streams.map(({ language }) => (language === 'und' ? undefined : language)),
    );
    assert.equal(streams[3]?.codecName, 'subrip');
    assert.deepEqual(
      streams.map(({ dispositions }) => dispositions),
      third.target.streams.map(({ dispositions }) => dispositions),
    );
  });
});

test('offsets of edit lists, late sound, transport streams and gaps are kept', async (context) => {
  if (sharedFile('open') === undefined) return context.skip(skipReason);
  await inFolder(async (folder) => {
    for (const [name, output] of [
      ['derived/audio_starts_480ms_late.mp4', 'out.mp4'],
      ['derived/editlist_copy_cut_not_on_keyframe.mp4', 'out.mp4'],
      ['derived/editlist_copy_cut_not_on_keyframe.mp4', 'out.mkv'],
      ['derived/mpegts_start_95000s.ts', 'out.mp4'],
      ['derived/fragmented.mp4', 'out.mp4'],
      ['derived/rotate_matrix_portrait.mp4', 'out.mp4'],
      ['open/film1940_office_bw.mp4', 'out.mp4'],
      ['open/sign_hands_fullrange.mkv', 'out.mkv'],
    ] as const) {
      await rebuild(folder, sharedFile(name) ?? name, output);
    }
  });
});

test('what a container cannot hold is known before any work', async (context) => {
  const matroska = sharedFile('derived/flac51_srt_chapters_attachment.mkv');
  if (matroska === undefined) return context.skip(skipReason);
  await inFolder(async (folder) => {
    const target = await probeTarget(tools, matroska);
    const planFor = (name: string, videoEncoder: string) =>
      planMux({ tools, target, outputFile: join(folder, name), videoEncoder });
    const refused = (exitCode: number, pattern: RegExp) => (error: unknown) =>
      error instanceof FaceswapError && error.exitCode === exitCode && pattern.test(String(error));
    await assert.rejects(planFor('x.webm', 'libvpx-vp9'), refused(3, /flac sound.*\.mkv/));
    await assert.rejects(planFor('x.webm', 'libx264'), refused(2, /cannot hold video from libx264/));
    await assert.rejects(planFor('x.gifv', 'libx264'), refused(2, /\.gifv.*\.mp4/));
    const { dropped, kept } = await planFor('x.avi', 'libx264');
    assert.deepEqual(
      dropped.map(({ streamIndex, type }) => [streamIndex, type]),
      [
        [2, 'subtitle'],
        [3, 'video'],
      ],
    );
    assert.deepEqual(
      kept.map(({ streamIndex }) => streamIndex),
      [1],
    );
  });
});

test('a file that is no media is an error of the media and not a crash', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'nothing.mp4');
    await assert.rejects(
      probeStreams(tools, file),
      (error) => error instanceof FaceswapError && error.exitCode === 3,
    );
  }));

test('an abort ends the mux as interrupted', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mp4');
    ffmpegOutput('-f', 'lavfi', '-i', 'testsrc2=s=64x64:r=25:d=1', '-pix_fmt', 'yuv420p', file);
    const controller = new AbortController();
    const target = await probeTarget(tools, file);
    const outputFile = join(folder, 'out.mp4');
    const muxed = muxOutput({
      tools,
      target,
      plan: await planMux({ tools, target, outputFile, videoEncoder: 'libx264' }),
      range: { start: 0, end: 25 },
      segments: Array.from({ length: 200 }, () => ({ file, slotCount: 25 })),
      frameRate: { num: 25, den: 1 },
      clock: { num: 25, den: 1 },
      temporaryFile: outputFile,
      signal: controller.signal,
    });
    controller.abort();
    await assert.rejects(muxed, (error) => error instanceof FaceswapError && error.exitCode === 130);
  }));

test('joined segments of VP9 keep the alpha of every frame, and an odd rate its times', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'alpha.webm');
    const picture = "geq=lum='X+Y':cb=128:cr=128:a='40+N*8'";
    ffmpegOutput(
      ...['-f', 'lavfi', '-i', `color=s=64x64:r=30000/1001,format=yuva420p,${picture}`, '-frames:v', '20'],
      ...['-c:v', 'libvpx-vp9', '-auto-alt-ref', '0', '-deadline', 'realtime', '-cpu-used', '8', source],
    );
    const { file } = await rebuild(folder, source, 'joined.webm');
    const alpha = ffmpegOutput(
      ...['-c:v', 'libvpx-vp9', '-i', file, '-vf', 'alphaextract'],
      ...['-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'],
    );
    assert.equal(alpha.length, 20 * 64 * 64);
    for (let frame = 0; frame < 20; frame++) {
      const found = alpha[frame * 64 * 64 + 2080] ?? 0;
      assert.ok(Math.abs(found - (40 + 8 * frame)) < 8, `frame ${frame}: ${found}`);
    }
  }));
