import { FaceswapError } from '../../errors.js';
import { eitherSignal, interruption } from '../interruption.js';
import type { PlanSegment, RenderPlan } from '../plan.js';
import { RenderProgress } from '../render-progress.js';
import { targetFailure, untilReady } from '../render-segments.js';
import { withRetries } from '../retry.js';
import type { RunParts } from '../run-parts.js';
import type { TeamMember, WorkerTeam } from '../worker-team.js';
import { type AnalysisContext, analyseSegment } from './analyse-segment.js';
import type { SegmentFindings } from './segment-findings.js';

/** What is looked at, and by whom. */
export type TargetAnalysis = {
  /** All of its segments are looked at. */
  readonly plan: Pick<RenderPlan, 'range' | 'segments'>;
  /** Its chains need no source faces for this; identities are sampled where they were made with `needsCast`. */
  readonly team: WorkerTeam;
  /** Frame buffers without which a worker cannot go on. */
  readonly leastFrames: number;
  readonly context: AnalysisContext;
  /** What the progress calls it, and the stage of failures that have none of their own. */
  readonly phase: 'cast' | 'scenes';
};

/** What of a run is told and asked meanwhile. */
export type AnalysisReporting = Pick<RunParts, 'progress' | 'warnings' | 'signal' | 'retryPolicy'>;

/**
 * Looks at all segments of a target, each by one of the workers, and renders none. It is a pass of its own over
 * the target; what it finds out goes into the analysis cache, where the rendering after it finds it again.
 * Transient failures are tried again as those of rendering are. The findings do not depend on the number of workers.
 *
 * @returns one for each segment of the plan, in order
 * @throws FaceswapError: the failure of any segment; `interrupted` on abort.
 */
export async function analyseTarget(
  { progress, warnings, signal, retryPolicy }: AnalysisReporting,
  { plan, team, leastFrames, context, phase }: TargetAnalysis,
): Promise<readonly SegmentFindings[]> {
  progress.emit({ type: 'phase', phase });
  const seen = new RenderProgress(progress, plan.range.end - plan.range.start);
  const analyse = async (
    segment: PlanSegment,
    member: TeamMember,
    halt: AbortSignal,
  ): Promise<SegmentFindings> => {
    const { signal: stop, dispose } = eitherSignal(halt, signal);
    let counted = 0;
    try {
      return await withRetries(
        async () => {
          member.renew();
          await untilReady(member, context, stop);
          const { worker, lane } = member;
          let passed = 0;
          const onFrames = (frames: number): void => {
            passed += frames;
            // Frames of a second try have been counted before.
            if (passed <= counted) return;
            seen.advance(passed - counted);
            counted = passed;
          };
          try {
            return await analyseSegment(context, segment, { worker, lane, halt, onFrames });
          } catch (error) {
            if (stop.aborted || FaceswapError.from(error).context.stage !== 'decode') throw error;
            throw (await targetFailure(context.target)) ?? error;
          }
        },
        {
          policy: retryPolicy,
          clock: context.patience.clock,
          signal: stop,
          stage: phase,
          onRetry: ({ failure, attempt, tries, delayMs }) => {
            const error = failure.toRecord();
            progress.emit({ type: 'retry', segment: segment.index, attempt, tries, delayMs, error });
            warnings.add(
              {
                code: 'segment-retried',
                message: `Segment ${segment.index} is looked at again (try ${attempt} of ${tries}): ${failure.message}`,
              },
              `${phase} ${segment.index} ${attempt}`,
            );
            if (failure.context.retry === 'smaller') member.economise(leastFrames);
          },
        },
      );
    } catch (error) {
      if (signal?.aborted === true) throw interruption();
      if (halt.aborted) throw error;
      throw FaceswapError.from(error, phase).with({ segment: segment.index });
    } finally {
      dispose();
    }
  };
  return team.map(plan.segments, analyse);
}
