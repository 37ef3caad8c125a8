import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ContractOf } from '../../../src/inference/model-contracts.js';
import { loadRegistry } from '../../../src/inference/model-registry.js';
import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { integers, modelOf, op, writeModel } from '../../inference/unit-models.js';

/** A model with an occluder's signature: its answer is a sum of the three channels as they come in, and a constant. */
export const occluderModel = (
  { sizePx, image }: ContractOf<'xseg'>,
  weights: readonly [number, number, number],
  constant: number,
  batch: number | string,
): OnnxModel =>
  modelOf({
    inputs: { [image.name]: [batch, sizePx, sizePx, 3] },
    outputs: { output: [batch, sizePx, sizePx, 1] },
    weights: {
      weights: { dims: [3], data: Float32Array.from(weights) },
      constant: { dims: [1], data: Float32Array.of(constant) },
      axes: integers(3),
    },
    nodes: [
      op('Mul', [image.name, 'weights'], 'weighed'),
      op('ReduceSum', ['weighed', 'axes'], 'sum'),
      op('Add', ['sum', 'constant'], 'output'),
    ],
  });

/** Writes every occluder of the registry into a folder: what is nearly black counts as lying over the face. */
export const writeStandInOccluders = (folder: string): void => {
  mkdirSync(folder, { recursive: true });
  for (const entry of loadRegistry().models) {
    if (entry.embedded || entry.contract.kind !== 'xseg') continue;
    writeModel(join(folder, entry.file), occluderModel(entry.contract, [4, 4, 4], 0, 1));
  }
};
