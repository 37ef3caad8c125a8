import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openModel } from '../../src/inference/open-model.js';
import { modelOf, op, writeModel } from './unit-models.js';

const cpu = { providers: ['cpu'], intraOpThreads: 1 };

describe('opening a model for a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-open-model-'));
  after(() => rmSync(folder, { recursive: true }));
  // 2049 has no half of its own: 2048 tells that weights were converted.
  const path = writeModel(
    join(folder, 'model.onnx'),
    modelOf({
      inputs: { number: ['batch', 1] },
      outputs: { product: ['batch', 1] },
      weights: { weight: { dims: [1, 1], data: Float32Array.of(2049) } },
      nodes: [op('MatMul', ['number', 'weight'], 'product')],
    }),
  );
  const productOf = async (options: { halve?: boolean; cacheFolder: string | null }): Promise<number> => {
    const session = await openModel(path, { ...cpu, ...options });
    const { product } = await session.run({ number: { data: Float32Array.of(1), dims: [1, 1] } });
    await session.dispose();
    assert.equal(session.modelPath, path);
    return product?.[0] ?? Number.NaN;
  };

  it('it computes as its file is, unless half precision is asked for', async () => {
    assert.equal(await productOf({ cacheFolder: null }), 2049);
    assert.equal(await productOf({ halve: false, cacheFolder: join(folder, 'cache') }), 2049);
    assert.equal(await productOf({ halve: true, cacheFolder: join(folder, 'cache') }), 2048);
    assert.equal(readdirSync(join(folder, 'cache', 'models')).length, 2);
  });

  it('without a cache nothing is left behind', async () => {
    const temporary = join(folder, 'temporary');
    mkdirSync(temporary);
    process.env['TMPDIR'] = temporary;
    assert.equal(await productOf({ halve: true, cacheFolder: null }), 2048);
    assert.deepEqual(readdirSync(temporary), []);
  });
});
