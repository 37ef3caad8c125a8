/**
 * The mesh points that lie where each of the 68 points of the iBUG scheme does, in its order: jaw from the right ear to the left one, right
 * and left brow from its right end, nose downwards and across, right and left eye, outer and inner lips. "Right" is the person's own
 * side, on the left of the picture. Where a point falls between two of the mesh, it is the middle of both.
 *
 * Chosen by place: jaw points at even steps along the outline of the mean face from the height of the eyes to the chin; the others at
 * the mesh point that is nearest to the place that the scheme describes.
 */
export const sixtyEightIndices: readonly (readonly [number, number])[] = [
  // Jaw 0..16.
  [162, 162],
  [127, 234],
  [93, 93],
  [132, 132],
  [58, 172],
  [136, 136],
  [149, 149],
  [176, 148],
  [152, 152],
  [400, 377],
  [378, 378],
  [365, 365],
  [288, 397],
  [361, 361],
  [323, 323],
  [356, 454],
  [389, 389],
  // Brows 17..26.
  [70, 70],
  [63, 63],
  [105, 105],
  [66, 66],
  [107, 107],
  [336, 336],
  [296, 296],
  [334, 334],
  [293, 293],
  [300, 300],
  // Ridge of the nose 27..30, nostrils 31..35.
  [168, 168],
  [197, 197],
  [5, 5],
  [4, 4],
  [240, 240],
  [97, 97],
  [2, 2],
  [326, 326],
  [460, 460],
  // Eyes 36..47: corner on the left, upper lid, other corner, lower lid back.
  [33, 33],
  [160, 160],
  [158, 158],
  [133, 133],
  [153, 153],
  [144, 144],
  [362, 362],
  [385, 385],
  [387, 387],
  [263, 263],
  [373, 373],
  [380, 380],
  // Outer lips 48..59, inner lips 60..67: corner on the left, upper edge, other corner, lower edge back.
  [61, 61],
  [39, 39],
  [37, 37],
  [0, 0],
  [267, 267],
  [269, 269],
  [291, 291],
  [405, 405],
  [314, 314],
  [17, 17],
  [84, 84],
  [181, 181],
  [78, 78],
  [82, 82],
  [13, 13],
  [312, 312],
  [308, 308],
  [317, 317],
  [14, 14],
  [87, 87],
];

export const sixtyEightCount = 68;

/** Length of an array of 68 × (x, y). */
export const sixtyEightLength = 2 * sixtyEightCount;

/** Points 0 to 16 of the scheme lie on the outline of the face. */
export const jawPointCount = 17;

/**
 * The 68 points of a mesh.
 *
 * @param points 468 × (x, y, z)
 * @param out receives 68 × (x, y) in the unit of the mesh
 */
export function sixtyEightOf(points: Float32Array, out: Float32Array): Float32Array {
  for (let i = 0; i < sixtyEightCount; i++) {
    const [first, second] = sixtyEightIndices[i] as readonly [number, number];
    out[2 * i] = ((points[3 * first] as number) + (points[3 * second] as number)) / 2;
    out[2 * i + 1] = ((points[3 * first + 1] as number) + (points[3 * second + 1] as number)) / 2;
  }
  return out;
}

/** Which of the 68 points the five are the means of: eye on the left of the picture, the other eye, nose, mouth corners. */
export const fiveOfSixtyEight: readonly (readonly number[])[] = [
  [36, 37, 38, 39, 40, 41],
  [42, 43, 44, 45, 46, 47],
  [30],
  [48],
  [54],
];

/**
 * The five points that alignment templates are made for: an eye is the mean of its six points.
 *
 * @param points 68 × (x, y)
 * @param out receives 5 × (x, y)
 */
export function fiveFromSixtyEight(points: Float32Array, out: Float32Array): Float32Array {
  for (let i = 0; i < fiveOfSixtyEight.length; i++) {
    const indices = fiveOfSixtyEight[i] as readonly number[];
    let x = 0;
    let y = 0;
    for (const index of indices) {
      x += points[2 * index] as number;
      y += points[2 * index + 1] as number;
    }
    out[2 * i] = x / indices.length;
    out[2 * i + 1] = y / indices.length;
  }
  return out;
}
