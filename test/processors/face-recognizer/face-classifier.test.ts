import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContractOf } from '../../../src/inference/model-contracts.js';
import { loadRegistry } from '../../../src/inference/model-registry.js';
import { FaceClassifier } from '../../../src/processors/face-recognizer/face-classifier.js';
import { openModel, watchInputs } from '../../support/open-model.js';
import { fixedClassifier } from '../../support/stand-ins/classifier.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { placedFace } from '../../support/unit-meshes.js';
import { assertClose, at } from '../../support/unit-values.js';

const contract = ((): ContractOf<'fairface'> => {
  const found = loadRegistry().models.find(({ id }) => id === 'fairface')?.contract;
  if (found?.kind === 'fairface') return found;
  throw new Error('fairface is no classifier');
})();

const smooth: Picture = (x, y) => [0.5 + 0.3 * Math.sin(x / 70), 0.5 + 0.3 * Math.cos(y / 60), 0.4];
const frame = paintFrame(formatOf(640, 480, 'rgb'), smooth);
const face = placedFace({ x: 320, y: 240, eyesPx: 90, roll: 0.2 });

test('the ids of race, gender and age become words and years', async () => {
  for (const [[race, gender, age], expected] of [
    [[0, 1, 0], { race: 'white', male: 0, ageYears: 1 }],
    [[1, 0, 1], { race: 'black', male: 1, ageYears: 6 }],
    [[2, 0, 2], { race: 'latino', male: 1, ageYears: 14.5 }],
    [[3, 1, 3], { race: 'asian', male: 0, ageYears: 24.5 }],
    [[4, 1, 4], { race: 'asian', male: 0, ageYears: 34.5 }],
    [[5, 0, 7], { race: 'indian', male: 1, ageYears: 64.5 }],
    [[6, 0, 8], { race: 'arabic', male: 1, ageYears: 85 }],
  ] as const) {
    const classifier = new FaceClassifier(await openModel(fixedClassifier(race, gender, age)), contract);
    assert.deepEqual(await classifier.classify(frame, face), expected);
  }
});

test('classes that there are not are an error of the model', async () => {
  for (const [race, gender, age] of [
    [7, 0, 0],
    [0, 0, 9],
    [Number.NaN, 0, 0],
  ] as const) {
    const classifier = new FaceClassifier(await openModel(fixedClassifier(race, gender, age)), contract);
    await assert.rejects(classifier.classify(frame, face), { kind: 'model' });
  }
});

test('the crop is aligned by the template at 224 pixels and normalised channel by channel in RGB', async () => {
  const { session, inputs } = watchInputs(await openModel(fixedClassifier(0, 0, 0)));
  await new FaceClassifier(session, contract).classify(frame, face);
  const [input] = inputs as [Float32Array];
  // The five points: means of six eye points each, tip of the nose, corners of the mouth, by MediaPipe's numbers.
  const pointIndexes = [[33, 160, 158, 133, 153, 144], [362, 385, 387, 263, 373, 380], [4], [61], [291]];
  const mean = (indexes: readonly number[], axis: number): number =>
    indexes.reduce((sum, index) => sum + at(face, 3 * index + axis), 0) / indexes.length;
  const five = pointIndexes.map((indexes) => [mean(indexes, 0), mean(indexes, 1)] as const);
  const template = [
    [0.34191607, 0.46157411],
    [0.65653393, 0.45983393],
    [0.500225, 0.64050536],
    [0.37097589, 0.82469196],
    [0.63151696, 0.82325089],
  ].map(([x, y]) => [Number(x) * 224 - 0.5, Number(y) * 224 - 0.5] as const);
  // Least squares of x' = a x − b y + c and y' = b x + a y + d over both sets, by complex numbers around the middles.
  const middle = (points: readonly (readonly [number, number])[], axis: 0 | 1): number =>
    points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [tx, ty, fx, fy] = [middle(template, 0), middle(template, 1), middle(five, 0), middle(five, 1)];
  let [along, across, spread] = [0, 0, 0];
  for (const [i, [x, y]] of template.entries()) {
    const [u, v] = five[i] as readonly [number, number];
    along += (x - tx) * (u - fx) + (y - ty) * (v - fy);
    across += (x - tx) * (v - fy) - (y - ty) * (u - fx);
    spread += (x - tx) ** 2 + (y - ty) ** 2;
  }
  const [a, b] = [along / spread, across / spread];
  const means = [0.485, 0.456, 0.406];
  const stds = [0.229, 0.224, 0.225];
  for (const [x, y] of [
    [20, 30],
    [112, 112],
    [200, 180],
  ] as const) {
    const colour = smooth(a * (x - tx) - b * (y - ty) + fx, b * (x - tx) + a * (y - ty) + fy);
    for (let channel = 0; channel < 3; channel++) {
      const expected = (at(colour, channel) - at(means, channel)) / at(stds, channel);
      assertClose(at(input, (channel * 224 + y) * 224 + x), expected, 0.03, `${channel} at ${x}, ${y}`);
    }
  }
});
