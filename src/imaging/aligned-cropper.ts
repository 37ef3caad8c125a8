import { type Affine, applyAffine, invertAffine, similarityBetween } from './affine.js';
import { ByteRegionReader, type PixelRegion } from './byte-region.js';
import { type CropScaling, FrameCropper } from './frame-crop.js';
import type { PlanarFormat, PlanarFrame } from './planar-frame.js';
import { type WarpTemplateName, warpTemplates } from './warp-templates.js';

/**
 * How crops are cut: `ours` averages against aliasing and keeps fractions of levels; `facefusion` reads between the four nearest pixels of
 * a frame of 8 bits, whatever the crop's scale, and rounds to whole levels, as that program does.
 */
export type CropArithmetic = 'ours' | 'facefusion';

/** Cuts crops in which a face lies as a template says. One per thread; owns its buffers. */
export class AlignedCropper {
  readonly #arithmetic: CropArithmetic;
  readonly #cropper = new FrameCropper();
  readonly #reader = new ByteRegionReader();

  constructor(arithmetic: CropArithmetic) {
    this.#arithmetic = arithmetic;
  }

  /**
   * The similarity that brings a template's points nearest to a face's, least squares in the crop's pixels. A template speaks of edges
   * (0..1); FaceFusion takes its numbers for pixel centres, which puts the face half a pixel of the crop to the upper left.
   *
   * @param five 5 × (x, y) in luma pixels of the frame
   * @returns the map from the crop's pixel centres to luma pixel centres of the frame
   */
  align(template: WarpTemplateName, sizePx: number, five: Float32Array): Affine {
    const shift = this.#arithmetic === 'ours' ? 0.5 : 0;
    const places = warpTemplates[template].map((share) => share * sizePx - shift);
    return invertAffine(similarityBetween(five, places));
  }

  /**
   * @param toFrame maps the crop's pixel centres to luma pixel centres
   * @param out receives planar RGB, 3 × sizePx²: `value · scale + offset` of R'G'B' 0..1; the frame's edge is repeated
   */
  cut(frame: PlanarFrame, toFrame: Affine, sizePx: number, out: Float32Array, scaling: CropScaling): void {
    if (this.#arithmetic === 'ours') {
      this.#cropper.crop(frame, toFrame, sizePx, sizePx, out, scaling);
      return;
    }
    const region = this.#reader.read(frame, regionUnder(frame.format, toFrame, sizePx));
    const scale = scaling.scale / 255;
    sampleBytes(region.rgb, region, toFrame, sizePx, out);
    for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) * scale + scaling.offset;
  }
}

/** The frame's pixels between which a crop is read; at least one, the nearest, where the crop lies outside. */
const regionUnder = (format: PlanarFormat, toFrame: Affine, sizePx: number): PixelRegion => {
  const last = sizePx - 1;
  const corners = [
    applyAffine(toFrame, 0, 0),
    applyAffine(toFrame, last, 0),
    applyAffine(toFrame, 0, last),
    applyAffine(toFrame, last, last),
  ];
  const inside = (value: number, count: number): number => Math.min(count - 1, Math.max(0, value));
  const range = (values: readonly number[], count: number): readonly [start: number, end: number] => [
    inside(Math.floor(Math.min(...values)), count),
    inside(Math.floor(Math.max(...values)) + 1, count) + 1,
  ];
  const [left, right] = range(
    corners.map(({ x }) => x),
    format.widthPx,
  );
  const [top, bottom] = range(
    corners.map(({ y }) => y),
    format.heightPx,
  );
  return { x: left, y: top, width: right - left, height: bottom - top };
};

/** Bilinear between pixel centres, edges repeated, rounded to whole levels: OpenCV's `warpAffine` on bytes. */
const sampleBytes = (
  rgb: Uint8ClampedArray,
  { x: left, y: top, width, height }: PixelRegion,
  { a, b, c, d, e, f }: Affine,
  sizePx: number,
  out: Float32Array,
): void => {
  const area = width * height;
  const outArea = sizePx * sizePx;
  for (let row = 0, to = 0; row < sizePx; row++) {
    for (let column = 0; column < sizePx; column++, to++) {
      const x = a * column + b * row + c - left;
      const y = d * column + e * row + f - top;
      const floorX = Math.floor(x);
      const floorY = Math.floor(y);
      const shareX = x - floorX;
      const shareY = y - floorY;
      const x0 = Math.min(width - 1, Math.max(0, floorX));
      const x1 = Math.min(width - 1, Math.max(0, floorX + 1));
      const y0 = width * Math.min(height - 1, Math.max(0, floorY));
      const y1 = width * Math.min(height - 1, Math.max(0, floorY + 1));
      for (let channel = 0; channel < 3; channel++) {
        const from = channel * area;
        const upper =
          (rgb[from + y0 + x0] as number) * (1 - shareX) + (rgb[from + y0 + x1] as number) * shareX;
        const lower =
          (rgb[from + y1 + x0] as number) * (1 - shareX) + (rgb[from + y1 + x1] as number) * shareX;
        out[channel * outArea + to] = Math.round(upper * (1 - shareY) + lower * shareY);
      }
    }
  }
};
