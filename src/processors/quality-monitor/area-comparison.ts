import { FaceswapError } from '../../errors.js';
import type { Box } from '../../imaging/affine.js';
import { kernels } from '../../imaging/kernels/kernels.js';
import type { BitDepth } from '../../imaging/planar-frame.js';
import { boxSsim, peakOf, type PlaneSamples, psnrDb } from './frame-comparison.js';

/** Two luma planes of one size and depth, in kernel memory, one behind the other row by row. */
export type PlanePair = {
  readonly first: PlaneSamples;
  readonly second: PlaneSamples;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bitDepth: BitDepth;
};

/** How alike two planes are over some area. */
export type AreaFigures = {
  /** dB against 255 8-bit levels, `psnrCeilingDb` where the areas are equal; null where the area is empty. */
  readonly psnrDb: number | null;
  /** Mean of the windows that lie in the area; null where none fits. */
  readonly ssim: number | null;
};

/** The same for the whole planes, for the inside of some boxes, and for all that lies outside of them. */
export type PlaneFigures = {
  readonly whole: AreaFigures;
  readonly inside: AreaFigures;
  readonly outside: AreaFigures;
};

type PixelRange = { readonly start: number; readonly end: number };

const pixels = (start: number, length: number, limit: number): PixelRange => ({
  start: Math.min(limit, Math.max(0, Math.floor(start))),
  end: Math.max(0, Math.min(limit, Math.ceil(start + length))),
});

/** Ranges without those that are empty, joined where they touch, in order. */
const union = (ranges: readonly PixelRange[]): readonly PixelRange[] => {
  const joined: PixelRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    if (range.end <= range.start) continue;
    const last = joined.at(-1);
    if (last !== undefined && range.start <= last.end) {
      joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    } else {
      joined.push(range);
    }
  }
  return joined;
};

/** What is left of `[0, limit)` without ranges that are joined. */
const complement = (ranges: readonly PixelRange[], limit: number): readonly PixelRange[] => {
  const rest: PixelRange[] = [];
  let start = 0;
  for (const range of [...ranges, { start: limit, end: limit }]) {
    if (range.start > start) rest.push({ start, end: range.start });
    start = range.end;
  }
  return rest;
};

/**
 * Cuts a plane into rectangles that do not overlap: those that together are the union of the boxes, and those that are the rest.
 * Boxes are rounded outwards and clipped.
 */
export function splitPlane(
  boxes: readonly Box[],
  { widthPx, heightPx }: Pick<PlanePair, 'widthPx' | 'heightPx'>,
): { readonly inside: readonly Box[]; readonly outside: readonly Box[] } {
  const areas = boxes.map(({ x, y, width, height }) => ({
    columns: pixels(x, width, widthPx),
    rows: pixels(y, height, heightPx),
  }));
  const edges = areas.flatMap(({ rows }) => [rows.start, rows.end]);
  const tops = [...new Set([0, heightPx, ...edges])].sort((a, b) => a - b);
  const inside: Box[] = [];
  const outside: Box[] = [];
  for (const [at, top] of tops.entries()) {
    const bottom = tops[at + 1];
    if (bottom === undefined) break;
    const here = areas.filter(({ rows }) => rows.start <= top && rows.end >= bottom);
    const covered = union(here.map(({ columns }) => columns));
    const toBox = ({ start, end }: PixelRange): Box => ({
      x: start,
      y: top,
      width: end - start,
      height: bottom - top,
    });
    inside.push(...covered.map(toBox));
    outside.push(...complement(covered, widthPx).map(toBox));
  }
  return { inside, outside };
}

const squaredSum = ({ first, second, widthPx }: PlanePair, { x, y, width, height }: Box): number => {
  const { call } = kernels();
  const offset = (y * widthPx + x) * first.BYTES_PER_ELEMENT;
  const sum = first instanceof Uint8Array ? call.squaredDifferences8 : call.squaredDifferences16;
  return sum(first.byteOffset + offset, widthPx, second.byteOffset + offset, widthPx, width, height);
};

const windowsIn = ({ width, height }: Box): number =>
  Math.max(0, (width >> 2) - 1) * Math.max(0, (height >> 2) - 1);

const areaFigures = (pair: PlanePair, boxes: readonly Box[]): AreaFigures => {
  const { first, second, widthPx, heightPx, bitDepth } = pair;
  let sum = 0;
  let count = 0;
  let similarity = 0;
  let windows = 0;
  for (const box of boxes) {
    sum += squaredSum(pair, box);
    count += box.width * box.height;
    const ssim = boxSsim(first, second, widthPx, heightPx, box, bitDepth);
    if (ssim === null) continue;
    similarity += ssim * windowsIn(box);
    windows += windowsIn(box);
  }
  return {
    psnrDb: count === 0 ? null : psnrDb(sum / count, peakOf(first, bitDepth)),
    ssim: windows === 0 ? null : similarity / windows,
  };
};

/**
 * Compares two luma planes: as a whole, inside of boxes and outside of them. PSNR counts every pixel once, however the boxes
 * overlap. SSIM (see {@link boxSsim}) is that of the windows that lie wholly in the area.
 *
 * @throws FaceswapError (bug) for planes that are not in kernel memory or do not fit
 */
export function comparePlanes(pair: PlanePair, boxes: readonly Box[]): PlaneFigures {
  const { first, second, widthPx, heightPx } = pair;
  const { memory } = kernels();
  if (
    first.buffer !== memory.buffer ||
    second.buffer !== memory.buffer ||
    first.BYTES_PER_ELEMENT !== second.BYTES_PER_ELEMENT ||
    Math.min(first.length, second.length) < widthPx * heightPx
  ) {
    throw new FaceswapError('bug', `Planes that do not fit ${widthPx}x${heightPx} were to be compared`);
  }
  const { inside, outside } = splitPlane(boxes, pair);
  const whole = [{ x: 0, y: 0, width: widthPx, height: heightPx }];
  return {
    whole: areaFigures(pair, whole),
    inside: areaFigures(pair, inside),
    outside: areaFigures(pair, outside),
  };
}
