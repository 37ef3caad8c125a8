import assert from 'node:assert/strict';
import { test } from 'node:test';
import { softBoxMask } from '../../../src/processors/multiband-blender/soft-mask.js';
import { assertClose, at, meanOf } from '../../support/unit-values.js';

const none = [0, 0, 0, 0] as const;

test('a mask has the values that FaceFusion’s box mask has', () => {
  // Recorded from FaceFusion 3.8.1 (create_box_mask, blur 0.3, no padding): middle row at x = 0, area − 1, area, 2·area, middle, where
  // area is half the blur; and the sum of the mask. OpenCV computes in single precision.
  const recorded = [
    { sizePx: 128, area: 9, row: [0.07297, 0.45824, 0.54209, 0.97747, 1], sum: 12116.06 },
    { sizePx: 256, area: 19, row: [0.05134, 0.47904, 0.52101, 0.98002, 1], sum: 47546.38 },
    { sizePx: 512, area: 38, row: [0.04834, 0.48952, 0.51051, 0.97867, 1], sum: 190138.12 },
  ];
  for (const { sizePx, area, row, sum } of recorded) {
    const mask = softBoxMask(sizePx, 0.3, none);
    const middle = (sizePx >> 1) * sizePx;
    const places = [0, area - 1, area, 2 * area, sizePx >> 1];
    places.forEach((x, i) => assertClose(at(mask, middle + x), at(row, i), 1e-5, `${sizePx} at ${x}`));
    assertClose(meanOf(mask) * mask.length, sum, 0.05, `sum of ${sizePx}`);
  }
});

test('padding insets the box at the top, right, bottom and left, in that order', () => {
  const mask = softBoxMask(100, 0, [10, 20, 30, 40]);
  for (let y = 0; y < 100; y++) {
    for (let x = 0; x < 100; x++) {
      const inside = y >= 10 && x < 80 && y < 70 && x >= 40;
      assert.equal(at(mask, y * 100 + x), inside ? 1 : 0, `${x}, ${y}`);
    }
  }
});

test('without blur the mask is hard, and the crop’s own border is left out', () => {
  const mask = softBoxMask(8, 0, none);
  for (let i = 0; i < 64; i++) {
    const [x, y] = [i % 8, i >> 3];
    assert.equal(at(mask, i), x > 0 && y > 0 && x < 7 && y < 7 ? 1 : 0);
  }
});

test('masks are symmetric, rise towards the middle and stay within 0 and 1, whatever the blur', () => {
  for (const sizePx of [2, 3, 16, 37, 128]) {
    for (const blur of [0.1, 0.5, 1]) {
      const mask = softBoxMask(sizePx, blur, none);
      for (let y = 0; y < sizePx; y++) {
        for (let x = 0; x < sizePx; x++) {
          const value = at(mask, y * sizePx + x);
          assert.ok(value >= 0 && value <= 1 + 1e-6);
          assertClose(value, at(mask, y * sizePx + sizePx - 1 - x), 1e-6);
          assertClose(value, at(mask, x * sizePx + y), 1e-6);
          if (x > 0 && x < sizePx / 2) assert.ok(value >= at(mask, y * sizePx + x - 1) - 1e-6);
        }
      }
    }
  }
});

test('insets that meet leave nothing', () => {
  assert.ok(softBoxMask(64, 0.2, [50, 0, 50, 0]).every((value) => value === 0));
});

test('a mask is made once for each size, blur and padding', () => {
  assert.equal(softBoxMask(64, 0.3, [1, 2, 3, 4]), softBoxMask(64, 0.3, [1, 2, 3, 4]));
  assert.notEqual(softBoxMask(64, 0.3, [1, 2, 3, 4]), softBoxMask(64, 0.3, [1, 2, 4, 3]));
});

test('what is out of range is refused', () => {
  const refused = (...args: Parameters<typeof softBoxMask>): void =>
    assert.throws(() => softBoxMask(...args), { kind: 'bug' });
  refused(1, 0.3, none);
  refused(64.5, 0.3, none);
  refused(64, 1.1, none);
  refused(64, Number.NaN, none);
  refused(64, 0.3, [0, -1, 0, 0]);
  refused(64, 0.3, [0, 0, 101, 0]);
});
