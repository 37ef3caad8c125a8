import { type Affine, invertAffine } from '../../imaging/affine.js';
import { sixtyEightLength, sixtyEightOf } from '../face-landmarker/sixty-eight-points.js';

/** Parts of a face that a mask can keep. */
export type MaskArea = 'upper-face' | 'lower-face' | 'mouth';

const span = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => from + Math.sign(to - from) * i);

/** The points of the 68-point scheme that bound each area; FaceFusion's sets. */
const areaPoints: Readonly<Record<MaskArea, readonly number[]>> = {
  'upper-face': [0, 1, 2, ...span(31, 35), 14, 15, 16, ...span(26, 17)],
  'lower-face': [...span(3, 13), ...span(35, 31)],
  mouth: span(48, 67),
};

/** Whether corners lie between pixels, or are cut to whole ones and painted with their outline, as FaceFusion does. */
export type AreaCorners = 'exact' | 'truncated';

/**
 * Draws the convex hull of some areas of a face into a crop: 1 inside, 0 outside, and with exact corners the covered share of the pixels
 * on its left and right edge. One per thread; owns its buffers.
 */
export class AreaMask {
  readonly #indices: readonly number[];
  readonly #corners: AreaCorners;
  readonly #points = new Float32Array(sixtyEightLength);

  constructor(areas: readonly MaskArea[], corners: AreaCorners) {
    this.#indices = [...new Set(areas.flatMap((area) => areaPoints[area]))];
    this.#corners = corners;
  }

  /**
   * @param points 468 × (x, y, z) in frame pixels
   * @param toFrame maps crop pixel centres to luma pixel centres of the frame
   * @param out sizePx × sizePx
   */
  draw(points: Float32Array, toFrame: Affine, sizePx: number, out: Float32Array): void {
    const { a, b, c, d, e, f } = invertAffine(toFrame);
    const all = sixtyEightOf(points, this.#points);
    const corners = this.#indices.map((index) => {
      const x = all[2 * index] as number;
      const y = all[2 * index + 1] as number;
      const place = { x: a * x + b * y + c, y: d * x + e * y + f };
      return this.#corners === 'exact' ? place : { x: Math.trunc(place.x), y: Math.trunc(place.y) };
    });
    out.fill(0);
    const hull = convexHull(corners);
    if (this.#corners === 'exact') fillExact(hull, sizePx, out);
    else fillPixels(hull, sizePx, out);
  }
}

type Corner = { readonly x: number; readonly y: number };

/** Andrew's monotone chain: the hull's corners once around. */
function convexHull(corners: readonly Corner[]): readonly Corner[] {
  const sorted = [...corners].sort((first, second) => first.x - second.x || first.y - second.y);
  const half = (inOrder: readonly Corner[]): Corner[] => {
    const chain: Corner[] = [];
    for (const corner of inOrder) {
      while (chain.length >= 2) {
        const last = chain.at(-1) as Corner;
        const before = chain.at(-2) as Corner;
        const turn =
          (last.x - before.x) * (corner.y - before.y) - (last.y - before.y) * (corner.x - before.x);
        if (turn > 0) break;
        chain.pop();
      }
      chain.push(corner);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half([...sorted].reverse())];
}

/** Where a row crosses a convex outline: its leftmost and rightmost place; null where it does not. */
function crossing(
  hull: readonly Corner[],
  y: number,
): { readonly left: number; readonly right: number } | null {
  let left = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < hull.length; i++) {
    const from = hull[i] as Corner;
    const to = hull[(i + 1) % hull.length] as Corner;
    if (y < Math.min(from.y, to.y) || y > Math.max(from.y, to.y)) continue;
    if (from.y === to.y) {
      left = Math.min(left, from.x, to.x);
      right = Math.max(right, from.x, to.x);
      continue;
    }
    const x = from.x + ((y - from.y) / (to.y - from.y)) * (to.x - from.x);
    left = Math.min(left, x);
    right = Math.max(right, x);
  }
  return left <= right ? { left, right } : null;
}

function fillExact(hull: readonly Corner[], sizePx: number, out: Float32Array): void {
  for (let y = 0; y < sizePx; y++) {
    const row = crossing(hull, y);
    if (row === null) continue;
    const from = Math.max(0, Math.floor(row.left - 0.5));
    const to = Math.min(sizePx - 1, Math.ceil(row.right + 0.5));
    for (let x = from; x <= to; x++) {
      out[y * sizePx + x] = Math.max(0, Math.min(x + 0.5, row.right) - Math.max(x - 0.5, row.left));
    }
  }
}

/** Whole pixels with the outline: each row from its first to its last place, rounded, and the lines between the corners. */
function fillPixels(hull: readonly Corner[], sizePx: number, out: Float32Array): void {
  const paint = (x: number, y: number): void => {
    if (x >= 0 && y >= 0 && x < sizePx && y < sizePx) out[y * sizePx + x] = 1;
  };
  for (let y = 0; y < sizePx; y++) {
    const row = crossing(hull, y);
    if (row === null) continue;
    for (let x = Math.round(row.left); x <= Math.round(row.right); x++) paint(x, y);
  }
  for (let i = 0; i < hull.length; i++) {
    const from = hull[i] as Corner;
    const to = hull[(i + 1) % hull.length] as Corner;
    const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y));
    for (let step = 0; step <= steps; step++) {
      const share = steps === 0 ? 0 : step / steps;
      paint(Math.round(from.x + share * (to.x - from.x)), Math.round(from.y + share * (to.y - from.y)));
    }
  }
}
