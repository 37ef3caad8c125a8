import { resolveBenchmarkOptions } from '../../../src/pipeline/benchmark/resolve-benchmark-options.js';
import type {
  BenchmarkCycle,
  BenchmarkEntry,
  BenchmarkReport,
} from '../../../src/pipeline/benchmark/benchmark-report.js';
import type { ResolutionName } from '../../../src/pipeline/benchmark/benchmark-options.js';
import { resolutions } from '../../../src/pipeline/benchmark/benchmark-options.js';
import { summarize } from '../../../src/pipeline/benchmark/summary.js';
import type { RunPerformance } from '../../../src/pipeline/run-report.js';

const mebibyte = 2 ** 20;

/** How a run of the test's benchmark used the machine. */
export const runPerformance: RunPerformance = {
  firstFrameMs: 800,
  modelMs: 4500,
  renderMs: 9000,
  stageLatencyMs: {
    decode: { p50: 1.5, p95: 4, p99: 9.25, count: 250 },
    encode: { p50: 20, p95: 33.333, p99: 40, count: 250 },
  },
  workers: { count: 1, reason: '2 cores: one worker and its ffmpeg keep them busy' },
  batch: { size: 4, reason: '6.1 GiB free, 1.2 GiB per face', halvings: 1 },
  frames: {
    bytesPerFrame: 3 * mebibyte,
    allocated: 10,
    acquired: 250,
    peakInFlight: 8,
    limitBytes: 512 * mebibyte,
  },
  retries: 0,
  hwaccel: 'none',
  hwaccelReason: 'software, as hardware was not asked for',
  analysis: 'computed',
};

/** A cycle whose run took `runMs` against `bareMs` of the transcode. */
export const cycle = (
  bareMs: number,
  runMs: number,
  rest: Partial<BenchmarkCycle> & { readonly performance?: RunPerformance | null } = {},
): BenchmarkCycle => ({
  isWarmup: rest.isWarmup ?? false,
  bare: {
    wallMs: bareMs,
    cpuMs: 2 * bareMs,
    ownPeakBytes: 400 * mebibyte,
    treePeakBytes: 400 * mebibyte,
    outputBytes: 1000,
  },
  run: {
    wallMs: runMs,
    cpuMs: 2 * runMs,
    ownPeakBytes: 200 * mebibyte,
    treePeakBytes: 600 * mebibyte,
    outputBytes: 1000,
    runMs: runMs - 250,
    facesSwapped: 250,
    stageMs: {
      decode: 1,
      detect: 1,
      landmarks: 1,
      identity: 1,
      smooth: 1,
      swap: 1,
      blend: 1,
      enhance: 0,
      monitor: 1,
      encode: 1,
      mux: 1,
    },
    performance: rest.performance === undefined ? runPerformance : rest.performance,
  },
});

/** A resolution whose clip has 250 frames. */
export const entry = (resolution: ResolutionName, cycles: readonly BenchmarkCycle[]): BenchmarkEntry => ({
  resolution,
  clip: { ...resolutions[resolution], frames: 250, bytes: 1_000_000, sha256: '00' },
  cycles,
  summary: summarize(cycles, 250),
});

/** A report with entries of the test's choice. */
export const benchmarkReport = (
  entries: readonly BenchmarkEntry[],
  rest: Partial<BenchmarkReport> = {},
): BenchmarkReport => {
  const { runConfig } = resolveBenchmarkOptions({ executionThreadCount: 2 });
  return {
    schema: 1,
    version: '0.1.0',
    startedAt: '2026-01-02T03:04:05.678Z',
    machine: {
      platform: 'linux',
      arch: 'x64',
      osRelease: '6.1.0',
      cpuModel: 'Test CPU',
      cores: 2,
      memoryBytes: 16 * 2 ** 30,
      memoryLimitBytes: null,
      gpus: [{ name: 'Test GPU', driver: '550.1', memoryBytes: 8 * 2 ** 30 }],
      nodeVersion: '20.1.0',
      ffmpegVersion: '5.1.9',
      onnxruntimeVersion: '1.30.0',
    },
    settings: {
      models: 'embedded',
      faces: 1,
      durationSeconds: 10,
      processors: runConfig.processors,
      faceSwapperModel: runConfig.faceSwapperModel,
      blend: runConfig.blend,
      executionProvider: runConfig.executionProviders.join(' '),
      executionThreadCount: runConfig.executionThreadCount,
      workers: runConfig.workers,
      batchSize: runConfig.batchSize,
      hwaccel: runConfig.hwaccel,
      outputVideoEncoder: 'libx264',
      outputVideoQuality: runConfig.outputVideoQuality,
      outputVideoPreset: runConfig.outputVideoPreset,
      maxMemoryBytes: null,
      vramLimitBytes: null,
    },
    cycles: 5,
    warmup: 1,
    entries,
    comparison: null,
    warnings: [],
    ...rest,
  };
};
