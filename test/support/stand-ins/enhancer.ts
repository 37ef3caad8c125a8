import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EnhancerContract } from '../../../src/inference/model-contracts.js';
import { loadRegistry } from '../../../src/inference/model-registry.js';
import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import { int, modelOf, op, writeModel } from '../../inference/unit-models.js';

/** What a generated enhancer gives: `output = input · scale + offset + byWeight · weight`, each per channel. */
export type EnhancerForm = {
  readonly scale: readonly [number, number, number];
  /** 3 × sizePx × sizePx, or one for each channel. */
  readonly offset: Float32Array;
  readonly byWeight?: number;
  readonly batch: number | string;
};

/** A model with an enhancer's signature. */
export const enhancerModel = (
  { sizePx, image, weight }: EnhancerContract,
  { scale, offset, byWeight = 0, batch }: EnhancerForm,
): OnnxModel => {
  const dims = [batch, 3, sizePx, sizePx];
  const side = offset.length === 3 ? 1 : sizePx;
  const model = modelOf({
    inputs: { [image.name]: dims },
    outputs: { output: dims },
    weights: {
      scale: { dims: [1, 3, 1, 1], data: Float32Array.from(scale) },
      offset: { dims: [1, 3, side, side], data: offset },
      'by weight': { dims: [1], data: Float32Array.of(byWeight) },
    },
    nodes: [
      op('Mul', [image.name, 'scale'], 'scaled'),
      op('Add', ['scaled', 'offset'], weight === undefined ? 'output' : 'moved'),
      ...(weight === undefined
        ? []
        : [
            op('Cast', [weight.name], 'float weight', { to: int(1) }),
            op('Mul', ['float weight', 'by weight'], 'weighed'),
            op('Add', ['moved', 'weighed'], 'output'),
          ]),
    ],
  });
  if (weight === undefined) return model;
  const { name, elementType } = weight;
  return { ...model, inputs: [...model.inputs, { name, elementType, dims: [1] }] };
};

/** Writes every enhancer of the registry into a folder: each gives back its input with a little more contrast. */
export const writeStandInEnhancers = (folder: string): void => {
  mkdirSync(folder, { recursive: true });
  for (const entry of loadRegistry().models) {
    if (entry.embedded || entry.contract.kind !== 'enhancer') continue;
    const form = { scale: [1.25, 1.25, 1.25], offset: new Float32Array(3), batch: 1 } as const;
    writeModel(join(folder, entry.file), enhancerModel(entry.contract, form));
  }
};
