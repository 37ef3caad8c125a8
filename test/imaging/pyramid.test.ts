import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PyramidSteps } from '../../src/imaging/pyramid.js';
import { Scratch } from '../../src/imaging/scratch.js';
import { PlainPyramidSteps, type PyramidLevel, pyramidLevels } from '../support/reference/pyramid.js';
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

test('both steps equal the plain loops on any size, within float rounding', () => {
  const plain = new PlainPyramidSteps();
  const steps = new PyramidSteps();
  forAll(120, (random) => {
    // All sizes up to 12, and some whose rows are more than one group of 8.
    const small = random.next() < 0.5;
    const widthPx = random.integer(1, small ? 12 : 80);
    const heightPx = random.integer(1, small ? 12 : 80);
    const plane = noise(random, widthPx * heightPx);
    const [, half] = pyramidLevels(widthPx, heightPx, 2);
    const count = half!.widthPx * half!.heightPx;
    const [expected, actual] = [new Float32Array(count), new Float32Array(count).fill(Number.NaN)];
    plain.reduce(plane, widthPx, heightPx, expected);
    steps.reduce(plane, widthPx, heightPx, actual);
    // Sums of 25 floats up to 255 in another order: a few units in the last place of 255 (1.5e-5).
    assert.ok(largestDifference(actual, expected) < 1e-4, `reduce ${widthPx}x${heightPx}`);
    const [sum, kernelSum] = [Float32Array.from(plane), Float32Array.from(plane)];
    plain.expandAdd(expected, widthPx, heightPx, sum, -1.5);
    steps.expandAdd(expected, widthPx, heightPx, kernelSum, -1.5);
    assert.ok(largestDifference(kernelSum, sum) < 2e-4, `expand ${widthPx}x${heightPx}`);
  });
});

test('planes in kernel memory are worked on where they lie, with the same result as copies', () => {
  const scratch = new Scratch();
  const steps = new PyramidSteps();
  forAll(10, (random) => {
    const widthPx = 8 * random.integer(1, 9);
    const heightPx = random.integer(1, 30);
    const [, half] = pyramidLevels(widthPx, heightPx, 2);
    const count = half!.widthPx * half!.heightPx;
    const plane = noise(random, widthPx * heightPx);
    const fine = scratch.floats('fine', plane.length);
    fine.set(plane);
    const coarse = scratch.floats('coarse', count);
    const copy = new Float32Array(count);
    steps.reduce(fine, widthPx, heightPx, coarse);
    steps.reduce(plane, widthPx, heightPx, copy);
    assert.deepEqual(Float32Array.from(coarse), copy);
    steps.expandAdd(coarse, widthPx, heightPx, fine, -1);
    steps.expandAdd(copy, widthPx, heightPx, plane, -1);
    assert.deepEqual(Float32Array.from(fine), plane);
  });
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
