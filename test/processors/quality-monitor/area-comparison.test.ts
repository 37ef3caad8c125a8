import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Box } from '../../../src/imaging/affine.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import { comparePlanes, splitPlane } from '../../../src/processors/quality-monitor/area-comparison.js';
import { writeOutlineMask } from '../../../src/processors/quality-monitor/outline-mask.js';
import { seededRandom } from '../../support/unit-random.js';

const widthPx = 97;
const heightPx = 61;
const boxes: readonly Box[] = [
  { x: 10.4, y: 5.2, width: 30, height: 20 },
  { x: 25, y: 12, width: 40, height: 33.3 },
  { x: -20, y: 40, width: 35, height: 100 },
  { x: 200, y: 5, width: 10, height: 10 },
];

const isInside = (x: number, y: number): boolean =>
  boxes.some(
    (box) =>
      x >= Math.floor(box.x) &&
      x < Math.ceil(box.x + box.width) &&
      y >= Math.floor(box.y) &&
      y < Math.ceil(box.y + box.height),
  );

test('a plane falls into rectangles that cover every pixel once, inside and outside', () => {
  const { inside, outside } = splitPlane(boxes, { widthPx, heightPx });
  const covered = new Uint8Array(widthPx * heightPx);
  for (const [list, value] of [
    [inside, 1],
    [outside, 2],
  ] as const) {
    for (const { x, y, width, height } of list) {
      for (let row = y; row < y + height; row++) {
        for (let column = x; column < x + width; column++) {
          assert.equal(covered[row * widthPx + column], 0);
          covered[row * widthPx + column] = value;
        }
      }
    }
  }
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      assert.equal(covered[y * widthPx + x], isInside(x, y) ? 1 : 2, `${x} ${y}`);
    }
  }
});

for (const bitDepth of [8, 10] as const) {
  test(`PSNR inside and outside of boxes counts every pixel once, at ${bitDepth} bits`, () => {
    const scratch = new Scratch();
    const length = widthPx * heightPx;
    const plane = (name: string) =>
      bitDepth === 8 ? scratch.bytes(name, length) : scratch.words(name, length);
    const [first, second] = [plane('first'), plane('second')];
    const random = seededRandom(7);
    const sums = { inside: [0, 0], outside: [0, 0] };
    for (let k = 0; k < length; k++) {
      first[k] = random.integer(0, 200);
      second[k] = (first[k] as number) + random.integer(0, 20);
      const sum = isInside(k % widthPx, Math.floor(k / widthPx)) ? sums.inside : sums.outside;
      sum[0] = (sum[0] as number) + ((first[k] as number) - (second[k] as number)) ** 2;
      sum[1] = (sum[1] as number) + 1;
    }
    const peak = bitDepth === 8 ? 255 : 1020;
    const figures = comparePlanes({ first, second, widthPx, heightPx, bitDepth }, boxes);
    for (const area of ['inside', 'outside'] as const) {
      const [sum, count] = sums[area] as [number, number];
      const expected = 10 * Math.log10((peak * peak * count) / sum);
      assert.ok(Math.abs((figures[area].psnrDb ?? 0) - expected) < 1e-9);
    }
    scratch.dispose();
  });
}

test('one changed pixel outside of the faces shows, however large the picture', () => {
  const scratch = new Scratch();
  const first = scratch.bytes('first', widthPx * heightPx).fill(100);
  const second = scratch.bytes('second', widthPx * heightPx).fill(100);
  const compare = () => comparePlanes({ first, second, widthPx, heightPx, bitDepth: 8 }, boxes);
  assert.deepEqual(compare().outside, { psnrDb: 100, ssim: 1 });
  assert.deepEqual(comparePlanes({ first, second, widthPx, heightPx, bitDepth: 8 }, []).inside, {
    psnrDb: null,
    ssim: null,
  });
  second[0] = 101;
  assert.ok((compare().outside.psnrDb ?? 100) < 100);
  assert.equal(compare().inside.psnrDb, 100);
  scratch.dispose();
});

test('the mask of an outline is full in the middle, half across it, and empty outside', () => {
  const points = new Float32Array(3 * 468);
  for (let i = 0; i < 468; i++) {
    const turn = (2 * Math.PI * i) / 468;
    points[3 * i] = 100 + 40 * Math.cos(turn);
    points[3 * i + 1] = 80 + 40 * Math.sin(turn);
  }
  const region = { x: 40, y: 20, width: 120, height: 120 };
  const mask = new Float32Array(region.width * region.height);
  writeOutlineMask(points, region, mask);
  const at = (x: number, y: number): number => mask[(y - region.y) * region.width + x - region.x] as number;
  assert.equal(at(100, 80), 1);
  assert.equal(at(125, 80), 1);
  assert.equal(at(41, 21), 0);
  for (const [x, y] of [
    [140, 80],
    [100, 40],
    [60, 80],
    [128, 108],
  ] as const) {
    assert.ok(Math.abs(at(x, y) - 0.43) < 0.06, `${at(x, y)}`);
  }
});
