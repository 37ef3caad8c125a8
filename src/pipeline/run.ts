import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FaceswapError } from '../errors.js';
import { packageVersion } from '../version.js';
import type { ChainModelFiles } from './chain-models.js';
import { bringBeside, placeFile } from './file-placement.js';
import { interruption, StopRequest, throwIfInterrupted } from './interruption.js';
import type { Job, JobRequest, JobRest } from './job.js';
import type { JobFolder } from './job-folder.js';
import type { ProgressEvent } from './progress.js';
import { ProgressChannel } from './progress-channel.js';
import { judgeQuality } from './quality-gates.js';
import { partTotals } from './quality-totals.js';
import { resolveRunOptions } from './resolve-run-options.js';
import { type Clock, defaultRetryPolicy, type RetryPolicy, systemClock } from './retry.js';
import { type RunLogger, silentLogger } from './run-logger.js';
import { openPolicy } from './policy/policy-hook.js';
import type { RunConfig, RunOptions } from './run-options.js';
import type { RunParts, RunResult } from './run-parts.js';
import type { RunReport } from './run-report.js';
import type { SourceMemory } from './source-faces.js';
import { defaultStallLimits, type StallLimits } from './stall-watch.js';
import { WarningList } from './warning-list.js';
import type { WorkerMemory } from './worker-client.js';
import { WorkerSet } from './worker-set.js';

/** What a caller may give besides the options. */
export type RunContext = {
  /**
   * Aborting stops the run: children end, unfinished files go, the promise rejects with kind `interrupted`. Finished segments stay for the
   * same call to continue.
   */
  readonly signal?: AbortSignal | undefined;
  /** The same once the segments in flight are finished; outside of rendering at once. */
  readonly drain?: AbortSignal | undefined;
  /** A pino logger, or anything with its four methods. Without it nothing is logged. */
  readonly logger?: RunLogger | undefined;
};

/** A running job: a promise of the report, and what happens until then. */
export type RunHandle = Promise<RunReport> & {
  /** For one reader. It ends with the run and never throws: failures come through the promise. */
  readonly progress: AsyncIterable<ProgressEvent>;
};

/** What tests and measurements put in place of the real thing. */
export type RunInternals = {
  /** Models of the chain instead of the package's own. */
  readonly models?: ChainModelFiles | undefined;
  /** Module that the worker thread runs. */
  readonly workerEntry?: URL | undefined;
  /** Workers that belong to the caller: they are not closed with the run. */
  readonly workers?: WorkerSet | undefined;
  /** Where prepared source faces are kept for the caller's next run; needed only where the cache is off. */
  readonly sourceMemory?: SourceMemory | undefined;
  /** Memory of each worker thread. */
  readonly workerMemory?: WorkerMemory | undefined;
  readonly retryPolicy?: RetryPolicy | undefined;
  readonly stallLimits?: StallLimits | undefined;
  readonly clock?: Clock | undefined;
};

/** Everything that a run opens, closed again in reverse order. */
class RunResources {
  readonly #logger: RunLogger;
  readonly #output: string;
  /** Null where the workers belong to somebody else. */
  readonly #ownWorkers: WorkerSet | null;
  #jobFolder: JobFolder | undefined;
  #job: Job | undefined;

  constructor(options: { logger: RunLogger; output: string; ownWorkers: WorkerSet | null }) {
    this.#logger = options.logger;
    this.#output = options.output;
    this.#ownWorkers = options.ownWorkers;
  }

  async openJobFolder(): Promise<string> {
    const { createJobFolder } = await import('./job-folder.js');
    this.#jobFolder ??= await createJobFolder(this.#output);
    return this.#jobFolder.path;
  }

  async openJob(request: JobRequest): Promise<Job> {
    const { Job: OwnJob } = await import('./job.js');
    this.#job = await OwnJob.open(request);
    return this.#job;
  }

  /**
   * @param end what becomes of the job: it is deleted, kept whole, or left for the next run.
   * @returns what is left for the next run.
   */
  async close(end: 'delete' | 'keep' | 'leave'): Promise<JobRest | undefined> {
    await this.#ownWorkers?.close();
    try {
      await this.#jobFolder?.remove();
      if (end === 'leave') return await this.#job?.leave();
      await this.#job?.[end]();
    } catch (error) {
      const path = this.#jobFolder?.path ?? this.#job?.folder;
      this.#logger.warn({ err: error }, `The folder ${path} could not be deleted or given up`);
    }
    return undefined;
  }
}

/** How far a run came that left a job behind, and how it goes on. */
const restText = ({ done, total }: JobRest, { resume }: RunConfig): string =>
  `${done} of ${total} segments are done and kept: the same command ${
    resume === 'never' ? 'without --resume never ' : ''
  }continues`;

/** The failure of a run, with a word on what is left of it. */
const failureWith = (error: FaceswapError, rest: JobRest | undefined, config: RunConfig): FaceswapError => {
  if (rest === undefined) return error;
  const { hint } = error.context;
  const text = restText(rest, config);
  return new FaceswapError(error.kind, error.message, {
    ...error.context,
    hint: hint === undefined ? text : `${hint}. ${text}`,
  });
};

/** The end of a run that was stopped. */
const interruptionWith = (rest: JobRest | undefined, config: RunConfig): FaceswapError =>
  rest === undefined
    ? interruption()
    : new FaceswapError('interrupted', `Stopped on request: ${restText(rest, config)}`, {
        file: rest.folder,
      });

/** A result, and the ffmpeg that was used; null where none was needed. */
type ToolResult = RunResult & { readonly ffmpegVersion: string | null };

const runTarget = async (parts: RunParts): Promise<ToolResult> => {
  const { checkFiles } = await import('./preflight.js');
  const kind = await checkFiles(parts.config, parts.options);
  throwIfInterrupted(parts.signal);
  // Starting a thread and loading its modules takes some tenths of a second, in which the rest can be looked at.
  parts.openWorker();
  if (kind === 'image') {
    const { runImage } = await import('./run-image.js');
    return { ...(await runImage(parts)), ffmpegVersion: null };
  }
  const { locateTools } = await import('../media/ffmpeg-tools.js');
  const tools = await locateTools();
  parts.logger.debug(tools, 'ffmpeg');
  const { ffmpegVersion } = tools;
  if (kind === 'animation') {
    const { runAnimation } = await import('./run-animation.js');
    return { ...(await runAnimation(parts, tools)), ffmpegVersion };
  }
  const { runVideo } = await import('./run-video.js');
  return { ...(await runVideo(parts, tools)), ffmpegVersion };
};

const makeReport = (
  config: RunConfig,
  result: RunResult,
  rest: Pick<RunReport, 'outputSha256' | 'wallMs' | 'policy' | 'machine' | 'warnings'>,
): RunReport => ({
  schema: 1,
  version: packageVersion(),
  status: result.status,
  output: config.output,
  outputSha256: rest.outputSha256,
  config,
  media: result.media,
  wallMs: rest.wallMs,
  framesPerSecond: ((result.rows.length - (result.resumed?.frames ?? 0)) * 1000) / Math.max(1, rest.wallMs),
  stageMs: result.stageMs,
  performance: result.performance,
  quality: result.quality,
  people: result.people ?? null,
  ...partTotals(result.rows),
  gates: judgeQuality(result.rows, result.quality, config),
  resumed: result.resumed ?? null,
  policy: rest.policy,
  machine: rest.machine,
  warnings: rest.warnings,
});

/**
 * The end of a run: output and report get their names. All that can fail for another reason than the names is done
 * before, and the output comes last, so that a failure leaves neither.
 *
 * @throws FaceswapError (resources, media) when the disk refuses, (usage) when a name was taken meanwhile, (interrupted).
 */
const finishRun = async (
  { config, signal, warnings, startMs, policy }: RunParts,
  result: ToolResult,
): Promise<RunReport> => {
  const [{ contentHash }, { syncFile }, { keepReport, writeReportFile }, { runMachine }] = await Promise.all([
    import('../media/content-hash.js'),
    import('./job-file.js'),
    import('./report-file.js'),
    import('./run-machine.js'),
  ]);
  const lookAtOutput = async () => {
    const { outputMedia } = await import('./policy/policy-media.js');
    return outputMedia(result.temporary, result.media.kind, { shownName: config.output, signal });
  };
  await policy.after(lookAtOutput, result.temporary);
  await syncFile(result.temporary);
  const outputSha256 = await contentHash(result.temporary, { signal });
  const wallMs = performance.now() - startMs;
  const report = makeReport(config, result, {
    outputSha256,
    wallMs,
    policy: policy.report,
    machine: runMachine(result.ffmpegVersion),
    warnings: warnings.all,
  });
  const { overwrite } = config;
  const folder = dirname(result.temporary);
  if (config.keepJob) await keepReport(folder, report, result.rows);
  const reportFile =
    config.report === undefined
      ? undefined
      : await writeReportFile(config.report, report, { rows: result.rows, overwrite, folder });
  let temporary: string | undefined;
  try {
    temporary = await bringBeside(result.temporary, config.output, { stage: 'mux' });
    throwIfInterrupted(signal);
    await reportFile?.place();
    await placeFile(temporary, config.output, { overwrite, stage: 'mux' });
  } catch (error) {
    await reportFile?.remove();
    if (temporary !== undefined) await rm(temporary, { force: true });
    throw error;
  }
  return report;
};

const execute = async (
  options: RunOptions,
  { signal: stopSignal, drain, logger = silentLogger }: RunContext,
  {
    channel,
    workerEntry,
    workerMemory,
    models,
    workers: givenWorkers,
    sourceMemory,
    retryPolicy,
    stallLimits,
    clock,
  }: RunInternals & { readonly channel: ProgressChannel },
): Promise<RunReport> => {
  const startMs = performance.now();
  const config = resolveRunOptions(options);
  const stop = new StopRequest({ signal: stopSignal, drain });
  const { signal } = stop;
  throwIfInterrupted(signal);
  const [{ WorkerClient: Client }, { chainModelFiles }, { planPolicy }] = await Promise.all([
    import('./worker-client.js'),
    import('./chain-files.js'),
    import('./policy/policy-plan.js'),
  ]);
  const policyPlan = planPolicy(config);
  const chainModels = models ?? (await chainModelFiles(config));
  const workers =
    givenWorkers ?? new WorkerSet(() => new Client({ logger, entry: workerEntry, memory: workerMemory }));
  const resources = new RunResources({
    logger,
    output: config.output,
    ownWorkers: givenWorkers === undefined ? workers : null,
  });
  const policy = await openPolicy(policyPlan, {
    config,
    openWorker: () => workers.open(0),
    logger,
    signal,
    onCheck: () => channel.emit({ type: 'phase', phase: 'policy' }),
  });
  const parts: RunParts = {
    config,
    options,
    models: chainModels,
    startMs,
    openWorker: (number = 0) => workers.open(number),
    replaceWorker: (number) => workers.replace(number),
    sourceMemory,
    openJobFolder: () => resources.openJobFolder(),
    openJob: (request) => resources.openJob(request),
    retryPolicy: retryPolicy ?? defaultRetryPolicy,
    stallLimits: stallLimits ?? defaultStallLimits,
    clock: clock ?? systemClock,
    policy,
    progress: channel,
    warnings: new WarningList(channel),
    logger,
    signal,
    stop,
  };
  let report: RunReport;
  try {
    report = await finishRun(parts, await runTarget(parts));
  } catch (error) {
    // What was refused must not be there for the next run.
    const isRefused = error instanceof FaceswapError && error.kind === 'policy';
    const rest = await resources.close(isRefused ? 'delete' : 'leave');
    // By now a signal that stopped both us and our children has arrived, whichever of the two was noticed first.
    if (signal.aborted) throw interruptionWith(rest, config);
    throw failureWith(FaceswapError.from(error), rest, config);
  } finally {
    stop.dispose();
  }
  await resources.close(config.keepJob ? 'keep' : 'delete');
  channel.emit({ type: 'phase', phase: 'done' });
  return report;
};

/**
 * {@link run} with internals that tests replace.
 */
export function startRun(options: RunOptions, context: RunContext, internals: RunInternals): RunHandle {
  const channel = new ProgressChannel();
  const report = execute(options, context, { ...internals, channel }).finally(() => channel.close());
  // A caller may read all progress before it looks at the promise; a failure meanwhile must not end the process.
  report.catch(() => {});
  return Object.assign(report, { progress: channel });
}

/**
 * Puts the face of the source photos into the target and writes the output. Files appear under their final names only
 * when they are whole; after a failure or an abort nothing is left behind. An abort after the output got its name comes
 * too late and changes nothing.
 *
 * @returns a promise of the report that also carries the progress events.
 * @throws (rejects with) FaceswapError, whatever went wrong; `exitCode` and `toRecord()` say the same to machines.
 */
export const run = (options: RunOptions, context: RunContext = {}): RunHandle =>
  startRun(options, context, {});
