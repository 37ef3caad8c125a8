import { stat } from 'node:fs/promises';
import { FaceswapError } from '../errors.js';
import type { TargetMedia } from '../media/target-media.js';
import { type FailedSegment, writeFailureBundle } from './failure-bundle.js';
import type { DiskLimit } from './disk-space.js';
import { fileFailure } from './file-failure.js';
import { eitherSignal, interruption, untilAborted } from './interruption.js';
import type { PlanSegment } from './plan.js';
import {
  type RenderContext,
  type RenderedSegment,
  renderSegment,
  type SegmentTrace,
} from './render-segment.js';
import { type Retry, withRetries } from './retry.js';
import type { RunParts } from './run-parts.js';
import type { TeamMember, WorkerTeam } from './worker-team.js';

/** What renders, and how a member of the team is made smaller. */
export type SegmentsRenderer = {
  readonly team: WorkerTeam;
  readonly context: RenderContext;
  /** Frame buffers without which a worker cannot go on. */
  readonly leastFrames: number;
  /** Undefined: unfinished files may fill the disk. */
  readonly limit: DiskLimit | undefined;
};

/** The segments that were asked for; fewer when the run was asked to come to an end meanwhile. */
export type RenderedSegments = {
  readonly segments: readonly RenderedSegment[];
  /** How often a segment was begun again. */
  readonly retries: number;
};

/** So many segments that failed while none was finished show that nothing works. */
const hopelessFailures = 3;

/** Failures that every other segment would meet as well. */
const concernsAll: ReadonlySet<FaceswapError['kind']> = new Set([
  'usage',
  'model',
  'noFace',
  'policy',
  'unavailable',
  'interrupted',
]);

/**
 * Why the target is no longer what the plan was made for, or undefined: a file that was deleted, replaced or cut off explains
 * better than what the decoder says, and concerns every segment.
 */
export const targetFailure = async ({ file, sizeBytes }: TargetMedia): Promise<FaceswapError | undefined> => {
  try {
    const { size } = await stat(file);
    if (size === sizeBytes) return undefined;
    return new FaceswapError(
      'media',
      `The target changed during the run, from ${sizeBytes} to ${size} bytes`,
      {
        file,
        stage: 'decode',
        hint: 'Run again when nothing writes to it',
      },
    );
  } catch (error) {
    return fileFailure(error, file, 'decode');
  }
};

/** The promise, or a failure when it takes longer than any model takes to be loaded. */
export const untilReady = async (
  member: TeamMember,
  { patience }: Pick<RenderContext, 'patience'>,
  halt: AbortSignal,
): Promise<void> => {
  const { clock, limits } = patience;
  const { worker, ready } = member;
  const settled = new AbortController();
  const tooLong = clock.wait(limits.firstAnswerMs, settled.signal).then(
    () => {
      const seconds = Math.round(limits.firstAnswerMs / 1000);
      const failure = new FaceswapError('bug', `The worker was not ready after ${seconds} s`, {
        stage: 'swap',
        hint: 'Update the driver of the device, or try another --execution-provider',
      });
      worker.abandon(failure);
      throw failure;
    },
    () => {},
  );
  try {
    await untilAborted(Promise.race([ready, tooLong]), halt);
  } finally {
    settled.abort();
  }
};

/**
 * Renders segments, each by one of the workers. When the run is asked to come to an end, those that are not begun are left out. Transient failures are tried again, three times in all, with fresh children, an
 * empty lane and, where it died, a fresh worker. A segment that goes on failing leaves its debug bundle in the job folder, and
 * the others are finished; not so where the failure would meet them as well.
 *
 * @param pending those of the plan that no earlier run has finished.
 * @throws FaceswapError: `partial` when some segments of the plan are finished and others failed; the failure itself
 *   when none is finished or it concerns all; `interrupted` on abort.
 */
export async function renderSegments(
  parts: RunParts,
  pending: readonly PlanSegment[],
  { team, context, leastFrames, limit }: SegmentsRenderer,
): Promise<RenderedSegments> {
  const { progress, warnings, signal } = parts;
  const { plan, target, jobFolder, patience } = context;
  const { segments } = plan;
  const failed: FailedSegment[] = [];
  let finished = segments.length - pending.length;
  let retries = 0;
  let targetIsLost = false;

  const announce = (segment: PlanSegment, state: 'started' | 'done' | 'failed'): void =>
    progress.emit({ type: 'segment', index: segment.index, total: segments.length, state });

  const tellRetry = (segment: PlanSegment, { failure, attempt, tries, delayMs }: Retry): void => {
    retries += 1;
    const { message, context: place } = failure;
    progress.emit({
      type: 'retry',
      segment: segment.index,
      attempt,
      tries,
      delayMs,
      error: failure.toRecord(),
    });
    warnings.add(
      {
        code: 'segment-retried',
        message: `Segment ${segment.index} is rendered again (try ${attempt} of ${tries}): ${message}`,
        ...(place.frame === undefined ? {} : { frame: place.frame }),
      },
      `${segment.index} ${attempt}`,
    );
  };

  /** Whether the others would fail as well. */
  const isHopeless = ({ segment, failure, trace }: FailedSegment, { worker }: TeamMember): boolean => {
    if (targetIsLost || concernsAll.has(failure.kind)) return true;
    if (failure.isTransient) return finished === 0 && failed.length + 1 >= hopelessFailures;
    // A full disk, a child that cannot be ended, a thread that hangs.
    if (failure.kind === 'resources' || worker.failure !== undefined) return true;
    const gaveNothing = trace === undefined || trace.frame === segment.render.start;
    return finished === 0 && ((segment.index === 0 && gaveNothing) || failed.length + 1 >= hopelessFailures);
  };

  const render = async (
    segment: PlanSegment,
    member: TeamMember,
    halt: AbortSignal,
  ): Promise<RenderedSegment | undefined> => {
    if (parts.stop.isDraining) return undefined;
    let trace: SegmentTrace | undefined;
    let countedTo = segment.render.start;
    const { signal: stop, dispose } = eitherSignal(halt, signal);
    // Frames of a second try have been counted before.
    const own: RenderContext = {
      ...context,
      onRow: (row) => {
        if (row.frame < countedTo) return;
        countedTo = row.frame + 1;
        context.onRow(row);
      },
    };
    announce(segment, 'started');
    try {
      const rendered = await withRetries(
        async () => {
          trace = undefined;
          member.renew();
          await untilReady(member, context, stop);
          const { worker, lane } = member;
          try {
            return await renderSegment(own, segment, {
              worker,
              lane,
              halt,
              onTrace: (last) => {
                trace = last;
              },
            });
          } catch (error) {
            if (stop.aborted || FaceswapError.from(error).context.stage !== 'decode') throw error;
            const lost = await targetFailure(target);
            if (lost?.isTransient === false) targetIsLost = true;
            throw lost ?? error;
          }
        },
        {
          policy: parts.retryPolicy,
          clock: patience.clock,
          signal: stop,
          stage: 'render',
          onRetry: (retry) => {
            tellRetry(segment, retry);
            if (retry.failure.context.retry === 'smaller') member.economise(leastFrames);
          },
        },
      );
      finished += 1;
      announce(segment, 'done');
      await limit?.check();
      return rendered;
    } catch (error) {
      if (signal?.aborted === true) throw interruption();
      if (halt.aborted) throw error;
      const failure = FaceswapError.from(error, 'render').with({ segment: segment.index });
      const record = { segment, failure, trace };
      if (isHopeless(record, member)) throw failure;
      failed.push(record);
      announce(segment, 'failed');
      await writeFailureBundle(record, { ...context, jobFolder });
      return undefined;
    } finally {
      dispose();
    }
  };

  const results = await team.map(pending, render);
  const rendered = results.filter((result) => result !== undefined);
  if (failed.length === 0) return { segments: rendered, retries };
  failed.sort((a, b) => a.segment.index - b.segment.index);
  const [first] = failed as [FailedSegment];
  if (finished === 0) throw first.failure;
  throw partialFailure(failed, first.failure, { jobFolder, total: segments.length });
}

/** What a run ends with of which some segments are finished. */
const partialFailure = (
  failed: readonly FailedSegment[],
  first: FaceswapError,
  { jobFolder, total }: { readonly jobFolder: string; readonly total: number },
): FaceswapError => {
  const numbers = failed.map(({ segment }) => segment.index).join(', ');
  const { stage, segment, frame, retries } = first.context;
  return new FaceswapError(
    'partial',
    `${failed.length} of ${total} segments failed (${numbers}), the others are finished: ${first.message}`,
    {
      file: jobFolder,
      stage,
      segment,
      frame,
      retries,
      cause: first,
      hint: 'In failed/ of that folder is what is known about them',
    },
  );
};
