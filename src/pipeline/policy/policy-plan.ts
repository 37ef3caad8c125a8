import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { modelFolder } from '../../inference/model-folder.js';
import { externalModel, type ModelFile, requireModel } from '../../inference/model-store.js';
import type { RunConfig } from '../run-options.js';
import type { MissedPolicyCheck } from './policy-report.js';

/** The models of the content analyser; two of them must object. */
export const contentAnalyserModels = ['nsfw_1', 'nsfw_2', 'nsfw_3'] as const;

/** Name of a model's file, as the registry says it as well. */
const fileOf = (id: (typeof contentAnalyserModels)[number]): string => `${id}.onnx`;

/** The checks of a run. */
export type PolicyPlan = {
  /** All models of the content analyser, or none where it does not run. */
  readonly analysers: readonly ModelFile<'content-analyser'>[];
  /** Program and arguments; null where none is asked. */
  readonly command: readonly string[] | null;
  readonly notRun: readonly MissedPolicyCheck[];
};

/**
 * Decides which checks look at a run. The content analyser does whenever its models are in the model folder.
 *
 * @throws FaceswapError `model`, with the command that fetches them, when its models are required and not there.
 */
export function planPolicy({
  contentAnalyser,
  policyCommand,
  modelDir,
}: Pick<RunConfig, 'contentAnalyser' | 'policyCommand' | 'modelDir'>): PolicyPlan {
  const folder = modelDir ?? modelFolder();
  // Asked before the registry is read, which takes longer than all that a run without checks may spend here.
  const missing = contentAnalyserModels.filter((id) => !existsSync(join(folder, fileOf(id))));
  const [first] = missing;
  if (first !== undefined && contentAnalyser === 'require') {
    throw new FaceswapError(
      'model',
      `The content analyser is required and its models are not there: ${missing.join(', ')}`,
      {
        file: join(folder, fileOf(first)),
        stage: 'policy',
        hint: `Fetch them with: faceswap models pull ${missing.join(' ')}`,
      },
    );
  }
  return {
    analysers:
      missing.length === 0
        ? contentAnalyserModels.map((id) => requireModel(externalModel(id), ['content-analyser'], folder))
        : [],
    command: policyCommand ?? null,
    notRun:
      missing.length === 0
        ? []
        : [
            {
              check: 'content-analyser',
              reason: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not there`,
            },
          ],
  };
}
