import { affineScale, invertAffine } from '../../../src/imaging/affine.js';
import { colourCoefficients } from '../../../src/imaging/colour.js';
import type { PlanarFormat } from '../../../src/imaging/planar-frame.js';
import type { FacePatch } from '../../../src/processors/face-swapper/mesh-swapper.js';
import type { SwappedCrop } from '../../../src/processors/multiband-blender/crop-paster.js';

type Drawn = Pick<FacePatch, 'planes' | 'coverage' | 'mask'>;

/** Means of block × block samples, clipped to 0..1; blocks at the right and lower edge average what is there. */
const blockMeans = (plane: Float32Array, sizePx: number, block: number): Float32Array => {
  const side = Math.ceil(sizePx / block);
  const out = new Float32Array(side * side);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      let sum = 0;
      let count = 0;
      for (let y = row * block; y < Math.min(sizePx, (row + 1) * block); y++) {
        for (let x = column * block; x < Math.min(sizePx, (column + 1) * block); x++) {
          sum += Math.min(1, Math.max(0, plane[y * sizePx + x] as number));
          count++;
        }
      }
      out[row * side + column] = sum / count;
    }
  }
  return out;
};

/** A sample of a square plane; outside of it the edge is repeated, times `beyond`. */
const sampleOf = (plane: Float32Array, side: number, x: number, y: number, beyond: number): number => {
  const column = x < 0 ? 0 : x >= side ? side - 1 : x;
  const row = y < 0 ? 0 : y >= side ? side - 1 : y;
  const value = plane[row * side + column] as number;
  return column === x && row === y ? value : value * beyond;
};

/** Between four samples. */
const bilinear = (plane: Float32Array, side: number, x: number, y: number, beyond: number): number => {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const fx = x - x0;
  const upper =
    sampleOf(plane, side, x0, y0, beyond) * (1 - fx) + sampleOf(plane, side, x0 + 1, y0, beyond) * fx;
  const lower =
    sampleOf(plane, side, x0, y0 + 1, beyond) * (1 - fx) + sampleOf(plane, side, x0 + 1, y0 + 1, beyond) * fx;
  return upper + (y - y0) * (lower - upper);
};

/** The plain loops behind `CropPaster`: what stands in a region of the frame when a swapped crop is drawn there. */
export const plainDrawn = (
  format: PlanarFormat,
  { crop, mask, sizePx, toFrame }: SwappedCrop,
  region: FacePatch['region'],
): Drawn => {
  const { chromaShiftX, chromaShiftY } = format;
  const { width, height } = region;
  const k = colourCoefficients(format.matrix, format.range);
  const map = invertAffine(toFrame);
  const block = Math.max(1, Math.floor(affineScale(map)));
  const side = Math.ceil(sizePx / block);
  const area = sizePx * sizePx;
  const reds = blockMeans(crop.subarray(0, area), sizePx, block);
  const greens = blockMeans(crop.subarray(area, 2 * area), sizePx, block);
  const blues = blockMeans(crop.subarray(2 * area), sizePx, block);
  const opacities = blockMeans(mask, sizePx, block);
  const chromaWidth = (width + chromaShiftX) >> chromaShiftX;
  const chromaCount = chromaWidth * ((height + chromaShiftY) >> chromaShiftY);
  const coverage = new Float32Array(width * height);
  const opacity = new Float32Array(width * height);
  const first = new Float32Array(width * height);
  const second = new Float32Array(chromaCount);
  const third = new Float32Array(chromaCount);
  const counts = new Float32Array(chromaCount);
  const add = (to: number, share: number, secondCode: number, thirdCode: number): void => {
    counts[to] = (counts[to] as number) + share;
    second[to] = (second[to] as number) + share * secondCode;
    third[to] = (third[to] as number) + share * thirdCode;
  };
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const frameX = region.x + x;
      const frameY = region.y + y;
      const cx = (map.a * frameX + map.b * frameY + map.c + 0.5) / block - 0.5;
      const cy = (map.d * frameX + map.e * frameY + map.f + 0.5) / block - 0.5;
      if (!(cx > -1 && cy > -1 && cx < side && cy < side)) continue;
      coverage[i] = 1;
      opacity[i] = bilinear(opacities, side, cx, cy, 0);
      const red = bilinear(reds, side, cx, cy, 1);
      const green = bilinear(greens, side, cx, cy, 1);
      const blue = bilinear(blues, side, cx, cy, 1);
      let secondCode = 255 * green;
      let thirdCode = 255 * blue;
      if (k.isRgb) {
        first[i] = 255 * red;
      } else {
        const luma = k.kr * red + (1 - k.kr - k.kb) * green + k.kb * blue;
        first[i] = luma * k.lumaSpan + k.yOffset;
        secondCode = ((blue - luma) / (2 * (1 - k.kb))) * k.chromaSpan + 128;
        thirdCode = ((red - luma) / (2 * (1 - k.kr))) * k.chromaSpan + 128;
      }
      // Chroma sits on the even columns: they count twice, odd ones once to either side.
      const to = (y >> chromaShiftY) * chromaWidth + (x >> chromaShiftX);
      const isBetween = chromaShiftX === 1 && x % 2 === 1;
      add(to, isBetween ? 1 : 2, secondCode, thirdCode);
      if (isBetween && (x >> 1) + 1 < chromaWidth) add(to + 1, 1, secondCode, thirdCode);
    }
  }
  for (let i = 0; i < chromaCount; i++) {
    const count = counts[i] as number;
    if (count === 0) continue;
    second[i] = (second[i] as number) / count;
    third[i] = (third[i] as number) / count;
  }
  return { planes: [first, second, third], coverage, mask: opacity };
};
