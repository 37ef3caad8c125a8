import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blurPlane, inpaint, smoothstep, stretchMap } from '../../src/imaging/plane-ops.js';
import { kernels } from '../../src/imaging/kernels/kernels.js';
import { plainBlurPlane, plainInpaint } from '../support/reference/plane-ops.js';
import { plainStretchedMap } from '../support/reference/source-texture.js';
import { forAll } from '../support/unit-random.js';
import { assertClose, at } from '../support/unit-values.js';

test('smoothstep is flat outside, half in the middle and never falls', () => {
  assert.equal(smoothstep(2, 4, 1), 0);
  assert.equal(smoothstep(2, 4, 2), 0);
  assert.equal(smoothstep(2, 4, 3), 0.5);
  assert.equal(smoothstep(2, 4, 4), 1);
  assert.equal(smoothstep(2, 4, 9), 1);
  let before = 0;
  for (let value = 1; value < 5; value += 0.01) {
    assert.ok(smoothstep(2, 4, value) >= before);
    before = smoothstep(2, 4, value);
  }
});

test('smoothstep with its limits swapped falls from one to zero', () => {
  assert.equal(smoothstep(4, 2, 1), 1);
  assert.equal(smoothstep(4, 2, 3), 0.5);
  assert.equal(smoothstep(4, 2, 5), 0);
});

test('a blurred point keeps its sum and place and has nearly the variance of the Gaussian', () => {
  for (const sigmaPx of [1.5, 2, 3.3, 5, 8]) {
    const [widthPx, heightPx] = [81, 95];
    const plane = new Float32Array(widthPx * heightPx);
    plane[47 * widthPx + 40] = 1;
    blurPlane(plane, widthPx, heightPx, sigmaPx);
    let [sum, x, y, xx, yy] = [0, 0, 0, 0, 0];
    plane.forEach((value, i) => {
      const [dx, dy] = [(i % widthPx) - 40, Math.floor(i / widthPx) - 47];
      sum += value;
      x += value * dx;
      y += value * dy;
      xx += value * dx * dx;
      yy += value * dy * dy;
    });
    assertClose(sum, 1, 1e-4, 'sum');
    assertClose(x, 0, 1e-3, 'mean x');
    assertClose(y, 0, 1e-3, 'mean y');
    assertClose(xx, yy, 1e-2, 'roundness');
    // The box radius is whole: its variance r² + r is at most half a step, r + 1 or so, off.
    assertClose(xx, sigmaPx ** 2, sigmaPx + 0.5, `variance for sigma ${sigmaPx}`);
  }
});

test('a blurred point is nowhere further than an eighth of the peak from the Gaussian of its own variance', () => {
  const [size, radius] = [101, 6];
  // Radius 6: variance 6² + 6.
  const variance = radius * radius + radius;
  const plane = new Float32Array(size * size);
  plane[50 * size + 50] = 1;
  blurPlane(plane, size, size, Math.sqrt(variance));
  const peak = 1 / (2 * Math.PI * variance);
  plane.forEach((value, i) => {
    const squared = ((i % size) - 50) ** 2 + (Math.floor(i / size) - 50) ** 2;
    assertClose(value, peak * Math.exp(-squared / (2 * variance)), 0.125 * peak, `${i}`);
  });
});

test('blurring leaves a constant alone and never leaves the range of its values', () => {
  forAll(20, (random) => {
    const [widthPx, heightPx] = [random.integer(1, 40), random.integer(1, 40)];
    const sigmaPx = random.between(0, 30);
    const flat = new Float32Array(widthPx * heightPx).fill(12.5);
    blurPlane(flat, widthPx, heightPx, sigmaPx);
    for (const value of flat) assertClose(value, 12.5, 1e-3, 'constant');
    const noise = flat.map(() => random.between(-3, 9));
    blurPlane(noise, widthPx, heightPx, sigmaPx);
    for (const value of noise) assert.ok(value > -3.001 && value < 9.001, `${value}`);
  });
});

test('a blur of no width changes nothing', () => {
  const plane = Float32Array.of(1, 5, 2, 8, 0, 3);
  blurPlane(plane, 3, 2, 0);
  assert.deepEqual(plane, Float32Array.of(1, 5, 2, 8, 0, 3));
});

test('filling keeps what is known to the bit and stays within its values', () => {
  forAll(40, (random) => {
    const [widthPx, heightPx] = [random.integer(1, 33), random.integer(1, 33)];
    const count = widthPx * heightPx;
    const known = random.between(0.02, 0.9);
    const weight = Float32Array.from({ length: count }, () => (random.next() < known ? 1 : 0));
    weight[random.integer(0, count)] = 1;
    const channels = [0, 100].map((base) =>
      Float32Array.from({ length: count }, (_, i) => (weight[i] === 1 ? base + random.between(0, 10) : 999)),
    );
    const before = channels.map((plane) => Float32Array.from(plane));
    inpaint(channels, weight, widthPx, heightPx);
    channels.forEach((plane, c) => {
      const values = [...before[c]!].filter((_, i) => weight[i] === 1);
      plane.forEach((value, i) => {
        if (weight[i] === 1) assert.equal(value, before[c]![i]);
        assert.ok(
          value >= Math.min(...values) - 1e-3 && value <= Math.max(...values) + 1e-3,
          `${value} at ${i} in ${widthPx}x${heightPx}`,
        );
      });
    });
  });
});

test('a hole in a slope is filled along the slope', () => {
  const size = 64;
  const plane = Float32Array.from({ length: size * size }, (_, i) => (i % size) + 0.5 * Math.floor(i / size));
  const truth = Float32Array.from(plane);
  const weight = new Float32Array(size * size).fill(1);
  for (let y = 24; y < 40; y++) {
    for (let x = 24; x < 40; x++) {
      weight[y * size + x] = 0;
      plane[y * size + x] = -500;
    }
  }
  inpaint([plane], weight, size, size);
  for (let i = 0; i < plane.length; i++) assertClose(at(plane, i), at(truth, i), 5, `${i}`);
});

test('a place of half weight lies between its own value and its surroundings', () => {
  const plane = new Float32Array(81).fill(10);
  const weight = new Float32Array(81).fill(1);
  plane[40] = 20;
  weight[40] = 0.5;
  inpaint([plane], weight, 9, 9);
  assert.ok(at(plane, 40) > 10 && at(plane, 40) < 20);
});

const sideLengths = [1, 2, 3, 4, 5, 7, 8, 13, 31, 64];

test('blurring is to the bit what one line after another gives', () => {
  forAll(60, (random) => {
    const widthPx = sideLengths[random.integer(0, sideLengths.length)]!;
    const heightPx = sideLengths[random.integer(0, sideLengths.length)]!;
    const sigmaPx = random.between(0.5, 25);
    const plane = Float32Array.from({ length: widthPx * heightPx }, () => random.between(-40, 90));
    const plain = plane.slice();
    blurPlane(plane, widthPx, heightPx, sigmaPx);
    plainBlurPlane(plain, widthPx, heightPx, sigmaPx);
    assert.deepEqual(plane, plain, `${widthPx}x${heightPx}, sigma ${sigmaPx}`);
  });
});

test('filling is to the bit what one place after another gives', () => {
  forAll(60, (random) => {
    const widthPx = sideLengths[random.integer(0, sideLengths.length)]!;
    const heightPx = sideLengths[random.integer(0, sideLengths.length)]!;
    const count = widthPx * heightPx;
    const [none, all] = [random.next(), random.next()];
    const weight = Float32Array.from({ length: count }, () => {
      const drawn = random.next();
      return drawn < none ? 0 : drawn > all ? 1 : random.next();
    });
    const channels = Array.from({ length: random.integer(1, 4) }, () =>
      Float32Array.from({ length: count }, () => random.between(-40, 90)),
    );
    const plain = channels.map((plane) => plane.slice());
    inpaint(channels, weight, widthPx, heightPx);
    plainInpaint(plain, weight, widthPx, heightPx);
    assert.deepEqual(channels, plain, `${widthPx}x${heightPx}`);
  });
});

test('where nothing is known, filling changes nothing', () => {
  const plane = Float32Array.of(1, 5, 2, 8, 0, 3);
  inpaint([plane], new Float32Array(6), 3, 2);
  assert.deepEqual(plane, Float32Array.of(1, 5, 2, 8, 0, 3));
});

test('a map at another size is to the bit what texel by texel gives, and itself at its own size', () => {
  forAll(20, (random) => {
    const [fromSize, toSize] = [random.integer(2, 40), random.integer(1, 90)];
    const map = Float32Array.from({ length: fromSize * fromSize }, () => random.next());
    assert.deepEqual(
      stretchMap(map, fromSize, toSize),
      plainStretchedMap(map, fromSize, toSize),
      `${fromSize} to ${toSize}`,
    );
    const same = stretchMap(map, fromSize, fromSize);
    // The last row and column are read a thousandth of a place before their centres.
    same.forEach((value, i) => assertClose(value, at(map, i), 2.1e-3, `${i}`));
  });
});

test('work on planes gives its kernel memory back', () => {
  const before = kernels().memory.usedBytes;
  const plane = new Float32Array(900).fill(2);
  blurPlane(plane, 30, 30, 3);
  inpaint([plane], new Float32Array(900).fill(0.5), 30, 30);
  stretchMap(plane, 30, 20);
  assert.equal(kernels().memory.usedBytes, before);
});
