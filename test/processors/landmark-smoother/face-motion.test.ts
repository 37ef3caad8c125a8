import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cropToFrame } from '../../../src/imaging/affine.js';
import { FrameCropper } from '../../../src/imaging/frame-crop.js';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import { cropFromMesh, landmarkInputPx } from '../../../src/processors/face-landmarker/face-landmarker.js';
import { FaceMotionReader, motionLength } from '../../../src/processors/landmark-smoother/face-motion.js';
import { rigidPoints } from '../../../src/processors/landmark-smoother/rigid-points.js';
import {
  carriedMesh,
  movement,
  type MotionName,
  placeMap,
  PortraitCamera,
} from '../../support/moving-portrait.js';
import { movedMesh, placedFace } from '../../support/unit-meshes.js';
import { portraits, portraitStill } from '../../support/unit-portraits.js';
import { seededRandom } from '../../support/unit-random.js';
import { at } from '../../support/unit-values.js';

const camera = new PortraitCamera('hopper', await portraitStill('hopper'));
const eyesPx = 75;
const face = placedFace({ ...portraits.hopper, eyesPx });
const cropper = new FrameCropper();

/** What the landmark model would see and say, were its reading `mesh`. */
const look = (frame: PlanarFrame, mesh: Float32Array) => {
  const crop = cropFromMesh(mesh);
  const input = new Float32Array(3 * landmarkInputPx ** 2);
  const toFrame = cropToFrame(crop.centre, crop.sidePx, crop.rollRadians, landmarkInputPx);
  cropper.crop(frame, toFrame, landmarkInputPx, landmarkInputPx, input, { scale: 1, offset: 0 });
  return { input, mesh: { points: mesh, flag: 1, crop } };
};

test('the movement of a portrait is measured to a small part of what landmarks tremble by', () => {
  for (const name of ['shake', 'pan', 'zoom', 'roll'] satisfies MotionName[]) {
    const random = seededRandom(3);
    const reader = new FaceMotionReader();
    const place = movement(name, 1);
    let before: Float32Array | null = null;
    for (let t = 0; t < 6; t++) {
      const truth = carriedMesh(face, placeMap('hopper', place(t)));
      // Readings that are a hundredth of the eye distance off, as the model's are.
      const reading = movedMesh(truth, 0.01 * eyesPx * random.normal(), 0.01 * eyesPx * random.normal());
      const { input, mesh } = look(camera.frame(place(t), { noiseLevels: 1, seed: t }), reading);
      const motion = new Float32Array(motionLength);
      reader.look(mesh, mesh, input);
      reader.settle(mesh, 1, t, { out: motion, reachFrames: 7 });
      if (before !== null) {
        let sum = 0;
        for (const i of rigidPoints) {
          const [x, y] = [at(before, 3 * i), at(before, 3 * i + 1)];
          sum += (at(motion, 0) * x - at(motion, 1) * y + at(motion, 2) - at(truth, 3 * i)) ** 2;
          sum += (at(motion, 1) * x + at(motion, 0) * y + at(motion, 3) - at(truth, 3 * i + 1)) ** 2;
        }
        const error = Math.sqrt(sum / rigidPoints.length) / eyesPx;
        assert.ok(error < 0.0015, `${name}, frame ${t}: ${error} of the eye distance`);
        assert.ok(at(motion, 4) > 0.9, `${name}: sureness ${at(motion, 4)}`);
      } else assert.deepEqual([...motion], [0, 0, 0, 0, 0]);
      before = truth;
    }
  }
});

test('a face that was not seen lately, or before a cut, has no movement', () => {
  const reader = new FaceMotionReader();
  const { input, mesh } = look(
    camera.frame(movement('rest', 1)(0)),
    carriedMesh(face, placeMap('hopper', movement('rest', 1)(0))),
  );
  const read = (index: number): number[] => {
    const out = new Float32Array(motionLength).fill(9);
    reader.look(mesh, mesh, input);
    reader.settle(mesh, 4, index, { out, reachFrames: 7 });
    return [...out];
  };
  const nothing = [0, 0, 0, 0, 0];
  assert.deepEqual(read(0), nothing);
  assert.notDeepEqual(read(7), nothing);
  assert.deepEqual(read(15), nothing);
  reader.reset();
  assert.deepEqual(read(16), nothing);
  reader.look(mesh, mesh, input);
  reader.dropUnsettled();
  const out = new Float32Array(motionLength).fill(9);
  reader.settle(mesh, 4, 17, { out, reachFrames: 7 });
  assert.deepEqual([...out], nothing, 'what was dropped');
});

test('where the picture does not fit the one before, the movement is the landmarks’ own and not sure', () => {
  const reader = new FaceMotionReader();
  const random = seededRandom(5);
  const mesh = placedFace({ x: 200, y: 150, eyesPx });
  const crop = cropFromMesh(mesh);
  for (const [index, moved] of [mesh, movedMesh(mesh, 5, 0)].entries()) {
    const input = Float32Array.from({ length: 3 * landmarkInputPx ** 2 }, () => random.next());
    const out = new Float32Array(motionLength);
    const reading = {
      points: moved,
      flag: 1,
      crop: { ...crop, centre: { x: crop.centre.x + 5 * index, y: crop.centre.y } },
    };
    reader.look(reading, reading, input);
    reader.settle(reading, 1, index, { out, reachFrames: 7 });
    assert.equal(at(out, 4), 0);
  }
});
