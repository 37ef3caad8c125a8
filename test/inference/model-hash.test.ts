import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { modelHash } from '../../src/inference/model-hash.js';

const folder = mkdtempSync(join(tmpdir(), 'faceswap-hash-'));
after(() => rmSync(folder, { recursive: true }));

describe('model hash', () => {
  it('is the sha256 of the content', async () => {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, 'abc');
    // FIPS 180-2, appendix B.1.
    assert.equal(await modelHash(path), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('a missing file is an error of the model', async () => {
    await assert.rejects(
      modelHash(join(folder, 'missing.onnx')),
      (error) =>
        error instanceof FaceswapError && error.kind === 'model' && String(error).includes('missing.onnx'),
    );
  });
});
