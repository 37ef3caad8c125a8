import { writeFileSync } from 'node:fs';
import {
  encodeModel,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
} from '../../src/inference/onnx-file.js';
import { seededRandom } from '../support/unit-random.js';

/** Weights that are the same on every machine. */
export const randomWeights = (length: number, seed: number): Float32Array => {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.between(-0.5, 0.5));
};

export const ints = (...value: number[]): OnnxAttribute => ({ type: 'ints', value });
export const int = (value: number): OnnxAttribute => ({ type: 'int', value });

/** A node named after its output. */
export const op = (
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, OnnxAttribute>> = {},
): OnnxNode => ({ opType, name: output, inputs, outputs: [output], attributes });

/** A model of the parts that differ from test to test. */
export const modelOf = (
  parts: Pick<OnnxModel, 'nodes'> & {
    inputs: Readonly<Record<string, readonly (number | string)[]>>;
    outputs: Readonly<Record<string, readonly (number | string)[]>>;
    weights?: Readonly<Record<string, { dims: readonly number[]; data: Float32Array | BigInt64Array }>>;
  },
): OnnxModel => {
  const values = (all: Readonly<Record<string, readonly (number | string)[]>>) =>
    Object.entries(all).map(([name, dims]) => ({ name, elementType: 'float32' as const, dims }));
  return {
    graphName: 'test',
    opset: 17,
    producer: { name: 'test', version: '1' },
    inputs: values(parts.inputs),
    outputs: values(parts.outputs),
    initializers: Object.entries(parts.weights ?? {}).map(([name, tensor]) => ({ name, ...tensor })),
    nodes: parts.nodes,
  };
};

/** A constant shape or list of axes. */
export const integers = (...values: number[]) => ({
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

export const weights = (dims: readonly number[], seed: number) => ({
  dims,
  data: randomWeights(
    dims.reduce((product, dim) => product * dim, 1),
    seed,
  ),
});

/**
 * A small network with a fixed batch of 1 in its signature and in all three of its shapes: convolution, attention-like
 * reshaping to rows and back, and a fully connected end.
 */
export const fixedBatchModel = (): OnnxModel =>
  modelOf({
    inputs: { picture: [1, 3, 8, 8], style: [1, 6], strength: [1] },
    outputs: { changed: [1, 8, 8, 8], vector: [1, 10] },
    weights: {
      kernel: weights([8, 3, 3, 3], 1),
      mix: weights([8, 8], 2),
      dense: weights([512, 10], 3),
      styling: weights([6, 8], 4),
      'rows shape': integers(1, 8, -1),
      'picture shape': integers(1, 8, 8, 8),
      'style shape': integers(1, 8, 1, 1),
      'flat shape': integers(1, -1),
    },
    nodes: [
      op('Conv', ['picture', 'kernel'], 'features', { pads: ints(1, 1, 1, 1) }),
      op('Reshape', ['features', 'rows shape'], 'rows'),
      op('Transpose', ['rows'], 'columns', { perm: ints(0, 2, 1) }),
      op('MatMul', ['columns', 'mix'], 'mixed columns'),
      op('Transpose', ['mixed columns'], 'mixed rows', { perm: ints(0, 2, 1) }),
      op('Reshape', ['mixed rows', 'picture shape'], 'mixed'),
      op('MatMul', ['style', 'styling'], 'style row'),
      op('Reshape', ['style row', 'style shape'], 'style map'),
      op('Mul', ['style map', 'strength'], 'strong style'),
      op('Add', ['mixed', 'strong style'], 'changed'),
      op('Reshape', ['changed', 'flat shape'], 'flat'),
      op('MatMul', ['flat', 'dense'], 'vector'),
    ],
  });

/** Writes a model and gives its path. */
export const writeModel = (path: string, model: OnnxModel): string => {
  writeFileSync(path, encodeModel(model));
  return path;
};
