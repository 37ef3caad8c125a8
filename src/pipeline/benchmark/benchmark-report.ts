import type { ProcessCost } from '../../media/benchmark/measured-process.js';
import type { RunConfig } from '../run-options.js';
import type { FrameStage, Latency, RunPerformance, RunWarning, StageTimes } from '../run-report.js';
import type { BenchmarkModels, ResolutionName } from './benchmark-options.js';
import type { Range } from './statistics.js';

/** What decides how fast a machine is, and the programs that were measured on it. */
export type BenchmarkMachine = {
  readonly platform: string;
  readonly arch: string;
  readonly osRelease: string;
  readonly cpuModel: string;
  /** Cores that the process may use. */
  readonly cores: number;
  readonly memoryBytes: number;
  /** Limit of the control group; null where there is none. */
  readonly memoryLimitBytes: number | null;
  /** Graphics cards that nvidia-smi or rocm-smi tells of. */
  readonly gpus: readonly {
    readonly name: string;
    readonly driver: string | null;
    readonly memoryBytes: number | null;
  }[];
  readonly nodeVersion: string;
  readonly ffmpegVersion: string;
  readonly onnxruntimeVersion: string;
};

/** What was asked for; equal settings make figures comparable. */
export type BenchmarkSettings = {
  readonly models: BenchmarkModels;
  readonly faces: number;
  readonly durationSeconds: number;
} & Pick<
  RunConfig,
  | 'processors'
  | 'faceSwapperModel'
  | 'blend'
  | 'executionThreadCount'
  | 'workers'
  | 'batchSize'
  | 'hwaccel'
  | 'outputVideoQuality'
  | 'outputVideoPreset'
> & {
    readonly outputVideoEncoder: string;
    /** Names in order, with spaces between. */
    readonly executionProvider: string;
    /** Null: a share of the machine's memory. */
    readonly maxMemoryBytes: number | null;
    /** Null: what the device has free. */
    readonly vramLimitBytes: number | null;
  };

/** One cycle: a bare transcode, then a run, each as a process of its own. */
export type BenchmarkCycle = {
  /** Recorded, but in none of the summary's figures. */
  readonly isWarmup: boolean;
  readonly bare: ProcessCost & { readonly outputBytes: number };
  readonly run: ProcessCost & {
    readonly outputBytes: number;
    /** Wall time as the run itself saw it: without the start of Node. */
    readonly runMs: number;
    readonly facesSwapped: number;
    readonly stageMs: StageTimes;
    /** Null where the run did not take it. */
    readonly performance: RunPerformance | null;
  };
};

/** What the measured cycles of a resolution say. A figure that could not be taken is null, never 0. */
export type BenchmarkSummary = {
  /** Frames of the clip by the wall time of the whole process. */
  readonly framesPerSecond: Range;
  readonly bareFramesPerSecond: Range;
  /** Wall time of a run by that of the bare transcode of the same cycle. */
  readonly ratio: Range;
  /** The same with the run's rendering alone: without its start, its preparation, the joining of segments and the checks at the end. */
  readonly ratioOfRendering: Range | null;
  /** Processor time of a run's tree by that of the bare transcode. */
  readonly cpuRatio: Range | null;
  /** From the run's beginning to the first frame in the encoder. */
  readonly firstFrameMs: Range | null;
  /** Wall time of the process that its run did not see: the start and the end of Node. */
  readonly startupMs: Range;
  /** Time inside models by the wall time of the process and the number of workers, 0..1. */
  readonly modelShareOfWall: Range | null;
  /** The same of the rendering alone. */
  readonly modelShareOfRendering: Range | null;
  /** Medians over the cycles. */
  readonly stageLatencyMs: Readonly<Partial<Record<FrameStage, Omit<Latency, 'count'>>>>;
  /** Largest of all cycles. */
  readonly ownPeakBytes: number | null;
  readonly treePeakBytes: number | null;
  readonly barePeakBytes: number | null;
  readonly treePeakRatio: number | null;
  readonly facesPerFrame: number;
  /** Of the last cycle: how the run used the machine. */
  readonly workers: RunPerformance['workers'] | null;
  readonly batch: RunPerformance['batch'] | null;
  readonly frames: RunPerformance['frames'] | null;
  /** How often a frame travelled in a buffer that was used before, 0..1. */
  readonly bufferReuse: number | null;
  readonly hwaccel: string | null;
};

/** One resolution. */
export type BenchmarkEntry = {
  readonly resolution: ResolutionName;
  readonly clip: {
    readonly widthPx: number;
    readonly heightPx: number;
    readonly frames: number;
    readonly bytes: number;
    readonly sha256: string;
  };
  readonly cycles: readonly BenchmarkCycle[];
  readonly summary: BenchmarkSummary;
};

/** A figure of one resolution beside that of the baseline. */
export type ComparedFigure = {
  readonly name: 'speed' | 'own peak memory' | 'tree peak memory';
  /** Positive is worse than the baseline. */
  readonly worsePercent: number;
  readonly isRegression: boolean;
};

/** What the comparison with a baseline found. */
export type BenchmarkComparison = {
  /** The file that was compared with. */
  readonly baseline: string;
  readonly baselineVersion: string;
  readonly maxRegressionPercent: number;
  /** Programs whose versions differ; they do not hinder a comparison. */
  readonly differences: readonly string[];
  readonly entries: readonly {
    readonly resolution: ResolutionName;
    readonly figures: readonly ComparedFigure[];
  }[];
  readonly notCompared: readonly { readonly resolution: string; readonly reason: string }[];
  readonly hasRegression: boolean;
};

/** What `benchmark()` returns, `--json` prints and `--output` holds. */
export type BenchmarkReport = {
  /** It changes when a field changes its meaning. */
  readonly schema: 1;
  readonly version: string;
  /** When it began, ISO 8601. */
  readonly startedAt: string;
  readonly machine: BenchmarkMachine;
  readonly settings: BenchmarkSettings;
  readonly cycles: number;
  readonly warmup: number;
  readonly entries: readonly BenchmarkEntry[];
  /** Null without a baseline. */
  readonly comparison: BenchmarkComparison | null;
  readonly warnings: readonly RunWarning[];
};
