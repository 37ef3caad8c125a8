import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { halfModel } from '../../src/inference/half-model.js';
import { halvedModel } from '../../src/inference/half-model-cache.js';
import { encodeModel, inspectModel, type OnnxModel } from '../../src/inference/onnx-file.js';
import { createSession } from '../../src/inference/session.js';
import { fixedBatchModel, integers, ints, modelOf, op, weights, writeModel } from './unit-models.js';

const cpu = { providers: ['cpu'], intraOpThreads: 1 };

const converted = (model: OnnxModel): Uint8Array => {
  const result = halfModel(encodeModel(model));
  assert.ok(result.kind === 'rewritten', result.kind === 'refused' ? result.reason : '');
  return Buffer.concat(result.parts);
};

const float32 = 1;
const float16 = 10;

/** A convolution, a normalisation, an enlargement and a fully connected end, with a side branch that looks at a shape. */
const mixedModel = (): OnnxModel =>
  modelOf({
    inputs: { picture: ['batch', 3, 8, 8] },
    outputs: { vector: ['batch', 5], large: ['batch', 4, 16, 16] },
    weights: {
      kernel: weights([4, 3, 3, 3], 1),
      bias: weights([4], 2),
      scale: { dims: [4], data: Float32Array.of(1, 2, 0.5, 1) },
      shift: weights([4], 3),
      twice: { dims: [4], data: Float32Array.of(1, 1, 2, 2) },
      dense: weights([256, 5], 4),
      'flat shape': integers(-1, 256),
      embedding: weights([4, 4], 5),
    },
    nodes: [
      op('Conv', ['picture', 'kernel', 'bias'], 'features', { pads: ints(1, 1, 1, 1) }),
      op('InstanceNormalization', ['features', 'scale', 'shift'], 'normal'),
      op('Conv', ['normal', 'kernel 2', 'bias'], 'more', { pads: ints(1, 1, 1, 1) }),
      op('Relu', ['more'], 'active'),
      op('Resize', ['active', '', 'twice'], 'large'),
      op('Reshape', ['active', 'flat shape'], 'flat'),
      op('Gemm', ['flat', 'dense'], 'vector'),
    ],
  });

const withSecondKernel = (): OnnxModel => {
  const model = mixedModel();
  const { dims, data } = weights([4, 4, 3, 3], 6);
  return { ...model, initializers: [{ name: 'kernel 2', dims, data }, ...model.initializers] };
};

describe('conversion to half precision', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faceswap-half-model-'));
  after(() => rmSync(folder, { recursive: true }));

  it('inputs and outputs stay float32, and weights of products become float16', () => {
    const summary = inspectModel(converted(withSecondKernel()));
    assert.deepEqual(
      [...summary.inputs, ...summary.outputs].map(({ name, elementTypeCode }) => [name, elementTypeCode]),
      [
        ['picture', float32],
        ['vector', float32],
        ['large', float32],
      ],
    );
    const types = new Map(summary.initializers.map(({ name, elementTypeCode }) => [name, elementTypeCode]));
    for (const name of ['kernel', 'kernel 2', 'dense', 'bias']) {
      assert.equal(types.get(`${name} faceswap half`), float16, name);
      assert.equal(types.has(name), false, `${name} is stored twice`);
    }
    for (const name of ['scale', 'shift', 'twice']) assert.equal(types.get(name), float32, name);
  });

  it('the last constant stays the last one, even though no operation takes it', () => {
    const { initializers } = inspectModel(converted(withSecondKernel()));
    assert.equal(initializers.at(-1)?.name, 'embedding');
    assert.equal(initializers.at(-1)?.elementTypeCode, float32);
  });

  it('a normalisation keeps its single precision between two conversions', () => {
    const { nodes } = inspectModel(converted(withSecondKernel()));
    const at = nodes.findIndex(({ opType }) => opType === 'InstanceNormalization');
    assert.deepEqual(nodes[at]?.inputs, ['features', 'scale', 'shift']);
    assert.deepEqual(
      nodes.filter(({ opType }) => opType === 'Cast').map(({ inputs, outputs }) => [inputs[0], outputs[0]]),
      [
        ['picture', 'picture faceswap half'],
        ['features faceswap half', 'features'],
        ['normal', 'normal faceswap half'],
        ['vector faceswap half', 'vector'],
        ['large faceswap half', 'large'],
      ],
    );
  });

  it('every half weight is the nearest half of its single one', async () => {
    // 2049 lies between the halves 2048 and 2050, as near to both, and 2048 is even; 0.1 is 0.0999755859375 as a half.
    const model = modelOf({
      inputs: { vector: ['batch', 2] },
      outputs: { product: ['batch', 2] },
      weights: { matrix: { dims: [2, 2], data: Float32Array.of(2049, 0, 0, 0.1) } },
      nodes: [op('MatMul', ['vector', 'matrix'], 'product')],
    });
    const path = join(folder, 'nearest.onnx');
    writeFileSync(path, converted(model));
    const session = await createSession(path, cpu);
    const { product } = await session.run({ vector: { data: Float32Array.of(1, 1), dims: [1, 2] } });
    await session.dispose();
    assert.deepEqual(product, Float32Array.of(2048, 0.0999755859375));
  });

  it('an operation whose weights no half can hold stays single, and is exact', async () => {
    const model = modelOf({
      inputs: { vector: ['batch', 2] },
      outputs: { sum: ['batch', 2] },
      weights: {
        small: { dims: [2, 2], data: Float32Array.of(1, 0, 0, 1) },
        large: { dims: [2, 2], data: Float32Array.of(70001, 0, 0, 70003) },
      },
      nodes: [op('MatMul', ['vector', 'small'], 'same'), op('MatMul', ['same', 'large'], 'sum')],
    });
    const bytes = converted(model);
    assert.ok(inspectModel(bytes).initializers.some(({ name }) => name === 'large'));
    const path = join(folder, 'large-weights.onnx');
    writeFileSync(path, bytes);
    const session = await createSession(path, cpu);
    const { sum } = await session.run({ vector: { data: Float32Array.of(1, 2), dims: [1, 2] } });
    await session.dispose();
    assert.deepEqual(sum, Float32Array.of(70001, 140006));
  });

  it('a variance too small for the digits of a half stays single', () => {
    const normalised = (variance: number): OnnxModel =>
      modelOf({
        inputs: { picture: [1, 1, 4, 4] },
        outputs: { normal: [1, 1, 4, 4] },
        weights: {
          kernel: weights([1, 1, 1, 1], 1),
          one: { dims: [1], data: Float32Array.of(1) },
          variance: { dims: [1], data: Float32Array.of(variance) },
        },
        nodes: [
          op('Conv', ['picture', 'kernel'], 'features'),
          op('BatchNormalization', ['features', 'one', 'one', 'one', 'variance'], 'normal'),
        ],
      });
    const typeOfVariance = (variance: number): number | undefined =>
      inspectModel(converted(normalised(variance))).initializers.find(({ name }) =>
        name.startsWith('variance'),
      )?.elementTypeCode;
    assert.equal(typeOfVariance(1e-6), float32);
    // The last constant of the graph is kept beside its half.
    assert.equal(typeOfVariance(0.5), float16);
  });

  it('an operation that no rule knows gets and gives single precision', () => {
    const foreign = modelOf({
      inputs: { vector: [1, 2] },
      outputs: { other: [1, 2] },
      weights: { matrix: weights([2, 2], 1) },
      nodes: [op('MatMul', ['vector', 'matrix'], 'product'), op('Hardmax', ['product'], 'other')],
    });
    const { nodes } = inspectModel(converted(foreign));
    assert.deepEqual(nodes.at(-1)?.inputs, ['product']);
  });

  it('whole numbers are left alone, and so is a graph with nothing to convert', () => {
    const shapes = inspectModel(converted(fixedBatchModel())).initializers.filter(({ name }) =>
      name.endsWith('shape'),
    );
    assert.ok(shapes.length === 4 && shapes.every(({ elementTypeCode }) => elementTypeCode === 7));
    const nothing = modelOf({
      inputs: { a: [1, 2] },
      outputs: { b: [1, 2] },
      nodes: [op('Relu', ['a'], 'b')],
    });
    assert.deepEqual(halfModel(encodeModel(nothing)), { kind: 'unchanged' });
  });

  it('bytes that are no model are refused as such', () => {
    for (const bytes of [
      Buffer.from('no model'),
      Buffer.alloc(0),
      encodeModel(mixedModel()).subarray(0, 300),
    ]) {
      assert.throws(
        () => halfModel(bytes),
        (error) => error instanceof FaceswapError && error.kind === 'model',
      );
    }
  });

  it('a converted model is compared once, kept, used again, and made again when it was damaged', async () => {
    const model = writeModel(join(folder, 'mixed.onnx'), withSecondKernel());
    const options = { ...cpu, folder: join(folder, 'cache') };
    const first = await halvedModel(model, options);
    assert.ok(first.error > 0 && first.error < 0.01, String(first.error));
    const bytes = readFileSync(first.path);
    assert.equal(readdirSync(options.folder).length, 2);
    assert.deepEqual(await halvedModel(model, options), first);
    writeFileSync(first.path, 'damaged');
    assert.deepEqual(await halvedModel(model, options), first);
    assert.deepEqual(readFileSync(first.path), bytes);
  });

  it('a model whose pictures may have any size is compared at one of them', async () => {
    const model = writeModel(
      join(folder, 'any-size.onnx'),
      modelOf({
        inputs: { picture: [1, 3, 'height', 'width'] },
        outputs: { features: [1, 2, 'height', 'width'] },
        weights: { kernel: weights([2, 3, 1, 1], 1) },
        nodes: [op('Conv', ['picture', 'kernel'], 'features')],
      }),
    );
    const { error } = await halvedModel(model, { ...cpu, folder: join(folder, 'any-size') });
    assert.ok(error > 0 && error < 0.001, String(error));
  });

  it('a model that comes out too different is refused with the figure, also the second time', async () => {
    // The difference of two products that are almost the same: what halves round away is all that is left.
    const model = writeModel(
      join(folder, 'cancelling.onnx'),
      modelOf({
        inputs: { vector: ['batch', 2] },
        outputs: { difference: ['batch', 1] },
        weights: {
          first: { dims: [2, 1], data: Float32Array.of(1, 1) },
          second: { dims: [2, 1], data: Float32Array.of(1.0001, 1.0001) },
        },
        nodes: [
          op('MatMul', ['vector', 'first'], 'one'),
          op('MatMul', ['vector', 'second'], 'other'),
          op('Sub', ['one', 'other'], 'difference'),
        ],
      }),
    );
    const options = { ...cpu, folder: join(folder, 'refused') };
    for (let time = 0; time < 2; time++) {
      await assert.rejects(halvedModel(model, options), (error) => {
        assert.ok(error instanceof FaceswapError && error.kind === 'model', String(error));
        assert.match(error.message, /half precision: its output "difference" is 100 % off; 1 % is the most/);
        assert.equal(error.context.file, model);
        return true;
      });
    }
    assert.deepEqual(
      readdirSync(options.folder).filter((name) => !name.endsWith('.json')),
      [],
    );
  });
});
