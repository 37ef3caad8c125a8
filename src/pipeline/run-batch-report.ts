import { type ErrorRecord, FaceswapError } from '../errors.js';
import type { ProgressEvent } from './progress.js';
import { gateText, missedGates } from './quality-gates.js';
import type { RunReport, RunWarning } from './run-report.js';

/** Which target of a batch something is about. */
export type BatchItem = {
  /** Counted from 0. */
  readonly index: number;
  /** Targets of the batch. */
  readonly count: number;
  /** Absolute path. */
  readonly target: string;
  /** Absolute path. */
  readonly output: string;
};

/** What became of a target. `not-done`: the batch was stopped before or while it was at it. */
export type BatchItemReport = Omit<BatchItem, 'count'> &
  (
    | { readonly ok: true; readonly status: 'done'; readonly report: RunReport }
    | { readonly ok: true; readonly status: 'skipped' }
    | { readonly ok: false; readonly status: 'failed'; readonly error: ErrorRecord }
    | { readonly ok: false; readonly status: 'not-done' }
  );

/** What `runBatch()` returns and `--json` prints. */
export type BatchReport = {
  readonly schema: 1;
  readonly version: string;
  /** In the order of the work. */
  readonly items: readonly BatchItemReport[];
  readonly counts: {
    readonly targets: number;
    readonly done: number;
    readonly failed: number;
    /** Of those that are done: how many miss a quality gate. */
    readonly belowGate: number;
    /** Their output was there already. */
    readonly skipped: number;
    readonly notDone: number;
    /** Files that a folder or pattern gave and that are no media by their extension. */
    readonly notMedia: number;
    /** Files that were taken for outputs of an earlier batch and left alone. */
    readonly earlierOutputs: number;
  };
  readonly frames: number;
  readonly facesSwapped: number;
  readonly wallMs: number;
  /** Worker threads that were started for all targets together. */
  readonly workersStarted: number;
  /** Why the batch ended before its last target; null when it did not. */
  readonly stopped: ErrorRecord | null;
  /** Remarks about the list of targets; those about a target are in its own report. */
  readonly warnings: readonly RunWarning[];
};

/** The figures of a finished target that are shown while the batch goes on. */
export type BatchItemFigures = {
  readonly status: RunReport['status'];
  readonly kind: RunReport['media']['kind'];
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly facesSwapped: number;
  /** A line for each quality gate that the output misses. */
  readonly missedGates: readonly string[];
};

/** What happens to a target as a whole. */
export type BatchItemEvent = { readonly type: 'item'; readonly item: BatchItem } & (
  | { readonly state: 'started' | 'skipped' }
  | ({ readonly state: 'done' } & BatchItemFigures)
  | { readonly state: 'failed'; readonly error: ErrorRecord }
);

/** Events of a batch: those of its runs with the target that they are about; null for remarks about the list. */
export type BatchProgressEvent = BatchItemEvent | (ProgressEvent & { readonly item: BatchItem | null });

/** Faces of a run that are no longer the target's own. */
export const swappedFaces = ({ quality }: RunReport): number => quality.facesSwapped + quality.facesFilled;

/** The figures of one report. */
export const itemFigures = (report: RunReport): BatchItemFigures => ({
  status: report.status,
  kind: report.media.kind,
  frames: report.media.frameCount,
  framesPerSecond: report.framesPerSecond,
  facesSwapped: swappedFaces(report),
  missedGates: missedGates(report.gates).map(gateText),
});

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** What decides a batch's exit code. */
type Outcome = {
  readonly items: readonly (
    | { readonly ok: true; readonly report?: Pick<RunReport, 'gates'> }
    | { readonly ok: false; readonly error?: ErrorRecord | undefined }
  )[];
  readonly stopped?: ErrorRecord | null;
};

const batchGateFailure = (items: Outcome['items']): FaceswapError | undefined => {
  const missing = items.filter((item) => item.ok && missedGates(item.report?.gates ?? []).length > 0).length;
  if (missing === 0) return undefined;
  return new FaceswapError(
    'qualityGate',
    `${missing} of ${plural(items.length, 'target')} ${missing === 1 ? 'misses' : 'miss'} a quality gate`,
    { hint: 'The outputs are written; the lines above say what is missed' },
  );
};

/**
 * The failure that a batch ends with, undefined when there is none. A batch that was stopped has the kind of what stopped it; one
 * in which everything failed in the same way has that kind; everything else is `partial`. Where nothing failed, outputs that miss a quality
 * gate make it `qualityGate`.
 */
export function batchFailure({ items, stopped = null }: Outcome): FaceswapError | undefined {
  const total = items.length;
  const good = items.filter(({ ok }) => ok).length;
  if (stopped !== null) {
    const { kind, message, file, stage } = stopped;
    const finished = `${good} of ${plural(total, 'target')} ${good === 1 ? 'is' : 'are'} done`;
    const isInterruption = kind === 'interrupted';
    return new FaceswapError(
      kind,
      isInterruption ? `Stopped on request: ${finished}` : `${message}; the batch was stopped, ${finished}`,
      {
        file: isInterruption ? undefined : file,
        stage,
        hint: `${stopped.hint === undefined ? '' : `${stopped.hint}. `}Give --skip-existing to go on from there`,
      },
    );
  }
  const failed = total - good;
  if (failed === 0) return batchGateFailure(items);
  const kinds = new Set(items.map((item) => (item.ok ? undefined : item.error?.kind)));
  const [only] = kinds;
  const kind = kinds.size === 1 && only !== undefined ? only : 'partial';
  const message =
    failed === total && total > 1
      ? `All ${total} targets failed`
      : `${failed} of ${plural(total, 'target')} failed`;
  return new FaceswapError(kind, message, { hint: 'The lines above say why' });
}
