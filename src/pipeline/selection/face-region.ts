import { FaceswapError } from '../../errors.js';
import type { Box } from '../../imaging/affine.js';

/** A place or length in a frame: pixels, or percent of the frame's width or height. */
export type RegionLength = { readonly value: number; readonly unit: 'px' | 'percent' };

/** A part of the frame in which faces are to be changed. */
export type FaceRegion = {
  readonly x: RegionLength;
  readonly y: RegionLength;
  readonly width: RegionLength;
  readonly height: RegionLength;
};

type FrameSize = { readonly widthPx: number; readonly heightPx: number };

/** Wider than any picture that is taken. */
const largestPx = 100_000;

const parseLength = (text: string): RegionLength | undefined => {
  const [, digits, unit] = /^(\d{1,6}(?:\.\d{1,6})?)(px|%)?$/.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  const length: RegionLength = { value: Number(digits), unit: unit === '%' ? 'percent' : 'px' };
  return length.value <= (length.unit === 'percent' ? 100 : largestPx) ? length : undefined;
};

/**
 * Reads `x,y,width,height`: each in pixels (`120` or `120px`) or in percent (`12.5%`) of the frame's width (x, width) or
 * height (y, height).
 *
 * @returns undefined for anything else, and for a region without width or height.
 */
export function parseFaceRegion(text: string): FaceRegion | undefined {
  const parts = text.split(',').map(parseLength);
  const [x, y, width, height] = parts;
  if (parts.length !== 4 || x === undefined || y === undefined) return undefined;
  if (width === undefined || height === undefined || width.value === 0 || height.value === 0)
    return undefined;
  return { x, y, width, height };
}

const pixels = ({ value, unit }: RegionLength, wholePx: number): number =>
  unit === 'px' ? value : (value / 100) * wholePx;

const boxOf = ({ x, y, width, height }: FaceRegion, { widthPx, heightPx }: FrameSize): Box => ({
  x: pixels(x, widthPx),
  y: pixels(y, heightPx),
  width: pixels(width, widthPx),
  height: pixels(height, heightPx),
});

/** Whether the middle of a face lies in one of the regions; without regions everywhere is one. */
export function isInRegions(face: Box, regions: readonly FaceRegion[], size: FrameSize): boolean {
  if (regions.length === 0) return true;
  const middleX = face.x + face.width / 2;
  const middleY = face.y + face.height / 2;
  return regions.some((region) => {
    const { x, y, width, height } = boxOf(region, size);
    return middleX >= x && middleY >= y && middleX < x + width && middleY < y + height;
  });
}

/**
 * Refuses a region that begins beyond the picture, where no face can be.
 *
 * @throws FaceswapError (usage).
 */
export function checkRegions(regions: readonly FaceRegion[], size: FrameSize, file: string): void {
  for (const region of regions) {
    const { x, y } = boxOf(region, size);
    if (x < size.widthPx && y < size.heightPx) continue;
    throw new FaceswapError(
      'usage',
      `--face-selector-region must begin inside the picture, got ${x},${y} in ${size.widthPx}x${size.heightPx}`,
      { file, stage: 'plan' },
    );
  }
}
