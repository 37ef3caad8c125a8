import { type Affine, applyAffine, invertAffine } from '../../imaging/affine.js';
import { ByteRegionReader, type PixelRegion } from '../../imaging/byte-region.js';
import { colourCoefficients } from '../../imaging/colour.js';
import { roundHalfEven } from '../../imaging/round-half-even.js';
import type { PlanarFormat, PlanarFrame } from '../../imaging/planar-frame.js';
import type { SwappedCrop } from './crop-paster.js';

/**
 * Lays crops in as FaceFusion 3.8.1 does (`paste_back`): face and mask read bilinearly in the box of the crop's corners, mixed in R'G'B' of
 * 8 bits, and cut off to whole levels, not rounded. A frame of Y'CbCr is turned into R'G'B' and back on the way; pixels that
 * keep their R'G'B' keep their samples. For frames of 8 bits. One per thread; owns its buffers.
 */
export class ByteFacePaster {
  readonly #reader = new ByteRegionReader();
  #mixed = new Uint8ClampedArray(0);

  /**
   * @param frame changed in place
   * @param enhanced for enhancers, whose crops are of whole levels before they are mapped and after: how much of what was pasted is
   *   mixed into the frame, in a second rounding
   */
  paste(
    frame: PlanarFrame,
    swapped: Pick<SwappedCrop, 'crop' | 'mask' | 'sizePx' | 'toFrame'>,
    enhanced: { readonly blend: number } | null = null,
  ): void {
    const pasted = pastedRegion(frame.format, swapped);
    if (pasted === null) return;
    const region = wholeChroma(frame.format, pasted);
    const { rgb } = this.#reader.read(frame, region);
    if (this.#mixed.length < rgb.length) this.#mixed = new Uint8ClampedArray(rgb.length);
    const mixed = this.#mixed.subarray(0, rgb.length);
    mixed.set(rgb);
    mix(rgb, mixed, { region, pasted }, swapped, enhanced !== null);
    if (enhanced !== null) {
      const { blend } = enhanced;
      for (let i = 0; i < mixed.length; i++) {
        mixed[i] = roundHalfEven((rgb[i] as number) * (1 - blend) + (mixed[i] as number) * blend);
      }
    }
    writeRegion(frame, region, rgb, mixed);
  }
}

/** The box of the crop's corners (0 to its side), clipped to the frame. */
const pastedRegion = (
  { widthPx, heightPx }: PlanarFormat,
  { sizePx, toFrame }: { readonly sizePx: number; readonly toFrame: Affine },
): PixelRegion | null => {
  const corners = [
    applyAffine(toFrame, 0, 0),
    applyAffine(toFrame, sizePx, 0),
    applyAffine(toFrame, sizePx, sizePx),
    applyAffine(toFrame, 0, sizePx),
  ];
  const xs = corners.map(({ x }) => x);
  const ys = corners.map(({ y }) => y);
  const x = Math.max(0, Math.floor(Math.min(...xs)));
  const y = Math.max(0, Math.floor(Math.min(...ys)));
  const width = Math.min(widthPx, Math.ceil(Math.max(...xs))) - x;
  const height = Math.min(heightPx, Math.ceil(Math.max(...ys))) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
};

/** The same, widened to whole samples of chroma. */
const wholeChroma = (format: PlanarFormat, { x, y, width, height }: PixelRegion): PixelRegion => {
  const { chromaShiftX, chromaShiftY, widthPx, heightPx } = format;
  const left = x - (x & chromaShiftX);
  const top = y - (y & chromaShiftY);
  const right = Math.min(widthPx, x + width + ((x + width) & chromaShiftX));
  const bottom = Math.min(heightPx, y + height + ((y + height) & chromaShiftY));
  return { x: left, y: top, width: right - left, height: bottom - top };
};

const mix = (
  rgb: Uint8ClampedArray,
  mixed: Uint8ClampedArray,
  { region, pasted }: { readonly region: PixelRegion; readonly pasted: PixelRegion },
  { crop, mask, sizePx, toFrame }: Pick<SwappedCrop, 'crop' | 'mask' | 'sizePx' | 'toFrame'>,
  isOfBytes: boolean,
): void => {
  const toCrop = invertAffine(toFrame);
  const area = region.width * region.height;
  const cropArea = sizePx * sizePx;
  const last = sizePx - 1;
  const clamped = (value: number): number => Math.min(last, Math.max(0, value));
  for (let row = 0; row < pasted.height; row++) {
    for (let column = 0; column < pasted.width; column++) {
      const { x, y } = applyAffine(toCrop, pasted.x + column, pasted.y + row);
      const x0 = Math.floor(x);
      const y0 = Math.floor(y);
      const shareX = x - x0;
      const shareY = y - y0;
      const upperLeft = (1 - shareX) * (1 - shareY);
      const upperRight = shareX * (1 - shareY);
      const lowerLeft = (1 - shareX) * shareY;
      const lowerRight = shareX * shareY;
      const opacityAt = (atX: number, atY: number): number =>
        atX < 0 || atY < 0 || atX > last || atY > last ? 0 : (mask[atY * sizePx + atX] as number);
      const opacity = Math.min(
        1,
        Math.max(
          0,
          opacityAt(x0, y0) * upperLeft +
            opacityAt(x0 + 1, y0) * upperRight +
            opacityAt(x0, y0 + 1) * lowerLeft +
            opacityAt(x0 + 1, y0 + 1) * lowerRight,
        ),
      );
      if (opacity === 0) continue;
      const top = clamped(y0) * sizePx;
      const bottom = clamped(y0 + 1) * sizePx;
      const left = clamped(x0);
      const right = clamped(x0 + 1);
      const to = (pasted.y - region.y + row) * region.width + (pasted.x - region.x + column);
      for (let channel = 0; channel < 3; channel++) {
        const from = channel * cropArea;
        const exact =
          255 *
          ((crop[from + top + left] as number) * upperLeft +
            (crop[from + top + right] as number) * upperRight +
            (crop[from + bottom + left] as number) * lowerLeft +
            (crop[from + bottom + right] as number) * lowerRight);
        const face = isOfBytes ? Math.round(exact) : exact;
        const before = rgb[channel * area + to] as number;
        mixed[channel * area + to] = Math.trunc(before * (1 - opacity) + face * opacity);
      }
    }
  }
};

/** Writes the pixels that have changed; a sample of chroma takes the mean of the pixels that it stands for. */
const writeRegion = (
  { format, layout, data }: PlanarFrame,
  { x: left, y: top, width, height }: PixelRegion,
  before: Uint8ClampedArray,
  after: Uint8ClampedArray,
): void => {
  const area = width * height;
  const isChanged = (at: number): boolean =>
    before[at] !== after[at] ||
    before[area + at] !== after[area + at] ||
    before[2 * area + at] !== after[2 * area + at];
  const [first, second, third] = layout.planes;
  const { kr, kb, yOffset, lumaSpan, chromaSpan, isRgb } = colourCoefficients(format.matrix, format.range);
  const kg = 1 - kr - kb;
  const lumaOf = (at: number): number =>
    (kr * (after[at] as number) + kg * (after[area + at] as number) + kb * (after[2 * area + at] as number)) /
    255;
  const level = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (!isChanged(at)) continue;
      const place = (top + y) * first.widthPx + left + x;
      if (isRgb) {
        for (const [channel, plane] of layout.planes.entries()) {
          data[plane.offset + place] = after[channel * area + at] as number;
        }
      } else {
        data[first.offset + place] = level(yOffset + lumaSpan * lumaOf(at));
      }
    }
  }
  if (isRgb) return;
  const { chromaShiftX, chromaShiftY } = format;
  for (let y = 0; y < height; y += 1 << chromaShiftY) {
    for (let x = 0; x < width; x += 1 << chromaShiftX) {
      let count = 0;
      let blue = 0;
      let red = 0;
      let changed = false;
      for (let stepY = 0; stepY <= chromaShiftY && y + stepY < height; stepY++) {
        for (let stepX = 0; stepX <= chromaShiftX && x + stepX < width; stepX++) {
          const at = (y + stepY) * width + x + stepX;
          const luma = lumaOf(at);
          changed ||= isChanged(at);
          blue += ((after[2 * area + at] as number) / 255 - luma) / (2 * (1 - kb));
          red += ((after[at] as number) / 255 - luma) / (2 * (1 - kr));
          count++;
        }
      }
      if (!changed) continue;
      const place = ((top + y) >> chromaShiftY) * second.widthPx + ((left + x) >> chromaShiftX);
      data[second.offset + place] = level(128 + (chromaSpan * blue) / count);
      data[third.offset + place] = level(128 + (chromaSpan * red) / count);
    }
  }
};
