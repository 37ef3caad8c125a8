import { isAbsolute, relative, sep } from 'node:path';
import { type ErrorRecord, FaceswapError } from '../errors.js';
import type { BatchDryRun } from '../pipeline/run-batch-dry-run.js';
import {
  type BatchItemEvent,
  type BatchItemFigures,
  type BatchReport,
  itemFigures,
} from '../pipeline/run-batch-report.js';
import { formatRows, type TableRow, formatColumns } from './table-rows.js';

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** File names may hold line breaks and the codes that move a terminal's cursor. */
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');

/** A path as it is seen from a folder, where it lies in it. */
const shownPath = (path: string, folder: string): string => {
  const way = relative(folder, path);
  const isBelow = way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  return printable(isBelow ? way : path);
};

const errorText = (error: ErrorRecord): string =>
  `failed: ${printable(String(FaceswapError.fromRecord(error)))}`;

/** `250 frames, 8.1 fps, 250 faces swapped`. */
const figuresText = (figures: BatchItemFigures): string => {
  const { status, kind, frames, framesPerSecond, facesSwapped, missedGates } = figures;
  const gates = missedGates.map((gate) => `; ${gate}`).join('');
  if (status === 'copied') return `no face found, copied${gates}`;
  const faces = `${plural(facesSwapped, 'face')} swapped`;
  return kind === 'image'
    ? `${faces}${gates}`
    : `${plural(frames, 'frame')}, ${framesPerSecond.toFixed(1)} fps, ${faces}${gates}`;
};

const skippedText = 'skipped, the output exists';

const eventText = (event: BatchItemEvent): string => {
  switch (event.state) {
    case 'started':
      return 'started';
    case 'skipped':
      return skippedText;
    case 'done':
      return figuresText(event);
    case 'failed':
      return errorText(event.error);
  }
};

/**
 * The line that tells of one target: `3/12 clip.mp4 -> out/clip.mp4: 250 frames, 8.1 fps, 250 faces swapped`.
 *
 * @param folder paths below it are shown from there.
 */
export const batchItemLine = (event: BatchItemEvent, folder: string): string => {
  const { index, count, target, output } = event.item;
  const names = `${shownPath(target, folder)} -> ${shownPath(output, folder)}`;
  return `${index + 1}/${count} ${names}: ${eventText(event)}`;
};

const head = ['#', 'target', 'output', 'result'] as const;

const itemText = (item: BatchReport['items'][number]): string => {
  switch (item.status) {
    case 'done':
      return figuresText(itemFigures(item.report));
    case 'skipped':
      return skippedText;
    case 'failed':
      return errorText(item.error);
    case 'not-done':
      return 'not done';
  }
};

/** Remarks about files that were found and are no targets. */
const leftOutRows = (counts: {
  readonly notMedia: number;
  readonly earlierOutputs: number;
}): readonly TableRow[] => {
  const notes = [
    counts.notMedia === 0
      ? ''
      : `${plural(counts.notMedia, 'file')} that ${counts.notMedia === 1 ? 'is' : 'are'} no media`,
    counts.earlierOutputs === 0 ? '' : `${plural(counts.earlierOutputs, 'earlier output')}`,
  ].filter((note) => note !== '');
  return notes.length === 0 ? [] : [['left out', notes.join(', ')]];
};

/**
 * What became of a batch: a line per target, then the totals. Plain text, no colour, ends with a line break.
 *
 * @param folder paths below it are shown from there.
 */
export const formatBatchTable = (report: BatchReport, folder: string): string => {
  const { items, counts, frames, facesSwapped, wallMs } = report;
  const rows = items.map((item) => [
    String(item.index + 1),
    shownPath(item.target, folder),
    shownPath(item.output, folder),
    itemText(item),
  ]);
  const parts = [
    `${counts.done} done`,
    ...(counts.skipped > 0 ? [`${counts.skipped} skipped`] : []),
    ...(counts.belowGate > 0 ? [`${counts.belowGate} of them below a quality gate`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.notDone > 0 ? [`${counts.notDone} not done`] : []),
  ];
  const totals: readonly TableRow[] = [
    ['targets', `${counts.targets}: ${parts.join(', ')}`],
    ...leftOutRows(counts),
    [
      'frames',
      `${frames}, ${plural(facesSwapped, 'face')} swapped, in ${(wallMs / 1000).toFixed(2)} s with ` +
        `${plural(report.workersStarted, 'worker')} started`,
    ],
  ];
  return `${formatColumns([head, ...rows])}\n${formatRows(totals)}`;
};

const plannedText = (item: BatchDryRun['items'][number]): string => {
  switch (item.status) {
    case 'planned': {
      const { kind, estimate, encoder } = item.dryRun;
      if (kind === 'image') return 'image';
      return `${plural(estimate.frames, 'frame')} in ${plural(estimate.segments, 'segment')}, ${encoder ?? 'n/a'}`;
    }
    case 'skipped':
      return skippedText;
    case 'failed':
      return errorText(item.error);
  }
};

/**
 * What a batch would do: a line per target, then the totals.
 *
 * @param folder paths below it are shown from there.
 */
export const formatBatchDryRun = (dryRun: BatchDryRun, folder: string): string => {
  const { items, estimate } = dryRun;
  const rows = items.map((item) => [
    String(item.index + 1),
    shownPath(item.target, folder),
    shownPath(item.output, folder),
    plannedText(item),
  ]);
  const totals: readonly TableRow[] = [
    ['status', 'dry run: nothing was rendered or written'],
    ['targets', String(items.length)],
    ...leftOutRows(dryRun),
    [
      'estimate',
      `${plural(estimate.frames, 'frame')}, about ${estimate.seconds.toFixed(0)} s; a rough guess`,
    ],
  ];
  return `${formatColumns([head, ...rows])}\n${formatRows(totals)}`;
};
