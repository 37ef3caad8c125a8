import type { StageSpans } from './stage-spans.js';

/** Columns of a bar. */
const columns = 40;

/** How much of its column a stage was busy, in quarters. */
const levels = [' ', '.', '-', '=', '#'] as const;

/** A line of the chart: when a stage was busy, or only how long for each frame, in order. */
export type TimelineRow = { readonly name: string } & (
  | { readonly spans: StageSpans }
  | { readonly samples: Float32Array }
);

const fillSpans = (busy: Float64Array, spans: StageSpans, startMs: number, columnMs: number): void => {
  for (let at = 0; at < spans.count; at += 1) {
    const from = spans.startMs(at) - startMs;
    const to = spans.endMs(at) - startMs;
    const last = Math.min(columns - 1, Math.floor(to / columnMs));
    for (let column = Math.max(0, Math.floor(from / columnMs)); column <= last; column += 1) {
      const inside = Math.min(to, (column + 1) * columnMs) - Math.max(from, column * columnMs);
      busy[column] = (busy[column] ?? 0) + Math.max(0, inside);
    }
  }
};

const fillSamples = (busy: Float64Array, samples: Float32Array): void => {
  for (const [at, ms] of samples.entries()) {
    const column = Math.floor(((at + 0.5) / samples.length) * columns);
    busy[column] = (busy[column] ?? 0) + ms;
  }
};

const levelOf = (share: number): string =>
  share < 0.05 ? levels[0] : (levels[Math.min(levels.length - 1, Math.ceil(4 * Math.min(1, share)))] ?? '#');

/**
 * A chart of one segment as lines of plain text: for each stage its busy milliseconds, their share of the segment's wall time
 * and a bar over that time, one character for a fortieth of it (`.` up to a quarter busy, `-` half, `=` three quarters, `#`
 * more, blank below 5 %). Stages that run side by side are busy in the same columns.
 *
 * Samples without times are laid out evenly in their order, which is exact where the stage works on every frame
 * and the frames pass evenly.
 *
 * @param startMs when the segment began, on the clock of the spans.
 * @param wallMs how long it took; more than 0.
 */
export function formatTimeline(
  rows: readonly TimelineRow[],
  { startMs, wallMs }: { readonly startMs: number; readonly wallMs: number },
): readonly string[] {
  const columnMs = wallMs / columns;
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  return rows.map((row) => {
    const busy = new Float64Array(columns);
    if ('spans' in row) fillSpans(busy, row.spans, startMs, columnMs);
    else fillSamples(busy, row.samples);
    const totalMs = 'spans' in row ? row.spans.totalMs() : row.samples.reduce((sum, ms) => sum + ms, 0);
    const share = Math.round((100 * totalMs) / wallMs);
    const bar = Array.from(busy, (ms) => levelOf(ms / columnMs)).join('');
    return `${row.name.padEnd(nameWidth)} ${totalMs.toFixed(0).padStart(7)} ms ${String(share).padStart(4)} % |${bar}|`;
  });
}
