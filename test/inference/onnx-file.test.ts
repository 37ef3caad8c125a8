import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { encodeModel, inspectModel, type OnnxModel } from '../../src/inference/onnx-file.js';
import { createSession } from '../../src/inference/session.js';

/** LeakyRelu(input · weights, 0.5), then reshaped to [batch, 1, 2]: every kind of field that we write but strings. */
const tinyModel: OnnxModel = {
  graphName: 'tiny',
  opset: 17,
  producer: { name: 'onnx-file test', version: '7' },
  docString: 'made by a test',
  inputs: [{ name: 'input', elementType: 'float32', dims: ['batch', 3] }],
  outputs: [{ name: 'output', elementType: 'float32', dims: ['batch', 1, 2] }],
  initializers: [
    { name: 'weights', dims: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'shape', dims: [3], data: BigInt64Array.of(-1n, 1n, 2n) },
  ],
  nodes: [
    {
      opType: 'Gemm',
      name: 'product',
      inputs: ['input', 'weights'],
      outputs: ['product'],
      attributes: { transB: { type: 'int', value: 0 } },
    },
    {
      opType: 'LeakyRelu',
      name: 'leak',
      inputs: ['product'],
      outputs: ['leaked'],
      attributes: { alpha: { type: 'float', value: 0.5 } },
    },
    {
      opType: 'Transpose',
      name: 'same',
      inputs: ['leaked'],
      outputs: ['ordered'],
      attributes: { perm: { type: 'ints', value: [0, 1] } },
    },
    { opType: 'Reshape', name: 'shaped', inputs: ['ordered', 'shape'], outputs: ['output'] },
  ],
};

describe('ONNX files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-onnx-file-'));
  after(() => rmSync(folder, { recursive: true }));

  it('a written model runs and computes what its nodes say', async () => {
    const path = join(folder, 'tiny.onnx');
    writeFileSync(path, encodeModel(tinyModel));
    const session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
    const result = await session.run({ input: { data: Float32Array.of(1, 1, 1, -1, -1, -1), dims: [2, 3] } });
    // 1+3+5 and 2+4+6; the negated row is halved by the leak.
    assert.deepEqual(result, { output: Float32Array.of(9, 12, -4.5, -6) });
    await session.dispose();
  });

  it('the same model gives the same bytes', () => {
    assert.deepEqual(encodeModel(tinyModel), encodeModel(structuredClone(tinyModel)));
  });

  it('what was written is read back', () => {
    const summary = inspectModel(encodeModel(tinyModel));
    assert.deepEqual(summary, {
      graphName: 'tiny',
      irVersion: 8,
      opset: 17,
      producer: { name: 'onnx-file test', version: '7' },
      docString: 'made by a test',
      inputs: [{ name: 'input', elementTypeCode: 1, dims: ['batch', 3] }],
      outputs: [{ name: 'output', elementTypeCode: 1, dims: ['batch', 1, 2] }],
      initializers: [
        { name: 'weights', dims: [3, 2], elementTypeCode: 1 },
        { name: 'shape', dims: [3], elementTypeCode: 7 },
      ],
      nodes: tinyModel.nodes.map(({ opType, name, inputs, outputs }) => ({ opType, name, inputs, outputs })),
    });
  });

  it('a tensor whose data does not fill its dims is refused', () => {
    const broken = {
      ...tinyModel,
      initializers: [{ name: 'weights', dims: [3, 3], data: new Float32Array(6) }],
    };
    assert.throws(() => encodeModel(broken), /"weights" has 6 elements, but its dims \[3, 3\] need 9/);
  });

  it('a cut file and a file of another kind are refused as models', () => {
    const bytes = encodeModel(tinyModel);
    const isModelError = (error: unknown) => error instanceof FaceswapError && error.exitCode === 4;
    assert.throws(() => inspectModel(bytes.subarray(0, bytes.length - 30)), isModelError);
    assert.throws(() => inspectModel(new TextEncoder().encode('<html>not found</html>')), isModelError);
    assert.throws(() => inspectModel(new Uint8Array()), isModelError);
  });
});
