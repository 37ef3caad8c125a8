import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frameFromRgb } from '../../../src/imaging/rgb-frame.js';
import { loadChainModels } from '../../../src/pipeline/chain-models.js';
import { SegmentAnalyser } from '../../../src/pipeline/segment-analyser.js';
import { analysedFrames } from '../../support/analysed-frames.js';
import { ShotWindow } from '../../../src/pipeline/shot-window.js';
import { StageSamples } from '../../../src/pipeline/stage-samples.js';
import { carriedMesh, movement, placeMap, PortraitCamera, stopFrame } from '../../support/moving-portrait.js';
import { stillMesh } from '../../support/still-mesh.js';
import { jitterAgainstTruth, lagFrames, overshoot } from '../../support/track-accuracy.js';
import { plainZones } from '../../support/unit-faces.js';
import { movedMesh, placedFace } from '../../support/unit-meshes.js';
import { portraits, portraitStill } from '../../support/unit-portraits.js';
import { assertClose } from '../../support/unit-values.js';

const frameCount = stopFrame + 16;

test('the figures say what they should about paths with known errors', () => {
  const x = (t: number): number => 200 + 20 * Math.sin(t / 4) + 3 * Math.min(t, stopFrame);
  const path = (place: (t: number) => number): Float32Array[] =>
    Array.from({ length: frameCount }, (_, t) => placedFace({ x: place(t), y: 150, eyesPx: 80 }));
  const truth = path(x);
  const biased = truth.map((mesh) => movedMesh(mesh, 5, -3));
  assert.ok(jitterAgainstTruth(biased, truth) < 1e-6);
  assert.ok(Math.abs(lagFrames(biased, truth)) < 1e-6);
  const late = path((t) => x(t - 0.5));
  assertClose(lagFrames(late.slice(0, stopFrame), truth.slice(0, stopFrame)), 0.5, 0.05, 'lag');
  // ±0.4 px in turn: a second difference of four times that, over 80 px.
  const trembling = truth.map((mesh, t) => movedMesh(mesh, t % 2 === 0 ? 0.4 : -0.4, 0));
  assertClose(jitterAgainstTruth(trembling, truth), 1.6 / 80, 1e-4, 'jitter');
  const stop = (t: number): number => 200 + 3 * Math.min(t, stopFrame);
  const beyond = path((t) => stop(t) + (t === stopFrame + 1 ? 2 : 0));
  assertClose(overshoot(beyond, path(stop), stopFrame), 2 / 80, 1e-4, 'overshoot');
});

test('on a portrait that stops suddenly the steadied landmarks neither tremble nor lag nor overshoot', async () => {
  const models = await loadChainModels({
    executionProviders: ['cpu'],
    executionThreadCount: 1,
    faceDetectorScore: 0.5,
  });
  const still = await portraitStill('hopper');
  const reference = await stillMesh(models, frameFromRgb(still), portraits.hopper);
  const camera = new PortraitCamera('hopper', still);
  const place = movement('stop', 1);
  const window = new ShotWindow({ mode: 'window', windowFrames: 7, alpha: 0.25 });
  const analyser = new SegmentAnalyser(models, {
    zones: plainZones,
    samples: new StageSamples(),
    needsCast: false,
    matchesGrain: false,
  });
  analyser.begin(25, window);
  const times = Array.from({ length: frameCount }, (_, t) => t);
  const truth = times.map((t) => carriedMesh(reference, placeMap('hopper', place(t))));
  const frames = times.map((t) => camera.frame(place(t), { noiseLevels: 2, seed: t }));
  for await (const analysed of analysedFrames(analyser, frames)) window.push(analysed);
  analyser.dispose();
  const raw = truth.map((_, t) => window.rawPoints(1, t)!);
  const steady = truth.map((_, t) => window.steadyPoints(1, t)!);
  const share = jitterAgainstTruth(steady, truth) / jitterAgainstTruth(raw, truth);
  assert.ok(share < 0.1, `${share} of the jitter is left`);
  const lag = lagFrames(steady, truth);
  assert.ok(Math.abs(lag) < 0.1, `a lag of ${lag} frames`);
  const over = overshoot(steady, truth, stopFrame);
  assert.ok(over < 0.02, `an overshoot of ${over}`);
  await models.dispose();
});
