import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PyramidLevel, PyramidSteps, pyramidLevels } from '../../src/imaging/pyramid.js';
import { forAll, type Random } from '../support/unit-random.js';
import { assertClose, at, largestDifference, meanOf } from '../support/unit-values.js';

const noise = (random: Random, length: number): Float32Array =>
  Float32Array.from({ length }, () => random.between(0, 255));

const gaussian = (plane: Float32Array, levels: readonly PyramidLevel[]): Float32Array[] => {
  const steps = new PyramidSteps();
  const planes = [Float32Array.from(plane)];
  for (const [l, { widthPx, heightPx }] of levels.slice(0, -1).entries()) {
    const next = levels[l + 1]!;
    const out = new Float32Array(next.widthPx * next.heightPx).fill(Number.NaN);
    steps.reduce(planes[l]!, widthPx, heightPx, out);
    planes.push(out);
  }
  return planes;
};

test('levels halve and round up until the wanted count', () => {
  assert.deepEqual(pyramidLevels(13, 8, 5), [
    { widthPx: 13, heightPx: 8 },
    { widthPx: 7, heightPx: 4 },
    { widthPx: 4, heightPx: 2 },
    { widthPx: 2, heightPx: 1 },
    { widthPx: 1, heightPx: 1 },
  ]);
});

test('a Laplacian pyramid collapses to the picture it was built from, whatever its size', () => {
  forAll(60, (random) => {
    const levels = pyramidLevels(random.integer(1, 70), random.integer(1, 70), random.integer(1, 8));
    const { widthPx, heightPx } = levels[0]!;
    const plane = noise(random, widthPx * heightPx);
    const steps = new PyramidSteps();
    const bands = gaussian(plane, levels);
    for (let l = 0; l + 1 < levels.length; l++) {
      steps.expandAdd(bands[l + 1]!, levels[l]!.widthPx, levels[l]!.heightPx, bands[l]!, -1);
    }
    for (let l = levels.length - 2; l >= 0; l--) {
      steps.expandAdd(bands[l + 1]!, levels[l]!.widthPx, levels[l]!.heightPx, bands[l]!, 1);
    }
    assert.ok(largestDifference(bands[0]!, plane) < 1e-3, `${widthPx}x${heightPx}, ${levels.length} levels`);
  });
});

test('a constant stays that constant through every step, so its bands are zero', () => {
  forAll(40, (random) => {
    const [widthPx, heightPx] = [random.integer(1, 40), random.integer(1, 40)];
    const levels = pyramidLevels(widthPx, heightPx, 4);
    const planes = gaussian(new Float32Array(widthPx * heightPx).fill(37), levels);
    for (const plane of planes) for (const value of plane) assertClose(value, 37, 1e-4);
    new PyramidSteps().expandAdd(planes[1]!, widthPx, heightPx, planes[0]!, -1);
    for (const value of planes[0]!) assertClose(value, 0, 1e-4, 'band');
  });
});

test('reducing equals the plain convolution with 1 4 6 4 1 over mirrored borders', () => {
  const kernel = [1, 4, 6, 4, 1].map((value) => value / 16);
  forAll(20, (random) => {
    const [widthPx, heightPx] = [random.integer(3, 20), random.integer(3, 20)];
    const plane = noise(random, widthPx * heightPx);
    const mirrored = (index: number, length: number): number =>
      index < 0 ? -index : index >= length ? 2 * length - 2 - index : index;
    const [, half] = pyramidLevels(widthPx, heightPx, 2);
    const actual = gaussian(plane, pyramidLevels(widthPx, heightPx, 2))[1]!;
    for (let row = 0; row < half!.heightPx; row++) {
      for (let column = 0; column < half!.widthPx; column++) {
        let sum = 0;
        kernel.forEach((down, j) => {
          kernel.forEach((across, i) => {
            const y = mirrored(2 * row + j - 2, heightPx);
            const x = mirrored(2 * column + i - 2, widthPx);
            sum += down * across * at(plane, y * widthPx + x);
          });
        });
        assertClose(at(actual, row * half!.widthPx + column), sum, 1e-3, `${row}, ${column}`);
      }
    }
  });
});

test('expanding spreads one coarse sample as 1 4 6 4 1 with the sum of four samples', () => {
  const coarse = new Float32Array(49);
  coarse[3 * 7 + 3] = 1;
  const fine = new Float32Array(169);
  new PyramidSteps().expandAdd(coarse, 13, 13, fine, 1);
  const kernel = [1, 4, 6, 4, 1].map((value) => value / 8);
  for (let y = 0; y < 13; y++) {
    for (let x = 0; x < 13; x++) {
      assertClose(at(fine, 13 * y + x), (kernel[x - 4] ?? 0) * (kernel[y - 4] ?? 0), 1e-6, `${x}, ${y}`);
    }
  }
  assertClose(meanOf(fine) * 169, 4, 1e-5, 'sum');
});
