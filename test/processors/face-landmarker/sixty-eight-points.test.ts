import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fivePointsOf } from '../../../src/processors/face-landmarker/five-points.js';
import {
  fiveFromSixtyEight,
  sixtyEightIndices,
  sixtyEightLength,
  sixtyEightOf,
} from '../../../src/processors/face-landmarker/sixty-eight-points.js';
import { layoutMirror, layoutShape } from '../../../src/processors/face-swapper/face-layout-data.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

const meanFace = Float32Array.from(layoutShape);
const points = sixtyEightOf(meanFace, new Float32Array(sixtyEightLength));
const x = (i: number): number => at(points, 2 * i);
const y = (i: number): number => at(points, 2 * i + 1);

/** The point of the scheme on the other side of the face. */
const mirrored = (i: number): number => {
  if (i <= 16) return 16 - i;
  if (i <= 26) return 43 - i;
  if (i <= 30) return i;
  if (i <= 35) return 66 - i;
  if (i <= 39) return 81 - i;
  if (i <= 41) return 87 - i;
  if (i <= 45) return 81 - i;
  if (i <= 47) return 87 - i;
  if (i <= 54) return 102 - i;
  if (i <= 59) return 114 - i;
  if (i <= 64) return 124 - i;
  return 132 - i;
};

test('the 68 points of a mesh are symmetric, as the mesh is', () => {
  assert.equal(sixtyEightIndices.length, 68);
  for (const [i, [first, second]] of sixtyEightIndices.entries()) {
    const other = sixtyEightIndices[mirrored(i)] as readonly [number, number];
    const expected = [at(layoutMirror, first), at(layoutMirror, second)].sort((a, b) => a - b);
    assert.deepEqual(
      [...other].sort((a, b) => a - b),
      expected,
      `point ${i}`,
    );
  }
});

test('the 68 points lie on the mean face in the order of their scheme', () => {
  for (let i = 0; i < 16; i++) assert.ok(x(i) < x(i + 1) || i < 1 || i > 14, `jaw ${i} to the right`);
  for (let i = 0; i < 8; i++) assert.ok(y(i) < y(i + 1), `jaw ${i} downwards`);
  for (let i = 17; i < 26; i++) assert.ok(x(i) < x(i + 1), `brow ${i}`);
  for (let i = 27; i < 30; i++) assert.ok(y(i) < y(i + 1), `nose ${i}`);
  for (let i = 31; i < 35; i++) assert.ok(x(i) < x(i + 1), `nostril ${i}`);
  for (const eye of [36, 42]) {
    for (const i of [0, 1, 2]) assert.ok(x(eye + i) < x(eye + i + 1), `upper lid ${eye + i}`);
    assert.ok(x(eye + 4) > x(eye + 5) && x(eye + 4) < x(eye + 3), `lower lid of ${eye} runs back`);
    assert.ok(y(eye + 1) < y(eye + 5) && y(eye + 2) < y(eye + 4), `lids of ${eye}`);
    for (let i = 0; i < 6; i++) assert.ok(y(17) < y(eye + i), 'brows lie above the eyes');
  }
  for (let i = 48; i < 54; i++) assert.ok(x(i) < x(i + 1), `upper lip ${i}`);
  for (let i = 54; i < 59; i++) assert.ok(x(i) > x(i + 1), `lower lip ${i}`);
  for (let i = 60; i < 64; i++) assert.ok(x(i) < x(i + 1), `inner upper lip ${i}`);
  for (let i = 64; i < 67; i++) assert.ok(x(i) > x(i + 1), `inner lower lip ${i}`);
  assert.ok(y(51) < y(62) && y(62) < y(66) && y(66) < y(57), 'the inner lips lie between the outer ones');
  assert.ok(y(33) < y(51), 'the nose lies above the mouth');
});

test('jaw points follow each other at even steps', () => {
  const steps = Array.from({ length: 16 }, (_, i) => Math.hypot(x(i + 1) - x(i), y(i + 1) - y(i)));
  const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length;
  for (const [i, step] of steps.entries()) assertClose(step / mean, 1, 0.3, `step ${i}`);
});

test('the five points are eye means, nose and mouth corners, whether of a mesh or of its 68 points', () => {
  const five = fiveFromSixtyEight(points, new Float32Array(10));
  const mean = (from: number, axis: number): number => {
    let sum = 0;
    for (let i = from; i < from + 6; i++) sum += at(points, 2 * i + axis);
    return sum / 6;
  };
  const expected = [
    ...[36, 42].flatMap((from) => [mean(from, 0), mean(from, 1)]),
    ...[30, 48, 54].flatMap((i) => [x(i), y(i)]),
  ];
  assert.ok(largestDifference(five, expected) < 1e-6, 'from 68 points');
  assert.ok(largestDifference(fivePointsOf(meanFace, new Float32Array(10)), expected) < 1e-6, 'from a mesh');
});
