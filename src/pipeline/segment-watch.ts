import { FaceswapError } from '../errors.js';
import type { Clock } from './retry.js';
import {
  type FrameTimes,
  type StageState,
  type Stall,
  type StallLimits,
  StallWatch,
  type WatchedStage,
} from './stall-watch.js';

/** What a segment is given before it counts as stuck. */
export type SegmentPatience = {
  readonly clock: Clock;
  readonly limits: StallLimits;
  /** Shared by all segments of a run. */
  readonly times: FrameTimes;
  /** Frames that a worker may collect before it works on them. */
  readonly framesPerRun: number;
  /** Most time for one try at a whole segment; undefined: as long as frames pass. */
  readonly timeoutMs: number | undefined;
};

/** What the watch sees of a segment, and whom it tells. */
export type WatchedSegment = {
  /** Whether the segment has failed or is given up. */
  readonly isEnding: () => boolean;
  /** The first frame that is not finished. */
  readonly nextFrame: () => number;
  readonly stages: (isEnding: boolean) => Readonly<Record<WatchedStage, StageState>>;
  /** Called while a stage lets no frame pass for too long, also when the segment is ending. */
  readonly onStall: (stage: WatchedStage, error: FaceswapError) => void;
  /** Called when a segment that is not ending has taken longer than it may. */
  readonly onTimeout: (error: FaceswapError) => void;
};

const stageNames = { decode: 'decoder', swap: 'worker', encode: 'encoder' } as const;

const stallFailure = (stage: Stall['stage'], idleMs: number, frame: number): FaceswapError => {
  const message = `The ${stageNames[stage]} has let no frame pass for ${Math.round(idleMs / 1000)} s`;
  if (stage === 'swap') {
    return new FaceswapError('bug', `${message}: a model or the driver of its device hangs`, {
      stage,
      frame,
      hint: 'Update the driver, or try another --execution-provider; please report it with the output of --log-level debug',
    });
  }
  return new FaceswapError('resources', message, {
    stage,
    frame,
    hint: 'The machine or a disk is overloaded, or somebody stopped it; run the command again',
    retry: 'again',
  });
};

const timeoutFailure = (timeoutMs: number, frame: number): FaceswapError =>
  new FaceswapError('resources', `The segment took longer than --timeout allows (${timeoutMs / 1000} s)`, {
    stage: 'render',
    frame,
    hint: 'Give more time with --timeout, or leave it out',
    retry: 'again',
  });

/**
 * Watches a segment from now on: whether each stage lets its frames pass, and whether all of it is done in time.
 *
 * @returns what ends the watch; to be called in any case, since the clock goes on otherwise.
 */
export const watchSegment = (patience: SegmentPatience, segment: WatchedSegment): (() => void) => {
  const { clock, limits, times, framesPerRun } = patience;
  const watch = new StallWatch(limits, { times, framesPerRun, nowMs: clock.nowMs() });
  const deadlineMs = clock.nowMs() + (patience.timeoutMs ?? Number.POSITIVE_INFINITY);
  return clock.every(limits.tickMs, () => {
    const nowMs = clock.nowMs();
    const isEnding = segment.isEnding();
    const stall = watch.look(nowMs, segment.stages(isEnding));
    if (stall !== undefined) {
      segment.onStall(stall.stage, stallFailure(stall.stage, stall.idleMs, segment.nextFrame()));
    } else if (!isEnding && nowMs > deadlineMs) {
      segment.onTimeout(timeoutFailure(patience.timeoutMs ?? 0, segment.nextFrame()));
    }
  });
};
