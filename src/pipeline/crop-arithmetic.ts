import type { CropArithmetic } from '../imaging/aligned-cropper.js';
import type { NeuralSettings } from './neural-options.js';

/** Whose way of cutting and laying in crops a run asks for. */
export const cropArithmetic = ({ compat }: Pick<NeuralSettings, 'compat'>): CropArithmetic =>
  compat === 'facefusion' ? 'facefusion' : 'ours';
