import { type JitteringFaces, jitteringFaces } from './jitter-frames.js';
import { known, percentilesOf, spreadOf } from './quality-figures.js';
import type {
  FaceRow,
  FaceTotals,
  FrameRow,
  QualityTotals,
  ShotTotals,
  SkipReason,
  TrackTotals,
} from './run-report.js';
import { shotsOf } from './shots.js';

const shareOf = (count: number, total: number): number | null => (total === 0 ? null : count / total);

const faceTotals = (faces: readonly FaceRow[], jittering: JitteringFaces): FaceTotals => {
  const count = (outcome: FaceRow['outcome']): number =>
    faces.filter((face) => face.outcome === outcome).length;
  const facesSkipped: Partial<Record<SkipReason, number>> = {};
  for (const { outcome, skipReason } of faces) {
    if (outcome === 'skipped' && skipReason !== undefined) {
      facesSkipped[skipReason] = (facesSkipped[skipReason] ?? 0) + 1;
    }
  }
  const facesFilled = count('filled');
  const unwanted = (facesSkipped['not-selected'] ?? 0) + (facesSkipped['no-gain'] ?? 0);
  const jitterShare = (
    which: ReadonlySet<FaceRow>,
    figure: (face: FaceRow) => number | null,
  ): number | null =>
    shareOf(faces.filter((face) => which.has(face)).length, known(faces.map(figure)).length);
  return {
    facesFound: faces.length - facesFilled,
    facesSwapped: count('swapped'),
    facesFilled,
    facesSkipped,
    unswappedShare: shareOf(count('skipped') - unwanted, faces.length - unwanted),
    tpsnrOutputDb: spreadOf(faces.map((face) => face.tpsnrOutputDb)),
    tpsnrSourceDb: spreadOf(faces.map((face) => face.tpsnrSourceDb)),
    tpsnrAlignedOutputDb: spreadOf(faces.map((face) => face.tpsnrAlignedOutputDb)),
    tpsnrAlignedSourceDb: spreadOf(faces.map((face) => face.tpsnrAlignedSourceDb)),
    seam: percentilesOf(faces.map((face) => face.seam)),
    ssimInside: percentilesOf(faces.map((face) => face.ssimInside)),
    jitterShareBefore: jitterShare(jittering.before, (face) => face.jitterBefore),
    jitterShareAfter: jitterShare(jittering.after, (face) => face.jitterAfter),
    identityToSource: percentilesOf(faces.map((face) => face.identityToSource)),
    identityToTarget: percentilesOf(faces.map((face) => face.identityToTarget)),
  };
};

const totalsOf = (rows: readonly FrameRow[], jittering: JitteringFaces): QualityTotals => ({
  ...faceTotals(
    rows.flatMap((row) => row.faces),
    jittering,
  ),
  framesWithoutFace: rows.filter((row) => row.faces.length === 0).length,
  sceneCuts: rows.filter((row) => row.sceneCut).length,
  ssimOutside: spreadOf(rows.map((row) => row.ssimOutside)),
});

/**
 * Totals of the quality monitor over the rows of a whole run, in frame order. Figures are per face and frame: a
 * frame with two faces counts twice. Every figure is taken from the rows themselves and never from averages of
 * parts, so that the way the timeline was cut leaves no trace. A `filled` face was not found, so it is not in
 * `facesFound`.
 */
export const qualityTotals = (rows: readonly FrameRow[]): QualityTotals =>
  totalsOf(rows, jitteringFaces(rows));

/** Half-open. */
const rangeOf = (rows: readonly FrameRow[]): { start: number; end: number } => ({
  start: rows[0]?.frame ?? 0,
  end: (rows.at(-1)?.frame ?? -1) + 1,
});

/**
 * The same totals for each shot and for each track, both in the order of their first frames. What counts as jitter is decided by the
 * shot in all of them, so that the parts add up to the whole.
 *
 * @param rows of a whole run in frame order, in which no two tracks share a number (see `numberTracks`)
 */
export function partTotals(rows: readonly FrameRow[]): {
  readonly shots: readonly ShotTotals[];
  readonly tracks: readonly TrackTotals[];
} {
  const jittering = jitteringFaces(rows);
  const shots: ShotTotals[] = [];
  const tracks: TrackTotals[] = [];
  for (const [shot, shotRows] of shotsOf(rows).entries()) {
    shots.push({ shot, ...rangeOf(shotRows), quality: totalsOf(shotRows, jittering) });
    const byTrack = new Map<number, { readonly start: number; end: number; readonly faces: FaceRow[] }>();
    for (const { frame, faces } of shotRows) {
      for (const face of faces) {
        const track = byTrack.get(face.trackId) ?? { start: frame, end: frame, faces: [] };
        byTrack.set(face.trackId, track);
        track.end = frame + 1;
        track.faces.push(face);
      }
    }
    for (const [trackId, { start, end, faces }] of byTrack) {
      tracks.push({
        trackId,
        shot,
        start,
        end,
        frames: faces.length,
        quality: faceTotals(faces, jittering),
      });
    }
  }
  return { shots, tracks };
}
