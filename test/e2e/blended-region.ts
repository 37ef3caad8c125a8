import type { FrameRow } from '../../src/index.js';

/** A picture as planes of samples (bytes, or words at 10 bits), one after the other, chroma subsampled by powers of two. */
export type PictureLayout = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly chromaShiftX: 0 | 1;
  readonly chromaShiftY: 0 | 1;
};

/** What a comparison of two pictures found. */
export type RegionComparison = {
  /** Samples that differ although no blend may have touched them. */
  readonly changedOutside: number;
  readonly changedInside: number;
  /** Samples that lie outside of all regions: a region that covers the picture would prove nothing. */
  readonly samplesOutside: number;
};

/**
 * Room that the swapper's region has around the drawn face's box (`regionAround` in mesh-swapper.ts): 0.22 of the larger
 * side and four pixels, then out to even pixels, for which two more are allowed here. The drawn face has the source's
 * proportions, so that in profile its box may be some hundredths larger than the one in the row.
 */
const marginShare = 0.22 + 0.04;
const marginPx = 4 + 2;

/** Compares two frames sample by sample, apart for what lies inside and outside of the blended regions of a row. */
export const compareOutside = (
  before: ArrayLike<number>,
  after: ArrayLike<number>,
  row: FrameRow,
  { widthPx, heightPx, chromaShiftX, chromaShiftY }: PictureLayout,
): RegionComparison => {
  const regions = row.faces
    .filter(({ outcome }) => outcome !== 'skipped')
    .map(({ box }) => {
      const margin = Math.max(box.width, box.height) * marginShare + marginPx;
      return {
        left: box.x - margin,
        top: box.y - margin,
        right: box.x + box.width + margin,
        bottom: box.y + box.height + margin,
      };
    });
  const planes = [
    { shiftX: 0, shiftY: 0 },
    { shiftX: chromaShiftX, shiftY: chromaShiftY },
    { shiftX: chromaShiftX, shiftY: chromaShiftY },
  ];
  let changedOutside = 0;
  let changedInside = 0;
  let samplesOutside = 0;
  let at = 0;
  for (const { shiftX, shiftY } of planes) {
    const width = (widthPx + (1 << shiftX) - 1) >> shiftX;
    const height = (heightPx + (1 << shiftY) - 1) >> shiftY;
    for (let y = 0; y < height; y++) {
      const lumaY = y << shiftY;
      const here = regions.filter(({ top, bottom }) => lumaY >= top && lumaY < bottom);
      for (let x = 0; x < width; x++, at++) {
        const lumaX = x << shiftX;
        const inside = here.some(({ left, right }) => lumaX >= left && lumaX < right);
        const changed = before[at] !== after[at];
        if (!inside) samplesOutside++;
        if (changed && inside) changedInside++;
        if (changed && !inside) changedOutside++;
      }
    }
  }
  if (at !== before.length || at !== after.length) throw new Error('the picture has another size');
  return { changedOutside, changedInside, samplesOutside };
};
