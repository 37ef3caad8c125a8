import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { locateTools, tryHardwareDevice } from '../../src/media/ffmpeg-tools.js';
import { compareOutside } from './blended-region.js';
import { decodeFrames, makeClip, pick, videoFacts } from './clips.js';
import { assertFailure, faceswap, fixture, readRows, runToReport, temporaryFolder } from './command-run.js';

const tools = await locateTools();
const folder = temporaryFolder('ten-bit');
const hopper = fixture('grace_hopper.jpg');
const at = (name: string): string => join(folder, name);
const frames = 8;

/** A clip whose samples use all 10 bits: it is drawn in RGB, and FFV1 stores what the conversion gives. */
const makeDeepClip = (file: string, pixelFormat: string): void =>
  makeClip({
    shots: [{ photo: 'astronaut.png', frames }],
    rate: { num: 25, den: 1 },
    pixelFormat: 'gbrp',
    output: ['-c:v', 'ffv1', '-pix_fmt', pixelFormat, file],
  });

/** The frames of a file as 10-bit samples. */
const decodeWords = (file: string, pixelFormat: string): readonly Uint16Array[] =>
  decodeFrames(file, frames, pixelFormat).map(
    ({ buffer, byteOffset, byteLength }) =>
      new Uint16Array(buffer.slice(byteOffset, byteOffset + byteLength)),
  );

const formats = [
  { pixelFormat: 'yuv420p10le', chromaShiftX: 1, chromaShiftY: 1 },
  { pixelFormat: 'yuv422p10le', chromaShiftX: 1, chromaShiftY: 0 },
  { pixelFormat: 'yuv444p10le', chromaShiftX: 0, chromaShiftY: 0 },
] as const;

for (const { pixelFormat, ...shifts } of formats) {
  test(`${pixelFormat}, lossless: only the faces change, and they keep 10 bits`, async () => {
    const target = at(`${pixelFormat}.mkv`);
    const output = at(`${pixelFormat}-swapped.mkv`);
    const rowsFile = at(`${pixelFormat}.json`);
    makeDeepClip(target, pixelFormat);
    await runToReport([
      ...['-s', hopper, '-t', target, '-o', output, '--report', rowsFile],
      ...['--output-video-encoder', 'ffv1'],
    ]);
    assert.deepEqual(pick(videoFacts(output), ['pix_fmt', 'width', 'height']), {
      pix_fmt: pixelFormat,
      width: 320,
      height: 240,
    });
    const rows = readRows(rowsFile);
    assert.equal(rows.length, frames);
    const [before, after] = [decodeWords(target, pixelFormat), decodeWords(output, pixelFormat)];
    const layout = { widthPx: 320, heightPx: 240, ...shifts };
    let inside = 0;
    let outside = 0;
    let fineLevels = 0;
    for (const [index, row] of rows.entries()) {
      const [old, swapped] = [before[index] ?? new Uint16Array(), after[index] ?? new Uint16Array()];
      const found = compareOutside(old, swapped, row, layout);
      assert.equal(found.changedOutside, 0, `frame ${index}: samples changed outside of the faces`);
      inside += found.changedInside;
      outside += found.samplesOutside;
      swapped.forEach((value, k) => {
        if (value !== old[k] && value % 4 !== 0) fineLevels += 1;
      });
      assert.ok(swapped.every((value) => value < 1024));
    }
    assert.ok(inside > 200 * frames, `only ${inside} samples changed`);
    assert.ok(outside > 0.3 * frames * (before[0]?.length ?? 0), 'the regions cover the whole picture');
    // Of samples drawn with 8 bits all would be multiples of four.
    assert.ok(fineLevels > 0.5 * inside, `only ${fineLevels} of ${inside} new samples use the last two bits`);
  });
}

test('a 10-bit target stays 10 bits with the default encoder', async () => {
  const target = at('default.mkv');
  const output = at('default.mp4');
  makeDeepClip(target, 'yuv420p10le');
  const { warnings } = await runToReport(['-s', hopper, '-t', target, '-o', output]);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['high-10'],
  );
  assert.deepEqual(pick(videoFacts(output), ['codec_name', 'profile', 'pix_fmt']), {
    codec_name: 'h264',
    profile: 'High 10',
    pix_fmt: 'yuv420p10le',
  });
});

test('a 10-bit target and an encoder that cannot take it: refused with those that can', async () => {
  const here = temporaryFolder('refused');
  const target = join(here, 'target.mkv');
  makeDeepClip(target, 'yuv422p10le');
  const words = ['run', '-s', hopper, '-t', target, '-o', join(here, 'out.mkv')];
  assertFailure(
    await faceswap([...words, '--output-video-encoder', 'libsvtav1']),
    {
      exitCode: 2,
      line: /libsvtav1 does not take the target's pixel format yuv422p10le.*libx264, libx265/,
      folder: here,
    },
    ['target.mkv'],
  );
});

test('hardware decoding that is not there ends the run before it begins, and auto does without', async (context) => {
  const devices = await Promise.all(
    ['cuda', 'videotoolbox', 'qsv', 'vaapi'].map((method) => tryHardwareDevice(tools, method)),
  );
  if (devices.includes(undefined)) return context.skip('there is hardware here');
  const here = temporaryFolder('hwaccel');
  const target = join(here, 'target.mkv');
  makeDeepClip(target, 'yuv420p10le');
  const words = ['-s', hopper, '-t', target, '-o', join(here, 'out.mkv')];
  assertFailure(
    await faceswap(['run', ...words, '--hwaccel', 'vaapi']),
    { exitCode: 9, line: /cannot be decoded with vaapi: .*--hwaccel auto/, folder: here },
    ['target.mkv'],
  );
  const report = await runToReport([...words, '--hwaccel', 'auto']);
  assert.equal(report.performance?.hwaccel, 'none');
  assert.match(report.performance?.hwaccelReason ?? '', /^software \(/);
});
