import type { FaceRow, FrameRow } from './run-report.js';
import { ascending, known, quantile } from './quality-figures.js';
import { shotsOf } from './shots.js';

/** A frame jitters when it exceeds this many times its shot's median (DESIGN, quality monitor) … */
const jitterMedianFactor = 3;

/** … and this, as a share of the distance between the eyes: below it nobody sees the movement. */
const jitterFloor = 0.01;

/** The faces that jitter, before smoothing and after it. */
export type JitteringFaces = {
  readonly before: ReadonlySet<FaceRow>;
  readonly after: ReadonlySet<FaceRow>;
};

/**
 * Finds the faces whose jitter is above three times their shot's median and above the floor. The median is that
 * of the unsmoothed landmarks for both figures: measured by its own, a steadied shot would count movements that it
 * had before as well.
 */
export function jitteringFaces(rows: readonly FrameRow[]): JitteringFaces {
  const before = new Set<FaceRow>();
  const after = new Set<FaceRow>();
  for (const shot of shotsOf(rows)) {
    const faces = shot.flatMap((row) => row.faces);
    const unsmoothed = ascending(known(faces.map((face) => face.jitterBefore)));
    const median = unsmoothed.length === 0 ? 0 : quantile(unsmoothed, 0.5);
    const limit = Math.max(jitterFloor, jitterMedianFactor * median);
    for (const face of faces) {
      if (face.jitterBefore !== null && face.jitterBefore > limit) before.add(face);
      if (face.jitterAfter !== null && face.jitterAfter > limit) after.add(face);
    }
  }
  return { before, after };
}
