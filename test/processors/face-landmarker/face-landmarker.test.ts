import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cropFromBox,
  cropFromMesh,
  FaceLandmarker,
  landmarkInputPx,
  pointsInCrop,
} from '../../../src/processors/face-landmarker/face-landmarker.js';
import { boundsOf } from '../../../src/processors/face-landmarker/mesh-bounds.js';
import {
  faceOval,
  innerLipRing,
  leftBrowRing,
  leftEyeRing,
  meshPointCount,
  outerLipRing,
  rightBrowRing,
  rightEyeRing,
} from '../../../src/processors/face-landmarker/mesh-indices.js';
import { formatOf, paintFrame, skinPicture } from '../../support/unit-frames.js';
import { stubSession } from '../../support/unit-faces.js';
import { movedMesh, placedFace } from '../../support/unit-meshes.js';
import { forAll, type Random, seededRandom } from '../../support/unit-random.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

const frame = paintFrame(formatOf(320, 240), skinPicture);

const randomFace = (random: Random): Float32Array =>
  placedFace({
    x: random.between(50, 250),
    y: random.between(50, 200),
    eyesPx: random.between(10, 90),
    yaw: random.between(-0.6, 0.6),
    roll: random.between(-2.5, 2.5),
  });

test('the crop of a detector box is centred on it and half again as wide', () => {
  assert.deepEqual(cropFromBox({ x: 10, y: 20, width: 30, height: 40 }, 0.3), {
    centre: { x: 25, y: 40 },
    sidePx: 60,
    rollRadians: 0.3,
  });
});

test('the bounds of a mesh are its least and greatest x and y', () => {
  const points = placedFace({ x: 100, y: 80, eyesPx: 50 });
  const box = boundsOf(points);
  const xs = Array.from({ length: meshPointCount }, (_, i) => at(points, 3 * i));
  const ys = Array.from({ length: meshPointCount }, (_, i) => at(points, 3 * i + 1));
  assert.equal(box.x, Math.min(...xs));
  assert.equal(box.y, Math.min(...ys));
  assertClose(box.x + box.width, Math.max(...xs), 1e-9);
  assertClose(box.y + box.height, Math.max(...ys), 1e-9);
});

test('the crop of a mesh follows it when it moves, turns and grows', () => {
  forAll(60, (random) => {
    const [yaw, eyesPx] = [random.between(-0.5, 0.5), random.between(20, 80)];
    const upright = cropFromMesh(placedFace({ x: 0, y: 0, eyesPx, yaw }));
    const roll = random.between(-1.4, 1.4);
    const grow = random.between(0.5, 2);
    const straight = placedFace({ x: 0, y: 0, eyesPx: eyesPx * grow, yaw });
    // Turned in the picture plane, after yaw.
    const turned = straight.map((value, i) => {
      const at0 = i - (i % 3);
      const [x, y] = [at(straight, at0), at(straight, at0 + 1)];
      if (i % 3 === 0) return x * Math.cos(roll) - y * Math.sin(roll);
      return i % 3 === 1 ? x * Math.sin(roll) + y * Math.cos(roll) : value;
    });
    const crop = cropFromMesh(movedMesh(turned, 40, -7));
    assertClose(crop.sidePx, upright.sidePx * grow, 1e-2, 'side');
    assertClose(crop.rollRadians - roll, upright.rollRadians, 1e-4, 'roll');
    const { x, y } = upright.centre;
    assertClose(crop.centre.x, 40 + grow * (x * Math.cos(roll) - y * Math.sin(roll)), 1e-2, 'centre x');
    assertClose(crop.centre.y, -7 + grow * (x * Math.sin(roll) + y * Math.cos(roll)), 1e-2, 'centre y');
  });
});

test('the crop of an upright mesh is its box, square and half again as wide', () => {
  const points = placedFace({ x: 120, y: 90, eyesPx: 60 });
  const crop = cropFromMesh(points);
  const box = boundsOf(points);
  assertClose(crop.rollRadians, 0, 0.02, 'roll');
  assertClose(crop.sidePx, 1.5 * Math.max(box.width, box.height), 2, 'side');
  assertClose(crop.centre.x, box.x + box.width / 2, 1, 'x');
  assertClose(crop.centre.y, box.y + box.height / 2, 1, 'y');
});

test('points of the model come back in the frame, and pointsInCrop undoes that', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = seededRandom(seed);
    const raw = Float32Array.from({ length: 3 * meshPointCount }, () => random.between(-10, 200));
    const { session } = stubSession(() => ({ landmarks: raw, flag: Float32Array.of(0.75) }));
    const landmarker = new FaceLandmarker(session);
    const crop = { centre: { x: 60 + 9 * seed, y: 100 }, sidePx: 40 + 20 * seed, rollRadians: seed - 10 };
    const mesh = await landmarker.read(frame, crop);
    assert.equal(mesh.flag, 0.75);
    assert.deepEqual(mesh.crop, crop);
    const back = pointsInCrop(mesh, new Float32Array(raw.length));
    // The model speaks of pixel corners: its 96 is the middle of 192 pixels, whose centre coordinate is 95.5.
    for (let i = 0; i < meshPointCount; i++) {
      assertClose(at(back, 3 * i), at(raw, 3 * i) - 0.5, 1e-3, 'x');
      assertClose(at(back, 3 * i + 1), at(raw, 3 * i + 1) - 0.5, 1e-3, 'y');
      assertClose(at(back, 3 * i + 2), at(raw, 3 * i + 2), 1e-3, 'z');
    }
    const middle = raw.map((_, i) => (i % 3 === 2 ? 0 : landmarkInputPx / 2));
    const centred = await new FaceLandmarker(
      stubSession(() => ({ landmarks: middle, flag: Float32Array.of(1) })).session,
    ).read(frame, crop);
    assertClose(at(centred.points, 0), crop.centre.x, 1e-3, 'centre x');
    assertClose(at(centred.points, 1), crop.centre.y, 1e-3, 'centre y');
  }
});

test('the model sees RGB in 0..1, and the crop stays readable', async () => {
  const { session, inputs } = stubSession(() => ({
    landmarks: new Float32Array(3 * meshPointCount),
    flag: Float32Array.of(1),
  }));
  const landmarker = new FaceLandmarker(session);
  const plain = paintFrame(formatOf(100, 100, 'rgb'), () => [1, 0.4, 0]);
  await landmarker.read(plain, { centre: { x: 50, y: 50 }, sidePx: 60, rollRadians: 0.4 });
  const { data, dims } = inputs[0]!.input!;
  assert.deepEqual(dims, [1, 3, 192, 192]);
  assert.deepEqual(landmarker.input, data);
  for (const [c, value] of [1, 0.4, 0].entries()) assertClose(at(data, c * 192 * 192 + 5000), value, 1e-6);
});

test('a first sight is read twice, the second time on the crop of the mesh that was found', async () => {
  const face = placedFace({ x: 100, y: 90, eyesPx: 70 });
  const { session, inputs } = stubSession(() => ({ landmarks: face, flag: Float32Array.of(0.1) }));
  const landmarker = new FaceLandmarker(session);
  const start = { centre: { x: 150, y: 120 }, sidePx: 150, rollRadians: 0 };
  const first = await landmarker.read(frame, start);
  const refined = await landmarker.refine(frame, start);
  assert.equal(inputs.length, 3);
  assert.deepEqual(refined.crop, cropFromMesh(first.points));
});

test('two readings do not share their points', async () => {
  const { session } = stubSession((run) => ({
    landmarks: new Float32Array(3 * meshPointCount).fill(run * 50),
    flag: Float32Array.of(1),
  }));
  const landmarker = new FaceLandmarker(session);
  const crop = { centre: { x: 100, y: 100 }, sidePx: 100, rollRadians: 0 };
  const first = await landmarker.read(frame, crop);
  const kept = Float32Array.from(first.points);
  await landmarker.read(frame, crop);
  assert.deepEqual(first.points, kept);
});

test('the index lists are rings of different points within the mesh', () => {
  for (const ring of [
    faceOval,
    rightEyeRing,
    leftEyeRing,
    outerLipRing,
    innerLipRing,
    rightBrowRing,
    leftBrowRing,
  ]) {
    assert.equal(new Set(ring).size, ring.length);
    for (const index of ring) assert.ok(Number.isInteger(index) && index >= 0 && index < meshPointCount);
  }
});

test('a mesh that is read where it lies is given back where it lies', () => {
  forAll(40, (random) => {
    const points = randomFace(random);
    const mesh = { points, flag: 1, crop: cropFromMesh(points) };
    const inside = pointsInCrop(mesh, new Float32Array(points.length));
    const scale = mesh.crop.sidePx / landmarkInputPx;
    // The crop is half again as wide as the mesh: a sixth of margin on each side of the larger extent.
    const box = boundsOf(inside);
    assertClose(Math.max(box.width, box.height), landmarkInputPx / 1.5, 1e-2, 'extent');
    assertClose(box.x + box.width / 2, (landmarkInputPx - 1) / 2, 1e-2, 'middle');
    assert.ok(
      largestDifference(
        inside.filter((_, i) => i % 3 === 2),
        points.filter((_, i) => i % 3 === 2).map((z) => z / scale),
      ) < 1e-3,
    );
  });
});
