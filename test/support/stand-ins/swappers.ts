import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { OnnxModel } from '../../../src/inference/onnx-file.js';
import type { ExternalModelEntry, SwapperContract } from '../../../src/inference/model-contracts.js';
import { loadRegistry } from '../../../src/inference/model-registry.js';
import { int, integers, ints, modelOf, op, randomWeights, writeModel } from '../../inference/unit-models.js';

/** What a stand-in makes of the crop: the crop itself, its negative, or twice its values, which leaves 0..1. */
export type SwapperLook = 'echo' | 'negative' | 'double';

/** The registry's swappers. */
export const swapperEntries = (): readonly (ExternalModelEntry & { readonly contract: SwapperContract })[] =>
  loadRegistry().models.flatMap((entry) =>
    !entry.embedded && entry.contract.kind === 'swapper' ? [{ ...entry, contract: entry.contract }] : [],
  );

/** INSwapper's matrix in the stand-ins: its last constant, row after row. */
export const standInMatrix: Float32Array = randomWeights(512 * 512, 5);

const constant = (value: number) => ({ dims: [1], data: Float32Array.of(value) });

/** A swapper of this contract's signature that does not look at the source. */
export const swapperStandIn = (contract: SwapperContract, look: SwapperLook): OnnxModel => {
  const { image, sizePx, source, denormalise } = contract;
  const picture = ['batch', 3, sizePx, sizePx];
  const sourceDims =
    source.kind === 'embedding' ? ['batch', source.length] : ['batch', 3, source.sizePx, source.sizePx];
  const name = source.kind === 'embedding' ? source.name : source.image.name;
  const ends = [op('Mul', [image.name, 'gain'], 'scaled'), op('Add', ['scaled', 'lift'], 'output')];
  const isNegative = look === 'negative';
  const matrix = { dims: [512, 512], data: standInMatrix };
  return modelOf({
    inputs: { [image.name]: picture, [name]: sourceDims },
    outputs: { output: picture },
    weights: {
      gain: constant(isNegative ? -1 : 2),
      // The negative of 0..1 is its distance to 1, that of −1..1 to 0.
      lift: constant(isNegative && !denormalise ? 1 : 0),
      ...(source.kind === 'embedding' && source.form === 'emap' ? { matrix } : {}),
    },
    nodes: look === 'echo' ? [op('Identity', [image.name], 'output')] : ends,
  });
};

/** A recogniser whose embedding is the first 512 values of its input: the red ones of the top rows. */
export const arcfaceStandIn = (): OnnxModel =>
  modelOf({
    inputs: { input: ['batch', 3, 112, 112] },
    outputs: { output: ['batch', 512] },
    weights: { from: integers(0), to: integers(512), axes: integers(1) },
    nodes: [
      op('Flatten', ['input'], 'values', { axis: int(1) }),
      op('Slice', ['values', 'from', 'to', 'axes'], 'output'),
    ],
  });

/** A converter that gives three times each number, and 0.25. */
export const converterStandIn = (): OnnxModel =>
  modelOf({
    inputs: { input: [1, 512] },
    outputs: { output: [1, 512] },
    weights: { gain: constant(3), lift: constant(0.25) },
    nodes: [op('Mul', ['input', 'gain'], 'scaled'), op('Add', ['scaled', 'lift'], 'output')],
  });

/**
 * A DeepFaceLive model: the picture is its input times the morph value, the masks are constants. As in real files the outputs' axes are
 * left open.
 */
export const deepSwapperStandIn = (
  sizePx: number,
  masks: { readonly target: Float32Array; readonly source: Float32Array },
): OnnxModel => {
  const mask = (data: Float32Array) => ({ dims: [1, sizePx, sizePx, 1], data });
  return modelOf({
    inputs: { 'in_face:0': ['batch', sizePx, sizePx, 3], 'morph_value:0': [1] },
    outputs: {
      'out_face_mask:0': ['batch', 'rows', 'columns', 1],
      'out_celeb_face:0': ['batch', 'rows', 'columns', 3],
      'out_celeb_face_mask:0': ['batch', 'rows', 'columns', 1],
    },
    weights: {
      target: mask(masks.target),
      source: mask(masks.source),
      zero: constant(0),
    },
    nodes: [
      op('Mul', ['in_face:0', 'morph_value:0'], 'out_celeb_face:0'),
      op('ReduceMax', ['in_face:0'], 'brightest', { axes: ints(3), keepdims: int(1) }),
      op('Mul', ['brightest', 'zero'], 'nothing'),
      op('Add', ['nothing', 'target'], 'out_face_mask:0'),
      op('Add', ['nothing', 'source'], 'out_celeb_face_mask:0'),
    ],
  });
};

/**
 * Writes stand-ins for a swapper and all that it needs into a model folder, under the names that the registry has for them.
 *
 * @returns the folder
 */
export const writeSwapperStandIns = (folder: string, id: string, look: SwapperLook): string => {
  mkdirSync(folder, { recursive: true });
  const entry = swapperEntries().find((known) => known.id === id);
  if (entry === undefined) throw new Error(`${id} is no swapper`);
  writeModel(join(folder, entry.file), swapperStandIn(entry.contract, look));
  for (const { file, id: needed, embedded } of loadRegistry().models) {
    if (embedded || !entry.needs.includes(needed)) continue;
    const isRecognizer = needed === 'arcface_w600k_r50';
    writeModel(join(folder, file), isRecognizer ? arcfaceStandIn() : converterStandIn());
  }
  return folder;
};
