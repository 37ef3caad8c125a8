import type { TargetMedia } from '../media/target-media.js';
import { frameAtTrim, makePlan, type RenderPlan, trimmedRange } from './plan.js';
import type { RunConfig } from './run-options.js';
import { readSceneCuts } from './scene-cuts.js';

/** The cuts that `--scene-cuts` gives; null where they are to be found. */
const listedCuts = async (target: TargetMedia, config: RunConfig): Promise<readonly number[] | null> => {
  const { sceneCuts } = config;
  if (sceneCuts === 'auto') return null;
  if (sceneCuts === 'none') return [];
  return readSceneCuts(sceneCuts, { target, range: trimmedRange(target, config), frameAt: frameAtTrim });
};

/**
 * Plans a run, with the list of cuts where one is given.
 *
 * @throws FaceswapError (usage) when the trim options leave no frame, or for a list of cuts that does not fit.
 */
export const planTarget = async (target: TargetMedia, config: RunConfig): Promise<RenderPlan> =>
  makePlan({ target, config, sceneCuts: await listedCuts(target, config) });
