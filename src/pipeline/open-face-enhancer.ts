import { warpTemplates } from '../imaging/warp-templates.js';
import { CropEnhancer } from '../processors/face-enhancer/crop-enhancer.js';
import { DetailEnhancer } from '../processors/face-enhancer/detail-enhancer.js';
import { eyeDistance } from '../processors/face-enhancer/enhancement-gain.js';
import type { FaceEnhancer } from '../processors/face-enhancer/face-enhancer.js';
import { openBatchedModel } from './batched-model.js';
import type { NeuralModelFiles } from './chain-models.js';
import { enhancementMasks, type MaskModels } from './crop-masking.js';
import { cropArithmetic } from './crop-arithmetic.js';
import type { ChainMachine, ChainSettings } from './face-chain.js';

/** A run's enhancer, and what is to be known of the faces that it gets. */
export type OpenedFaceEnhancer = {
  readonly enhancer: FaceEnhancer;
  /** Faces that go through it at once. */
  readonly batchSize: number;
  /** Distance of the eyes in the crops that faces were drawn from, in crop pixels; null: they are as fine as the frame. */
  readonly swappedEyesPx: number | null;
};

/** Whether a run enhances faces by the enhancer that needs no model. */
export const enhancesDetail = (settings: Pick<ChainSettings, 'processors' | 'faceEnhancerModel'>): boolean =>
  settings.processors.includes('face_enhancer') && settings.faceEnhancerModel === 'detail';

const swappedEyes = (
  files: Pick<NeuralModelFiles, 'swapper'> | null,
  { faceSwapperPixelBoostPx }: Pick<ChainSettings, 'faceSwapperPixelBoostPx'>,
): number | null => {
  if (files?.swapper === null || files?.swapper === undefined) return null;
  const { template, sizePx } = files.swapper.contract;
  return eyeDistance(warpTemplates[template]) * (faceSwapperPixelBoostPx ?? sizePx);
};

/**
 * Opens the enhancer that a run asks for.
 *
 * @param masks null where no model for masks is loaded
 * @returns null for a run that enhances nothing
 * @throws FaceswapError as `openBatchedModel`, and `model` for one that does not fit its contract
 */
export async function openFaceEnhancer(
  files: NeuralModelFiles | null,
  settings: ChainSettings,
  machine: Pick<ChainMachine, 'batchSize' | 'cacheFolder'>,
  masks: MaskModels | null,
): Promise<OpenedFaceEnhancer | null> {
  if (!settings.processors.includes('face_enhancer')) return null;
  const swappedEyesPx = swappedEyes(files, settings);
  const model = files?.enhancer ?? null;
  if (model === null) return { enhancer: new DetailEnhancer(), batchSize: 1, swappedEyesPx };
  const { contract } = model;
  const opened = await openBatchedModel(model, settings, machine);
  try {
    const enhancer = new CropEnhancer(
      { contract, ...opened },
      {
        weight: settings.faceEnhancerWeight,
        masks: enhancementMasks(masks, settings, contract.sizePx),
        arithmetic: cropArithmetic(settings),
      },
    );
    return { enhancer, batchSize: opened.batchSize, swappedEyesPx };
  } catch (error) {
    await opened.session.dispose();
    throw error;
  }
}
