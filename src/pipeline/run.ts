import { FaceswapError } from '../errors.js';
import { packageVersion } from '../version.js';
import type { ChainModelFiles } from './chain-models.js';
import { placeFile } from './file-placement.js';
import { interruption, throwIfInterrupted } from './interruption.js';
import type { JobFolder } from './job-folder.js';
import type { ProgressEvent } from './progress.js';
import { ProgressChannel } from './progress-channel.js';
import { resolveRunOptions } from './resolve-run-options.js';
import { type RunLogger, silentLogger } from './run-logger.js';
import type { RunConfig, RunOptions } from './run-options.js';
import type { RunParts, RunResult } from './run-parts.js';
import type { RunReport } from './run-report.js';
import { WarningList } from './warning-list.js';
import type { WorkerClient } from './worker-client.js';

/** What a caller may give besides the options. */
export type RunContext = {
  /** Aborting stops the run: children end, unfinished files go, the promise rejects with kind `interrupted`. */
  readonly signal?: AbortSignal | undefined;
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
};

/** Everything that a run opens, closed again in reverse order. */
class RunResources {
  readonly #logger: RunLogger;
  readonly #output: string;
  readonly #startWorker: () => WorkerClient;
  readonly #workers = new Map<number, WorkerClient>();
  #jobFolder: JobFolder | undefined;

  constructor(options: { logger: RunLogger; output: string; startWorker: () => WorkerClient }) {
    this.#logger = options.logger;
    this.#output = options.output;
    this.#startWorker = options.startWorker;
  }

  openWorker(number: number): WorkerClient {
    const worker = this.#workers.get(number) ?? this.#startWorker();
    this.#workers.set(number, worker);
    return worker;
  }

  async openJobFolder(): Promise<string> {
    const { createJobFolder } = await import('./job-folder.js');
    this.#jobFolder ??= await createJobFolder(this.#output);
    return this.#jobFolder.path;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.close()));
    try {
      await this.#jobFolder?.remove();
    } catch (error) {
      this.#logger.warn({ err: error }, `The folder ${this.#jobFolder?.path} could not be deleted`);
    }
  }
}

const runTarget = async (parts: RunParts): Promise<RunResult> => {
  const { checkFiles } = await import('./preflight.js');
  const kind = await checkFiles(parts.config, parts.options);
  throwIfInterrupted(parts.signal);
  // Starting a thread and loading its modules takes some tenths of a second, in which the rest can be looked at.
  parts.openWorker();
  if (kind === 'image') {
    const { runImage } = await import('./run-image.js');
    return runImage(parts);
  }
  const { locateTools } = await import('../media/ffmpeg-tools.js');
  const tools = await locateTools();
  parts.logger.debug(tools, 'ffmpeg');
  if (kind === 'animation') {
    const { runAnimation } = await import('./run-animation.js');
    return runAnimation(parts, tools);
  }
  const { runVideo } = await import('./run-video.js');
  return runVideo(parts, tools);
};

const makeReport = (
  config: RunConfig,
  result: RunResult,
  rest: Pick<RunReport, 'outputSha256' | 'wallMs' | 'warnings'>,
): RunReport => ({
  schema: 1,
  version: packageVersion(),
  status: result.status,
  output: config.output,
  outputSha256: rest.outputSha256,
  config,
  media: result.media,
  wallMs: rest.wallMs,
  framesPerSecond: (result.rows.length * 1000) / Math.max(1, rest.wallMs),
  stageMs: result.stageMs,
  performance: result.performance,
  quality: result.quality,
  warnings: rest.warnings,
});

/**
 * The end of a run: output and report get their names. All that can fail for another reason than the names is done
 * before, and the output comes last, so that a failure leaves neither.
 *
 * @throws FaceswapError (resources, media) when the disk refuses, (usage) when a name was taken meanwhile, (interrupted).
 */
const finishRun = async (
  { config, signal, warnings, startMs }: RunParts,
  result: RunResult,
): Promise<RunReport> => {
  const [{ contentHash }, { syncFile }, { writeReportFile }] = await Promise.all([
    import('../media/content-hash.js'),
    import('./journal.js'),
    import('./report-file.js'),
  ]);
  await syncFile(result.temporary);
  const outputSha256 = await contentHash(result.temporary, { signal });
  const wallMs = performance.now() - startMs;
  const report = makeReport(config, result, { outputSha256, wallMs, warnings: warnings.all });
  const { overwrite } = config;
  const reportFile =
    config.report === undefined
      ? undefined
      : await writeReportFile(config.report, report, { rows: result.rows, overwrite });
  try {
    throwIfInterrupted(signal);
    await reportFile?.place();
    await placeFile(result.temporary, config.output, { overwrite, stage: 'mux' });
  } catch (error) {
    await reportFile?.remove();
    throw error;
  }
  return report;
};

const execute = async (
  options: RunOptions,
  { signal, logger = silentLogger }: RunContext,
  { channel, workerEntry, models }: RunInternals & { readonly channel: ProgressChannel },
): Promise<RunReport> => {
  const startMs = performance.now();
  const config = resolveRunOptions(options);
  throwIfInterrupted(signal);
  const { WorkerClient: Client } = await import('./worker-client.js');
  const resources = new RunResources({
    logger,
    output: config.output,
    startWorker: () => new Client({ logger, entry: workerEntry }),
  });
  const parts: RunParts = {
    config,
    options,
    models: models ?? null,
    startMs,
    openWorker: (number = 0) => resources.openWorker(number),
    openJobFolder: () => resources.openJobFolder(),
    progress: channel,
    warnings: new WarningList(channel),
    logger,
    signal,
  };
  let report: RunReport;
  try {
    report = await finishRun(parts, await runTarget(parts));
  } catch (error) {
    await resources.close();
    // By now a signal that stopped both us and our children has arrived, whichever of the two was noticed first.
    if (signal?.aborted === true) throw interruption();
    throw FaceswapError.from(error);
  }
  await resources.close();
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
