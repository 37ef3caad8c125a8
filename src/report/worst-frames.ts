import type { FaceRow, FrameRow } from '../pipeline/run-report.js';
import { fixed } from './html/format.js';

/** A frame that stands out, and why. */
export type WorstFrame = {
  /** Position of its row. */
  readonly position: number;
  readonly row: FrameRow;
  /** The face that stands out most. */
  readonly face: FaceRow;
  /** In words, the worst first. */
  readonly reasons: readonly string[];
};

/** A figure in which a face can stand out. */
type Measure = {
  /** Larger is worse; null where it was not taken. */
  readonly badness: (face: FaceRow) => number | null;
  /** Spread below which nobody sees a difference, in the measure's unit. */
  readonly floor: number;
  readonly describe: (face: FaceRow, median: number) => string;
};

/** From here on two pictures look the same, and a larger figure says nothing more. */
const sameToTheEyeDb = 42;

const seen = (figure: number | null): number | null =>
  figure === null ? null : Math.min(figure, sameToTheEyeDb);

const minus = (first: number | null, second: number | null): number | null =>
  first === null || second === null ? null : first - second;

const measures: readonly Measure[] = [
  {
    badness: (face) => minus(seen(face.tpsnrSourceDb), seen(face.tpsnrOutputDb)),
    floor: 1,
    describe: (face) =>
      `flickers: tPSNR ${fixed(face.tpsnrOutputDb, 1)} dB, in the source ${fixed(face.tpsnrSourceDb, 1)} dB`,
  },
  {
    badness: (face) => face.jitterAfter,
    floor: 0.005,
    describe: (face, median) =>
      `jumps: jitter ${fixed(face.jitterAfter, 4)} after smoothing, median ${fixed(median, 4)}`,
  },
  {
    badness: (face) => minus(0, face.identityToSource),
    floor: 0.05,
    describe: (face, median) =>
      `looks less like the source: identity ${fixed(face.identityToSource, 3)}, median ${fixed(-median, 3)}`,
  },
  {
    badness: (face) => face.seam,
    floor: 0.5,
    describe: (face, median) => `seam: ${fixed(face.seam, 2)} levels per pixel, median ${fixed(median, 2)}`,
  },
  {
    badness: (face) => (face.outcome === 'skipped' && face.skipReason !== 'not-selected' ? 1 : 0),
    floor: 0.4,
    describe: (face) => `not swapped: ${face.skipReason ?? 'no reason told'}`,
  },
];

/** Besides the worst, reasons are told from so many spreads on. */
const toldSeverity = 1;

/** Reasons that are told of a frame. */
const mostReasons = 3;

/** Frames on either side of a chosen one that are not chosen as well, since they mostly show the same fault; fewer in a short run. */
const mostApartFrames = 12;

const medianOf = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
};

/**
 * Median of a measure and its spread: the median distance from the median, times 1.4826, which for a normal distribution is the
 * standard deviation, and which a few bad frames do not move.
 */
const scaleOf = (
  { badness, floor }: Measure,
  rows: readonly FrameRow[],
): { readonly median: number; readonly spread: number } => {
  const values = rows.flatMap((row) =>
    row.faces.flatMap((face) => {
      const value = badness(face);
      return value === null ? [] : [value];
    }),
  );
  const median = medianOf(values);
  const deviation = medianOf(values.map((value) => Math.abs(value - median)));
  return { median, spread: Math.max(floor, 1.4826 * deviation) };
};

/** The worst reason, and the others that count. */
const told = (reasons: readonly { readonly severity: number; readonly text: string }[]): readonly string[] =>
  reasons
    .filter(({ severity }, at) => at === 0 || severity >= toldSeverity)
    .slice(0, mostReasons)
    .map(({ text }) => text);

/**
 * The frames whose faces stand out most from the rest of the run, at most `count`, in the order of their badness: in flicker beyond
 * the source's, jitter, identity, seam, or because a face was left alone. Of frames that lie close to each other
 * only the worst is taken. Fewer in a short run, none where all frames are alike.
 */
export function worstFrames(rows: readonly FrameRow[], count: number): readonly WorstFrame[] {
  const scales = measures.map((measure) => scaleOf(measure, rows));
  const candidates = rows.flatMap((row, position) =>
    row.faces.map((face) => {
      const reasons = measures
        .flatMap((measure, at) => {
          const { median, spread } = scales[at] as (typeof scales)[number];
          const value = measure.badness(face);
          const severity = value === null ? 0 : (value - median) / spread;
          return severity <= 0 ? [] : [{ severity, text: measure.describe(face, median) }];
        })
        .sort((a, b) => b.severity - a.severity);
      return { position, row, face, reasons, severity: reasons[0]?.severity ?? 0 };
    }),
  );
  candidates.sort((a, b) => b.severity - a.severity || a.position - b.position);
  const apartFrames = Math.min(mostApartFrames, Math.floor(rows.length / (2 * count)));
  const chosen: WorstFrame[] = [];
  for (const { position, row, face, reasons } of candidates) {
    if (chosen.length === count || reasons.length === 0) break;
    if (chosen.some((other) => Math.abs(other.position - position) <= apartFrames)) continue;
    chosen.push({ position, row, face, reasons: told(reasons) });
  }
  return chosen;
}
