import type { FrameStage } from './run-report.js';

/** Stages that are measured inside a worker, in the order in which a frame passes them. */
export const chainStages = [
  'detect',
  'landmarks',
  'smooth',
  'identity',
  'swap',
  'blend',
  'enhance',
  'monitor',
] as const satisfies readonly FrameStage[];

export type ChainStage = (typeof chainStages)[number];

/** Milliseconds per frame of each stage, in frame order; a frame that a stage did nothing for has no entry. */
export type ChainStageSamples = Readonly<Record<ChainStage, Float32Array>>;

/** Busy milliseconds of a whole segment. */
export type ChainStageTimes = Readonly<Record<ChainStage, number>>;

type Series = { values: Float32Array; count: number; openMs: number; totalMs: number };

/**
 * Busy time of the stages of one segment, frame by frame. {@link add} may be called several times a frame; {@link endFrame}
 * closes the sample. Memory is taken at the start of a segment, none while it runs.
 */
export class StageSamples {
  readonly #series: Record<ChainStage, Series>;

  constructor() {
    const series = (): Series => ({ values: new Float32Array(0), count: 0, openMs: 0, totalMs: 0 });
    this.#series = Object.fromEntries(chainStages.map((stage) => [stage, series()])) as Record<
      ChainStage,
      Series
    >;
  }

  /** Forgets everything and makes room for so many frames. */
  begin(frames: number): void {
    for (const stage of chainStages) {
      const series = this.#series[stage];
      if (series.values.length < frames) series.values = new Float32Array(frames);
      series.count = 0;
      series.openMs = 0;
      series.totalMs = 0;
    }
  }

  add(stage: ChainStage, ms: number): void {
    const series = this.#series[stage];
    series.openMs += ms;
    series.totalMs += ms;
  }

  /** Closes the running sample of some stages: of the analysis of a frame, or of its rendering. */
  endFrame(stages: readonly ChainStage[]): void {
    for (const stage of stages) {
      const series = this.#series[stage];
      if (series.openMs > 0 && series.count < series.values.length) {
        series.values[series.count++] = series.openMs;
      }
      series.openMs = 0;
    }
  }

  /** Sums in milliseconds. */
  totals(): Record<ChainStage, number> {
    return Object.fromEntries(chainStages.map((stage) => [stage, this.#series[stage].totalMs])) as Record<
      ChainStage,
      number
    >;
  }

  /** Copies of the samples. */
  samples(): ChainStageSamples {
    return Object.fromEntries(
      chainStages.map((stage) => [stage, this.#series[stage].values.slice(0, this.#series[stage].count)]),
    ) as Record<ChainStage, Float32Array>;
  }
}
