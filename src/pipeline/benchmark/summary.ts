import type { FrameStage, Latency, RunPerformance } from '../run-report.js';
import type { BenchmarkCycle, BenchmarkSummary } from './benchmark-report.js';
import { median, rangeOf, rangeOrNull } from './statistics.js';

const largest = (values: readonly (number | null)[]): number | null =>
  values.reduce((most, value) => (most === null || value === null ? null : Math.max(most, value)), 0);

const quotient = (numerator: number | null, denominator: number | null): number | null =>
  numerator === null || denominator === null || denominator === 0 ? null : numerator / denominator;

const medianLatency = (latencies: readonly Latency[]): Omit<Latency, 'count'> => ({
  p50: median(latencies.map(({ p50 }) => p50)),
  p95: median(latencies.map(({ p95 }) => p95)),
  p99: median(latencies.map(({ p99 }) => p99)),
});

const stageLatencies = (
  performances: readonly (RunPerformance | null)[],
): BenchmarkSummary['stageLatencyMs'] => {
  const byStage = new Map<FrameStage, Latency[]>();
  for (const performance of performances) {
    for (const [name, latency] of Object.entries(performance?.stageLatencyMs ?? {})) {
      // The keys are those of the type.
      const stage = name as FrameStage;
      byStage.set(stage, [...(byStage.get(stage) ?? []), latency]);
    }
  }
  return Object.fromEntries([...byStage].map(([stage, latencies]) => [stage, medianLatency(latencies)]));
};

/**
 * The figures of one resolution, out of its measured cycles. Ratios are taken within each cycle, whose two processes ran one after the
 * other, so that a machine that slows down meanwhile slows both.
 *
 * @param frames of the clip.
 * @throws RangeError when no cycle was measured.
 */
export function summarize(cycles: readonly BenchmarkCycle[], frames: number): BenchmarkSummary {
  const measured = cycles.filter(({ isWarmup }) => !isWarmup);
  const bares = measured.map(({ bare }) => bare);
  const runs = measured.map(({ run }) => run);
  const last = runs.at(-1)?.performance ?? null;
  const ownPeakBytes = largest(runs.map((run) => run.ownPeakBytes));
  const treePeakBytes = largest(runs.map((run) => run.treePeakBytes));
  const barePeakBytes = largest(bares.map((bare) => bare.treePeakBytes));
  const modelShare = (spanMs: (run: BenchmarkCycle['run'], performance: RunPerformance) => number) =>
    rangeOrNull(
      runs.map((run) =>
        run.performance === null
          ? null
          : run.performance.modelMs / (run.performance.workers.count * spanMs(run, run.performance)),
      ),
    );
  return {
    framesPerSecond: rangeOf(runs.map(({ wallMs }) => (1000 * frames) / wallMs)),
    bareFramesPerSecond: rangeOf(bares.map(({ wallMs }) => (1000 * frames) / wallMs)),
    ratio: rangeOf(measured.map(({ bare, run }) => run.wallMs / bare.wallMs)),
    ratioOfRendering: rangeOrNull(
      measured.map(({ bare, run }) => quotient(run.performance?.renderMs ?? null, bare.wallMs)),
    ),
    cpuRatio: rangeOrNull(measured.map(({ bare, run }) => quotient(run.cpuMs, bare.cpuMs))),
    firstFrameMs: rangeOrNull(runs.map(({ performance }) => performance?.firstFrameMs ?? null)),
    startupMs: rangeOf(runs.map(({ wallMs, runMs }) => wallMs - runMs)),
    modelShareOfWall: modelShare((run) => run.wallMs),
    modelShareOfRendering: modelShare((_run, performance) => performance.renderMs),
    stageLatencyMs: stageLatencies(runs.map(({ performance }) => performance)),
    ownPeakBytes,
    treePeakBytes,
    barePeakBytes,
    treePeakRatio: quotient(treePeakBytes, barePeakBytes),
    facesPerFrame: median(runs.map(({ facesSwapped }) => facesSwapped)) / frames,
    workers: last?.workers ?? null,
    batch: last?.batch ?? null,
    frames: last?.frames ?? null,
    bufferReuse:
      last === null ? null : quotient(last.frames.acquired - last.frames.allocated, last.frames.acquired),
    hwaccel: last?.hwaccel ?? null,
  };
}
