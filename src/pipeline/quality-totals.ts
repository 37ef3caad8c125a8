import { psnrCeilingDb } from '../processors/quality-monitor/frame-comparison.js';
import type { FaceRow, FrameRow, Percentiles, QualityTotals, SkipReason, Spread } from './run-report.js';

/** A frame jitters when it exceeds this many times its shot's median (DESIGN, quality monitor) … */
const jitterMedianFactor = 3;

/** … and this, as a share of the distance between the eyes: below it nobody sees the movement. */
const jitterFloor = 0.01;

const numbers = (values: readonly (number | null)[]): readonly number[] =>
  values.filter((value) => value !== null && !Number.isNaN(value)) as readonly number[];

const ascending = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b);

/** Linear interpolation between the two nearest ranks of sorted values. */
const quantile = (sorted: readonly number[], share: number): number => {
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? below;
  return below + (above - below) * (position - Math.floor(position));
};

const spread = (values: readonly (number | null)[]): Spread | null => {
  const known = numbers(values).map((value) => Math.min(value, psnrCeilingDb));
  if (known.length === 0) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / known.length;
  return { mean, std: Math.sqrt(variance), min: ascending(known)[0] ?? mean };
};

const percentiles = (values: readonly (number | null)[]): Percentiles | null => {
  const sorted = ascending(numbers(values));
  if (sorted.length === 0) return null;
  return {
    p5: quantile(sorted, 0.05),
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    count: sorted.length,
  };
};

/**
 * Share of values above three times their shot's median and above the floor; null when there are none. The median is that
 * of the unsmoothed landmarks for both figures: measured by its own, a steadied shot would count movements that it
 * had before as well.
 */
const jitterShare = (
  shots: readonly (readonly FaceRow[])[],
  figure: (face: FaceRow) => number | null,
): number | null => {
  let jittering = 0;
  let count = 0;
  for (const shot of shots) {
    const values = numbers(shot.map(figure));
    if (values.length === 0) continue;
    const unsmoothed = ascending(numbers(shot.map((face) => face.jitterBefore)));
    const median = unsmoothed.length === 0 ? 0 : quantile(unsmoothed, 0.5);
    const limit = Math.max(jitterFloor, jitterMedianFactor * median);
    jittering += values.filter((value) => value > limit).length;
    count += values.length;
  }
  return count === 0 ? null : jittering / count;
};

const facesByShot = (rows: readonly FrameRow[]): readonly (readonly FaceRow[])[] => {
  const shots: FaceRow[][] = [[]];
  for (const row of rows) {
    if (row.sceneCut) shots.push([]);
    shots.at(-1)?.push(...row.faces);
  }
  return shots;
};

/**
 * Totals of the quality monitor over the rows of a whole run, in frame order. Figures are per face and frame: a
 * frame with two faces counts twice. Every figure is taken from the rows themselves and never from averages of
 * parts, so that the way the timeline was cut leaves no trace. A `filled` face was not found, so it is not in
 * `facesFound`.
 */
export function qualityTotals(rows: readonly FrameRow[]): QualityTotals {
  const faces = rows.flatMap((row) => row.faces);
  const shots = facesByShot(rows);
  const count = (outcome: FaceRow['outcome']): number =>
    faces.filter((face) => face.outcome === outcome).length;
  const facesSkipped: Partial<Record<SkipReason, number>> = {};
  for (const { outcome, skipReason } of faces) {
    if (outcome === 'skipped' && skipReason !== undefined) {
      facesSkipped[skipReason] = (facesSkipped[skipReason] ?? 0) + 1;
    }
  }
  return {
    facesFound: faces.length - count('filled'),
    facesSwapped: count('swapped'),
    facesFilled: count('filled'),
    facesSkipped,
    framesWithoutFace: rows.filter((row) => row.faces.length === 0).length,
    sceneCuts: rows.filter((row) => row.sceneCut).length,
    tpsnrOutputDb: spread(faces.map((face) => face.tpsnrOutputDb)),
    tpsnrSourceDb: spread(faces.map((face) => face.tpsnrSourceDb)),
    ssimToSource: percentiles(faces.map((face) => face.ssimToSource)),
    jitterShareBefore: jitterShare(shots, (face) => face.jitterBefore),
    jitterShareAfter: jitterShare(shots, (face) => face.jitterAfter),
    identityToSource: percentiles(faces.map((face) => face.identityToSource)),
    identityToTarget: percentiles(faces.map((face) => face.identityToTarget)),
  };
}
