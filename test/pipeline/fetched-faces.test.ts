import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { PlanarFrame } from '../../src/imaging/planar-frame.js';
import { chainModelFiles } from '../../src/pipeline/chain-files.js';
import { type ChainModels, loadChainModels, releaseChainModels } from '../../src/pipeline/chain-models.js';
import { IdentitySampler } from '../../src/pipeline/cast/identity-sampler.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import { boundsOf } from '../../src/processors/face-landmarker/mesh-bounds.js';
import { sixtyEightOf } from '../../src/processors/face-landmarker/sixty-eight-points.js';
import { FaceTracker } from '../../src/processors/face-tracker/face-tracker.js';
import { writeClassifierStandIn } from '../support/stand-ins/classifier.js';
import { standInPoints, writeDetectorStandIns } from '../support/stand-ins/detectors.js';
import { writeLandmarkerStandIns } from '../support/stand-ins/landmarkers.js';
import { stillMesh } from '../support/still-mesh.js';
import { appearanceOf } from '../support/unit-faces.js';
import { formatOf } from '../support/unit-frames.js';
import { portraitFrame, portraitStill } from '../support/unit-portraits.js';
import { assertClose, at } from '../support/unit-values.js';

let folder: string;
let frame: PlanarFrame;
let mesh: Float32Array;
/** Where the landmarkers see the 68 points: three pixels to the right of those of the mesh, in frame pixels. */
let seen: Float32Array;

const configOf = (options: Partial<RunOptions>) =>
  resolveRunOptions({ source: 'a.png', target: 'b.mp4', output: 'c.mp4', modelDir: folder, ...options });

const modelsFor = async (options: Partial<RunOptions>): Promise<ChainModels> => {
  const config = configOf(options);
  const files = await chainModelFiles(config);
  return loadChainModels({ ...chainSettings(config), executionThreadCount: 1 }, files ?? undefined);
};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'faceswap-fetched-'));
  frame = portraitFrame(await portraitStill('astronaut'), 'astronaut', formatOf(300, 280));
  const models = await loadChainModels({
    ...chainSettings(configOf({})),
    executionThreadCount: 1,
  });
  mesh = await stillMesh(models, frame, { x: 150, y: 140 });
  seen = sixtyEightOf(mesh, new Float32Array(136)).map((value, i) => (i % 2 === 0 ? value + 3 : value));
  // The frame is smaller than the detectors' input, so that pixels are the same.
  const box = boundsOf(mesh);
  writeDetectorStandIns(folder, [{ ...box, score: 0.8 }]);
  const scale = 195 / Math.max(box.width, box.height);
  const grid = seen.map((value, i) => {
    const middle = i % 2 === 0 ? box.x + box.width / 2 : box.y + box.height / 2;
    return ((value - middle) * scale + 128) / 4;
  });
  writeLandmarkerStandIns(folder, { grid, certainty: 0.8 });
  writeClassifierStandIn(folder, 3, 0, 5);
});
after(async () => {
  await releaseChainModels();
  rmSync(folder, { recursive: true, force: true });
});

const meanShift = (points: Float32Array): number => {
  const before = sixtyEightOf(mesh, new Float32Array(136));
  const now = sixtyEightOf(points, new Float32Array(136));
  let sum = 0;
  for (let i = 17; i < 68; i++) sum += (at(now, 2 * i) - at(before, 2 * i)) / 51;
  return sum;
};

test('a face that a fetched detector finds is tracked, and its mesh follows the landmarker', async () => {
  for (const faceLandmarkerModel of ['2dfan4', 'peppa_wutz', 'many']) {
    const models = await modelsFor({ faceDetectorModel: 'yolo_face', faceLandmarkerModel });
    const tracker = new FaceTracker(models, 25);
    const sightings = await tracker.follow(frame, 0, () => {});
    assert.equal(sightings.length, 1, 'found once');
    const { points } = sightings[0]!.mesh;
    assertClose(meanShift(points), 3, 0.05, `${faceLandmarkerModel}: moved with the landmarker`);
    assertClose(at(points, 3 * 4), at(seen, 60), 0.05, 'the tip of the nose lies where it was seen');
    await models.dispose();
  }
});

test('all four detectors and the three together bring the same face into the chain', async () => {
  for (const faceDetectorModel of ['retinaface', 'scrfd', 'yolo_face', 'yunet', 'many']) {
    const models = await modelsFor({ faceDetectorModel });
    assert.equal(models.fitter, null);
    const detections = await models.detector.detectAll(frame);
    assert.equal(detections.length, 1, faceDetectorModel);
    const { x, width } = boundsOf(mesh);
    assertClose(detections[0]!.box.x, x, 0.01, 'x');
    assertClose(at(detections[0]!.five!, 0), x + at(standInPoints, 0) * width, 0.01, 'a point');
    const [sighting] = await new FaceTracker(models, 25).follow(frame, 0, () => {});
    assertClose(meanShift(sighting!.mesh.points), 0, 1, 'the mesh is left as the landmark model reads it');
    await models.dispose();
  }
});

test('a landmarker that is less sure than asked leaves the mesh as it is', async () => {
  // 0.8 of 0.9 is a score of 0.89.
  const models = await modelsFor({ faceLandmarkerModel: '2dfan4', faceLandmarkerScore: 0.9 });
  const [sighting] = await new FaceTracker(models, 25).follow(frame, 0, () => {});
  assertClose(meanShift(sighting!.mesh.points), 0, 1, 'not moved');
  await models.dispose();
});

test('fairface says age and gender in place of the recogniser', async () => {
  const models = await modelsFor({ faceClassifierModel: 'fairface' });
  const sampler = new IdentitySampler(models.recognizer, models.classifier);
  const observation = { points: mesh, appearance: appearanceOf({}) };
  const sample = await sampler.sample(frame, 0, { trackId: 1, observation });
  assert.equal(sample?.ageYears, 44.5);
  assert.equal(sample.male, 1);
  assert.equal(sample.race, 'asian');
  assert.equal(sample.descriptor.length, 1024, 'who it is stays with the recogniser');
  await models.dispose();
});

test('a side that a detector does not take is refused before anything begins', async () => {
  await assert.rejects(chainModelFiles(configOf({ faceDetectorModel: 'yolo_face', faceDetectorSize: 320 })), {
    kind: 'usage',
    message: '--face-detector-size must be one of 640 for yoloface_8n, got 320',
  });
  await assert.rejects(
    chainModelFiles(configOf({ faceDetectorModel: 'many', faceDetectorSize: '320x320' })),
    {
      kind: 'usage',
    },
  );
  await assert.rejects(chainModelFiles(configOf({ faceDetectorSize: 320 })), { kind: 'usage' });
  const files = await chainModelFiles(configOf({ faceDetectorModel: 'scrfd', faceDetectorSize: '320x320' }));
  assert.equal(files?.neural?.detectors.length, 1);
});
