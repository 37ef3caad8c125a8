import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { batchableModel } from '../../src/inference/free-batch-cache.js';
import { modelHash } from '../../src/inference/model-hash.js';
import { createSession } from '../../src/inference/session.js';
import { fixedBatchModel, integers, modelOf, op, writeModel } from './unit-models.js';

describe('batchable models', () => {
  let folder: string;
  let cache: string;
  let modelPath: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'faceswap-batchable-'));
    cache = join(folder, 'cache');
    modelPath = writeModel(join(folder, 'model.onnx'), fixedBatchModel());
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('a fixed batch is freed once, and the copy is used again', async () => {
    const first = await batchableModel(modelPath, { folder: cache });
    assert.ok(first.ok);
    assert.equal(first.hash, await modelHash(modelPath));
    assert.deepEqual(first.agreement, { exact: true, largestError: 0 });
    assert.deepEqual(readdirSync(cache).sort(), [`${first.hash}.json`, `${first.hash}.onnx`]);
    const session = await createSession(modelPath, {
      providers: ['cpu'],
      intraOpThreads: 1,
      rewrittenPath: first.path,
    });
    assert.equal(session.modelPath, modelPath);
    assert.deepEqual(session.inputs[0]?.dims, ['batch', 3, 8, 8]);
    await session.dispose();
    const written = readFileSync(first.path);
    assert.deepEqual(await batchableModel(modelPath, { folder: cache }), first);
    assert.deepEqual(readFileSync(first.path), written);
  });

  it('a damaged copy and a damaged verdict are made again', async () => {
    const first = await batchableModel(modelPath, { folder: cache });
    assert.ok(first.ok);
    const whole = readFileSync(first.path);
    const verdictPath = join(cache, `${first.hash}.json`);
    const verdict = readFileSync(verdictPath);
    for (const damage of [
      () => writeFileSync(first.path, whole.subarray(0, 100)),
      () =>
        writeFileSync(
          first.path,
          whole.map((byte, i) => (i === 500 ? byte ^ 1 : byte)),
        ),
      () => rmSync(first.path),
      () => writeFileSync(verdictPath, '{"version":1,"ok":tr'),
      () => writeFileSync(verdictPath, '{"version":0,"ok":false,"reason":"older rules"}'),
      () => writeFileSync(verdictPath, 'null'),
    ]) {
      damage();
      assert.deepEqual(await batchableModel(modelPath, { folder: cache }), first);
      assert.deepEqual(readFileSync(first.path), whole);
      assert.deepEqual(readFileSync(verdictPath), verdict);
    }
  });

  it('two at the same time give the same file and leave nothing else behind', async () => {
    const results = await Promise.all([
      batchableModel(modelPath, { folder: cache }),
      batchableModel(modelPath, { folder: cache }),
      batchableModel(modelPath, { folder: cache }),
    ]);
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
    assert.equal(readdirSync(cache).length, 2);
  });

  it('a refusal is remembered with its reason', async () => {
    const path = writeModel(
      join(folder, 'refused.onnx'),
      modelOf({
        inputs: { x: [1, 4] },
        outputs: { y: [1, 4] },
        weights: { first: integers(0) },
        nodes: [op('Gather', ['x', 'first'], 'y')],
      }),
    );
    const refusal = await batchableModel(path, { folder: cache });
    assert.ok(!refusal.ok);
    assert.equal(refusal.path, path);
    assert.match(refusal.reason, /picks single items/);
    assert.deepEqual(readdirSync(cache), [`${refusal.hash}.json`]);
    assert.deepEqual(await batchableModel(path, { folder: cache }), refusal);
  });

  it('a batch that does not give what single runs give is refused', async () => {
    // No rule knows CumSum: along the batch it adds each item to the next.
    const path = writeModel(
      join(folder, 'mixing.onnx'),
      modelOf({
        inputs: { x: [1, 4] },
        outputs: { y: [1, 4] },
        weights: { axis: { dims: [], data: BigInt64Array.of(0n) } },
        nodes: [op('CumSum', ['x', 'axis'], 'y')],
      }),
    );
    const refusal = await batchableModel(path, { folder: cache });
    assert.ok(!refusal.ok);
    assert.match(refusal.reason, /does not give what single runs give/);
    assert.deepEqual(readdirSync(cache), [`${refusal.hash}.json`]);
  });

  it('a graph that does not run with a batch is refused', async () => {
    // Left of a product the batch stands for rows, right of it for what is summed over.
    const path = writeModel(
      join(folder, 'product.onnx'),
      modelOf({
        inputs: { x: [1, 4] },
        outputs: { y: [1, 4] },
        weights: { left: { dims: [1, 1], data: Float32Array.of(2) } },
        nodes: [op('MatMul', ['left', 'x'], 'y')],
      }),
    );
    const refusal = await batchableModel(path, { folder: cache });
    assert.ok(!refusal.ok);
    assert.match(refusal.reason, /does not run with a free batch/);
  });

  it('a model with a free batch is used as it is, and nothing is written', async () => {
    const path = writeModel(
      join(folder, 'free.onnx'),
      modelOf({ inputs: { x: ['n', 4] }, outputs: { y: ['n', 4] }, nodes: [op('Relu', ['x'], 'y')] }),
    );
    const model = await batchableModel(path, { folder: cache });
    assert.deepEqual(model, { ok: true, path, hash: await modelHash(path), agreement: null });
    assert.throws(() => readdirSync(cache), /ENOENT/);
  });

  it('a folder that cannot be written leaves the model as it is, with the reason', async () => {
    writeFileSync(cache, 'a file where the folder should be');
    const model = await batchableModel(modelPath, { folder: cache });
    assert.ok(!model.ok);
    assert.match(model.reason, /rewritten copy cannot be kept/);
    assert.equal(model.path, modelPath);
  });

  it('a missing and a broken model are errors that name the file', async () => {
    const fails = (name: string) => (error: unknown) =>
      error instanceof FaceswapError && error.kind === 'model' && String(error).includes(name);
    await assert.rejects(
      batchableModel(join(folder, 'missing.onnx'), { folder: cache }),
      fails('missing.onnx'),
    );
    writeFileSync(join(folder, 'broken.onnx'), readFileSync(modelPath).subarray(0, 200));
    await assert.rejects(
      batchableModel(join(folder, 'broken.onnx'), { folder: cache }),
      fails('broken.onnx'),
    );
    mkdirSync(join(folder, 'folder.onnx'));
    await assert.rejects(
      batchableModel(join(folder, 'folder.onnx'), { folder: cache }),
      fails('folder.onnx'),
    );
  });
});
