import { AlignedCropper } from '../imaging/aligned-cropper.js';
import { type CropMasks, FaceCropMasks } from '../processors/face-masker/crop-masks.js';
import type { CropCutter, OpenedOccluder } from '../processors/face-masker/occlusion-masks.js';
import type { OpenedParser } from '../processors/face-masker/region-masks.js';
import { softBoxMask } from '../processors/multiband-blender/soft-mask.js';
import { openBatchedModel } from './batched-model.js';
import type { NeuralModelFiles } from './chain-models.js';
import { cropArithmetic } from './crop-arithmetic.js';
import type { ChainMachine, ChainSettings } from './face-chain.js';

/** The models that masks are made with, loaded once for all crops of a thread. */
export type MaskModels = {
  readonly occluders: readonly OpenedOccluder[];
  readonly parser: OpenedParser | null;
  dispose(): Promise<void>;
};

type MaskSettings = Pick<
  ChainSettings,
  'faceMaskTypes' | 'faceMaskAreas' | 'faceMaskRegions' | 'faceMaskBlur' | 'faceMaskPadding' | 'compat'
>;

/**
 * Loads the models for masks that a run's options ask for.
 *
 * @throws FaceswapError as `openBatchedModel`
 */
export async function openMaskModels(
  files: Pick<NeuralModelFiles, 'occluders' | 'parser'>,
  settings: ChainSettings,
  machine: Pick<ChainMachine, 'batchSize' | 'cacheFolder'>,
): Promise<MaskModels> {
  const occluders: OpenedOccluder[] = [];
  let parser: OpenedParser | null = null;
  const dispose = async (): Promise<void> => {
    for (const { session } of occluders) await session.dispose();
    await parser?.session.dispose();
  };
  try {
    for (const model of files.occluders) {
      const { contract } = model;
      occluders.push({ contract, ...(await openBatchedModel(model, settings, machine)) });
    }
    if (files.parser !== null) {
      const { contract } = files.parser;
      parser = { contract, ...(await openBatchedModel(files.parser, settings, machine)) };
    }
    return { occluders, parser, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** What FaceFusion cuts crops with; null where our own arithmetic is used. */
const plainCutOf = (settings: MaskSettings): CropCutter | null => {
  const arithmetic = cropArithmetic(settings);
  if (arithmetic === 'ours') return null;
  const cropper = new AlignedCropper(arithmetic);
  return (frame, toFrame, sizePx, out) => cropper.cut(frame, toFrame, sizePx, out, { scale: 1, offset: 0 });
};

/**
 * The masks of a swapper's crops.
 *
 * @param models null where the types that were asked for need none
 * @param plainCut what cuts them where FaceFusion's arithmetic is used; null: ours
 * @throws FaceswapError `model` for a model that does not fit its contract
 */
export function swapMasks(
  models: MaskModels | null,
  settings: MaskSettings,
  sizePx: number,
  plainCut: CropCutter | null,
): CropMasks {
  const { faceMaskTypes: types, faceMaskBlur, faceMaskPadding } = settings;
  const { top, right, bottom, left } = faceMaskPadding;
  return new FaceCropMasks({
    sizePx,
    box: types.includes('box') ? softBoxMask(sizePx, faceMaskBlur, [top, right, bottom, left]) : null,
    occluders: types.includes('occlusion') ? (models?.occluders ?? []) : [],
    areas: types.includes('area') ? settings.faceMaskAreas : [],
    parser: types.includes('region') ? (models?.parser ?? null) : null,
    regions: settings.faceMaskRegions,
    plainCut,
  });
}

/**
 * The masks of an enhancer's crops: the box without padding, and occlusion where it was asked for. Areas and regions are the swapper's.
 *
 * @throws FaceswapError as {@link swapMasks}
 */
export function enhancementMasks(
  models: MaskModels | null,
  settings: MaskSettings,
  sizePx: number,
): CropMasks {
  return new FaceCropMasks({
    sizePx,
    box: softBoxMask(sizePx, settings.faceMaskBlur, [0, 0, 0, 0]),
    occluders: settings.faceMaskTypes.includes('occlusion') ? (models?.occluders ?? []) : [],
    areas: [],
    parser: null,
    regions: [],
    plainCut: plainCutOf(settings),
  });
}
