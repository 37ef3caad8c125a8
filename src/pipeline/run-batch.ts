import { dirname } from 'node:path';
import { FaceswapError } from '../errors.js';
import { packageVersion } from '../version.js';
import { isDiskFull } from './file-failure.js';
import { interruption, throwIfInterrupted, untilInterrupted } from './interruption.js';
import type { UndoFolder } from './output-folder.js';
import { ProgressChannel } from './progress-channel.js';
import { missedGates } from './quality-gates.js';
import { type RunContext, type RunInternals, startRun } from './run.js';
import type { BatchPlan, PlannedItem } from './run-batch-items.js';
import { type BatchConfig, type BatchOptions, resolveBatchOptions } from './run-batch-options.js';
import {
  type BatchItem,
  type BatchItemReport,
  type BatchProgressEvent,
  type BatchReport,
  itemFigures,
  swappedFaces,
} from './run-batch-report.js';
import { silentLogger } from './run-logger.js';
import type { RunReport } from './run-report.js';
import type { SourceMemory } from './source-faces.js';
import { WorkerSet } from './worker-set.js';

/** A running batch: a promise of its report, and what happens until then. */
export type BatchHandle = Promise<BatchReport> & {
  /** For one reader. It ends with the batch and never throws: failures come through the promise. */
  readonly progress: AsyncIterable<BatchProgressEvent>;
};

/** What tests put in place of the real thing. */
export type BatchInternals = Pick<RunInternals, 'workerEntry'>;

/** What all runs of a batch have together. */
type SharedParts = {
  readonly workers: WorkerSet;
  readonly sourceMemory: SourceMemory | undefined;
};

type BatchParts = RunContext &
  BatchInternals & { readonly channel: ProgressChannel<BatchProgressEvent>; readonly shared: SharedParts };

/** Failures that every later target would meet as well. */
const stopsBatch = (error: FaceswapError): boolean =>
  error.kind === 'interrupted' || error.kind === 'model' || isDiskFull(error);

/**
 * Does once, before the first target, what all targets need: finds ffmpeg and the encoder that was asked for, starts the first
 * worker and prepares the source faces in it.
 *
 * @throws FaceswapError: what would fail every target.
 */
const prepareForAll = async (
  { config, shared }: BatchConfig,
  items: readonly PlannedItem[],
  { signal, shared: { workers, sourceMemory } }: BatchParts,
): Promise<void> => {
  const [
    { locateTools, requireEncoder },
    { chainModelFiles },
    { planPolicy },
    { loadSourceSets },
    { loadReferences },
  ] = await Promise.all([
    import('../media/ffmpeg-tools.js'),
    import('./chain-files.js'),
    import('./policy/policy-plan.js'),
    import('./selection/source-sets.js'),
    import('./selection/reference-faces.js'),
  ]);
  if (items.some(({ kind }) => kind === 'video')) {
    const tools = await locateTools();
    if (shared.outputVideoEncoder !== undefined) await requireEncoder(tools, shared.outputVideoEncoder);
  }
  const models = await chainModelFiles(config);
  planPolicy(config);
  const loading = { worker: workers.open(0), models, cache: config.cache, memory: sourceMemory, signal };
  await untilInterrupted(
    loadSourceSets(config, loading).then(() => loadReferences(config, loading)),
    signal,
  );
};

/** One run; the folders that were made for it go again when it fails. */
const runItem = async (item: BatchItem, planned: PlannedItem, parts: BatchParts): Promise<RunReport> => {
  const { channel, signal, drain, logger, workerEntry, shared } = parts;
  const { makeFolder } = await import('./output-folder.js');
  const { output, report } = planned.options;
  const undo: UndoFolder[] = [];
  try {
    for (const file of report === undefined ? [output] : [output, report]) {
      undo.unshift(await makeFolder(dirname(file)));
    }
    const handle = startRun(planned.options, { signal, drain, logger }, { workerEntry, ...shared });
    for await (const event of handle.progress) channel.emit({ ...event, item });
    return await handle;
  } catch (error) {
    for (const takeAway of undo) await takeAway();
    throw error;
  }
};

/** What is known about a target before its turn. */
const placeOf = ({ index, target, output }: PlannedItem): Pick<BatchItem, 'index' | 'target' | 'output'> => ({
  index,
  target,
  output,
});

type ItemsResult = {
  readonly items: readonly BatchItemReport[];
  readonly stopped: FaceswapError | null;
};

/** Works through the items in order. */
const runItems = async (planned: readonly PlannedItem[], parts: BatchParts): Promise<ItemsResult> => {
  const { channel, signal, drain, logger = silentLogger } = parts;
  const items: BatchItemReport[] = [];
  let stopped: FaceswapError | null = null;
  for (const next of planned) {
    const place = placeOf(next);
    const item: BatchItem = { ...place, count: planned.length };
    if (next.isSkipped) {
      channel.emit({ type: 'item', item, state: 'skipped' });
      items.push({ ...place, ok: true, status: 'skipped' });
      continue;
    }
    if (stopped !== null) {
      items.push({ ...place, ok: false, status: 'not-done' });
      continue;
    }
    try {
      throwIfInterrupted(signal);
      throwIfInterrupted(drain);
      channel.emit({ type: 'item', item, state: 'started' });
      const report = await runItem(item, next, parts);
      items.push({ ...place, ok: true, status: 'done', report });
      channel.emit({ type: 'item', item, state: 'done', ...itemFigures(report) });
    } catch (thrown) {
      const error = signal?.aborted === true ? interruption() : FaceswapError.from(thrown);
      if (stopsBatch(error)) stopped = error;
      if (error.kind === 'interrupted') {
        items.push({ ...place, ok: false, status: 'not-done' });
        continue;
      }
      logger.debug({ err: thrown }, 'the target failed');
      items.push({ ...place, ok: false, status: 'failed', error: error.toRecord() });
      channel.emit({ type: 'item', item, state: 'failed', error: error.toRecord() });
    }
  }
  return { items, stopped };
};

const makeReport = (
  { items, stopped }: ItemsResult,
  plan: BatchPlan,
  rest: Pick<BatchReport, 'wallMs' | 'workersStarted'>,
): BatchReport => {
  const countOf = (status: BatchItemReport['status']): number =>
    items.filter((item) => item.status === status).length;
  const reports = items.flatMap((item) => (item.status === 'done' ? [item.report] : []));
  return {
    schema: 1,
    version: packageVersion(),
    items,
    counts: {
      targets: items.length,
      done: countOf('done'),
      failed: countOf('failed'),
      belowGate: reports.filter(({ gates }) => missedGates(gates).length > 0).length,
      skipped: countOf('skipped'),
      notDone: countOf('not-done'),
      notMedia: plan.notMediaCount,
      earlierOutputs: plan.earlierOutputCount,
    },
    frames: reports.reduce((sum, { media }) => sum + media.frameCount, 0),
    facesSwapped: reports.reduce((sum, report) => sum + swappedFaces(report), 0),
    wallMs: rest.wallMs,
    workersStarted: rest.workersStarted,
    stopped: stopped === null ? null : stopped.toRecord(),
    warnings: plan.warnings,
  };
};

const execute = async (
  options: BatchOptions,
  context: RunContext,
  internals: BatchInternals & { readonly channel: ProgressChannel<BatchProgressEvent> },
): Promise<BatchReport> => {
  const startMs = performance.now();
  const { signal, logger = silentLogger } = context;
  const batch = resolveBatchOptions(options);
  throwIfInterrupted(signal);
  const { planBatch } = await import('./run-batch-items.js');
  const plan = await planBatch(batch, signal);
  for (const warning of plan.warnings) internals.channel.emit({ type: 'warning', warning, item: null });
  const [{ WorkerClient }, { createSourceMemory }, { preparedSetCount }] = await Promise.all([
    import('./worker-client.js'),
    import('./source-faces.js'),
    import('./selection/run-photos.js'),
  ]);
  const workers = new WorkerSet(() => new WorkerClient({ logger, entry: internals.workerEntry }));
  const sourceMemory = batch.config.cache ? undefined : createSourceMemory(preparedSetCount(batch.config));
  const parts: BatchParts = { ...context, ...internals, shared: { workers, sourceMemory } };
  try {
    const toDo = plan.items.filter(({ isSkipped }) => !isSkipped);
    if (toDo.length > 0) await prepareForAll(batch, toDo, parts);
    const result = await runItems(plan.items, parts);
    const wallMs = performance.now() - startMs;
    return makeReport(result, plan, { wallMs, workersStarted: workers.startedCount });
  } catch (error) {
    if (signal?.aborted === true) throw interruption();
    throw FaceswapError.from(error);
  } finally {
    await workers.close();
  }
};

/** {@link runBatch} with internals that tests replace. */
export function startBatch(
  options: BatchOptions,
  context: RunContext,
  internals: BatchInternals,
): BatchHandle {
  const channel = new ProgressChannel<BatchProgressEvent>();
  const report = execute(options, context, { ...internals, channel }).finally(() => channel.close());
  // A caller may read all progress before it looks at the promise; a failure meanwhile must not end the process.
  report.catch(() => {});
  return Object.assign(report, { progress: channel });
}

/**
 * Changes many targets, one after the other in their order, with the same source faces and options. Workers, models and source
 * faces are started once for all. Videos and images may be mixed; options for videos are then for the videos alone.
 *
 * A target that fails does not stop the others: it stands in the report with its error. An abort, a full disk or a damaged model
 * stops the batch; what is finished stays, and `stopped` in the report says why.
 *
 * @returns a promise of the report that also carries the progress events. `batchFailure` says what it comes to.
 * @throws (rejects with) FaceswapError when nothing was begun: for wrong options, no targets, outputs that fall together or are
 * there already, sources without a face, tools that are missing.
 */
export const runBatch = (options: BatchOptions, context: RunContext = {}): BatchHandle =>
  startBatch(options, context, {});
