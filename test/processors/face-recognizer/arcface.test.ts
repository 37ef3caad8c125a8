import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ContractOf } from '../../../src/inference/model-contracts.js';
import { externalModel } from '../../../src/inference/model-store.js';
import { createSession, type ModelSession } from '../../../src/inference/session.js';
import { ArcfaceRecognizer } from '../../../src/processors/face-recognizer/arcface.js';
import { modelOf, op, writeModel } from '../../inference/unit-models.js';
import {
  fittedSimilarity,
  fivePointMesh,
  type FivePoints,
  placeInFrame,
} from '../../support/five-point-mesh.js';
import { recordedSession } from '../../support/recorded-session.js';
import { arcfaceStandIn } from '../../support/stand-ins/swappers.js';
import { formatOf, paintFrame } from '../../support/unit-frames.js';
import { assertClose, at } from '../../support/unit-values.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-arcface-'));
const providers = { providers: ['cpu'], intraOpThreads: 1 };
let session: ModelSession;
let contract: ContractOf<'arcface'>;

before(async () => {
  const entry = externalModel('arcface_w600k_r50').contract;
  if (entry.kind !== 'arcface') throw new Error('no recogniser');
  contract = entry;
  session = await createSession(writeModel(join(folder, 'arcface.onnx'), arcfaceStandIn()), providers);
});
after(async () => {
  await session.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const frame = paintFrame(formatOf(256, 240, 'rgb'), (x, y) => [x / 255, y / 255, (255 - x) / 255]);
const five: FivePoints = [104, 92, 150, 100, 124, 118, 100, 141, 138, 147];

/** The contract's arcface_112_v2 in pixels of 112, from edges to centres. */
const template = [
  0.34191607, 0.46157411, 0.65653393, 0.45983393, 0.500225, 0.64050536, 0.37097589, 0.82469196, 0.63151696,
  0.82325089,
].map((share) => share * 112 - 0.5);

test('the recogniser sees RGB in −1..1, aligned by arcface_112_v2 at 112 pixels', async () => {
  const { session: recorded, runs } = recordedSession(session);
  const arcface = new ArcfaceRecognizer(recorded, contract);
  assert.equal(arcface.add(frame, fivePointMesh(five)), 0);
  await arcface.run();
  const { data, dims } = runs[0]?.['input'] ?? { data: new Float32Array(), dims: [] };
  assert.deepEqual(dims, [1, 3, 112, 112]);
  const similarity = fittedSimilarity(five, template);
  for (const [x, y] of [
    [30, 40],
    [56, 56],
    [90, 101],
  ] as const) {
    const [frameX, frameY] = placeInFrame(similarity, x, y);
    for (const [channel, level] of [frameX, frameY, 255 - frameX].entries()) {
      assertClose(at(data, (channel * 112 + y) * 112 + x), level / 127.5 - 1, 1e-3, `channel ${channel}`);
    }
  }
});

test('the embedding is the model’s own, not normalised, and the same in any batch', async () => {
  const shifts = [0, 7, -12, 20, 3];
  const embeddings = async (batchSize: number): Promise<readonly Float32Array[]> => {
    const arcface = new ArcfaceRecognizer(session, contract, { batchSize });
    for (const shift of shifts)
      arcface.add(frame, fivePointMesh(five.map((v) => v + shift) as unknown as FivePoints));
    await arcface.run();
    const found = shifts.map((_, index) => arcface.embedding(index).slice());
    arcface.clear();
    assert.equal(arcface.add(frame, fivePointMesh(five)), 0);
    return found;
  };
  const { session: recorded, runs } = recordedSession(session);
  const first = new ArcfaceRecognizer(recorded, contract);
  first.add(frame, fivePointMesh(five));
  await first.run();
  const alone = await embeddings(1);
  assert.deepEqual(alone[0], runs[0]?.['input']?.data.slice(0, 512));
  assert.ok(Math.abs(Math.hypot(...(alone[0] as Float32Array)) - 1) > 0.5, 'not of length one');
  for (const batchSize of [2, 5]) assert.deepEqual(await embeddings(batchSize), alone);
});

test('another model is refused with what it has', async () => {
  const model = modelOf({
    inputs: { input: ['n', 3, 112, 112] },
    outputs: { output: ['n', 3, 112, 112] },
    nodes: [op('Identity', ['input'], 'output')],
  });
  const other = await createSession(writeModel(join(folder, 'other.onnx'), model), providers);
  assert.throws(() => new ArcfaceRecognizer(other, contract), { kind: 'model', message: /\[n, 512\]/ });
  await other.dispose();
});
