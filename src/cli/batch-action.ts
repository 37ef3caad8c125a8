import type { Logger } from 'pino';
import { type ErrorRecord, ExitCode, type FaceswapError } from '../errors.js';
import { type BatchOptions, type BatchProgressEvent, dryRunBatch, runBatch } from '../index.js';
import { batchFailure } from '../pipeline/run-batch-report.js';
import type { RunWarning } from '../pipeline/run-report.js';
import { batchItemLine, formatBatchDryRun, formatBatchTable } from '../report/batch-table.js';
import { failureLine } from './failure.js';
import { writeError, writeResult } from './output.js';
import type { Interruption } from './interruption.js';
import type { ProgressDisplay } from './progress-display.js';

/** What a batch on the command line works with. */
export type BatchSetting = {
  readonly log: Logger;
  readonly tellWarning: (warning: RunWarning) => void;
  /** Gives a display for the next target; what the one before it has shown is gone by then. */
  readonly nextDisplay: (label: string) => ProgressDisplay;
  /** Whether events are printed, so that the log need not say the same. */
  readonly printsEvents: boolean;
  /** Print one JSON object on stdout instead of the table. */
  readonly json: boolean;
  readonly interruption: Interruption;
};

/** Prints the result on stdout and the failure, where there is one, on stderr. */
const tellResult = (
  failure: FaceswapError | undefined,
  json: boolean,
  { record, table }: { readonly record: object; readonly table: string },
): ExitCode => {
  const error: { readonly error?: ErrorRecord } = failure === undefined ? {} : { error: failure.toRecord() };
  writeResult(json ? `${JSON.stringify({ ok: failure === undefined, ...record, ...error })}\n` : table);
  if (failure === undefined) return ExitCode.ok;
  writeError(`${failureLine(failure)}\n`);
  return failure.exitCode;
};

const showEvents = async (
  progress: AsyncIterable<BatchProgressEvent>,
  setting: BatchSetting,
): Promise<void> => {
  const { log, tellWarning, nextDisplay, printsEvents } = setting;
  let display = nextDisplay('');
  try {
    for await (const event of progress) {
      if (event.type !== 'item') {
        if (event.type === 'warning' && !printsEvents) tellWarning(event.warning);
        display.show(event);
        continue;
      }
      const { item, state } = event;
      if (state === 'started') {
        display.stop();
        display = nextDisplay(`${item.index + 1}/${item.count} `);
      }
      if (printsEvents) display.writeLine(JSON.stringify(event));
      else if (state === 'failed') log.error(batchItemLine(event, process.cwd()));
      else if (state !== 'started') log.info(batchItemLine(event, process.cwd()));
    }
  } finally {
    display.stop();
  }
};

/**
 * What `faceswap run` does with more than one target: a line on stderr as each ends, a table on stdout at the end.
 *
 * @returns the exit code.
 * @throws FaceswapError when nothing was begun.
 */
export const batchAction = async (options: BatchOptions, setting: BatchSetting): Promise<ExitCode> => {
  const { log, json } = setting;
  const { signal, drain } = setting.interruption;
  const batch = runBatch(options, { signal, drain, logger: log });
  const [report] = await Promise.all([batch, showEvents(batch.progress, setting)]);
  return tellResult(batchFailure(report), json, {
    record: { batch: report },
    table: formatBatchTable(report, process.cwd()),
  });
};

/**
 * The same for `--dry-run`: a table of the targets and what would be done.
 *
 * @throws FaceswapError as {@link batchAction}.
 */
export const batchDryRunAction = async (
  options: BatchOptions,
  { tellWarning, interruption, json }: BatchSetting,
): Promise<ExitCode> => {
  const dryRun = await dryRunBatch(options, { signal: interruption.drain });
  dryRun.warnings.forEach(tellWarning);
  for (const item of dryRun.items) {
    if (item.status === 'planned') item.dryRun.warnings.forEach(tellWarning);
  }
  return tellResult(batchFailure(dryRun), json, {
    record: { dryRun },
    table: formatBatchDryRun(dryRun, process.cwd()),
  });
};
