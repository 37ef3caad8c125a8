import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeModel, type OnnxModel } from '../../../src/inference/onnx-file.js';
import { ints, modelOf, op } from '../../inference/unit-models.js';

/** A number that says how red a picture is: the mean of R − G − B over the model's square, each 0..1; −1 for white, 1 for red. */
type Redness = { readonly sizePx: number; readonly mean: readonly number[]; readonly std: readonly number[] };

/**
 * A model that gives numbers of its input's redness: output k is `factors[k]` × redness + `constants[k]`. Exact, because the mean over the
 * picture is linear.
 */
const rednessModel = (
  { sizePx, mean, std }: Redness,
  {
    factors,
    constants,
    outputDims,
  }: {
    readonly factors: readonly number[];
    readonly constants: readonly number[];
    readonly outputDims: readonly number[];
  },
): OnnxModel => {
  const signs = [1, -1, -1];
  const count = factors.length;
  const weights = signs.flatMap((sign, channel) =>
    factors.map((factor) => (sign * factor * (std[channel] ?? 1)) / 255),
  );
  const offset = signs.reduce((sum, sign, channel) => sum + (sign * (mean[channel] ?? 0)) / 255, 0);
  return modelOf({
    inputs: { input: [1, 3, sizePx, sizePx] },
    outputs: { output: outputDims },
    weights: {
      weights: { dims: [3, count], data: Float32Array.from(weights) },
      constants: {
        dims: [count],
        data: Float32Array.from(factors, (factor, k) => factor * offset + (constants[k] ?? 0)),
      },
      shape: { dims: [outputDims.length], data: BigInt64Array.from(outputDims, BigInt) },
    },
    nodes: [
      op('ReduceMean', ['input'], 'means', { axes: ints(2, 3), keepdims: { type: 'int', value: 0 } }),
      op('MatMul', ['means', 'weights'], 'weighted'),
      op('Add', ['weighted', 'constants'], 'numbers'),
      op('Reshape', ['numbers', 'shape'], 'output'),
    ],
  });
};

/**
 * Writes the three models of the content analyser. All object to pictures that are red: nsfw_1 from a redness of 0.2 on, nsfw_2 from 0.125, nsfw_3
 * from 0.105. What the black border around a picture covers has a redness of 0.
 */
export function writeContentAnalysers(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const models = {
    // Rows before the fifth are boxes, which do not count.
    nsfw_1: rednessModel(
      { sizePx: 640, mean: [0, 0, 0], std: [255, 255, 255] },
      { factors: [0, 0, 0, 0, 1, 0.5], constants: [9, 9, 9, 9, 0, 0], outputDims: [1, 6, 1] },
    ),
    nsfw_2: rednessModel(
      { sizePx: 384, mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
      { factors: [2, 0], constants: [3, 3], outputDims: [1, 2] },
    ),
    nsfw_3: rednessModel(
      {
        sizePx: 448,
        mean: [122.7709383, 116.7460125, 104.09373615],
        std: [68.5005327, 66.6321579, 70.32316305],
      },
      { factors: [-25, -25, 25, 25], constants: [0, 0, 0, 0], outputDims: [1, 4] },
    ),
  };
  for (const [id, model] of Object.entries(models))
    writeFileSync(join(folder, `${id}.onnx`), encodeModel(model));
}
