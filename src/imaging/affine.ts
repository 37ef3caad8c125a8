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

export function applyAffine(map: Affine, x: number, y: number): Point {
  return { x: map.a * x + map.b * y + map.c, y: map.d * x + map.e * y + map.f };
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
