import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ContractOf } from '../../../src/inference/model-contracts.js';
import { loadRegistry } from '../../../src/inference/model-registry.js';
import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { modelOf, op, writeModel } from '../../inference/unit-models.js';

/** Mean and standard deviation of ImageNet's channels, 0..1, red first. */
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/**
 * A model with a parser's signature that says of each pixel the class whose share of all (class ÷ 18) is nearest to one of its colour
 * channels, 0..1.
 */
export const parserModel = (
  { sizePx, image, classCount }: ContractOf<'bisenet'>,
  channel: 0 | 1 | 2,
  batch: number | string,
): OnnxModel => {
  const kernel = new Float32Array(classCount * 3);
  const bias = new Float32Array(classCount);
  // −(value − share)² without its square of value, which is the same for all classes.
  for (let id = 0; id < classCount; id++) {
    const share = id / (classCount - 1);
    kernel[3 * id + channel] = 2 * share * imageNet.std[channel];
    bias[id] = 2 * share * imageNet.mean[channel] - share * share;
  }
  return modelOf({
    inputs: { [image.name]: [batch, 3, sizePx, sizePx] },
    outputs: { output: [batch, classCount, sizePx, sizePx] },
    weights: {
      kernel: { dims: [classCount, 3, 1, 1], data: kernel },
      bias: { dims: [classCount], data: bias },
    },
    nodes: [op('Conv', [image.name, 'kernel', 'bias'], 'output')],
  });
};

/** Writes every parser of the registry into a folder. */
export const writeStandInParsers = (folder: string): void => {
  mkdirSync(folder, { recursive: true });
  for (const entry of loadRegistry().models) {
    if (entry.embedded || entry.contract.kind !== 'bisenet') continue;
    writeModel(join(folder, entry.file), parserModel(entry.contract, 0, 1));
  }
};
