import type { DecoderChoice } from '../media/hardware-decoder.js';
import type { FramePool } from './frame-pool.js';
import { latencyOf } from './latency.js';
import type { RenderedSegment } from './render-segment.js';
import type { FrameStage, Latency, RunPerformance } from './run-report.js';
import { chainStages } from './stage-samples.js';
import type { WorkerPlan } from './worker-plan.js';
import type { ChainBatch } from './worker-protocol.js';

/** What {@link runPerformance} is made of. */
export type PerformanceInput = {
  /** When the run was called for, on the clock of `performance.now()`. */
  readonly startMs: number;
  /** At least one. */
  readonly segments: readonly Pick<
    RenderedSegment,
    'stageSamples' | 'modelMs' | 'halvings' | 'analysisIsCached' | 'clock'
  >[];
  readonly workers: Pick<WorkerPlan, 'count' | 'reason' | 'limitBytes'>;
  readonly batch: ChainBatch;
  readonly pool: Pick<FramePool, 'frameBytes' | 'allocated' | 'acquired' | 'peakLent'>;
  readonly decoder: Pick<DecoderChoice, 'hwaccel' | 'reason'>;
  readonly retries: number;
};

const frameStages: readonly FrameStage[] = ['decode', ...chainStages, 'encode'];

/** The figures of a run's segments taken together; percentiles are taken over the frames of all of them. */
export function runPerformance(input: PerformanceInput): RunPerformance {
  const { startMs, segments, workers, batch, pool, decoder, retries } = input;
  const stageLatencyMs: Partial<Record<FrameStage, Latency>> = {};
  for (const stage of frameStages) {
    const latency = latencyOf(segments.map(({ stageSamples }) => stageSamples[stage]));
    if (latency !== undefined) stageLatencyMs[stage] = latency;
  }
  const clocks = segments.map(({ clock }) => clock).filter((clock) => clock !== null);
  const firstEncodedMs = Math.min(...clocks.map((clock) => clock.firstEncodedMs));
  const firstAskedMs = Math.min(...clocks.map((clock) => clock.firstAskedMs));
  const encoderEndedMs = Math.max(...clocks.map((clock) => clock.encoderEndedMs));
  const cached = segments.filter(({ analysisIsCached }) => analysisIsCached).length;
  return {
    firstFrameMs: clocks.length === 0 ? null : firstEncodedMs - startMs,
    modelMs: segments.reduce((sum, { modelMs }) => sum + modelMs, 0),
    renderMs: clocks.length === 0 ? 0 : encoderEndedMs - firstAskedMs,
    stageLatencyMs,
    workers: { count: workers.count, reason: workers.reason },
    batch: { ...batch, halvings: segments.reduce((sum, { halvings }) => sum + halvings, 0) },
    frames: {
      bytesPerFrame: pool.frameBytes,
      allocated: pool.allocated,
      acquired: pool.acquired,
      peakInFlight: pool.peakLent,
      limitBytes: workers.limitBytes,
    },
    retries,
    hwaccel: decoder.hwaccel,
    hwaccelReason: decoder.reason,
    analysis: cached === 0 ? 'computed' : cached === segments.length ? 'cached' : 'mixed',
  };
}
