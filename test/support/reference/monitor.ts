import type { Affine } from '../../../src/imaging/affine.js';
import type { Area, Plane } from './comparison.js';
import { plainSsim } from './comparison.js';

/** Opacities 0..255, row by row. */
export type MaskPlane = { readonly data: ArrayLike<number>; readonly widthPx: number };

const at = ({ data, widthPx }: Plane | MaskPlane, x: number, y: number): number =>
  data[y * widthPx + x] as number;

/** The plain twin of `maskedSsim8` and `maskedSsim16`: window by window, straight from the definition. */
export const plainMaskedSsim = (
  first: Plane,
  second: Plane,
  mask: MaskPlane,
  area: Area,
  peak: number,
): { outside: number; outsideCount: number; inside: number; insideCount: number } => {
  const sums = { outside: 0, outsideCount: 0, inside: 0, insideCount: 0 };
  for (let top = area.top; top + 8 <= area.bottom; top += 4) {
    for (let left = area.left; left + 8 <= area.right; left += 4) {
      let [least, most] = [255, 0];
      for (let y = top; y < top + 8; y++) {
        for (let x = left; x < left + 8; x++) {
          least = Math.min(least, at(mask, x, y));
          most = Math.max(most, at(mask, x, y));
        }
      }
      const ssim = (): number =>
        plainSsim(first, second, { left, top, right: left + 8, bottom: top + 8 }, peak);
      if (most === 0) {
        sums.outside += ssim();
        sums.outsideCount++;
      } else if (least >= 128) {
        sums.inside += ssim();
        sums.insideCount++;
      }
    }
  }
  return sums;
};

/** The plain twin of `seam8` and `seam16`: both sums over all pairs of neighbours of the area. */
export const plainSeam = (
  before: Plane,
  after: Plane,
  mask: MaskPlane,
  area: Area,
): { error: number; weight: number } => {
  let [error, weight] = [0, 0];
  const change = (x: number, y: number): number => at(after, x, y) - at(before, x, y);
  const add = (x: number, y: number, x2: number, y2: number): void => {
    const step = Math.abs(at(mask, x2, y2) - at(mask, x, y));
    error += step * Math.abs(change(x2, y2) - change(x, y));
    weight += step;
  };
  for (let y = area.top; y < area.bottom; y++) {
    for (let x = area.left; x < area.right; x++) {
      if (x + 1 < area.right) add(x, y, x + 1, y);
      if (y + 1 < area.bottom) add(x, y, x, y + 1);
    }
  }
  return { error, weight };
};

/** Catmull and Rom's cubic: the weight of a sample at a distance. */
const cubic = (distance: number): number => {
  const d = Math.abs(distance);
  if (d < 1) return 1.5 * d ** 3 - 2.5 * d ** 2 + 1;
  return d < 2 ? -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2 : 0;
};

/** The plain twin of `alignedError8` and `alignedError16` over the places of an area that are `step` pixels apart. */
export const plainAlignedError = (
  past: Plane,
  here: Plane,
  heightPx: number,
  area: Area,
  toPast: Affine,
  step: number,
): { sum: number; count: number } => {
  let [sum, count] = [0, 0];
  for (let y = area.top; y < area.bottom; y += step) {
    for (let x = area.left; x < area.right; x += step) {
      const u = toPast.a * x + toPast.b * y + toPast.c;
      const v = toPast.d * x + toPast.e * y + toPast.f;
      const [left, top] = [Math.floor(u), Math.floor(v)];
      if (left < 1 || top < 1 || left + 2 >= past.widthPx || top + 2 >= heightPx) continue;
      let value = 0;
      for (let j = -1; j <= 2; j++) {
        for (let i = -1; i <= 2; i++) {
          value += cubic(u - left - i) * cubic(v - top - j) * at(past, left + i, top + j);
        }
      }
      sum += (value - at(here, x, y)) ** 2;
      count++;
    }
  }
  return { sum, count };
};
