import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carryShape, faceShape } from '../../../src/processors/face-swapper/face-shape.js';
import {
  faceOval,
  innerLipRing,
  leftEyeOuter,
  outerLipRing,
  rightEyeOuter,
} from '../../../src/processors/face-landmarker/mesh-indices.js';
import { faceLayout } from '../../../src/processors/face-swapper/face-layout.js';
import { placedFace } from '../../support/unit-meshes.js';
import { forAll } from '../../support/unit-random.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

test('the proportions of a placed mean face are the mean face, however it is turned', () => {
  forAll(30, (random) => {
    const points = placedFace({
      x: random.between(0, 500),
      y: random.between(0, 500),
      eyesPx: random.between(20, 200),
      yaw: random.between(-0.9, 0.9),
      pitch: random.between(-0.5, 0.5),
      roll: random.between(-1, 1),
    });
    assert.ok(largestDifference(faceShape(points), faceLayout.shape) < 1e-3);
  });
});

test('a target with the source’s own proportions keeps its mesh', () => {
  const points = placedFace({ x: 200, y: 150, eyesPx: 90, yaw: 0.3, roll: 0.2 });
  const shape = faceShape(points);
  assert.ok(largestDifference(carryShape(points, shape, shape), points) < 1e-3);
});

test('a source with wider eyes moves the eyes apart and leaves the outline where it is', () => {
  const points = placedFace({ x: 200, y: 150, eyesPx: 100 });
  const wide = Float32Array.from(faceLayout.shape);
  // The whole face a tenth wider.
  for (let i = 0; i < wide.length; i += 3) wide[i] = at(wide, i) * 1.1;
  const carried = carryShape(points, faceShape(points), wide);
  const eyeDistance = (mesh: Float32Array) => at(mesh, 3 * leftEyeOuter) - at(mesh, 3 * rightEyeOuter);
  assert.ok(eyeDistance(carried) > eyeDistance(points) + 1);
  assert.ok(eyeDistance(carried) < eyeDistance(points) * 1.1 + 1e-3);
  for (const i of faceOval) assertClose(at(carried, 3 * i), at(points, 3 * i), 0.05, `outline point ${i}`);
});

test('carried proportions turn with the head', () => {
  const wide = Float32Array.from(faceLayout.shape);
  for (let i = 0; i < wide.length; i += 3) wide[i] = at(wide, i) * 1.1;
  const straight = placedFace({ x: 0, y: 0, eyesPx: 100 });
  const turned = placedFace({ x: 0, y: 0, eyesPx: 100, roll: 0.7 });
  const plain = carryShape(straight, faceLayout.shape, wide);
  const carried = carryShape(turned, faceLayout.shape, wide);
  for (let i = 0; i < 468; i++) {
    const [x, y] = [at(plain, 3 * i), at(plain, 3 * i + 1)];
    assertClose(at(carried, 3 * i), x * Math.cos(0.7) - y * Math.sin(0.7), 0.05, `x of ${i}`);
    assertClose(at(carried, 3 * i + 1), x * Math.sin(0.7) + y * Math.cos(0.7), 0.05, `y of ${i}`);
  }
});

test('lists that are handed in are filled with the same', () => {
  const points = placedFace({ x: 200, y: 150, eyesPx: 90, yaw: 0.3, roll: 0.2 });
  const wide = faceLayout.shape.map((value, i) => (i % 3 === 0 ? 1.1 * value : value));
  const [shape, carried] = [new Float32Array(3 * 468).fill(7), new Float32Array(3 * 468).fill(7)];
  assert.equal(faceShape(points, shape), shape);
  assert.deepEqual(shape, faceShape(points));
  assert.equal(carryShape(points, shape, wide, carried), carried);
  assert.deepEqual(carried, carryShape(points, shape, wide));
  // The work on one face leaves nothing behind for the next.
  const other = placedFace({ x: 90, y: 300, eyesPx: 40, yaw: -0.8 });
  faceShape(other, new Float32Array(3 * 468));
  assert.deepEqual(faceShape(points), shape);
});

test('a smile keeps the target’s lip line, and its place on the face is still carried', () => {
  const points = placedFace({ x: 200, y: 150, eyesPx: 100 });
  const own = faceShape(points);
  const corners = [61, 291] as const;
  const widthOf = (mesh: Float32Array): number => at(mesh, 3 * corners[1]) - at(mesh, 3 * corners[0]);
  const lips = [...new Set<number>([...outerLipRing, ...innerLipRing])];
  const middle = lips.reduce((sum, i) => sum + at(own, 3 * i), 0) / lips.length;
  /** The mean face with lips that are so much wider, and moved down. */
  const mouth = (wider: number, down: number): Float32Array => {
    const shape = Float32Array.from(own);
    for (const i of lips) {
      shape[3 * i] = middle + wider * (at(own, 3 * i) - middle);
      shape[3 * i + 1] = at(own, 3 * i + 1) + down;
    }
    return shape;
  };
  const changeOf = (source: Float32Array): number =>
    widthOf(carryShape(points, own, source)) - widthOf(points);
  // A little wider is another person's mouth; half as wide again is another expression.
  const alike = changeOf(mouth(1.1, 0)) / 0.1;
  const unlike = changeOf(mouth(1.5, 0)) / 0.5;
  assert.ok(alike > 0 && unlike > 0 && unlike < 0.6 * alike, `${unlike} of ${alike}`);
  const lowered = carryShape(points, own, mouth(1.5, 0.1));
  const level = carryShape(points, own, mouth(1.5, 0));
  for (const i of corners) {
    const down = at(lowered, 3 * i + 1) - at(level, 3 * i + 1);
    assert.ok(down > 4, `corner ${i} moved by ${down} of 10 pixels`);
  }
});
