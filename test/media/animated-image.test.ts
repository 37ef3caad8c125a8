import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import {
  type Animation,
  animationPictures,
  checkWritable,
  constantAnimationRate,
  probeAnimation,
  shownTimesMs,
  writeAnimation,
} from '../../src/media/animated-image.js';
import {
  animationVideoFormat,
  timesExpression,
  writeAnimationVideo,
} from '../../src/media/animation-video.js';
import { makeApng } from '../support/unit-apng.js';
import { ffmpegOutput, inFolder, sharedFile, skipReason, tools } from './media-fixtures.js';

const size = { widthPx: 12, heightPx: 10 };
const frameBytes = 4 * size.widthPx * size.heightPx;

/** Pictures with few colours, which move; a corner is transparent. */
const pictures = (count: number): Uint8Array =>
  Uint8Array.from({ length: count * frameBytes }, (_, k) => {
    const [frame, pixel, channel] = [Math.floor(k / frameBytes), Math.floor((k % frameBytes) / 4), k % 4];
    const isClear = pixel < 3;
    if (channel === 3) return isClear ? 0 : 255;
    return isClear ? 0 : ((pixel % 5) * 40 + frame * 20 + channel * 10) % 256;
  });

const listed = async (animation: Animation): Promise<Buffer> => {
  const list: Uint8Array[] = [];
  for await (const picture of animationPictures(animation)) list.push(picture.slice());
  return Buffer.concat(list);
};

const probed = async (file: string): Promise<Animation> => {
  const animation = await probeAnimation(file);
  assert.ok(animation, `${file} is still`);
  return animation;
};

const animationOf = (change: Partial<Animation>): Animation => ({
  ...size,
  file: 'x.gif',
  format: 'gif',
  frameCount: change.delaysMs?.length ?? 0,
  delaysMs: [],
  loopCount: 0,
  lossless: true,
  ...change,
});

test('GIF and lossless WebP keep pictures, delays, loops and transparency', () =>
  inFolder(async (folder) => {
    for (const format of ['gif', 'webp'] as const) {
      const file = join(folder, `x.${format}`);
      const delaysMs = [80, 200, 30, 500];
      const output = { ...size, format, delaysMs, loopCount: 3, lossless: true };
      await writeAnimation(file, pictures(4), output);
      const animation = await probed(file);
      assert.deepEqual(animation, {
        ...size,
        file,
        format,
        frameCount: 4,
        delaysMs,
        loopCount: 3,
        lossless: true,
      });
      assert.ok((await listed(animation)).equals(Buffer.from(pictures(4))), format);
    }
  }));

test('delays that GIF cannot say are rounded without drifting', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'x.gif');
    const delaysMs = [83, 84, 83, 83, 84, 83];
    await writeAnimation(file, pictures(6), {
      ...size,
      format: 'gif',
      delaysMs,
      loopCount: 0,
      lossless: true,
    });
    const found = (await probed(file)).delaysMs;
    assert.equal(
      found.reduce((sum, delayMs) => sum + delayMs, 0),
      500,
    );
    assert.ok(found.every((delayMs) => delayMs === 80 || delayMs === 90));
  }));

test('a still WebP or PNG is no animation, a GIF of one picture is one', () =>
  inFolder(async (folder) => {
    const still = sharp({ create: { width: 4, height: 4, channels: 3, background: '#888' } });
    for (const format of ['png', 'webp', 'jpeg'] as const) {
      const file = join(folder, `x.${format}`);
      await still.clone().toFormat(format).toFile(file);
      assert.equal(await probeAnimation(file), undefined, format);
    }
    const gif = join(folder, 'x.gif');
    await still.gif().toFile(gif);
    assert.equal((await probed(gif)).frameCount, 1);
  }));

test('an animated PNG is composed as its frames say', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'x.png');
    const red = { r: 255, g: 0, b: 0, alpha: 255 };
    const green = { r: 0, g: 255, b: 0, alpha: 255 };
    const halfBlue = { r: 0, g: 0, b: 255, alpha: 128 };
    const frames = [
      { colour: red, box: [0, 0, 4, 4], delay: [1, 10] },
      { colour: green, box: [1, 1, 2, 2], delay: [1, 25], disposal: 2 },
      { colour: halfBlue, box: [0, 0, 2, 4], delay: [500, 1000], disposal: 1, blend: 1 },
      { colour: green, box: [3, 3, 1, 1], delay: [5, 0] },
    ] as const;
    await writeFile(file, await makeApng([4, 4], frames, 2));
    const animation = await probed(file);
    assert.deepEqual(animation.delaysMs, [100, 40, 500, 50]);
    assert.deepEqual([animation.format, animation.loopCount], ['apng', 2]);
    const list = await listed(animation);
    const pixel = (frame: number, x: number, y: number): readonly number[] => [
      ...list.subarray(64 * frame + 16 * y + 4 * x, 64 * frame + 16 * y + 4 * x + 4),
    ];
    assert.deepEqual(pixel(0, 2, 2), [255, 0, 0, 255]);
    assert.deepEqual(pixel(1, 2, 2), [0, 255, 0, 255]);
    // The green square is taken back, blue is laid over red.
    assert.deepEqual(pixel(2, 2, 2), [255, 0, 0, 255]);
    assert.deepEqual(pixel(2, 1, 1), [127, 0, 128, 255]);
    // Blue's rectangle is cleared.
    assert.deepEqual(pixel(3, 1, 1), [0, 0, 0, 0]);
    assert.deepEqual(pixel(3, 2, 2), [255, 0, 0, 255]);
    assert.deepEqual(pixel(3, 3, 3), [0, 255, 0, 255]);
    const decoded = ffmpegOutput(
      '-f',
      'apng',
      '-i',
      file,
      '-vsync',
      '0',
      '-f',
      'rawvideo',
      '-pix_fmt',
      'rgba',
      'pipe:1',
    );
    assert.deepEqual([...decoded.subarray(0, 128)], [...list.subarray(0, 128)], 'ffmpeg sees something else');
  }));

test('animations that are cut off or damaged are refused', () =>
  inFolder(async (folder) => {
    const gif = join(folder, 'x.gif');
    await writeAnimation(gif, pictures(5), {
      ...size,
      format: 'gif',
      delaysMs: [40, 40, 40, 40, 40],
      loopCount: 0,
      lossless: true,
    });
    const whole = await readFile(gif);
    const red = { r: 255, g: 0, b: 0, alpha: 255 };
    const frame = { colour: red, box: [0, 0, 4, 4], delay: [1, 10] } as const;
    const apng = await makeApng([4, 4], [frame, frame], 0);
    const outside = await makeApng([4, 4], [frame, { ...frame, box: [2, 2, 4, 4] }], 0);
    const webp = join(folder, 'x.webp');
    await writeAnimation(webp, pictures(3), {
      ...size,
      format: 'webp',
      delaysMs: [40, 40, 40],
      loopCount: 0,
      lossless: true,
    });
    for (const [name, bytes] of [
      ['cut.gif', whole.subarray(0, Math.floor(whole.length * 0.6))],
      ['cut.png', apng.subarray(0, apng.length - 30)],
      ['outside.png', outside],
      ['cut.webp', (await readFile(webp)).subarray(0, 150)],
    ] as const) {
      const file = join(folder, name);
      await writeFile(file, bytes);
      await assert.rejects(probeAnimation(file), /The animation cannot be read/, name);
    }
  }));

test('the size is bounded before a picture is decoded', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'bomb.gif');
    // 60,000 x 60,000 pixels in one picture that the file does not even have.
    const bytes = Buffer.from('474946383961000000000000002c00000000000000000002024401003b', 'hex');
    for (const at of [6, 8, 18, 20]) bytes.writeUInt16LE(60_000, at);
    await writeFile(file, bytes);
    await assert.rejects(probeAnimation(file), /too large: 1 pictures of 60000x60000/);
    assert.throws(() => checkWritable(animationOf({ widthPx: 4096, heightPx: 4096 }), 17), /too many/);
  }));

test('a GIF of a usual video rate has that rate, others only where all delays are equal', () => {
  const twelve = [80, 90, 80, 80, 90, 80, 80, 90, 80, 80, 90, 80];
  assert.deepEqual(constantAnimationRate(animationOf({ delaysMs: twelve })), { num: 12, den: 1 });
  const thirty = [30, 40, 30, 30, 40, 30, 30, 40, 30];
  assert.deepEqual(constantAnimationRate(animationOf({ delaysMs: thirty })), { num: 30, den: 1 });
  assert.deepEqual(constantAnimationRate(animationOf({ delaysMs: [40, 40, 40] })), { num: 25, den: 1 });
  // Browsers show pictures without a delay for a tenth of a second.
  assert.deepEqual(constantAnimationRate(animationOf({ delaysMs: [0, 0] })), { num: 10, den: 1 });
  assert.equal(constantAnimationRate(animationOf({ delaysMs: [40, 40, 2000] })), undefined);
  assert.equal(constantAnimationRate(animationOf({ delaysMs: twelve, format: 'webp' })), undefined);
  assert.deepEqual(shownTimesMs([50, 0, 20]), [0, 50, 150, 170]);
});

test('the expression gives each frame its time', () =>
  inFolder(async (folder) => {
    const timesMs = [0, 40, 80, 120, 500, 510, 520, 1520, 1600, 1700];
    const file = join(folder, 'x.mkv');
    const filter = `settb=1/1000,setpts='${timesExpression(timesMs)}'`;
    const source = 'color=c=red:s=16x16:r=25:d=0.4';
    ffmpegOutput(
      '-f',
      'lavfi',
      '-i',
      source,
      '-vf',
      filter,
      '-vsync',
      '0',
      '-enc_time_base',
      '1/1000',
      '-c:v',
      'ffv1',
      file,
    );
    const log = ffmpegOutput('-i', file, '-map', '0:v', '-c', 'copy', '-f', 'framemd5', 'pipe:1').toString();
    const found = [...log.matchAll(/^0, +-?\d+, +(\d+),/gm)].map((match) => Number(match[1]));
    assert.deepEqual(found, timesMs);
  }));

test('an animation becomes a video of its own times, with black where it is transparent', () =>
  inFolder(async (folder) => {
    const gif = join(folder, 'x.gif');
    const delaysMs = [80, 200, 30, 500];
    await writeAnimation(gif, pictures(4), {
      ...size,
      format: 'gif',
      delaysMs,
      loopCount: 0,
      lossless: true,
    });
    const animation = await probed(gif);
    const file = join(folder, 'x.ffv1');
    const options = {
      tools,
      animation,
      file,
      pixelFormat: 'yuv444p10le',
      onBlack: true,
      times: 'real',
    } as const;
    assert.deepEqual(await writeAnimationVideo(options), { wasTransparent: true });
    const log = ffmpegOutput('-i', file, '-map', '0:v', '-c', 'copy', '-f', 'framemd5', 'pipe:1').toString();
    const found = [...log.matchAll(/^0, +-?\d+, +(\d+),/gm)].map((match) => Number(match[1]));
    assert.deepEqual(found, [0, 80, 280, 310]);
    const first = await readFile(file);
    await writeAnimationVideo(options);
    assert.ok(first.equals(await readFile(file)), 'the same animation gives another file');
  }));

test('players get 4:2:0 wherever the encoder and the size allow it', () => {
  const even = { widthPx: 320, heightPx: 240 };
  const odd = { widthPx: 321, heightPx: 240 };
  assert.equal(animationVideoFormat('libx264', even), 'yuv420p');
  assert.equal(animationVideoFormat('libx264', odd), 'yuv444p');
  assert.equal(animationVideoFormat('libvpx-vp9', odd), 'yuv420p');
  assert.equal(animationVideoFormat('ffv1', even), 'yuv444p10le');
  assert.equal(animationVideoFormat('prores_ks', even), 'yuv444p10le');
  assert.throws(() => animationVideoFormat('x', even), /not supported/);
});

for (const name of ['animated.gif', 'animated.webp']) {
  const file = sharedFile(`derived/${name}`);
  test(`${name} has its 23 pictures`, file === undefined ? { skip: skipReason } : {}, async () => {
    const animation = await probed(file ?? '');
    assert.deepEqual([animation.frameCount, animation.widthPx, animation.heightPx], [23, 360, 202]);
    assert.equal((await listed(animation)).length, 23 * 4 * 360 * 202);
  });
}
