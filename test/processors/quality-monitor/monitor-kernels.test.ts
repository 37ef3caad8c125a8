import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scratch } from '../../../src/imaging/scratch.js';
import { alignedPsnrDb } from '../../../src/processors/quality-monitor/aligned-psnr.js';
import { maskedSsim } from '../../../src/processors/quality-monitor/masked-ssim.js';
import { seamError } from '../../../src/processors/quality-monitor/seam-error.js';
import { plainAlignedError, plainMaskedSsim, plainSeam } from '../../support/reference/monitor.js';
import { forAll, type Random } from '../../support/unit-random.js';
import { assertClose } from '../../support/unit-values.js';

const scratch = new Scratch();

/** Two planes of one random size and depth, not far from each other, and a mask with a soft disc in it, all in kernel memory. */
const randomScene = (random: Random) => {
  const [widthPx, heightPx] = [random.integer(1, 90), random.integer(1, 60)];
  const bitDepth = ([8, 10, 12] as const)[random.integer(0, 3)]!;
  const peak = 255 << (bitDepth - 8);
  const count = widthPx * heightPx;
  const plane = (name: string): Uint8Array | Uint16Array =>
    bitDepth === 8 ? scratch.bytes(name, count) : scratch.words(name, count);
  const [first, second] = [plane('first'), plane('second')];
  const mask = scratch.bytes('mask', count + 16);
  const [x, y, radius] = [random.between(0, widthPx), random.between(0, heightPx), random.between(2, 40)];
  const softness = random.between(0.1, 12);
  for (let i = 0; i < count; i++) {
    first[i] = random.integer(0, peak + 1);
    second[i] = Math.min(peak, Math.max(0, first[i]! + random.integer(-peak >> 2, (peak >> 2) + 1)));
    const distance = Math.hypot((i % widthPx) - x, Math.floor(i / widthPx) - y);
    mask[i] = 255 * Math.min(1, Math.max(0, (radius - distance) / softness));
  }
  return { widthPx, heightPx, bitDepth, peak, first, second, mask };
};

test('similarity by mask equals the definition over the windows outside and inside of it', () => {
  forAll(150, (random) => {
    const { widthPx, heightPx, bitDepth, peak, first, second, mask } = randomScene(random);
    const blocks = {
      left: random.integer(0, 3),
      top: random.integer(0, 3),
      right: widthPx >> 2,
      bottom: heightPx >> 2,
    };
    const area = {
      left: 4 * blocks.left,
      top: 4 * blocks.top,
      right: 4 * blocks.right,
      bottom: 4 * blocks.bottom,
    };
    const found = maskedSsim(first, second, mask, widthPx, blocks, bitDepth);
    const expected = plainMaskedSsim(
      { data: first, widthPx },
      { data: second, widthPx },
      { data: mask, widthPx },
      area,
      peak,
    );
    assert.equal(found.outsideCount, expected.outsideCount);
    assert.equal(found.insideCount, expected.insideCount);
    // Sums of samples are exact and the rest is in 64 bits: only the order of additions differs.
    assertClose(found.outside, expected.outside, 1e-7);
    assertClose(found.inside, expected.inside, 1e-7);
  });
});

test('the seam has the exact sums of its plain twin at all sizes and depths', () => {
  forAll(200, (random) => {
    const { widthPx, heightPx, bitDepth, peak, first, second, mask } = randomScene(random);
    const left = random.integer(0, widthPx);
    const top = random.integer(0, heightPx);
    const area = {
      left,
      top,
      right: random.integer(left, widthPx) + 1,
      bottom: random.integer(top, heightPx) + 1,
    };
    const { error, weight } = plainSeam(
      { data: first, widthPx },
      { data: second, widthPx },
      { data: mask, widthPx },
      area,
    );
    const found = seamError(first, second, mask, widthPx, area, bitDepth);
    if (weight === 0) assert.equal(found, null);
    else assertClose(found!, (error / weight) * (255 / peak), 1e-9);
  });
});

test('the largest steps of mask and picture over a wide row do not overflow the sums of the seam', () => {
  for (const [bitDepth, peak] of [
    [8, 255],
    [10, 1023],
    [12, 4095],
  ] as const) {
    const widthPx = 16384;
    const plane = (name: string) =>
      bitDepth === 8 ? scratch.bytes(name, widthPx) : scratch.words(name, widthPx);
    const [before, after] = [plane('first'), plane('second')];
    const mask = scratch.bytes('mask', widthPx + 16);
    for (let x = 0; x < widthPx; x++) {
      before[x] = x % 2 === 0 ? peak : 0;
      after[x] = x % 2 === 0 ? 0 : peak;
      mask[x] = x % 2 === 0 ? 0 : 255;
    }
    const area = { left: 0, top: 0, right: widthPx, bottom: 1 };
    assertClose(
      seamError(before, after, mask, widthPx, area, bitDepth)!,
      (2 * peak) / (1 << (bitDepth - 8)),
      1e-9,
    );
  }
});

test('aligned PSNR equals its plain twin within what 32-bit weights explain', () => {
  forAll(150, (random) => {
    const { widthPx, heightPx, bitDepth, peak, first, second } = randomScene(random);
    const area = { left: 0, top: 0, right: widthPx, bottom: heightPx };
    const toPast = {
      a: random.between(0.9, 1.1),
      b: random.between(-0.1, 0.1),
      c: random.between(-2, 2),
      d: random.between(-0.1, 0.1),
      e: random.between(0.9, 1.1),
      f: random.between(-2, 2),
    };
    const step = Math.ceil(Math.sqrt((widthPx * heightPx) / 4096));
    const places = Math.ceil(widthPx / step) * Math.ceil(heightPx / step);
    const { sum, count } = plainAlignedError(
      { data: first, widthPx },
      { data: second, widthPx },
      heightPx,
      area,
      toPast,
      step,
    );
    const box = { x: 0, y: 0, width: widthPx, height: heightPx };
    const found = alignedPsnrDb(first, second, widthPx, heightPx, box, toPast, bitDepth);
    if (count < 0.5 * places) assert.equal(found, null);
    // A value of 12 bits has a relative error of 2^-21 in 32-bit arithmetic.
    else assertClose(found!, 10 * Math.log10(peak ** 2 / (sum / count)), 1e-3);
  });
});
