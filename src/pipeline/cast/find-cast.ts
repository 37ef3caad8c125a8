import { FaceswapError } from '../../errors.js';
import { eitherSignal, interruption } from '../interruption.js';
import type { PlanSegment, RenderPlan } from '../plan.js';
import { RenderProgress } from '../render-progress.js';
import { targetFailure, untilReady } from '../render-segments.js';
import { withRetries } from '../retry.js';
import type { RunParts } from '../run-parts.js';
import type { TeamMember, WorkerTeam } from '../worker-team.js';
import { type AnalysisContext, analyseSegment } from './analyse-segment.js';
import { buildCast } from './build-cast.js';
import type { Cast } from './cast.js';
import type { SegmentTrack } from './segment-tracks.js';
import type { AnalysedSegment } from './track-chain.js';

/** Where the cast is looked for, and by whom. */
export type CastSearch = {
  /** All of its segments are looked at. */
  readonly plan: Pick<RenderPlan, 'range' | 'segments'>;
  /** Its chains must have been made with `needsCast`; they need no source faces for this. */
  readonly team: WorkerTeam;
  /** Frame buffers without which a worker cannot go on. */
  readonly leastFrames: number;
  readonly context: AnalysisContext;
};

/** What of a run is told and asked meanwhile. */
export type CastReporting = Pick<RunParts, 'progress' | 'warnings' | 'signal' | 'retryPolicy'>;

/**
 * Follows the faces of the target: looks at all segments, each by one of the workers, and renders none. It is a pass of its own over
 * the target, in the phase `cast`; what it finds out goes into the analysis cache, where the rendering after it finds it again.
 * Transient failures are tried again as those of rendering are. What is found does not depend on the number of workers.
 *
 * @returns the tracks of each segment, in order
 * @throws FaceswapError: the failure of any segment, since a cast with a hole would be another one; `interrupted` on abort.
 */
export async function findTracks(
  { progress, warnings, signal, retryPolicy }: CastReporting,
  { plan, team, leastFrames, context }: CastSearch,
): Promise<readonly AnalysedSegment[]> {
  progress.emit({ type: 'phase', phase: 'cast' });
  const seen = new RenderProgress(progress, plan.range.end - plan.range.start);
  const analyse = async (
    segment: PlanSegment,
    member: TeamMember,
    halt: AbortSignal,
  ): Promise<readonly SegmentTrack[]> => {
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
          stage: 'cast',
          onRetry: ({ failure, attempt, tries, delayMs }) => {
            const error = failure.toRecord();
            progress.emit({ type: 'retry', segment: segment.index, attempt, tries, delayMs, error });
            warnings.add(
              {
                code: 'segment-retried',
                message: `Segment ${segment.index} is looked at again (try ${attempt} of ${tries}): ${failure.message}`,
              },
              `cast ${segment.index} ${attempt}`,
            );
            if (failure.context.retry === 'smaller') member.economise(leastFrames);
          },
        },
      );
    } catch (error) {
      if (signal?.aborted === true) throw interruption();
      if (halt.aborted) throw error;
      throw FaceswapError.from(error, 'cast').with({ segment: segment.index });
    } finally {
      dispose();
    }
  };
  const tracks = await team.map(plan.segments, analyse);
  return plan.segments.map(({ index, render }, at) => ({
    segment: index,
    render,
    tracks: tracks[at] as readonly SegmentTrack[],
  }));
}

/**
 * Finds out who is in the target.
 *
 * @throws FaceswapError as {@link findTracks}.
 */
export const findCast = async (reporting: CastReporting, search: CastSearch): Promise<Cast> =>
  buildCast(await findTracks(reporting, search));
