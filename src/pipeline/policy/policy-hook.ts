import type { PolicyPlan } from './policy-plan.js';
import type { SampledMedia } from './policy-media.js';
import type { PolicyReport } from './policy-report.js';
import type { PolicyParts } from './policy-run.js';

/** Opens a target or an output; only called when something is going to look at it. */
export type MediaOpener = () => Promise<SampledMedia>;

/** Where a run is looked at. */
export type PolicyHook = {
  /**
   * Before anything is rendered or written: at the target and the source photos.
   *
   * @throws FaceswapError (policy) when a check refuses.
   */
  readonly before: (target: MediaOpener) => Promise<void>;
  /**
   * When the output is finished and has no name yet.
   *
   * @param file where it lies.
   * @throws FaceswapError (policy) when a check refuses.
   */
  readonly after: (output: MediaOpener, file: string) => Promise<void>;
  /** What was looked at so far. */
  readonly report: PolicyReport;
};

/** The checks of a run. Where there are none nothing is loaded, opened or decoded. */
export async function openPolicy(plan: PolicyPlan, parts: PolicyParts): Promise<PolicyHook> {
  if (plan.analysers.length > 0 || plan.command !== null) {
    const { PolicyRun } = await import('./policy-run.js');
    return new PolicyRun(plan, parts);
  }
  const nothing = (): Promise<void> => Promise.resolve();
  return { before: nothing, after: nothing, report: { checks: [], notRun: plan.notRun } };
}
