import { type ErrorRecord, FaceswapError } from '../errors.js';
import { type DryRun, planTarget } from './dry-run.js';
import { interruption, throwIfInterrupted } from './interruption.js';
import type { RunContext } from './run.js';
import { type BatchOptions, resolveBatchOptions } from './run-batch-options.js';
import type { RunWarning } from './run-report.js';

/** What a batch would do with one target. */
export type BatchDryRunItem = {
  /** Counted from 0. */
  readonly index: number;
  readonly target: string;
  readonly output: string;
} & (
  | { readonly ok: true; readonly status: 'planned'; readonly dryRun: DryRun }
  | { readonly ok: true; readonly status: 'skipped' }
  | { readonly ok: false; readonly status: 'failed'; readonly error: ErrorRecord }
);

/** What a batch would do. */
export type BatchDryRun = {
  readonly schema: 1;
  readonly items: readonly BatchDryRunItem[];
  /** Frames that would be rendered, and a rough guess of the time, of all targets that can be. */
  readonly estimate: { readonly frames: number; readonly seconds: number };
  /** As in the report of a batch. */
  readonly notMedia: number;
  readonly earlierOutputs: number;
  readonly warnings: readonly RunWarning[];
};

/**
 * Makes all the checks of a batch and the plan of each target, without running a model or writing anything. A target that would
 * be refused stands in the result with its error.
 *
 * @throws FaceswapError: what `runBatch` would reject with, except what is wrong with the faces on the source photos.
 */
export async function dryRunBatch(options: BatchOptions, { signal }: RunContext = {}): Promise<BatchDryRun> {
  try {
    const batch = resolveBatchOptions(options);
    throwIfInterrupted(signal);
    const { planBatch } = await import('./run-batch-items.js');
    const plan = await planBatch(batch, signal);
    const items: BatchDryRunItem[] = [];
    for (const { index, target, output, options: itemOptions, isSkipped } of plan.items) {
      throwIfInterrupted(signal);
      const place = { index, target, output };
      if (isSkipped) {
        items.push({ ...place, ok: true, status: 'skipped' });
        continue;
      }
      try {
        const dryRun = await planTarget(itemOptions, { signal, folders: 'made-later' });
        items.push({ ...place, ok: true, status: 'planned', dryRun });
      } catch (error) {
        throwIfInterrupted(signal);
        items.push({ ...place, ok: false, status: 'failed', error: FaceswapError.from(error).toRecord() });
      }
    }
    const planned = items.flatMap((item) => (item.status === 'planned' ? [item.dryRun.estimate] : []));
    return {
      schema: 1,
      items,
      estimate: {
        frames: planned.reduce((sum, { frames }) => sum + frames, 0),
        seconds: planned.reduce((sum, { seconds }) => sum + seconds, 0),
      },
      notMedia: plan.notMediaCount,
      earlierOutputs: plan.earlierOutputCount,
      warnings: plan.warnings,
    };
  } catch (error) {
    if (signal?.aborted === true) throw interruption();
    throw FaceswapError.from(error);
  }
}
