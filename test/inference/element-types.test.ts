import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import type { OnnxElementType, OnnxModel } from '../../src/inference/onnx-file.js';
import { createSession, type ModelSession } from '../../src/inference/session.js';
import { writeModel } from './unit-models.js';

const types: readonly OnnxElementType[] = [
  'float32',
  'float64',
  'float16',
  'int64',
  'int32',
  'uint8',
  'bool',
];

/** Gives each of its inputs back as it is, once. */
const echo: OnnxModel = {
  graphName: 'echo',
  opset: 17,
  producer: { name: 'element type test', version: '1' },
  inputs: types.map((elementType) => ({ name: `${elementType} in`, elementType, dims: ['batch', 4] })),
  outputs: types.map((elementType) => ({ name: `${elementType} out`, elementType, dims: ['batch', 4] })),
  initializers: [],
  nodes: types.map((type) => ({
    opType: 'Identity',
    name: type,
    inputs: [`${type} in`],
    outputs: [`${type} out`],
  })),
};

const given: Readonly<Record<string, readonly number[]>> = {
  float32: [0.1, -1.5, 1e30, 3],
  float64: [0.1, -1.5, 1e30, 3],
  float16: [0.1, -1.5, 70000, 2049],
  int64: [-3, 2.6, 16777216, 0],
  int32: [-3, 2.4, 2147483520, 0],
  uint8: [-3, 2.6, 300, 255],
  bool: [0, 1, -0.5, 7],
};

const expected: Readonly<Record<string, readonly number[]>> = {
  float32: [0.1, -1.5, 1e30, 3],
  float64: [0.1, -1.5, 1e30, 3],
  float16: [0.0999755859375, -1.5, Infinity, 2048],
  int64: [-3, 3, 16777216, 0],
  int32: [-3, 2, 2147483520, 0],
  uint8: [0, 3, 255, 255],
  bool: [0, 1, 1, 1],
};

describe('models of other element types', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-element-types-'));
  let session: ModelSession;

  before(async () => {
    const path = writeModel(join(folder, 'echo.onnx'), echo);
    session = await createSession(path, { providers: ['cpu'], intraOpThreads: 1 });
  });

  after(async () => {
    await session.dispose();
    rmSync(folder, { recursive: true });
  });

  const feeds = (): Record<string, { data: Float32Array; dims: number[] }> =>
    Object.fromEntries(
      types.map((type) => [`${type} in`, { data: Float32Array.from(given[type] ?? []), dims: [1, 4] }]),
    );

  it('a session tells the element types of its tensors', () => {
    assert.deepEqual(
      session.inputs.map(({ elementType }) => elementType),
      types,
    );
    assert.deepEqual(
      session.outputs.map(({ elementType }) => elementType),
      types,
    );
  });

  it('values are converted for the model and back, in fresh arrays', async () => {
    const outputs = await session.run(feeds());
    for (const type of types) {
      assert.deepEqual(outputs[`${type} out`], Float32Array.from(expected[type] ?? []), type);
    }
  });

  it('values are converted into arrays of the caller, run after run and with new values', async () => {
    const inputs = feeds();
    const outputs = session.allocateOutputs(1);
    await session.runInto(inputs, outputs);
    for (const type of types) {
      assert.deepEqual(outputs[`${type} out`]?.data, Float32Array.from(expected[type] ?? []), type);
    }
    for (const { data } of Object.values(inputs)) data.fill(1);
    await session.runInto(inputs, outputs);
    for (const type of types) {
      assert.deepEqual(outputs[`${type} out`]?.data, new Float32Array(4).fill(1), type);
    }
  });

  it('batches of any size and one array for several types work', async () => {
    const shared = { data: Float32Array.of(1, 0, 1, 0, 0, 1, 1, 1), dims: [2, 4] };
    const outputs = await session.run(Object.fromEntries(types.map((type) => [`${type} in`, shared])));
    for (const type of types) assert.deepEqual(outputs[`${type} out`], shared.data, type);
  });

  it('a value that is not finite is refused where the model takes whole numbers', async () => {
    for (const type of ['int64', 'int32', 'uint8']) {
      const wrong = {
        ...feeds(),
        [`${type} in`]: { data: Float32Array.of(1, Number.NaN, 0, 0), dims: [1, 4] },
      };
      await assert.rejects(session.run(wrong), (error) => {
        assert.ok(error instanceof FaceswapError && error.kind === 'bug', String(error));
        assert.match(error.message, new RegExp(`"${type} in" is ${type}: .*NaN`));
        return true;
      });
    }
  });
});
