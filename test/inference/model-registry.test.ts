import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import {
  embeddedModelPath,
  embeddedModelEntries,
  modelEntry,
  sha256Hex,
  verifyModelFile,
} from '../../src/inference/model-registry.js';
import { createSession, type TensorInfo } from '../../src/inference/session.js';

const isModelError = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FaceswapError, String(error));
  assert.equal(error.exitCode, 4);
  assert.match(String(error), message);
  return true;
};

describe('model registry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-registry-'));
  after(() => rmSync(folder, { recursive: true }));

  it('lists one embedded model for each role', () => {
    const roles = embeddedModelEntries().map(({ id, role }) => [id, role]);
    assert.deepEqual(roles, [
      ['blazeface', 'detector'],
      ['facemesh', 'landmarker'],
      ['faceres', 'recognizer'],
    ]);
  });

  it('each contract says what the model file says', async () => {
    for (const { id, contract } of embeddedModelEntries()) {
      const path = embeddedModelPath(id);
      assert.ok(isAbsolute(path));
      const session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
      const shapes = (all: readonly TensorInfo[]) => all.map(({ name, dims }) => ({ name, dims }));
      assert.deepEqual(shapes(session.inputs), [{ name: contract.input.name, dims: contract.input.dims }]);
      assert.deepEqual(
        shapes(session.outputs),
        contract.outputs.map(({ name, dims }) => ({ name, dims })),
      );
      await session.dispose();
    }
  });

  it('the built files are those of the registry', async () => {
    for (const entry of embeddedModelEntries()) await verifyModelFile(entry);
  });

  it('a missing and a changed file are refused with the file and the remedy', async () => {
    const bytes = new TextEncoder().encode('model bytes');
    const path = join(folder, 'model.onnx');
    const entry = { ...modelEntry('blazeface'), sizeBytes: bytes.length, sha256: sha256Hex(bytes) };
    await assert.rejects(
      verifyModelFile(entry, path),
      isModelError(/missing.*model\.onnx.*npm run build:models/),
    );
    writeFileSync(path, bytes);
    await verifyModelFile(entry, path);
    writeFileSync(path, 'model bytes!');
    await assert.rejects(
      verifyModelFile(entry, path),
      isModelError(/corrupt.*model\.onnx.*npm run build:models/),
    );
  });

  it('an unknown model id is refused with the known ones named', () => {
    assert.throws(
      () => embeddedModelPath('retinaface'),
      isModelError(/"retinaface".*blazeface, facemesh, faceres/),
    );
  });
});
