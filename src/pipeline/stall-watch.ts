import { RunningMedian } from './running-median.js';

/** The three that a segment's frames pass; each can hang while the other two wait for it. */
export type WatchedStage = 'decode' | 'swap' | 'encode';

export const watchedStages: readonly WatchedStage[] = ['decode', 'swap', 'encode'];

/** How long a stage may hold a frame. */
export type StallLimits = {
  /** How often it is looked. */
  readonly tickMs: number;
  /** As many times the usual time of a frame. */
  readonly medianFactor: number;
  /** But never less than this: a busy machine makes single frames slow. */
  readonly floorMs: number;
  /** For the first frame and, in the encoder, for all that it still holds at the end. */
  readonly firstFrameMs: number;
  /** For the first answer of a worker: some providers compile the model then. */
  readonly firstAnswerMs: number;
};

export const defaultStallLimits: StallLimits = {
  tickMs: 1_000,
  medianFactor: 10,
  floorMs: 60_000,
  firstFrameMs: 300_000,
  firstAnswerMs: 1_800_000,
};

/** What a stage shows of itself. */
export type StageState = {
  /** Whether it has something to do; one that waits for another is not to blame. */
  readonly isBusy: boolean;
  /** Grows with every frame that passes. */
  readonly passed: number;
  /** Whether it works on what needs longer: the first frame, or the rest at the end. */
  readonly isSlowPart: boolean;
};

/** A stage that does not go on. */
export type Stall = { readonly stage: WatchedStage; readonly idleMs: number };

/** How long frames usually take, over all segments of a run, so that a segment knows it from its beginning. */
export class FrameTimes {
  readonly #medians: Readonly<Record<WatchedStage, RunningMedian>> = {
    decode: new RunningMedian(),
    swap: new RunningMedian(),
    encode: new RunningMedian(),
  };

  add(stage: WatchedStage, durationMs: number): void {
    this.#medians[stage].add(durationMs);
  }

  /** Milliseconds of one frame in all stages together: a stage that is quick at first, because its buffers are empty, may slow down to this. */
  get medianMs(): number {
    return watchedStages.reduce((sum, stage) => sum + this.#medians[stage].value, 0);
  }
}

/**
 * Notices a stage that is busy and lets no frame pass. Time counts only as far as it is looked: a machine that slept, or an
 * event loop that was held up, has not made a stage hang.
 */
export class StallWatch {
  readonly #limits: StallLimits;
  readonly #times: FrameTimes;
  readonly #framesPerRun: number;
  readonly #idle = new Map<WatchedStage, { passed: number; idleMs: number }>();
  #lastLookMs: number;

  /** @param framesPerRun frames that a worker may collect before it works on them: one of its answers may take as many times longer. */
  constructor(
    limits: StallLimits,
    { times, framesPerRun, nowMs }: { times: FrameTimes; framesPerRun: number; nowMs: number },
  ) {
    this.#limits = limits;
    this.#times = times;
    this.#framesPerRun = framesPerRun;
    this.#lastLookMs = nowMs;
  }

  /** The first stage that has been holding its frame for too long; call it every `tickMs`. */
  look(nowMs: number, states: Readonly<Record<WatchedStage, StageState>>): Stall | undefined {
    const sinceMs = Math.min(nowMs - this.#lastLookMs, 2 * this.#limits.tickMs);
    this.#lastLookMs = nowMs;
    let stall: Stall | undefined;
    for (const stage of watchedStages) {
      const { isBusy, passed, isSlowPart } = states[stage];
      const before = this.#idle.get(stage);
      const goesOn = !isBusy || before === undefined || before.passed !== passed;
      const idleMs = goesOn ? 0 : before.idleMs + sinceMs;
      this.#idle.set(stage, { passed, idleMs });
      if (idleMs > this.#limitMs(stage, isSlowPart)) stall ??= { stage, idleMs };
    }
    return stall;
  }

  #limitMs(stage: WatchedStage, isSlowPart: boolean): number {
    const { medianFactor, floorMs, firstFrameMs, firstAnswerMs } = this.#limits;
    const usualMs = medianFactor * this.#times.medianMs * (stage === 'swap' ? this.#framesPerRun : 1);
    const leastMs = !isSlowPart ? floorMs : stage === 'swap' ? firstAnswerMs : firstFrameMs;
    return Math.max(leastMs, isSlowPart ? medianFactor * usualMs : usualMs);
  }
}
