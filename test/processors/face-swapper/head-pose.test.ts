import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignToMeanFace, headPose } from '../../../src/processors/face-swapper/head-pose.js';
import { faceLayout } from '../../../src/processors/face-swapper/face-layout.js';
import { placedFace } from '../../support/unit-meshes.js';
import { forAll } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const degrees = Math.PI / 180;

test('the mean face looks straight at the camera, its nose nearest', () => {
  const pose = headPose(Float32Array.from(faceLayout.shape));
  assertClose(pose.yaw, 0, 1e-6);
  assertClose(pose.pitch, 0, 1e-6);
  assertClose(pose.roll, 0, 1e-6);
  const zs = faceLayout.shape.filter((_, i) => i % 3 === 2);
  // 1 and 4 are the tip of the nose in the numbering of the model.
  assert.ok([1, 4].includes(zs.indexOf(Math.min(...zs))));
});

test('a turn about one axis is recovered within two degrees and shows in no other', () => {
  for (let angle = -85; angle <= 85; angle += 5) {
    for (const axis of ['yaw', 'pitch', 'roll'] as const) {
      const pose = headPose(placedFace({ x: 300, y: 200, eyesPx: 80, [axis]: angle * degrees }));
      for (const other of ['yaw', 'pitch', 'roll'] as const) {
        assertClose(
          pose[other],
          other === axis ? angle * degrees : 0,
          2 * degrees,
          `${other} of ${axis} ${angle}`,
        );
      }
    }
  }
});

test('a face turned to the viewer’s right moves its nose there, and one that looks down moves it down', () => {
  const nose = (placement: { yaw?: number; pitch?: number }) => {
    const points = placedFace({ x: 0, y: 0, eyesPx: 100, ...placement });
    return { x: at(points, 3), y: at(points, 4), pose: headPose(points) };
  };
  const straight = nose({});
  assert.ok(nose({ yaw: 0.4 }).x > straight.x + 5 && nose({ yaw: 0.4 }).pose.yaw > 0.3);
  assert.ok(nose({ pitch: 0.4 }).y > straight.y + 5 && nose({ pitch: 0.4 }).pose.pitch > 0.3);
});

test('yaw and pitch together are recovered, whatever the place, the size and the noise', () => {
  forAll(150, (random) => {
    const placement = {
      x: random.between(-100, 4000),
      y: random.between(-100, 2000),
      eyesPx: random.between(8, 500),
      yaw: random.between(-1.2, 1.2),
      pitch: random.between(-0.8, 0.8),
      roll: random.between(-2.9, 2.9),
    };
    const points = placedFace(placement).map((value) => value + 0.01 * placement.eyesPx * random.normal());
    const pose = headPose(points);
    assertClose(pose.yaw, placement.yaw, 2 * degrees, 'yaw');
    assertClose(pose.pitch, placement.pitch, 2 * degrees, 'pitch');
  });
});

test('the alignment carries the mean face onto a placed one', () => {
  forAll(50, (random) => {
    const points = placedFace({
      x: random.between(0, 1000),
      y: random.between(0, 1000),
      eyesPx: random.between(20, 300),
      yaw: random.between(-1, 1),
      pitch: random.between(-0.5, 0.5),
      roll: random.between(-1, 1),
    });
    const { rotation, scale, from, onto } = alignToMeanFace(points);
    for (let i = 0; i < 468; i += 7) {
      for (const r of [0, 1, 2]) {
        let value = at(onto, r);
        for (const c of [0, 1, 2]) {
          value += scale * at(rotation, 3 * r + c) * (at(faceLayout.shape, 3 * i + c) - at(from, c));
        }
        assertClose(value, at(points, 3 * i + r), 0.05, `point ${i}`);
      }
    }
  });
});
