import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import type { FrameRow } from '../../src/index.js';
import { compareOutside } from './blended-region.js';
import { frameTimes, pick, videoFacts } from './clips.js';
import { assertFailure, faceswap, fixture, readRows, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('animation');
const hopper = fixture('grace_hopper.jpg');
const size = { width: 160, height: 120 };

/** Pictures of one person that sways a little; the top left corner is transparent. */
const swaying = async (count: number): Promise<Buffer> => {
  const frames = Array.from({ length: count }, async (_, k) => {
    const left = 60 + 4 * (k % 3);
    const picture = sharp(fixture('astronaut.png')).extract({ left, top: 20, width: 320, height: 240 });
    const pixels = await picture.resize(size).removeAlpha().ensureAlpha().raw().toBuffer();
    for (let y = 0; y < 10; y++) pixels.fill(0, 4 * size.width * y, 4 * size.width * y + 40);
    return pixels;
  });
  return Buffer.concat(await Promise.all(frames));
};

const delaysMs = [80, 200, 40, 500];

const makeAnimation = async (name: string, count: number, delay: number[]): Promise<string> => {
  const raw = {
    width: size.width,
    height: size.height * count,
    channels: 4,
    pageHeight: size.height,
  } as const;
  const file = join(folder, name);
  const picture = sharp(await swaying(count), { raw, limitInputPixels: false });
  if (name.endsWith('.gif')) await picture.gif({ delay, loop: 2 }).toFile(file);
  else await picture.webp({ delay, loop: 2, lossless: true, exact: true }).toFile(file);
  return file;
};

const picturesOf = async (file: string) => {
  const { data, info } = await sharp(file, { pages: -1 })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { delay, loop, pages } = await sharp(file, { pages: -1 }).metadata();
  return { data, delay, loop, pages, pixels: info.width * size.height };
};

/** Three planes of one picture. */
const planesOf = (data: Uint8Array, frame: number, pixels: number): Uint8Array =>
  Uint8Array.from(
    { length: 3 * pixels },
    (_, k) => data[4 * (frame * pixels + (k % pixels)) + Math.floor(k / pixels)] ?? 0,
  );

const swap = async (target: string, output: string, ...more: readonly string[]) => {
  const rowsFile = `${output}.json`;
  const report = await runToReport(['-s', hopper, '-t', target, '-o', output, '--report', rowsFile, ...more]);
  assert.equal(report.status, 'swapped');
  return { report, rows: readRows(rowsFile) };
};

const webp = await makeAnimation('target.webp', 4, delaysMs);
const gif = await makeAnimation('target.gif', 4, [40, 40, 40, 40]);

test('an animated webp stays one: delays, loops, transparency, and every pixel outside of the faces', async () => {
  const output = join(folder, 'out.webp');
  const { report, rows } = await swap(webp, output);
  const { kind, frameCount, frameRate, durationSeconds } = report.media;
  assert.deepEqual(
    { kind, frameCount, frameRate, durationSeconds },
    { kind: 'animation', frameCount: 4, frameRate: null, durationSeconds: 0.82 },
  );
  const [before, after] = [await picturesOf(webp), await picturesOf(output)];
  assert.deepEqual([after.pages, after.loop, after.delay], [4, 2, delaysMs]);
  for (const row of rows as readonly FrameRow[]) {
    const [first, second] = [before, after].map(({ data, pixels }) => planesOf(data, row.frame, pixels));
    assert.ok(first && second);
    const layout = { widthPx: size.width, heightPx: size.height, chromaShiftX: 0, chromaShiftY: 0 } as const;
    const { changedOutside, changedInside } = compareOutside(first, second, row, layout);
    assert.equal(changedOutside, 0, `frame ${row.frame}`);
    assert.ok(changedInside > 500, `${changedInside} samples changed in frame ${row.frame}`);
  }
  const alphas = [before, after].map(({ data }) => data.filter((_, k) => k % 4 === 3));
  assert.deepEqual(alphas[1], alphas[0]);
});

test('an animated gif becomes an mp4 that players open, black where it was transparent', async () => {
  const output = join(folder, 'out.mp4');
  const { report } = await swap(gif, output, '--output-video-preset', 'ultrafast');
  const { kind, frameCount, frameRate, durationSeconds } = report.media;
  assert.deepEqual(
    { kind, frameCount, frameRate, durationSeconds },
    { kind: 'video', frameCount: 4, frameRate: '25/1', durationSeconds: 0.16 },
  );
  assert.deepEqual(pick(videoFacts(output), ['codec_name', 'pix_fmt', 'color_space', 'width', 'height']), {
    codec_name: 'h264',
    pix_fmt: 'yuv420p',
    color_space: 'bt709',
    ...size,
  });
  assert.deepEqual(frameTimes(output), [0, 0.04, 0.08, 0.12]);
  assert.deepEqual(
    report.warnings.map(({ code, file }) => ({ code, file })),
    [{ code: 'alpha-flattened', file: gif }],
  );
});

test('uneven delays of an animation are the frame times of its video', async () => {
  const output = join(folder, 'uneven.mp4');
  const uneven = await makeAnimation('uneven.webp', 4, [70, 130, 47, 500]);
  const { report } = await swap(uneven, output, '--output-video-preset', 'ultrafast');
  assert.equal(report.media.variableFrameRate, true);
  assert.deepEqual(frameTimes(output), [0, 0.07, 0.2, 0.247]);
});

test('a part of an animated gif stays a gif', async () => {
  const output = join(folder, 'part.gif');
  const { report } = await swap(gif, output, '--trim-frame-start', '1', '--trim-frame-end', '3');
  assert.equal(report.media.frameCount, 2);
  assert.equal(report.media.durationSeconds, 0.08);
  const { pages, delay, loop } = await picturesOf(output);
  assert.deepEqual([pages, delay, loop], [2, [40, 40], 2]);
});

test('with a still output the first picture counts, and a warning says so', async () => {
  const { report } = await swap(gif, join(folder, 'out.png'));
  assert.equal(report.media.kind, 'image');
  assert.deepEqual(
    report.warnings.map(({ code }) => code),
    ['first-picture-only'],
  );
});

test('an animation without a face is copied or refused, by its own name', async () => {
  const target = join(folder, 'wall.gif');
  const wall = {
    create: { width: 64, height: 128, channels: 3, background: '#357' },
    pageHeight: 64,
  } as const;
  const raw = await sharp(wall).linear([1, 1, 1], [0, 5, 9]).raw().toBuffer();
  raw.fill(90, 0, raw.length / 2);
  await sharp(raw, { raw: { width: 64, height: 128, channels: 3, pageHeight: 64 } })
    .gif({ delay: [50, 70] })
    .toFile(target);
  const output = join(folder, 'wall-out.gif');
  const refused = await faceswap(['run', '-s', hopper, '-t', target, '-o', output]);
  assert.equal(refused.exitCode, 5);
  assert.match(refused.stderr, /No face was found.*wall\.gif/);
  const report = await runToReport(['-s', hopper, '-t', target, '-o', output, '--on-no-face', 'copy']);
  assert.equal(report.status, 'copied');
  assert.deepEqual(
    report.warnings.map(({ code, file }) => ({ code, file })),
    [{ code: 'no-face-copied', file: target }],
  );
  const contents = await Promise.all(
    [target, output].map((file) => sharp(file, { pages: -1 }).raw().toBuffer()),
  );
  assert.deepEqual(contents[1], contents[0]);
});

test('the dry run of an animation tells its frames and writes nothing', async () => {
  const output = join(folder, 'dry.webp');
  const { exitCode, stdout, stderr } = await faceswap([
    'run',
    '--dry-run',
    '-s',
    hopper,
    '-t',
    webp,
    '-o',
    output,
  ]);
  assert.equal(exitCode, 0, stderr);
  assert.match(stdout, /target\.webp \(animation\)/);
  assert.match(stdout, /4 frames/);
  assert.ok(!readdirSync(folder).includes('dry.webp'));
});

const wrongs = temporaryFolder('animation-wrongs');
const cut = join(folder, 'cut.gif');
const whole = readFileSync(gif);
writeFileSync(cut, whole.subarray(0, Math.floor(whole.length * 0.8)));

for (const { says, words, exitCode, line } of [
  {
    says: 'a gif that is cut off',
    words: ['-t', cut, '-o', 'x.gif'],
    exitCode: 3,
    line: /The animation cannot be read/,
  },
  {
    says: 'an encoder for a gif',
    words: ['-t', gif, '-o', 'x.gif', '--output-video-preset', 'fast'],
    exitCode: 2,
    line: /--output-video-preset must be left out when the output is an animated image/,
  },
  {
    says: 'a still photo that is to become a video',
    words: ['-t', fixture('astronaut.png'), '-o', 'x.mp4'],
    exitCode: 2,
    line: /A still image cannot become a \.mp4 file/,
  },
]) {
  test(`${says}: exit code ${exitCode}, one line, nothing left behind`, async () => {
    const placed = words.map((word) => (word.startsWith('x.') ? join(wrongs, word) : word));
    assertFailure(await faceswap(['run', '-s', hopper, ...placed]), { exitCode, line, folder: wrongs });
  });
}

test('nothing but outputs and reports is left in the folder', () => {
  const hidden = readdirSync(folder).filter((name) => name.startsWith('.'));
  assert.deepEqual(hidden, []);
});
