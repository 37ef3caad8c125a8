import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { BatchRunner, hasFreeBatch } from '../../src/inference/batch-runner.js';
import { encodeModel, inspectModel } from '../../src/inference/onnx-file.js';
import { bakedBatch, openStaticBatch, wantsStaticBatch } from '../../src/inference/static-batch.js';
import { modelOf, op, writeModel } from './unit-models.js';

const cpu = { providers: ['cpu'], intraOpThreads: 1 };

/** Adds a strength, which all items share, to each item. */
const adding = modelOf({
  inputs: { picture: ['batch', 2], strength: [1] },
  outputs: { sum: ['batch', 2] },
  nodes: [op('Add', ['picture', 'strength'], 'sum')],
});

describe('models with a fixed batch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-static-batch-'));
  after(() => rmSync(folder, { recursive: true }));
  const model = writeModel(join(folder, 'adding.onnx'), adding);

  it('free first axes become the size, and nothing else changes', () => {
    const bytes = Buffer.concat(bakedBatch(encodeModel(adding), 5));
    const before = inspectModel(encodeModel(adding));
    const { inputs, outputs, ...rest } = inspectModel(bytes);
    assert.deepEqual(
      [...inputs, ...outputs].map(({ name, dims }) => [name, dims]),
      [
        ['picture', [5, 2]],
        ['strength', [1]],
        ['sum', [5, 2]],
      ],
    );
    assert.deepEqual(rest.nodes, before.nodes);
  });

  it('batches of any size up to it come out as from the free model, one after the other', async () => {
    const options = { ...cpu, folder: join(folder, 'cache'), batchSize: 3 };
    for (let time = 0; time < 2; time++) {
      const session = await openStaticBatch(model, options);
      assert.ok(hasFreeBatch(session), 'its batch must look free');
      assert.equal(session.modelPath, model);
      const runner = new BatchRunner(session, { batchSize: 3, capacity: 8 });
      runner.input('strength', 0)[0] = 0.5;
      for (const count of [8, 3, 1, 2]) {
        for (let item = 0; item < count; item++) runner.input('picture', item).set([item + count, -item]);
        await runner.run(count);
        for (let item = 0; item < count; item++) {
          assert.deepEqual([...runner.output('sum', item)], [item + count + 0.5, 0.5 - item]);
        }
      }
      runner.dispose();
      await session.dispose();
    }
    const names = readdirSync(options.folder).map((name) => name.replace(/^[0-9a-f]{64}/, ''));
    assert.deepEqual(names.sort(), ['.batch3.json', '.batch3.onnx', '.hash.json']);
  });

  it('a batch that is larger than the fixed one is a bug, and a damaged copy is made again', async () => {
    const options = { ...cpu, folder: join(folder, 'damaged'), batchSize: 2 };
    const first = await openStaticBatch(model, options);
    await first.dispose();
    for (const name of readdirSync(options.folder)) {
      if (name.endsWith('.onnx')) writeFileSync(join(options.folder, name), 'damaged');
    }
    const session = await openStaticBatch(model, options);
    const dims = [3, 2];
    await assert.rejects(
      session.runInto(
        { picture: { data: new Float32Array(6), dims }, strength: { data: new Float32Array(1), dims: [1] } },
        { sum: { data: new Float32Array(6), dims } },
      ),
      (error) => error instanceof FaceswapError && error.kind === 'bug' && /batch of 3/.test(error.message),
    );
    await session.dispose();
  });

  it('only a provider that builds an engine for each shape wants it', () => {
    assert.deepEqual(['cpu', 'cuda', 'tensorrt', 'coreml', 'dml', 'webgpu'].filter(wantsStaticBatch), [
      'tensorrt',
    ]);
  });

  it('bytes that are no model are refused as such', () => {
    for (const bytes of [Buffer.from('no model'), Buffer.alloc(0)]) {
      assert.throws(
        () => bakedBatch(bytes, 2),
        (error) => error instanceof FaceswapError && error.kind === 'model',
      );
    }
  });
});
