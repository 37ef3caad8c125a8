import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { rememberedModelHash } from '../../src/inference/model-hash.js';
import { createOptimizedSession } from '../../src/inference/optimized-session.js';
import { createSession } from '../../src/inference/session.js';
import { trialOutputs, withSession } from '../../src/inference/trial-run.js';
import { fixedBatchModel, writeModel } from './unit-models.js';

const cpu = { providers: ['cpu'], intraOpThreads: 1, smallestBytes: 0 };

describe('optimised models that are kept', () => {
  const root = mkdtempSync(join(tmpdir(), 'faceswap-optimized-'));
  after(() => rmSync(root, { recursive: true }));
  const model = writeModel(join(root, 'model.onnx'), fixedBatchModel());

  const copies = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.onnx'));
  const outputs = async (folder: string, threads = 1): Promise<Map<string, Float32Array>> => {
    const options = { ...cpu, intraOpThreads: threads, folder };
    return withSession(await createOptimizedSession(model, options), (session) => {
      assert.equal(session.modelPath, model);
      return trialOutputs(session, 2);
    });
  };

  it('a kept copy gives the bits of a session that was optimised afresh, with any number of threads', async () => {
    const folder = join(root, 'equal');
    const plain = await withSession(await createSession(model, cpu), (session) => trialOutputs(session, 2));
    assert.deepEqual(await outputs(folder), plain);
    const [name] = copies(folder);
    assert.ok(name !== undefined, 'no copy was kept');
    assert.ok(readFileSync(join(folder, name)).length > 0);
    assert.deepEqual(await outputs(folder), plain);
    await outputs(folder, 2);
    assert.deepEqual(copies(folder), [name]);
  });

  it('a copy that was cut or replaced is made again', async () => {
    const folder = join(root, 'damaged');
    const expected = await outputs(folder);
    const path = join(folder, copies(folder)[0] ?? '');
    const good = readFileSync(path);
    for (const bad of [good.subarray(0, 100), Buffer.alloc(good.length), Buffer.from(good).fill(1, 0, 50)]) {
      writeFileSync(path, bad);
      assert.deepEqual(await outputs(folder), expected);
      assert.deepEqual(readFileSync(path), good);
    }
  });

  it('small models are not kept, and no more than the limit is', async () => {
    const folder = join(root, 'small');
    const session = await createOptimizedSession(model, { providers: ['cpu'], intraOpThreads: 1, folder });
    await session.dispose();
    assert.equal(statSync(folder, { throwIfNoEntry: false }), undefined);
    mkdirSync(folder);
    writeFileSync(join(folder, 'older.onnx'), Buffer.alloc(1000));
    await withSession(await createOptimizedSession(model, { ...cpu, folder }), async () => undefined);
    const [name] = copies(folder).filter((copy) => copy !== 'older.onnx');
    const sizeBytes = statSync(join(folder, name ?? '')).size;
    rmSync(join(folder, name ?? ''));
    await withSession(
      await createOptimizedSession(model, { ...cpu, folder, limitBytes: sizeBytes + 10 }),
      async () => undefined,
    );
    assert.deepEqual(copies(folder), [name]);
  });

  it('a folder that cannot be used costs nothing but the time', async () => {
    const folder = join(root, 'a file');
    writeFileSync(folder, '');
    const session = await createOptimizedSession(model, { ...cpu, folder });
    await session.dispose();
  });

  it('a missing and a broken model fail as ever', async () => {
    const broken = join(root, 'broken.onnx');
    writeFileSync(broken, 'no model');
    for (const path of [broken, join(root, 'missing.onnx')]) {
      await assert.rejects(
        createOptimizedSession(path, { ...cpu, folder: join(root, 'failing') }),
        (error) => error instanceof FaceswapError && error.kind === 'model' && error.context.file === path,
      );
    }
  });

  it('the hash of a model is remembered until the file changes', async () => {
    const folder = join(root, 'hashes');
    const path = join(root, 'changing.onnx');
    writeFileSync(path, 'one');
    const first = await rememberedModelHash(path, folder);
    assert.equal(first, '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed');
    assert.equal(await rememberedModelHash(path, folder), first);
    assert.equal(readdirSync(folder).length, 1);
    writeFileSync(path, 'three');
    assert.notEqual(await rememberedModelHash(path, folder), first);
  });
});
