import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitMesh } from '../../../src/processors/face-landmarker/mesh-fit.js';
import { sixtyEightOf } from '../../../src/processors/face-landmarker/sixty-eight-points.js';
import { placedFace } from '../../support/unit-meshes.js';
import { seededRandom } from '../../support/unit-random.js';
import { at, largestDifference } from '../../support/unit-values.js';

const sixtyEight = (points: Float32Array): Float32Array => sixtyEightOf(points, new Float32Array(136));
const face = (): Float32Array => placedFace({ x: 300, y: 200, eyesPx: 100 });

/** Largest distance of points from `from` to 68 of two sets. */
const farthest = (first: Float32Array, second: Float32Array, from: number, to = 68): number => {
  let worst = 0;
  for (let i = from; i < to; i++) {
    const away = Math.hypot(
      at(first, 2 * i) - at(second, 2 * i),
      at(first, 2 * i + 1) - at(second, 2 * i + 1),
    );
    worst = Math.max(worst, away);
  }
  return worst;
};

test('a mesh that already lies on the points stays as it is', () => {
  const mesh = face();
  fitMesh(mesh, sixtyEight(face()));
  assert.ok(largestDifference(mesh, face()) < 1e-3, 'nothing moved');
});

test('points that are moved, turned and scaled take the whole mesh along, its depth as well', () => {
  const mesh = face();
  const turned = face();
  const [cos, sin, scale] = [Math.cos(0.3), Math.sin(0.3), 1.2];
  for (let i = 0; i < turned.length; i += 3) {
    const [x, y, z] = [at(turned, i), at(turned, i + 1), at(turned, i + 2)];
    turned.set([scale * (cos * x - sin * y) + 20, scale * (sin * x + cos * y) - 40, scale * z], i);
  }
  fitMesh(mesh, sixtyEight(turned));
  assert.ok(largestDifference(mesh, turned) < 0.02, 'a similarity is followed exactly');
});

test('brows, eyes, nose and mouth come to lie where the landmarker saw them, and the skin between goes along', () => {
  const mesh = face();
  const seen = sixtyEight(mesh);
  const random = seededRandom(5);
  for (let i = 34; i < 136; i++) seen[i] = at(seen, i) + random.between(-4, 4);
  fitMesh(mesh, seen);
  const left = farthest(sixtyEight(mesh), seen, 17);
  assert.ok(left < 0.03, `inner points are ${left} pixels off`);
  // Points of the mesh are never thrown further than what the landmarker's points move, and the scatter of those is up to 5.7 pixels.
  assert.ok(largestDifference(mesh, face()) < 9, 'no point is thrown off');
});

test('an opened mouth opens the mesh and leaves the eyes alone', () => {
  const mesh = face();
  const seen = sixtyEight(mesh);
  for (const i of [55, 56, 57, 58, 59, 65, 66, 67]) seen[2 * i + 1] = at(seen, 2 * i + 1) + 15;
  const before = sixtyEight(mesh);
  fitMesh(mesh, seen);
  const after = sixtyEight(mesh);
  assert.ok(farthest(after, seen, 48) < 0.05, 'the lips');
  assert.ok(farthest(after, before, 36, 48) < 0.05, 'the eyes');
  const gap = (points: Float32Array): number => at(points, 3 * 14 + 1) - at(points, 3 * 13 + 1);
  assert.ok(gap(mesh) > gap(face()) + 14, 'the gap between the inner lips');
});

test('a jaw pulls a frontal mesh along in part, and one that is turned away not at all', () => {
  for (const [yaw, least, most] of [
    [0, 5, 10],
    [0.8, -0.01, 0.01],
  ] as const) {
    const mesh = placedFace({ x: 300, y: 200, eyesPx: 100, yaw });
    const before = sixtyEight(mesh);
    const seen = before.slice();
    for (let i = 0; i < 17; i++) seen[2 * i + 1] = at(seen, 2 * i + 1) + 10;
    fitMesh(mesh, seen);
    const moved = at(sixtyEight(mesh), 17) - at(before, 17);
    assert.ok(moved > least && moved < most, `at a yaw of ${yaw} the chin moved by ${moved} of 10`);
  }
});
