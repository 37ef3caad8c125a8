import { fiveOfSixtyEight, sixtyEightIndices } from './sixty-eight-points.js';

/** Mesh points whose mean is each of the five; those that the scheme of 68 points makes them of. */
const fivePointIndices: readonly (readonly number[])[] = fiveOfSixtyEight.map((indices) =>
  indices.flatMap((index) => sixtyEightIndices[index] as readonly [number, number]),
);

/** Length of a five-point array: (x, y) of the eye on the left of the picture, the other eye, nose, left and right mouth corner. */
export const fivePointLength = 10;

/**
 * The five points that alignment templates are made for, out of a mesh: the same as those of its 68 points.
 *
 * @param points 468 × (x, y, z)
 * @param out receives 5 × (x, y)
 */
export function fivePointsOf(points: Float32Array, out: Float32Array): Float32Array {
  for (let i = 0; i < fivePointIndices.length; i++) {
    const indices = fivePointIndices[i] as readonly number[];
    let x = 0;
    let y = 0;
    for (const index of indices) {
      x += points[3 * index] as number;
      y += points[3 * index + 1] as number;
    }
    out[2 * i] = x / indices.length;
    out[2 * i + 1] = y / indices.length;
  }
  return out;
}
