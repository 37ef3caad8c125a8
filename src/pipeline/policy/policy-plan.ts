import { FaceswapError } from '../../errors.js';
import { externalModel, type ModelFile, requireModel } from '../../inference/model-store.js';
import type { RunConfig } from '../run-options.js';
import type { MissedPolicyCheck } from './policy-report.js';

/** The models of the content analyser; two of them must object. */
export const contentAnalyserModels = ['nsfw_1', 'nsfw_2', 'nsfw_3'] as const;

/** The checks of a run. */
export type PolicyPlan = {
  /** All models of the content analyser, or none where it does not run. */
  readonly analysers: readonly ModelFile<'content-analyser'>[];
  /** Program and arguments; null where none is asked. */
  readonly command: readonly string[] | null;
  readonly notRun: readonly MissedPolicyCheck[];
};

/** No check at all. */
export const noPolicy: PolicyPlan = { analysers: [], command: null, notRun: [] };

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
  const found: ModelFile<'content-analyser'>[] = [];
  const missing: string[] = [];
  let firstFile: string | undefined;
  for (const id of contentAnalyserModels) {
    try {
      found.push(requireModel(externalModel(id), ['content-analyser'], modelDir));
    } catch (error) {
      if (!(error instanceof FaceswapError) || error.kind !== 'model') throw error;
      missing.push(id);
      firstFile ??= error.context.file;
    }
  }
  if (missing.length > 0 && contentAnalyser === 'require') {
    throw new FaceswapError(
      'model',
      `The content analyser is required and its models are not there: ${missing.join(', ')}`,
      {
        file: firstFile,
        stage: 'policy',
        hint: `Fetch them with: faceswap models pull ${missing.join(' ')}`,
      },
    );
  }
  return {
    analysers: missing.length === 0 ? found : [],
    command: policyCommand ?? null,
    notRun:
      missing.length === 0
        ? []
        : [{ check: 'content-analyser', reason: `models are not there: ${missing.join(', ')}` }],
  };
}
