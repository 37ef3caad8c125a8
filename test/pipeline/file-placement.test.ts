import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { placeFile } from '../../src/pipeline/file-placement.js';

let folder = '';
let temporary = '';
let file = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faceswap-place-'));
  temporary = join(folder, 'temporary');
  file = join(folder, 'final');
  await writeFile(temporary, 'new');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

for (const overwrite of [false, true]) {
  test(`a file moves to a free name ${overwrite ? 'with' : 'without'} overwrite`, async () => {
    await placeFile(temporary, file, { overwrite, stage: 'mux' });
    assert.deepEqual(await readdir(folder), ['final']);
    assert.equal(await readFile(file, 'utf8'), 'new');
  });
}

test('a taken name is replaced with overwrite only', async () => {
  await writeFile(file, 'old');
  await assert.rejects(
    placeFile(temporary, file, { overwrite: false, stage: 'mux' }),
    (error) => error instanceof FaceswapError && error.kind === 'usage' && /--overwrite/.test(String(error)),
  );
  assert.deepEqual((await readdir(folder)).sort(), ['final', 'temporary']);
  assert.equal(await readFile(file, 'utf8'), 'old');
  await placeFile(temporary, file, { overwrite: true, stage: 'mux' });
  assert.deepEqual(await readdir(folder), ['final']);
  assert.equal(await readFile(file, 'utf8'), 'new');
});
