import type { FacePatch } from '../../../src/processors/face-swapper/mesh-swapper.js';
import { BlendLevels } from '../../../src/processors/multiband-blender/blend-levels.js';
import {
  anchorStrength,
  anchorTolerance,
  freeReach,
  leastGradient,
} from '../../../src/processors/multiband-blender/gradient-blend.js';
import { membraneSize, plainMembrane } from './membrane.js';
import type { PyramidLevel } from './pyramid.js';

type Size = { readonly width: number; readonly height: number };

/** A part of a plane, half-open. */
type Part = {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
};

/** The boxes in which `FaceBlender` blends a plane: what the patch covers or masks, in whole groups of columns. */
export const drawnLevels = (
  { mask, coverage, faceWidthPx }: Pick<FacePatch, 'mask' | 'coverage' | 'faceWidthPx'>,
  region: Size,
  { width, height, shiftX, shiftY }: Size & { readonly shiftX: number; readonly shiftY: number },
): BlendLevels => {
  let [left, top, right, bottom] = [region.width, region.height, 0, 0];
  for (let y = 0; y < region.height; y++) {
    for (let x = 0; x < region.width; x++) {
      const at = y * region.width + x;
      if (mask[at] === 0 && coverage[at] === 0) continue;
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
    }
  }
  const levels = new BlendLevels();
  const faceWidth = faceWidthPx / 2 ** shiftX;
  levels.layOut(
    width,
    height,
    Math.max(2, 1 + Math.round(Math.log2(Math.max(2, faceWidth / 5)))),
    left >> shiftX,
    top >> shiftY,
    shiftX === 0 ? right : (right >> 1) + 1,
    (bottom + shiftY) >> shiftY,
  );
  return levels;
};

/** The box of the finest level. */
export const partOf = ({ left, right, top, bottom }: BlendLevels): Part => ({
  left: left[0] as number,
  right: right[0] as number,
  top: top[0] as number,
  bottom: bottom[0] as number,
});

/** 1 inside the box of each level, 0 elsewhere. */
export const boxMasks = (
  { left, right, top, bottom }: BlendLevels,
  levels: readonly PyramidLevel[],
): Float32Array[] =>
  levels.map(({ widthPx, heightPx }, l) =>
    Float32Array.from({ length: widthPx * heightPx }, (_, i) => {
      const [x, y] = [i % widthPx, Math.floor(i / widthPx)];
      const isInX = x >= (left[l] as number) && x < (right[l] as number);
      return isInX && y >= (top[l] as number) && y < (bottom[l] as number) ? 1 : 0;
    }),
  );

/** How firmly each luma pixel of a part holds the correction; 0 elsewhere. */
export const plainAnchors = (
  { mask, outline }: { readonly mask: Float32Array; readonly outline: Float32Array },
  difference: Float32Array,
  { width, height }: Size,
  part: Part,
): Float32Array => {
  let sum = 0;
  let total = 0;
  const right = Math.min(part.right, width);
  for (let y = part.top; y < part.bottom; y++) {
    for (let x = part.left; x < right; x++) {
      const at = y * width + x;
      if (mask[at] === 0) continue;
      sum += (mask[at] as number) * (difference[at] as number);
      total += mask[at] as number;
    }
  }
  const usual = total > 0 ? sum / total : 0;
  const value = (x: number, y: number): number =>
    outline[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))] as number;
  const out = new Float32Array(width * height);
  for (let y = part.top; y < part.bottom; y++) {
    for (let x = part.left; x < right; x++) {
      const at = y * width + x;
      const own = outline[at] as number;
      if (own < 0.02) continue;
      const across = (value(x + 1, y) - value(x - 1, y)) / 2;
      const down = (value(x, y + 1) - value(x, y - 1)) / 2;
      const open = Math.min(1, (mask[at] as number) / own);
      const far = 1 + (((difference[at] as number) - usual) / anchorTolerance) ** 2;
      out[at] = (anchorStrength * (across ** 2 + down ** 2) * open ** 2) / far ** 2;
    }
  }
  return out;
};

/** The correction that `GradientBlend` takes off the difference inside a part of a plane; 0 elsewhere. */
export const plainCorrection = (
  planes: {
    readonly anchors: Float32Array;
    readonly mask: Float32Array;
    readonly difference: Float32Array;
    readonly target: Float32Array;
  },
  { width, height }: Size,
  part: Part,
  { scale, faceWidth, isMixed }: { scale: number; faceWidth: number; isMixed: boolean },
): Float32Array => {
  const { anchors, mask, difference, target } = planes;
  const size = membraneSize(part.right - part.left, part.bottom - part.top);
  const cells = size.width * size.height;
  const rhs = new Float32Array(cells);
  const diagonal = new Float32Array(cells).fill(4 + 1 / (freeReach * faceWidth) ** 2);
  const right = Math.min(part.right, width);
  const cellOf = (x: number, y: number): number => (y - part.top) * size.width + x - part.left;
  /** What leads from a sample to its neighbour, where the target's gradient is the stronger one. */
  const mixed = (at: number, next: number, cell: number, nextCell: number): void => {
    const own = (target[next] as number) - (target[at] as number);
    const change = (difference[next] as number) - (difference[at] as number);
    const share = own ** 4 / (own ** 4 + (own + change) ** 4 + leastGradient ** 4);
    const flux = Math.min(mask[at] as number, mask[next] as number) * share * change;
    rhs[cell] = (rhs[cell] as number) - flux;
    rhs[nextCell] = (rhs[nextCell] as number) + flux;
  };
  for (let y = part.top; y < part.bottom; y++) {
    for (let x = part.left; x < right; x++) {
      const at = y * width + x;
      const cell = cellOf(x, y);
      const held = scale * (anchors[at] as number);
      diagonal[cell] = (diagonal[cell] as number) + held;
      rhs[cell] = (rhs[cell] as number) + held * (difference[at] as number);
      if (!isMixed) continue;
      if (x + 1 < right) mixed(at, at + 1, cell, cell + 1);
      if (y + 1 < part.bottom) mixed(at, at + width, cell, cell + size.width);
    }
  }
  const membrane = plainMembrane(rhs, diagonal, size);
  const out = new Float32Array(width * height);
  for (let y = part.top; y < part.bottom; y++) {
    for (let x = part.left; x < right; x++) out[y * width + x] = membrane[cellOf(x, y)] as number;
  }
  return out;
};
