import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { createSession, type ModelSession } from '../../../src/inference/session.js';
import { DeepSwapper, type DeepSwapperSettings } from '../../../src/processors/face-swapper/deep-swapper.js';
import { modelOf, op, writeModel } from '../../inference/unit-models.js';
import {
  fittedSimilarity,
  fivePointMesh,
  type FivePoints,
  placeInFrame,
} from '../../support/five-point-mesh.js';
import { recordedSession } from '../../support/recorded-session.js';
import { deepSwapperStandIn } from '../../support/stand-ins/swappers.js';
import { formatOf, paintFrame } from '../../support/unit-frames.js';
import { assertClose, at, largestDifference, meanOf } from '../../support/unit-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-deep-swapper-'));
const sessions: ModelSession[] = [];
after(async () => {
  for (const session of sessions) await session.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const open = async (model: OnnxModel): Promise<ModelSession> => {
  const path = writeModel(join(folder, `${sessions.length}.dfm`), model);
  const session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
  sessions.push(session);
  return session;
};

const sizePx = 64;
const area = sizePx * sizePx;
const contract = { kind: 'dfm', template: 'dfl_whole_face' } as const;
const settings: DeepSwapperSettings = {
  batchSize: 1,
  morph: 1,
  matchesColour: false,
  makeMasks: null,
  blur: 0,
  padding: { top: 0, right: 0, bottom: 0, left: 0 },
};
const ones = new Float32Array(area).fill(1);

const frame = paintFrame(formatOf(256, 240, 'rgb'), (x, y) => [x / 255, y / 255, (255 - x) / 255]);
const five: FivePoints = [104, 92, 150, 100, 124, 118, 100, 141, 138, 147];
const mesh = fivePointMesh(five);
/** The contract's dfl_whole_face. */
const template = [
  0.35342266, 0.39285716, 0.62797622, 0.39285716, 0.48660713, 0.5401786, 0.38839287, 0.68750011, 0.59821427,
  0.68750011,
];

test('the model gets its own size, BGR, pixel by pixel in 0..1, and the morph value', async () => {
  const { session, runs } = recordedSession(
    await open(deepSwapperStandIn(sizePx, { target: ones, source: ones })),
  );
  const swapper = new DeepSwapper(session, contract, { ...settings, morph: 0.75 });
  assert.equal(swapper.sizePx, sizePx);
  swapper.add(frame, mesh);
  await swapper.run();
  const run = runs[0] ?? {};
  assert.deepEqual(run['in_face:0']?.dims, [1, sizePx, sizePx, 3]);
  assert.deepEqual([...(run['morph_value:0']?.data ?? [])], [0.75]);
  const similarity = fittedSimilarity(
    five,
    template.map((share) => share * sizePx - 0.5),
  );
  // Even slopes are as sharp as they can be: away from the borders nothing is to be seen of the sharpening.
  for (const [x, y] of [
    [20, 24],
    [32, 40],
    [45, 30],
  ] as const) {
    const [frameX, frameY] = placeInFrame(similarity, x, y);
    for (const [channel, level] of [255 - frameX, frameY, frameX].entries()) {
      const input = at(run['in_face:0']?.data ?? [], 3 * (y * sizePx + x) + channel);
      assertClose(input, level / 255, 1e-3, `channel ${channel} at ${x}, ${y}`);
      // The stand-in multiplies by the morph value; R, G and B come back in planes.
      const output = at(swapper.swapped(0).crop, (2 - channel) * area + y * sizePx + x);
      assertClose(output, 0.75 * input, 1e-5, 'output');
    }
  }
});

test('what goes in is sharpened by 1.75 of itself less 0.75 of its Gaussian of two pixels', async () => {
  // A white stripe that is exactly as upright in the crop as in the frame: the points lie as the template says.
  const upright = template.map((share) => share * sizePx - 0.5 + 40) as unknown as FivePoints;
  const striped = paintFrame(formatOf(160, 160, 'rgb'), (x) =>
    x === 72 ? [0.6, 0.6, 0.6] : [0.2, 0.2, 0.2],
  );
  const { session, runs } = recordedSession(
    await open(deepSwapperStandIn(sizePx, { target: ones, source: ones })),
  );
  const swapper = new DeepSwapper(session, contract, settings);
  swapper.add(striped, fivePointMesh(upright));
  await swapper.run();
  const weights = Array.from({ length: 13 }, (_, i) => Math.exp(-((i - 6) ** 2) / 8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const valueAt = (x: number): number => (x === 32 ? 153 / 255 : 51 / 255);
  for (let x = 24; x < 41; x++) {
    const blurred = weights.reduce((sum, weight, i) => sum + (weight / total) * valueAt(x + i - 6), 0);
    const sharp = Math.min(1, Math.max(0, 1.75 * valueAt(x) - 0.75 * blurred));
    assertClose(at(runs[0]?.['in_face:0']?.data ?? [], 3 * (30 * sizePx + x)), sharp, 2e-3, `column ${x}`);
  }
});

test('the mask is the smaller of both, eroded twice by a cross, blurred, and under the box', async () => {
  const target = new Float32Array(area).fill(1);
  const source = new Float32Array(area);
  for (let y = 20; y < 44; y++) for (let x = 20; x < 44; x++) source[y * sizePx + x] = 1;
  // A hole of one pixel becomes a diamond of two on each side.
  target[32 * sizePx + 32] = 0;
  const swapper = new DeepSwapper(
    await open(deepSwapperStandIn(sizePx, { target, source })),
    contract,
    settings,
  );
  swapper.add(frame, mesh);
  await swapper.run();
  const { mask } = swapper.swapped(0);
  const eroded = (x: number, y: number): number => {
    const inside = x >= 22 && x < 42 && y >= 22 && y < 42;
    return inside && Math.abs(x - 32) + Math.abs(y - 32) > 2 ? 1 : 0;
  };
  const weights = Array.from({ length: 51 }, (_, i) => Math.exp(-((i - 25) ** 2) / (2 * 6.25 ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mirror = (index: number): number => (index < 0 ? -index : index > 63 ? 126 - index : index);
  for (const [x, y] of [
    [32, 32],
    [20, 30],
    [10, 10],
    [40, 50],
  ] as const) {
    let sum = 0;
    for (let dy = -25; dy <= 25; dy++) {
      for (let dx = -25; dx <= 25; dx++) {
        const weight = (at(weights, dx + 25) * at(weights, dy + 25)) / (total * total);
        sum += weight * eroded(mirror(x + dx), mirror(y + dy));
      }
    }
    assertClose(at(mask, y * sizePx + x), sum, 1e-5, `${x}, ${y}`);
  }
  // Without a blur the box leaves out one pixel at each side.
  const whole = new DeepSwapper(
    await open(deepSwapperStandIn(sizePx, { target: ones, source: ones })),
    contract,
    settings,
  );
  whole.add(frame, mesh);
  await whole.run();
  const { mask: box } = whole.swapped(0);
  assert.equal(at(box, 5), 0);
  assertClose(at(box, sizePx + 1), 1, 1e-6);
});

test('the new face takes the colours of the target’s, unless they are not to be matched', async () => {
  // The morph value makes the stand-in's faces darker.
  const crops: Float32Array[] = [];
  const lumaOf = (crop: Float32Array): number => meanOf(crop.subarray(area, 2 * area));
  for (const matchesColour of [false, true]) {
    const swapper = new DeepSwapper(
      await open(deepSwapperStandIn(sizePx, { target: ones, source: ones })),
      contract,
      { ...settings, morph: 0.8, matchesColour },
    );
    swapper.add(frame, mesh);
    await swapper.run();
    crops.push(swapper.swapped(0).crop.slice());
  }
  const [dark, matched] = crops as [Float32Array, Float32Array];
  const wanted = lumaOf(dark) / 0.8;
  assert.ok(lumaOf(dark) < 0.85 * wanted, 'dark without');
  assertClose(lumaOf(matched), wanted, 0.02, 'as bright as the target');
});

test('what a face becomes does not depend on how many go together', async () => {
  const session = await open(deepSwapperStandIn(sizePx, { target: ones, source: ones }));
  const meshes = [0, 9, 17].map((shift) =>
    fivePointMesh(five.map((value) => value + shift) as unknown as FivePoints),
  );
  const together = async (batchSize: number): Promise<readonly Float32Array[]> => {
    const swapper = new DeepSwapper(session, contract, { ...settings, batchSize, matchesColour: true });
    for (const points of meshes) swapper.add(frame, points);
    await swapper.run();
    return meshes.map((_, index) => swapper.swapped(index).crop.slice());
  };
  const alone = await together(1);
  for (const batchSize of [2, 3]) assert.deepEqual(await together(batchSize), alone);
  assert.ok(largestDifference(alone[0] as Float32Array, alone[1] as Float32Array) > 0.01, 'faces differ');
});

test('a file that is no DeepFaceLive model is refused with what it has', async () => {
  const refused = async (model: OnnxModel, message: RegExp): Promise<void> => {
    const session = await open(model);
    assert.throws(() => new DeepSwapper(session, contract, settings), { kind: 'model', message });
  };
  const picture = ['n', 64, 64, 3];
  await refused(
    modelOf({
      inputs: { input: picture },
      outputs: { output: picture },
      nodes: [op('Identity', ['input'], 'output')],
    }),
    /"in_face:0" \[n, side, side, 3\], but this one has "input" \[n, 64, 64, 3\]/,
  );
  await refused(
    modelOf({
      inputs: { 'in_face:0': picture },
      outputs: { output: picture },
      nodes: [op('Identity', ['in_face:0'], 'output')],
    }),
    /three outputs/,
  );
  await refused(
    modelOf({
      inputs: { 'in_face:0': picture },
      outputs: { first: picture, second: picture, third: picture },
      nodes: ['first', 'second', 'third'].map((name) => op('Identity', ['in_face:0'], name)),
    }),
    /should have an output \[n, 64, 64, 1\]/,
  );
});
