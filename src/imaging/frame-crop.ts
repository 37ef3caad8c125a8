import { FaceswapError } from '../errors.js';
import { type Affine, affineScale } from './affine.js';
import { BlockReducer } from './block-reducer.js';
import { type ColourCoefficients, colourCoefficients } from './colour.js';
import { kernels } from './kernels/kernels.js';
import type { ColourMatrix, ColourRange, PlanarFrame, PlaneLayout } from './planar-frame.js';
import { needsAveraging, SampledAxis } from './sampled-axis.js';
import { Scratch } from './scratch.js';
import { toneAddress } from './tone-curve.js';

/** How the crop's sRGB values (0..1) are scaled into the output: `value · scale + offset`. */
export type CropScaling = { readonly scale: number; readonly offset: number };

/** Floats per row of the crop, and of all parameters, that `cropToRgb` reads. */
const rowLength = 6;
const parameterLength = 26;
const matrixAt = 12;

const unscaled: CropScaling = { scale: 1, offset: 0 };

const planeNames = ['plane0', 'plane1', 'plane2'] as const;

/**
 * Cuts affine crops out of planar frames as planar RGB floats, for model inputs. One per thread; owns its buffers.
 *
 * Against aliasing each plane is averaged over an area as wide as a pixel of the crop before it is read bilinearly: over
 * k×k blocks, k being the whole part of half the shrink factor, and then over the 2 to 4 neighbouring blocks (the outer
 * ones in part) that make up the factor; below a factor of 2 the second step fades out. Blocks of the whole factor alone
 * would need a quarter of the second sums, but leave up to half of the factor unfiltered: of gratings finer than the crop
 * can show they let 19 % through (RMS, shrunk 4.7 times) and 64 % at 1.9 times, where this lets 14 % and 18 %; of a grating
 * of half the crop's resolution they keep 80 % at 4.7 times, this 84 %. Lanczos-3 lets 3 % through and keeps all, but takes
 * six float multiply-adds per sample of the frame and direction where a block takes one 16-bit addition for eight samples,
 * and it rings around the eyes; the models, trained on bilinear crops, do not need it. Figures: bench/crop-filters.ts.
 *
 * Values of high dynamic range are turned into what sRGB shows (`tone-curve.ts`); those of standard range are taken as sRGB.
 */
export class FrameCropper {
  readonly #scratch = new Scratch();
  readonly #blocks = new BlockReducer(this.#scratch);
  readonly #lumaX = new SampledAxis();
  readonly #lumaY = new SampledAxis();
  readonly #chromaX = new SampledAxis();
  readonly #chromaY = new SampledAxis();
  #coefficients: ColourCoefficients | undefined;
  #matrix: ColourMatrix | undefined;
  #range: ColourRange | undefined;
  /** The columns of the row at hand that lie in the frame. */
  #from = 0;
  #to = 0;

  /**
   * Only the band of rows that the crop touches is read. A 192-pixel crop of a face of 600 px takes about 1 ms.
   *
   * @param frame planar picture
   * @param toFrame maps crop pixel centres to luma pixel centres of the frame
   * @param out planar RGB, 3 × heightPx × widthPx, in kernel memory or (one copy more) anywhere; places outside the frame
   *   repeat its edge when `edge` is `repeat`, or get R'G'B' 0 when it is `black`
   * @throws FaceswapError (bug) for a map that is not finite, or an output of another size
   */
  crop(
    frame: PlanarFrame,
    toFrame: Affine,
    widthPx: number,
    heightPx: number,
    out: Float32Array,
    scaling: CropScaling,
    edge: 'repeat' | 'black' = 'repeat',
  ): void {
    const { format, layout } = frame;
    const { a, b, c, d, e, f } = toFrame;
    if (!Number.isFinite(a + b + c + d + e + f)) {
      throw new FaceswapError('bug', 'A crop was asked for with a map that is not finite');
    }
    const length = 3 * widthPx * heightPx;
    if (out.length !== length) {
      throw new FaceswapError('bug', `A crop of ${length} floats was to go into ${out.length}`);
    }
    // The first of a thread may make the memory grow, so it comes before all addresses.
    const tone = toneAddress(format.hdr);
    const { call, memory } = kernels();
    const isForeign = out.buffer !== memory.buffer;
    const address = isForeign ? this.#scratch.floats('out', length).byteOffset : out.byteOffset;

    const shrink = affineScale(toFrame);
    const left = c + Math.min(0, a * (widthPx - 1)) + Math.min(0, b * (heightPx - 1));
    const right = c + Math.max(0, a * (widthPx - 1)) + Math.max(0, b * (heightPx - 1));
    const top = f + Math.min(0, d * (widthPx - 1)) + Math.min(0, e * (heightPx - 1));
    const bottom = f + Math.max(0, d * (widthPx - 1)) + Math.max(0, e * (heightPx - 1));
    const [luma, second, third] = layout.planes;
    const perX = format.chromaShiftX === 1 ? 0.5 : 1;
    const perY = format.chromaShiftY === 1 ? 0.5 : 1;
    // Chroma of 4:2:0 and 4:2:2 is taken as sited on the left (MPEG-2, H.264 default): horizontally on a luma
    // sample, vertically between two.
    const siteY = format.chromaShiftY === 1 ? -0.25 : 0;
    // Chroma at less than full size is soft already: longer blocks cost a quarter and nobody sees the difference.
    const isFine = perX === 1;
    const averaged = needsAveraging(shrink);
    const chromaAveraged = needsAveraging(shrink * Math.max(perX, perY));
    this.#lumaX.fit(luma.widthPx, 1, 0, shrink, true, averaged, left, right);
    this.#lumaY.fit(luma.heightPx, 1, 0, shrink, true, averaged, top, bottom);
    this.#chromaX.fit(second.widthPx, perX, 0, shrink, isFine, chromaAveraged, left, right);
    this.#chromaY.fit(second.heightPx, perY, siteY, shrink, isFine, chromaAveraged, top, bottom);
    const lumaAt = this.#prepare(frame, luma, 0, this.#lumaX, this.#lumaY, averaged);
    const secondAt = this.#prepare(frame, second, 1, this.#chromaX, this.#chromaY, chromaAveraged);
    const thirdAt = this.#prepare(frame, third, 2, this.#chromaX, this.#chromaY, chromaAveraged);

    call.cropToRgb(
      this.#rows(frame, toFrame, widthPx, heightPx, edge === 'black'),
      this.#parameters(frame, toFrame, tone === 0 ? scaling : unscaled),
      lumaAt,
      this.#lumaX.outCount + 1,
      secondAt,
      thirdAt,
      this.#chromaX.outCount + 1,
      address,
      widthPx,
      heightPx,
    );
    if (tone !== 0) {
      const plane = 4 * widthPx * heightPx;
      const { scale, offset } = scaling;
      call.signalToDisplay(
        address,
        address + plane,
        address + 2 * plane,
        widthPx * heightPx,
        tone,
        scale,
        offset,
      );
    }
    if (isForeign) out.set(this.#scratch.floats('out', length));
  }

  /** The part of a plane that the crop reads, averaged, with one more column and row; rows are `outCount + 1` floats apart. */
  #prepare(
    frame: PlanarFrame,
    plane: PlaneLayout,
    index: 0 | 1 | 2,
    x: SampledAxis,
    y: SampledAxis,
    averaged: boolean,
  ): number {
    const { call } = kernels();
    const stride = x.outCount + 1;
    const picture = this.#scratch.floats(planeNames[index], stride * (y.outCount + 1)).byteOffset;
    if (averaged) {
      const means = this.#scratch.floats('means', x.count * y.count).byteOffset;
      this.#blocks.reduce(frame, plane, x, y, means, x.count);
      const line = this.#scratch.floats('line', x.count + 16).byteOffset;
      const taps = this.#scratch.floats('taps', 8);
      taps.set(x.taps);
      taps.set(y.taps, 4);
      call.fourTaps(
        means,
        x.count,
        x.count,
        y.count,
        picture,
        stride,
        x.outCount,
        y.outCount,
        x.first,
        y.first,
        taps.byteOffset,
        line,
      );
    } else {
      this.#blocks.reduce(frame, plane, x, y, picture, stride);
    }
    call.repeatEnds(picture, stride, x.outCount, y.outCount);
    return picture;
  }

  /** What `cropToRgb` needs to know of each row. The places are found in 64 bits, so rows do not add up rounding errors. */
  #rows(
    { format }: PlanarFrame,
    { a, b, c, d, e, f }: Affine,
    widthPx: number,
    heightPx: number,
    insideOnly: boolean,
  ): number {
    const rows = this.#scratch.floats('rows', rowLength * heightPx);
    for (let row = 0; row < heightPx; row++) {
      const x = b * row + c;
      const y = e * row + f;
      const at = rowLength * row;
      rows[at] = x * this.#lumaX.scale + this.#lumaX.shift;
      rows[at + 1] = y * this.#lumaY.scale + this.#lumaY.shift;
      rows[at + 2] = x * this.#chromaX.scale + this.#chromaX.shift;
      rows[at + 3] = y * this.#chromaY.scale + this.#chromaY.shift;
      this.#from = 0;
      this.#to = widthPx;
      if (insideOnly) this.#keepInside(a, x, d, y, format.widthPx - 0.5, format.heightPx - 0.5);
      rows[at + 4] = this.#from;
      rows[at + 5] = this.#to;
    }
    return rows.byteOffset;
  }

  /** Narrows the columns of a row to those whose places (x + stepX · column, y + stepY · column) lie in the frame. */
  #keepInside(stepX: number, x: number, stepY: number, y: number, right: number, bottom: number): void {
    this.#limit(stepX, x + 0.5);
    this.#limit(-stepX, right - x);
    this.#limit(stepY, y + 0.5);
    this.#limit(-stepY, bottom - y);
    // The limits are a little wide, so that rounding cannot take a column away; what is left over is decided exactly.
    while (this.#from < this.#to && !isInside(stepX * this.#from + x, stepY * this.#from + y, right, bottom))
      this.#from++;
    while (
      this.#from < this.#to &&
      !isInside(stepX * (this.#to - 1) + x, stepY * (this.#to - 1) + y, right, bottom)
    )
      this.#to--;
  }

  /** Narrows the columns to those where step · column + start ≥ 0, with some slack. */
  #limit(step: number, start: number): void {
    if (step > 0) this.#from = Math.min(this.#to, Math.max(this.#from, Math.ceil(-start / step - 1e-6)));
    else if (step < 0)
      this.#to = Math.max(this.#from, Math.min(this.#to, Math.floor(-start / step + 1e-6) + 1));
    else if (start < 0) this.#to = this.#from;
  }

  #parameters({ format }: PlanarFrame, { a, d }: Affine, { scale, offset }: CropScaling): number {
    const out = this.#scratch.floats('parameters', parameterLength);
    this.#writeAxes(out, 0, a, d, this.#lumaX, this.#lumaY);
    this.#writeAxes(out, 6, a, d, this.#chromaX, this.#chromaY);
    if (this.#coefficients === undefined || format.matrix !== this.#matrix || format.range !== this.#range) {
      this.#coefficients = colourCoefficients(format.matrix, format.range);
      this.#matrix = format.matrix;
      this.#range = format.range;
    }
    writeMatrix(out, this.#coefficients);
    out[parameterLength - 2] = scale;
    out[parameterLength - 1] = offset;
    return out.byteOffset;
  }

  #writeAxes(out: Float32Array, at: number, a: number, d: number, x: SampledAxis, y: SampledAxis): void {
    out[at] = a * x.scale;
    out[at + 1] = d * y.scale;
    out[at + 2] = x.lowest;
    out[at + 3] = x.highest;
    out[at + 4] = y.lowest;
    out[at + 5] = y.highest;
  }
}

const isInside = (x: number, y: number, right: number, bottom: number): boolean =>
  x >= -0.5 && y >= -0.5 && x <= right && y <= bottom;

/** R', G' and B' as sums of the three samples and a constant, from the definition in {@link ColourCoefficients}. */
function writeMatrix(out: Float32Array, k: ColourCoefficients): void {
  out.fill(0, matrixAt, matrixAt + 12);
  if (k.isRgb) {
    for (let channel = 0; channel < 3; channel++) out[matrixAt + 5 * channel] = 1 / 255;
    return;
  }
  const black = -k.yOffset * k.yScale;
  for (let channel = 0; channel < 3; channel++) out[matrixAt + 4 * channel] = k.yScale;
  out[matrixAt + 2] = k.rv;
  out[matrixAt + 3] = black - 128 * k.rv;
  out[matrixAt + 5] = k.gu;
  out[matrixAt + 6] = k.gv;
  out[matrixAt + 7] = black - 128 * (k.gu + k.gv);
  out[matrixAt + 9] = k.bu;
  out[matrixAt + 11] = black - 128 * k.bu;
}
