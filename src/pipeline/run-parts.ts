import type { ChainModelFiles } from './chain-models.js';
import type { StopRequest } from './interruption.js';
import type { Job, JobRequest } from './job.js';
import type { PolicyHook } from './policy/policy-hook.js';
import type { ProgressChannel } from './progress-channel.js';
import type { Clock, RetryPolicy } from './retry.js';
import type { RunLogger } from './run-logger.js';
import type { RunConfig, RunOptions } from './run-options.js';
import type { FrameRow, QualityTotals, RunReport, StageTimes } from './run-report.js';
import type { SourceMemory } from './source-faces.js';
import type { StallLimits } from './stall-watch.js';
import type { WarningList } from './warning-list.js';
import type { WorkerClient } from './worker-client.js';

/** What every kind of run works with; the runner makes it and takes it down. */
export type RunParts = {
  readonly config: RunConfig;
  /** What `config` was resolved from: only they tell an option that was given from its default. */
  readonly options: RunOptions;
  /** Null: the models of the package. */
  readonly models: ChainModelFiles | null;
  /** When the run was called for, on the clock of `performance.now()`. */
  readonly startMs: number;
  /** Starts a worker thread at the first call for each number, 0 where none is given; the runner closes it. */
  readonly openWorker: (number?: number) => WorkerClient;
  /** Where prepared source faces are kept besides the process's own memory; undefined: nowhere. */
  readonly sourceMemory: SourceMemory | undefined;
  /** Starts another worker thread in the place of one that has died. */
  readonly replaceWorker: (number: number) => WorkerClient;
  /** How often failed work is tried again. */
  readonly retryPolicy: RetryPolicy;
  /** How long a stage may hold a frame. */
  readonly stallLimits: StallLimits;
  /** Of retries and of the watch over stages that hang. */
  readonly clock: Clock;
  /** Makes a folder for unfinished files that no later run can use, at the first call; the runner deletes it. Absolute path. */
  readonly openJobFolder: () => Promise<string>;
  /** Finds or begins the job of a video; the runner closes it. To be called once. */
  readonly openJob: (request: JobRequest) => Promise<Job>;
  /** Checks that may refuse the run. */
  readonly policy: PolicyHook;
  readonly progress: ProgressChannel;
  readonly warnings: WarningList;
  readonly logger: RunLogger;
  /** Aborts when the run is to stop now; {@link stop} tells whether it is to begin nothing more. */
  readonly signal: AbortSignal | undefined;
  readonly stop: StopRequest;
};

/** Models that were generated for a benchmark have no place in the analysis cache's keys. */
export const keepsAnalysis = ({ config, models }: Pick<RunParts, 'config' | 'models'>): boolean =>
  config.cache && (models === null || models.neural !== null);

/** What a run of either kind ends with; the runner makes the report of it and gives the file its name. */
export type RunResult = Pick<RunReport, 'status' | 'media' | 'performance'> & {
  /** The finished output, in the job folder. Absolute path. */
  readonly temporary: string;
  readonly stageMs: StageTimes;
  readonly quality: QualityTotals;
  readonly rows: readonly FrameRow[];
  /** Left out where the options make no difference between people. */
  readonly people?: RunReport['people'] | undefined;
  /** What an earlier run had done; left out where there was none. */
  readonly resumed?: RunReport['resumed'] | undefined;
};

export const noStageTimes: StageTimes = {
  decode: 0,
  detect: 0,
  landmarks: 0,
  identity: 0,
  smooth: 0,
  swap: 0,
  blend: 0,
  enhance: 0,
  monitor: 0,
  encode: 0,
  mux: 0,
};

/** Adds times stage by stage; stages that one side lacks count as zero there. */
export function addStageTimes(a: StageTimes, b: Partial<StageTimes>): StageTimes {
  const stages = Object.keys(noStageTimes) as (keyof StageTimes)[];
  return Object.fromEntries(stages.map((stage) => [stage, a[stage] + (b[stage] ?? 0)])) as StageTimes;
}
