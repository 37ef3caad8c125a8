/**
 * A similarity of the picture plane as the first four numbers of a list, `x' = a·x − b·y + c`, `y' = b·x + a·y + d`, and how sure it
 * is as the fifth, 0..1.
 */
export type SureSimilarity = Float64Array;

/** Numbers of a {@link SureSimilarity}. */
export const similarityLength = 5;

export function writeIdentity(out: SureSimilarity): void {
  out.fill(0);
  out[0] = 1;
  out[4] = 1;
}

/** Writes `first` followed by `second`, which may be `out` itself; what follows is as sure as both together. */
export function writeProduct(second: ArrayLike<number>, first: ArrayLike<number>, out: SureSimilarity): void {
  const [a, b, c, d, sure] = second as unknown as [number, number, number, number, number];
  const [p, q, x, y, firstSure] = first as unknown as [number, number, number, number, number];
  out[0] = a * p - b * q;
  out[1] = b * p + a * q;
  out[2] = a * x - b * y + c;
  out[3] = b * x + a * y + d;
  out[4] = sure * firstSure;
}

/** Writes the way back; `out` may be the map itself. */
export function writeInverse(map: ArrayLike<number>, out: SureSimilarity): void {
  const [a, b, c, d, sure] = map as unknown as [number, number, number, number, number];
  const norm = a * a + b * b || 1;
  const p = a / norm;
  const q = -b / norm;
  out[0] = p;
  out[1] = q;
  out[2] = -(p * c - q * d);
  out[3] = -(q * c + p * d);
  out[4] = sure;
}

/** Writes a part of a movement that is even in time: a share of its turn and growth around a point, and of that point's way. */
export function writePart(
  map: ArrayLike<number>,
  share: number,
  pivot: { readonly x: number; readonly y: number },
  out: SureSimilarity,
): void {
  const [a, b, c, d, sure] = map as unknown as [number, number, number, number, number];
  const size = Math.hypot(a, b) ** share;
  const turn = Math.atan2(b, a) * share;
  const p = size * Math.cos(turn);
  const q = size * Math.sin(turn);
  const { x, y } = pivot;
  const toX = x + share * (a * x - b * y + c - x);
  const toY = y + share * (b * x + a * y + d - y);
  out[0] = p;
  out[1] = q;
  out[2] = toX - (p * x - q * y);
  out[3] = toY - (q * x + p * y);
  out[4] = sure;
}
