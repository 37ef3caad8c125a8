import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContractOf, ImageLandmarkerContract } from '../../../src/inference/model-contracts.js';
import { loadRegistry } from '../../../src/inference/model-registry.js';
import { ImageLandmarker } from '../../../src/processors/face-landmarker/image-landmarker.js';
import { faceAngle, MeshFitter } from '../../../src/processors/face-landmarker/mesh-fitter.js';
import { SixtyEightEstimator } from '../../../src/processors/face-landmarker/sixty-eight-estimator.js';
import { sixtyEightOf } from '../../../src/processors/face-landmarker/sixty-eight-points.js';
import { modelOf, op } from '../../inference/unit-models.js';
import { openModel, watchInputs } from '../../support/open-model.js';
import { constantModel } from '../../support/stand-ins/detectors.js';
import { heatmapLandmarker, pointLandmarker } from '../../support/stand-ins/landmarkers.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { placedFace } from '../../support/unit-meshes.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

const contractOf = (id: string): ImageLandmarkerContract => {
  const contract = loadRegistry().models.find((model) => model.id === id)?.contract;
  if (contract?.kind === 'heatmap-68' || contract?.kind === 'points-68') return contract;
  throw new Error(`${id} is no landmarker`);
};

const fanContract = {
  kind: 'five-to-68',
  input: 'input',
  template: 'ffhq_512',
} satisfies ContractOf<'five-to-68'>;

/** Row i lies at (i, i / 2) of the grid of 64. */
const grid = Array.from({ length: 136 }, (_, i) => (i % 2 === 0 ? i / 2 : (i - 1) / 4) % 64);

const box = { x: 50, y: 30, width: 60, height: 78 };
/** 195 / 78. */
const scale = 2.5;
/** (256 − (50 + 110) · 2.5) / 2 and (256 − (30 + 108) · 2.5) / 2. */
const [moveX, moveY] = [-72, -44.5];

const smooth: Picture = (x, y) => [
  0.5 + 0.3 * Math.sin(x / 40),
  0.5 + 0.3 * Math.cos(y / 35),
  0.4 + 0.2 * Math.sin((x + y) / 50),
];
const frame = paintFrame(formatOf(200, 160, 'rgb'), smooth);

test('points of both kinds come back through the crop, and their certainty is a share of the ceiling', async () => {
  for (const [id, model, ceiling] of [
    ['2dfan4', heatmapLandmarker({ grid, certainty: 0.6 }), 0.9],
    ['peppa_wutz', pointLandmarker({ grid, certainty: 0.6 }), 0.95],
  ] as const) {
    const landmarker = new ImageLandmarker(await openModel(model), contractOf(id), false);
    const { points, score } = await landmarker.read(frame, box, 0);
    const expected = grid.map((value, i) => (value * 4 - (i % 2 === 0 ? moveX : moveY)) / scale);
    assert.ok(largestDifference(points, expected) < 1e-3, `${id}: points`);
    assertClose(score, 0.6 / ceiling, 1e-6, `${id}: score`);
  }
  const sure = new ImageLandmarker(
    await openModel(pointLandmarker({ grid, certainty: 0.97 })),
    contractOf('peppa_wutz'),
    false,
  );
  assert.equal((await sure.read(frame, box, 0)).score, 1, 'certainties above the ceiling count as 1');
});

test('the crop shows the box 195 pixels large in the middle, as BGR from 0 to 1', async () => {
  const { session, inputs } = watchInputs(await openModel(pointLandmarker({ grid, certainty: 1 })));
  const landmarker = new ImageLandmarker(session, contractOf('peppa_wutz'), false);
  await landmarker.read(frame, box, 0);
  const [input] = inputs as [Float32Array];
  for (const [u, v] of [
    [30, 40],
    [128, 128],
    [200, 220],
  ] as const) {
    const colour = smooth((u - moveX) / scale, (v - moveY) / scale);
    for (let channel = 0; channel < 3; channel++) {
      assertClose(
        at(input, (channel * 256 + v) * 256 + u),
        at(colour, 2 - channel),
        0.004,
        `${channel} at ${u}, ${v}`,
      );
    }
  }
});

test('a face that lies on its side is turned upright for the model, and its points back', async () => {
  for (const isCompatible of [false, true]) {
    const { session, inputs } = watchInputs(await openModel(pointLandmarker({ grid, certainty: 1 })));
    const landmarker = new ImageLandmarker(session, contractOf('peppa_wutz'), isCompatible);
    const { points } = await landmarker.read(frame, box, 90);
    // The matrix takes (x, y) of the crop to (y, 256 − x).
    const expected = grid.flatMap((value, i) =>
      i % 2 === 0 ? [(256 - at(grid, i + 1) * 4 - moveX) / scale, (value * 4 - moveY) / scale] : [],
    );
    assert.ok(largestDifference(points, expected) < 1e-3, 'points');
    const [input] = inputs as [Float32Array];
    const [x, y] = [150, 90];
    const colour = smooth((x - moveX) / scale, (y - moveY) / scale);
    // The colours of FaceFusion's way have been through 8 bits of Lab.
    const tolerance = isCompatible ? 0.03 : 0.004;
    assertClose(at(input, (256 - x) * 256 + y), at(colour, 2), tolerance, 'blue of a pixel');
    if (isCompatible) assertClose(at(input, 100), 0, 0.01, 'the row that the turn leaves free is black');
  }
});

test('what lies beside the frame is black', async () => {
  const { session, inputs } = watchInputs(await openModel(pointLandmarker({ grid, certainty: 1 })));
  const bright = paintFrame(formatOf(200, 160, 'rgb'), () => [0.9, 0.9, 0.9]);
  for (const isCompatible of [false, true]) {
    const landmarker = new ImageLandmarker(session, contractOf('peppa_wutz'), isCompatible);
    await landmarker.read(bright, { x: 150, y: 60, width: 78, height: 78 }, 0);
    const input = inputs.at(-1) as Float32Array;
    // The frame ends at x = 200: (200 − 189) · 2.5 + 128.
    assertClose(at(input, 128 * 256 + 150), 0.9, 0.01, 'inside');
    assertClose(at(input, 128 * 256 + 160), 0, 0.01, 'outside');
  }
});

test('68 points are guessed on the unit square of the template and brought back', async () => {
  // Output i is the point i mod 5 of the input, which the model sees on the unit square.
  const model = modelOf({
    inputs: { input: [1, 5, 2] },
    outputs: { output: [1, 68, 2] },
    weights: {
      which: { dims: [68], data: BigInt64Array.from({ length: 68 }, (_, i) => BigInt(i % 5)) },
    },
    nodes: [op('Gather', ['input', 'which'], 'output', { axis: { type: 'int', value: 1 } })],
  });
  const { session, inputs } = watchInputs(await openModel(model));
  const estimator = new SixtyEightEstimator(session, fanContract);
  // The template of ffhq_512, turned by a right angle, 200 times as large, moved.
  const template = [
    [0.37691676, 0.46864664],
    [0.62285697, 0.46912813],
    [0.50123859, 0.61331904],
    [0.39308822, 0.725411],
    [0.61150205, 0.72490465],
  ] as const;
  const five = Float32Array.from(template.flatMap(([x, y]) => [300 - 200 * y, 40 + 200 * x]));
  const out = new Float32Array(136);
  assert.equal(await estimator.estimate(five, out), true);
  assert.ok(largestDifference(inputs[0] as Float32Array, template.flat()) < 1e-5, 'what the model sees');
  const expected = Array.from({ length: 136 }, (_, i) => at(five, 2 * (Math.floor(i / 2) % 5) + (i % 2)));
  assert.ok(largestDifference(out, expected) < 1e-3, 'the points come back');
  assert.equal(
    await estimator.estimate(new Float32Array(10).fill(7), out),
    false,
    'five points in one place',
  );
});

test('the angle of a face is the quarter turn nearest to the line from ear to ear', () => {
  const points = new Float32Array(136);
  for (const [degrees, expected] of [
    [0, 0],
    [40, 0],
    [50, 90],
    [130, 90],
    [180, 180],
    [260, 270],
    [320, 0],
    [359, 0],
  ] as const) {
    points[32] = 100 * Math.cos((degrees * Math.PI) / 180);
    points[33] = 100 * Math.sin((degrees * Math.PI) / 180);
    assert.equal(faceAngle(points), expected, `${degrees} degrees`);
  }
});

/** Landmarkers that always see the same, and the boxes and angles that they were asked for. */
const seeing = (...all: readonly { points: Float32Array; score: number }[]) => {
  const asked: { box: typeof box; angle: number }[] = [];
  const landmarkers = all.map((seen) => ({
    read: (_: unknown, at: typeof box, angle: number) => {
      asked.push({ box: at, angle });
      return Promise.resolve(seen);
    },
  }));
  return { landmarkers, asked };
};

const mesh = (): Float32Array => placedFace({ x: 100, y: 80, eyesPx: 40 });
const moved = (by: number): Float32Array =>
  sixtyEightOf(mesh(), new Float32Array(136)).map((value, i) => (i % 2 === 0 ? value + by : value));
const upright = {
  fives: [] as Float32Array[],
  estimate(five: Float32Array, out: Float32Array) {
    this.fives.push(five.slice());
    out.fill(0);
    out[32] = 10;
    return Promise.resolve(true);
  },
};

test('a mesh follows a landmarker that is surer than the limit, and no other', async () => {
  for (const [score, limit, by] of [
    [0.6, 0.5, 6],
    [0.5, 0.5, 0],
    [1, 0, 0],
    [Number.NaN, 0.5, 0],
  ] as const) {
    const points = mesh();
    const { landmarkers } = seeing({ points: moved(6), score });
    await new MeshFitter(upright, landmarkers, limit).fit(frame, points);
    assertClose(at(points, 0) - at(mesh(), 0), by, 0.01, `score ${score} of ${limit}`);
  }
});

test('of two landmarkers the first is taken unless the second is surer by 0.2', async () => {
  for (const [first, second, by] of [
    [0.7, 0.89, 3],
    [0.7, 0.95, 6],
    [0.9, 0.2, 3],
  ] as const) {
    const points = mesh();
    const { landmarkers } = seeing({ points: moved(3), score: first }, { points: moved(6), score: second });
    await new MeshFitter(upright, landmarkers, 0.5).fit(frame, points);
    assertClose(at(points, 0) - at(mesh(), 0), by, 0.01, `${first} and ${second}`);
  }
  // A certainty below 0.2 of the only landmarker is a low score like any other.
  const { landmarkers } = seeing({ points: moved(6), score: 0.1 });
  const points = mesh();
  await new MeshFitter(upright, landmarkers, 0.05).fit(frame, points);
  assertClose(at(points, 0) - at(mesh(), 0), 6, 0.01, 'alone');
});

test("the detector's box and points are used where a face was just detected, else those of the mesh", async () => {
  const { landmarkers, asked } = seeing({ points: moved(0), score: 0.9 });
  upright.fives.length = 0;
  const fitter = new MeshFitter(upright, landmarkers, 0.5);
  const five = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  await fitter.fit(frame, mesh(), { box, five });
  await fitter.fit(frame, mesh(), { box });
  assert.deepEqual(upright.fives[0], five);
  assert.deepEqual(asked[0]?.box, box);
  assert.ok(largestDifference(upright.fives[1] as Float32Array, five) > 10, 'points of the mesh');
  assert.notDeepEqual(asked[1]?.box, box);
});

test('points that are far from the face or no numbers are not followed', async () => {
  for (const value of [Number.NaN, 5000]) {
    const points = moved(0);
    points[70] = value;
    const { landmarkers } = seeing({ points, score: 1 });
    const still = mesh();
    await new MeshFitter(upright, landmarkers, 0.5).fit(frame, still);
    assert.deepEqual(still, mesh());
  }
});

test('a landmarker with another signature is refused by name', async () => {
  const model = constantModel(
    { name: 'input', dims: [1, 3, 256, 256] },
    { output: { dims: [1, 98, 3], data: new Float32Array(294) } },
  );
  const session = await openModel(model);
  assert.throws(
    () => new ImageLandmarker(session, contractOf('peppa_wutz'), false),
    /expected 204 numbers in output 0 \(points\); it has output \[1, 98, 3\]/,
  );
  assert.throws(() => new ImageLandmarker(session, contractOf('2dfan4'), false), /expected 2 outputs/);
});
