import { boxOverlap } from '../imaging/affine.js';
import type { FrameRow } from './run-report.js';

/** Least overlap (intersection over union) of a face's boxes in two frames that follow one another across segments. */
const leastOverlap = 0.3;

/** Numbers of the new tracks by what their segment calls them: pairs with the largest overlap first, each old and new one once. */
const joinAcross = (before: FrameRow, after: FrameRow): ReadonlyMap<number, number> => {
  const pairs = before.faces
    .flatMap((old) =>
      after.faces.map((next) => ({
        old: old.trackId,
        next: next.trackId,
        overlap: boxOverlap(old.box, next.box),
      })),
    )
    .filter(({ overlap }) => overlap >= leastOverlap)
    .sort((a, b) => b.overlap - a.overlap);
  const joined = new Map<number, number>();
  const taken = new Set<number>();
  for (const { old, next } of pairs) {
    if (joined.has(next) || taken.has(old)) continue;
    joined.set(next, old);
    taken.add(old);
  }
  return joined;
};

/**
 * Gives the tracks of a whole run numbers of their own. Segments number theirs without knowing of each other, and a shot may go over the
 * border of two: there a face goes on as the one whose box it overlaps most in the frame before.
 *
 * @param segments rows of each segment, in order; no two shots of a segment share a track
 * @returns rows of the run, in order
 */
export function numberTracks(segments: readonly (readonly FrameRow[])[]): readonly FrameRow[] {
  const numbered: FrameRow[] = [];
  let next = 0;
  for (const rows of segments) {
    const [first] = rows;
    const last = numbered.at(-1);
    const isJoined =
      first !== undefined && last !== undefined && !first.sceneCut && last.frame + 1 === first.frame;
    const numbers = new Map(isJoined ? joinAcross(last, first) : []);
    for (const row of rows) {
      const faces = row.faces.map((face) => {
        const number = numbers.get(face.trackId) ?? next++;
        numbers.set(face.trackId, number);
        return { ...face, trackId: number };
      });
      numbered.push({ ...row, faces });
    }
  }
  return numbered;
}
