import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { BatchCost } from '../../src/inference/batch-cost.js';
import { CostCache } from '../../src/inference/cost-cache.js';

const key = { modelHash: 'abc', device: 'NVIDIA H200 570.86.15', onnxruntimeVersion: '1.30.0' };
const costOf = (msPerItem: number): BatchCost => ({
  timings: [{ size: 1, msPerItem, exact: true }],
  bytesPerItem: 1000,
  fixedBytes: null,
  failedSize: null,
});

describe('cost cache', () => {
  let folder: string;
  let cache: CostCache;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'faceswap-costs-'));
    cache = new CostCache(join(folder, 'inner'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('what was kept is found under its key alone', async () => {
    assert.equal(await cache.find(key), null);
    assert.ok(await cache.keep(key, costOf(5)));
    const again = new CostCache(join(folder, 'inner'));
    assert.deepEqual(await again.find(key), costOf(5));
    for (const other of [
      { ...key, modelHash: 'abd' },
      { ...key, device: 'cpu' },
      { ...key, onnxruntimeVersion: '1.31.0' },
    ])
      assert.equal(await again.find(other), null);
    assert.ok(await again.keep(key, costOf(6)));
    assert.deepEqual(await cache.find(key), costOf(6));
    assert.equal(readdirSync(join(folder, 'inner')).length, 1);
  });

  it('a batch for which memory ran out in use is noted, the smallest one, where the cost is known', async () => {
    assert.equal(await cache.keepFailure(key, 8), false);
    await cache.keep(key, costOf(5));
    assert.equal(await cache.keepFailure(key, 16), true);
    assert.equal(await cache.keepFailure(key, 8), true);
    assert.equal(await cache.keepFailure(key, 32), false);
    assert.deepEqual(await cache.find(key), { ...costOf(5), failedSize: 8 });
  });

  it('only the newest hundred entries stay', async () => {
    for (let i = 0; i < 105; i++) await cache.keep({ ...key, modelHash: `model ${i}` }, costOf(i));
    assert.equal(await cache.find({ ...key, modelHash: 'model 4' }), null);
    assert.deepEqual(await cache.find({ ...key, modelHash: 'model 5' }), costOf(5));
    assert.deepEqual(await cache.find({ ...key, modelHash: 'model 104' }), costOf(104));
  });

  it('a damaged file is an empty cache, and a damaged entry is no entry', async () => {
    await cache.keep(key, costOf(5));
    const path = join(folder, 'inner', 'model-costs.json');
    const whole = readFileSync(path, 'utf8');
    for (const text of [
      '',
      whole.slice(0, 50),
      'null',
      '[]',
      '{"version":9,"entries":[]}',
      '{"version":1}',
    ]) {
      writeFileSync(path, text);
      assert.equal(await cache.find(key), null, text);
    }
    writeFileSync(path, whole.replace('"size":1', '"size":"one"'));
    assert.equal(await cache.find(key), null);
    assert.ok(await cache.keep(key, costOf(7)));
    assert.deepEqual(await cache.find(key), costOf(7));
  });

  it('many that write at once leave a whole file', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => cache.keep({ ...key, modelHash: `model ${i}` }, costOf(i))),
    );
    const found = await Promise.all(
      Array.from({ length: 20 }, (_, i) => cache.find({ ...key, modelHash: `model ${i}` })),
    );
    assert.ok(found.some((cost) => cost !== null));
    assert.deepEqual(readdirSync(join(folder, 'inner')), ['model-costs.json']);
  });

  it('a folder that cannot be written costs the entry and nothing else', async () => {
    writeFileSync(join(folder, 'inner'), 'a file where the folder should be');
    assert.equal(await cache.keep(key, costOf(5)), false);
    assert.equal(await cache.find(key), null);
  });
});
