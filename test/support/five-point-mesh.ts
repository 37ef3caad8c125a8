import { meshPointCount } from '../../src/processors/face-landmarker/mesh-indices.js';

/** x and y of the eye on the left of the picture, the other eye, the nose and both corners of the mouth. */
export type FivePoints = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/** Points of the mesh's outer and inner rims of the eyes: wherever an eye's centre is taken from, these are its points. */
const leftEye = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173];
const rightEye = [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398];

/** A mesh that has its five alignment points in these places, and all other points on the nose. */
export const fivePointMesh = (five: FivePoints): Float32Array => {
  const mesh = new Float32Array(3 * meshPointCount);
  const put = (indices: readonly number[], place: number): void => {
    for (const index of indices) {
      mesh[3 * index] = five[2 * place] as number;
      mesh[3 * index + 1] = five[2 * place + 1] as number;
    }
  };
  put(
    Array.from({ length: meshPointCount }, (_, index) => index),
    2,
  );
  put(leftEye, 0);
  put(rightEye, 1);
  put([61], 3);
  put([291], 4);
  return mesh;
};

/** Solves equations by elimination with pivots; rows are coefficients and the right side. */
const solve = (rows: number[][]): number[] => {
  const count = rows.length;
  for (let column = 0; column < count; column++) {
    const rest = rows.slice(column);
    const pivot = rest.reduce((best, row) =>
      Math.abs(row[column] as number) > Math.abs(best[column] as number) ? row : best,
    );
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(column, 0, pivot);
    for (const [at, row] of rows.entries()) {
      if (at === column) continue;
      const factor = (row[column] as number) / (pivot[column] as number);
      for (let i = column; i <= count; i++) row[i] = (row[i] as number) - factor * (pivot[i] as number);
    }
  }
  return rows.map((row, at) => (row[count] as number) / (row[at] as number));
};

/**
 * The similarity x' = a·x − b·y + c, y' = b·x + a·y + d that brings a face's five points nearest to those of a template, from the normal
 * equations of its four numbers.
 */
export const fittedSimilarity = (
  five: ArrayLike<number>,
  wanted: ArrayLike<number>,
): { readonly a: number; readonly b: number; readonly c: number; readonly d: number } => {
  const equations: number[][] = [];
  for (let i = 0; i < 5; i++) {
    const [x, y] = [five[2 * i] as number, five[2 * i + 1] as number];
    equations.push([x, -y, 1, 0, wanted[2 * i] as number], [y, x, 0, 1, wanted[2 * i + 1] as number]);
  }
  const normal = [0, 1, 2, 3].map((row) =>
    [0, 1, 2, 3, 4].map((column) =>
      equations.reduce((sum, equation) => sum + (equation[row] as number) * (equation[column] as number), 0),
    ),
  );
  const [a = 0, b = 0, c = 0, d = 0] = solve(normal);
  return { a, b, c, d };
};

/** The place in the frame that a place of the crop comes from. */
export const placeInFrame = (
  { a, b, c, d }: ReturnType<typeof fittedSimilarity>,
  x: number,
  y: number,
): readonly [x: number, y: number] => {
  const square = a * a + b * b;
  return [(a * (x - c) + b * (y - d)) / square, (-b * (x - c) + a * (y - d)) / square];
};
