import type { SmootherSettings } from '../processors/landmark-smoother/landmark-smoother.js';
import type { RunConfig } from './run-options.js';

/** The options of the smoother as it takes them. */
export const smootherSettings = ({
  landmarkSmoother,
  smootherWindow,
  smootherAlpha,
}: Pick<RunConfig, 'landmarkSmoother' | 'smootherWindow' | 'smootherAlpha'>): SmootherSettings => ({
  mode: landmarkSmoother,
  windowFrames: smootherWindow,
  alpha: smootherAlpha,
});
