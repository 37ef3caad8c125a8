import { FaceswapError } from '../errors.js';

/**
 * A 2-D affine map of pixel centres: `x' = a·x + b·y + c`, `y' = d·x + e·y + f`.
 */
export type Affine = {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  readonly f: number;
};

/** A point in pixels. */
export type Point = { readonly x: number; readonly y: number };

/** An axis-aligned box in pixels. */
export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

export const identityAffine: Affine = { a: 1, b: 0, c: 0, d: 0, e: 1, f: 0 };

export function applyAffine(map: Affine, x: number, y: number): Point {
  return { x: map.a * x + map.b * y + map.c, y: map.d * x + map.e * y + map.f };
}

/** The map that does first `inner` and then `outer`. */
export function composeAffine(outer: Affine, inner: Affine): Affine {
  return {
    a: outer.a * inner.a + outer.b * inner.d,
    b: outer.a * inner.b + outer.b * inner.e,
    c: outer.a * inner.c + outer.b * inner.f + outer.c,
    d: outer.d * inner.a + outer.e * inner.d,
    e: outer.d * inner.b + outer.e * inner.e,
    f: outer.d * inner.c + outer.e * inner.f + outer.f,
  };
}

/**
 * The inverse map.
 *
 * @throws FaceswapError (bug) when the map is singular.
 */
export function invertAffine({ a, b, c, d, e, f }: Affine): Affine {
  const determinant = a * e - b * d;
  if (!Number.isFinite(determinant) || Math.abs(determinant) < 1e-12) {
    throw new FaceswapError('bug', 'Affine map has no inverse');
  }
  return {
    a: e / determinant,
    b: -b / determinant,
    c: (b * f - e * c) / determinant,
    d: -d / determinant,
    e: a / determinant,
    f: (d * c - a * f) / determinant,
  };
}

/** How many source pixels one destination pixel spans: the square root of the map's area factor. */
export function affineScale({ a, b, d, e }: Affine): number {
  return Math.sqrt(Math.abs(a * e - b * d));
}

/**
 * Maps the pixels of a square crop of `sizePx` onto a square of side `sidePx` centred on `centre` and turned by
 * `angleRadians` (positive turns x towards y, that is clockwise on screen). Both use pixel-centre coordinates:
 * the crop covers the square exactly, edge to edge.
 */
export function cropToFrame(centre: Point, sidePx: number, angleRadians: number, sizePx: number): Affine {
  const scale = sidePx / sizePx;
  const cos = Math.cos(angleRadians) * scale;
  const sin = Math.sin(angleRadians) * scale;
  const middle = (sizePx - 1) / 2;
  return {
    a: cos,
    b: -sin,
    c: centre.x - (cos - sin) * middle,
    d: sin,
    e: cos,
    f: centre.y - (sin + cos) * middle,
  };
}

/** Intersection over union of two boxes; 0 when either is empty. */
export function boxOverlap(first: Box, second: Box): number {
  const width = Math.min(first.x + first.width, second.x + second.width) - Math.max(first.x, second.x);
  const height = Math.min(first.y + first.height, second.y + second.height) - Math.max(first.y, second.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (first.width * first.height + second.width * second.height - shared);
}

/**
 * The similarity (shift, turn, one scale, no reflection) that brings one set of points nearest to another in the
 * least-squares sense; closed form of the four-parameter normal equations.
 *
 * @param from pairs (x, y)
 * @param to as many pairs
 * @throws FaceswapError (bug) when the points of `from` coincide
 */
export function similarityBetween(from: ArrayLike<number>, to: ArrayLike<number>): Affine {
  const count = from.length / 2;
  let fromX = 0;
  let fromY = 0;
  let toX = 0;
  let toY = 0;
  for (let i = 0; i < count; i++) {
    fromX += (from[2 * i] as number) / count;
    fromY += (from[2 * i + 1] as number) / count;
    toX += (to[2 * i] as number) / count;
    toY += (to[2 * i + 1] as number) / count;
  }
  let spread = 0;
  let along = 0;
  let across = 0;
  for (let i = 0; i < count; i++) {
    const x = (from[2 * i] as number) - fromX;
    const y = (from[2 * i + 1] as number) - fromY;
    const u = (to[2 * i] as number) - toX;
    const v = (to[2 * i + 1] as number) - toY;
    spread += x * x + y * y;
    along += x * u + y * v;
    across += x * v - y * u;
  }
  if (!(spread > 1e-12)) throw new FaceswapError('bug', 'A similarity was asked of points that coincide');
  const a = along / spread;
  const d = across / spread;
  return { a, b: -d, c: toX - a * fromX + d * fromY, d, e: a, f: toY - d * fromX - a * fromY };
}

/**
 * The affine map that brings points nearest to others in the least-squares sense.
 *
 * @param from numbers of each point, of which the first two are x and y
 * @param to as many points
 * @param stride numbers per point
 * @returns null when the points of `from` lie on a line
 */
export function affineBetween(from: ArrayLike<number>, to: ArrayLike<number>, stride: number): Affine | null {
  const count = Math.floor(from.length / stride);
  let fromX = 0;
  let fromY = 0;
  let toX = 0;
  let toY = 0;
  for (let i = 0; i < count * stride; i += stride) {
    fromX += (from[i] as number) / count;
    fromY += (from[i + 1] as number) / count;
    toX += (to[i] as number) / count;
    toY += (to[i + 1] as number) / count;
  }
  let xx = 0;
  let xy = 0;
  let yy = 0;
  let xu = 0;
  let yu = 0;
  let xv = 0;
  let yv = 0;
  for (let i = 0; i < count * stride; i += stride) {
    const x = (from[i] as number) - fromX;
    const y = (from[i + 1] as number) - fromY;
    const u = (to[i] as number) - toX;
    const v = (to[i + 1] as number) - toY;
    xx += x * x;
    xy += x * y;
    yy += y * y;
    xu += x * u;
    yu += y * u;
    xv += x * v;
    yv += y * v;
  }
  const determinant = xx * yy - xy * xy;
  // Relative to the points' own spread, so that the size of a picture does not matter.
  if (!(determinant > 1e-9 * (xx + yy) ** 2)) return null;
  const a = (xu * yy - yu * xy) / determinant;
  const b = (yu * xx - xu * xy) / determinant;
  const d = (xv * yy - yv * xy) / determinant;
  const e = (yv * xx - xv * xy) / determinant;
  return { a, b, c: toX - a * fromX - b * fromY, d, e, f: toY - d * fromX - e * fromY };
}
