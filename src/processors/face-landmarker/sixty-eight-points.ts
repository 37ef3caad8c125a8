/** Length of an array of 68 points: (x, y) each. */
export const sixtyEightLength = 136;

/** The mesh point that stands for each of the 68 points of the iBUG 300-W scheme. */
const meshIndexOf = [
  // Jaw, from the left of the picture to the right.
  162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
  // Brows.
  71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
  // Ridge of the nose, and its lower edge.
  168, 197, 5, 4, 75, 97, 2, 326, 305,
  // Eyes.
  33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
  // Outer and inner lips.
  61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
] as const;

/**
 * The 68 points of the iBUG 300-W scheme out of a mesh.
 *
 * @param points 468 × (x, y, z)
 * @param out receives 68 × (x, y)
 */
export function sixtyEightOf(points: Float32Array, out: Float32Array): Float32Array {
  for (let i = 0; i < meshIndexOf.length; i++) {
    const from = 3 * (meshIndexOf[i] as number);
    out[2 * i] = points[from] as number;
    out[2 * i + 1] = points[from + 1] as number;
  }
  return out;
}
