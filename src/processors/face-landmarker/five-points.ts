/** Mesh points whose mean is each of the five points: right eye, left eye (the person's own sides), nose tip, mouth corners. */
const fivePointIndices: readonly (readonly number[])[] = [
  [33, 133, 159, 145],
  [263, 362, 386, 374],
  [1],
  [61],
  [291],
];

/** Length of a five-point array: (x, y) of the eye on the left of the picture, the other eye, nose, left and right mouth corner. */
export const fivePointLength = 10;

/**
 * The five points that alignment templates are made for, out of a mesh. An eye's centre is the mean of its corners and of the middles of
 * its lids.
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
