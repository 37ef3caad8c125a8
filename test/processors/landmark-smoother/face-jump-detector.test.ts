import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meshPointCount } from '../../../src/processors/face-landmarker/mesh-indices.js';
import { interOcular } from '../../../src/processors/landmark-smoother/landmark-smoother.js';
import { FaceJumpDetector } from '../../../src/processors/landmark-smoother/face-jump-detector.js';

/** A mesh whose points lie on a circle around a place, 100 pixels wide. */
const mesh = (x: number, y = 0): { points: Float32Array } => ({
  points: Float32Array.from({ length: 3 * meshPointCount }, (_, i) => {
    const angle = Math.floor(i / 3);
    return i % 3 === 0 ? x + 50 * Math.cos(angle) : i % 3 === 1 ? y + 50 * Math.sin(angle) : 0;
  }),
});

const eyes = interOcular(mesh(0).points);

const faces = (...places: readonly (readonly [number, number])[]) =>
  new Map(places.map(([track, x]) => [track, mesh(x)]));

test('a face that moves as before does not jump, one that moves three times as far and by a third of its eyes does', () => {
  const detector = new FaceJumpDetector();
  const step = 0.15 * eyes;
  for (let t = 0; t < 10; t++) {
    assert.equal(detector.push(faces([1, t * step]), faces([1, (t + 1) * step])), false);
  }
  assert.equal(detector.push(faces([1, 0]), faces([1, 2.9 * step])), false, 'faster, as a movement may be');
  assert.equal(detector.push(faces([1, 0]), faces([1, 4 * step])), true);
});

test('a still face that shifts by less than a third of the distance between its eyes has not jumped', () => {
  const detector = new FaceJumpDetector();
  for (let t = 0; t < 5; t++) assert.equal(detector.push(faces([1, 0]), faces([1, 0])), false);
  assert.equal(detector.push(faces([1, 0]), faces([1, 0.28 * eyes])), false);
  assert.equal(detector.push(faces([1, 0]), faces([1, 0.35 * eyes])), true);
});

test('one face that goes on means that the shot does', () => {
  const detector = new FaceJumpDetector();
  assert.equal(detector.push(faces([1, 0], [2, 200]), faces([1, 0], [2, 200 + eyes])), false);
  assert.equal(detector.push(faces([1, 0], [2, 200]), faces([1, eyes], [2, 200 + eyes])), true);
});

test('other faces in place of all that there were have jumped; faces that come or go have not', () => {
  const detector = new FaceJumpDetector();
  assert.equal(detector.push(faces([1, 0]), faces([2, 0])), true);
  assert.equal(detector.push(faces(), faces([1, 0])), false);
  assert.equal(detector.push(faces([1, 0]), faces()), false);
  assert.equal(detector.push(faces([1, 0]), faces([1, 0], [2, 0])), false);
});
