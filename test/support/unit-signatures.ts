import { encodeModel } from '../../src/inference/onnx-file.js';
import { modelOf, op } from '../inference/unit-models.js';

type Shapes = Readonly<Record<string, readonly (number | string)[]>>;

/**
 * The bytes of a model with this signature that copies its first input to every output.
 *
 * @param bulkBytes of weights that nothing uses, so that the file is as large as a test wants.
 * @param seed another one gives other bytes of the same length.
 */
export const modelBytes = (inputs: Shapes, outputs: Shapes, bulkBytes = 0, seed = 1): Buffer => {
  const [first = ''] = Object.keys(inputs);
  const length = Math.ceil(bulkBytes / 4);
  const data = Float32Array.from({ length }, (_, k) => ((k * 16_807 + seed) % 65_521) / 65_521);
  return Buffer.from(
    encodeModel(
      modelOf({
        inputs,
        outputs,
        nodes: Object.keys(outputs).map((name) => op('Identity', [first], name)),
        ...(length === 0 ? {} : { weights: { bulk: { dims: [length], data } } }),
      }),
    ),
  );
};

/** A model that fits the registry's `arcface_w600k_r50`. */
export const arcfaceBytes = (bulkBytes = 0, seed = 1): Buffer =>
  modelBytes({ input: [1, 3, 112, 112] }, { embedding: [1, 512] }, bulkBytes, seed);

/** A model that fits the registry's `inswapper_128`. */
export const inswapperBytes = (seed = 1): Buffer =>
  modelBytes({ target: [1, 3, 128, 128], source: [1, 512] }, { output: [1, 3, 128, 128] }, 64, seed);
