import { type Affine, affineScale, applyAffine } from '../../../src/imaging/affine.js';
import { colourCoefficients } from '../../../src/imaging/colour.js';
import type { CropScaling } from '../../../src/imaging/frame-crop.js';
import { type PlanarFrame, sampleScale } from '../../../src/imaging/planar-frame.js';
import { plainToDisplay } from './tone-curve.js';

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** How an axis is averaged: block length, the four taps over neighbouring averages, and whether their middle lies between two. */
const averaging = (shrink: number, isFine: boolean): { block: number; taps: number[]; middle: number } => {
  const block = Math.max(1, Math.floor((isFine ? shrink / 2 : shrink) + 1e-6));
  const width = Math.max(1, shrink / block);
  if (width < 2 - 1e-6) {
    const full = 1 + (width - 1) ** 3;
    const outer = (full - 1) / 2;
    return { block, taps: [outer / full, 1 / full, outer / full, 0], middle: 0 };
  }
  const outer = (width - 2) / 2;
  return { block, taps: [outer / width, 1 / width, 1 / width, outer / width], middle: 0.5 };
};

/** A reader of one plane, averaged for a shrink factor, at luma coordinates from 0,0 to the frame's size; in 8-bit levels. */
const planeReader = (
  frame: PlanarFrame,
  index: 0 | 1 | 2,
  shrink: number,
  bounds: { left: number; top: number; right: number; bottom: number },
): ((x: number, y: number) => number) => {
  const { format, layout, data } = frame;
  const plane = layout.planes[index];
  const perX = index === 0 ? 1 : 1 / (1 << format.chromaShiftX);
  const perY = index === 0 ? 1 : 1 / (1 << format.chromaShiftY);
  const site = index > 0 && format.chromaShiftY === 1 ? -0.25 : 0;
  const isFine = index === 0 || format.chromaShiftX === 0;
  const across = averaging(shrink * perX, isFine);
  const down = averaging(shrink * perY, isFine);
  const columns = Math.ceil(plane.widthPx / across.block);
  const rows = Math.ceil(plane.heightPx / down.block);
  const placeX = (x: number): number => clamp((x * perX + 0.5) / across.block - 0.5, 0, columns - 1);
  const placeY = (y: number): number => clamp((y * perY + site + 0.5) / down.block - 0.5, 0, rows - 1);

  const mean = (column: number, row: number): number => {
    const right = Math.min(plane.widthPx, (column + 1) * across.block);
    const bottom = Math.min(plane.heightPx, (row + 1) * down.block);
    let sum = 0;
    let count = 0;
    for (let y = row * down.block; y < bottom; y++) {
      for (let x = column * across.block; x < right; x++) {
        sum += data[plane.offset + y * plane.widthPx + x] as number;
        count++;
      }
    }
    return sum / count / sampleScale(format);
  };

  // Only what the crop can reach is averaged: two blocks more than the place on each side.
  const left = Math.floor(placeX(bounds.left)) - 2;
  const top = Math.floor(placeY(bounds.top)) - 2;
  const width = Math.floor(placeX(bounds.right)) + 4 - left;
  const height = Math.floor(placeY(bounds.bottom)) + 4 - top;
  const means = new Float64Array(width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      means[row * width + column] = mean(clamp(left + column, 0, columns - 1), clamp(top + row, 0, rows - 1));
    }
  }
  // What is beyond the ends is never read: it only keeps the numbers finite.
  const tapped = (step: number, { taps }: { taps: number[] }, values: Float64Array): Float64Array => {
    const [t0, t1, t2, t3] = taps as [number, number, number, number];
    const result = Float64Array.from(values);
    for (let i = step; i + 2 * step < values.length; i++) {
      result[i] =
        (values[i - step] as number) * t0 +
        (values[i] as number) * t1 +
        (values[i + step] as number) * t2 +
        (values[i + 2 * step] as number) * t3;
    }
    return result;
  };
  const smooth = tapped(width, down, tapped(1, across, means));

  return (lumaX, lumaY) => {
    const x = placeX(lumaX) - across.middle - left;
    const y = placeY(lumaY) - down.middle - top;
    const at = Math.floor(y) * width + Math.floor(x);
    const [shareX, shareY] = [x - Math.floor(x), y - Math.floor(y)];
    const upper = (smooth[at] as number) * (1 - shareX) + (smooth[at + 1] as number) * shareX;
    const lower = (smooth[at + width] as number) * (1 - shareX) + (smooth[at + width + 1] as number) * shareX;
    return upper * (1 - shareY) + lower * shareY;
  };
};

/** The plain twin of `FrameCropper.crop`, in 64-bit numbers. */
export const plainCrop = (
  frame: PlanarFrame,
  toFrame: Affine,
  widthPx: number,
  heightPx: number,
  out: Float32Array,
  { scale, offset }: CropScaling,
  edge: 'repeat' | 'black' = 'repeat',
): void => {
  const { format } = frame;
  const k = colourCoefficients(format.matrix, format.range);
  const corners = [
    applyAffine(toFrame, 0, 0),
    applyAffine(toFrame, widthPx - 1, 0),
    applyAffine(toFrame, 0, heightPx - 1),
    applyAffine(toFrame, widthPx - 1, heightPx - 1),
  ];
  const bounds = {
    left: Math.min(...corners.map(({ x }) => x)),
    right: Math.max(...corners.map(({ x }) => x)),
    top: Math.min(...corners.map(({ y }) => y)),
    bottom: Math.max(...corners.map(({ y }) => y)),
  };
  const shrink = affineScale(toFrame);
  const [first, second, third] = ([0, 1, 2] as const).map((index) =>
    planeReader(frame, index, shrink, bounds),
  ) as [ReturnType<typeof planeReader>, ReturnType<typeof planeReader>, ReturnType<typeof planeReader>];
  const area = widthPx * heightPx;
  for (let row = 0; row < heightPx; row++) {
    for (let column = 0; column < widthPx; column++) {
      const x = toFrame.a * column + toFrame.b * row + toFrame.c;
      const y = toFrame.d * column + toFrame.e * row + toFrame.f;
      const index = row * widthPx + column;
      const isOutside = x < -0.5 || y < -0.5 || x > format.widthPx - 0.5 || y > format.heightPx - 0.5;
      let [red, green, blue] = [0, 0, 0];
      if (edge === 'repeat' || !isOutside) {
        const p0 = first(x, y);
        const p1 = second(x, y);
        const p2 = third(x, y);
        const luma = (p0 - k.yOffset) * k.yScale;
        red = k.isRgb ? p0 / 255 : luma + (p2 - 128) * k.rv;
        green = k.isRgb ? p1 / 255 : luma + (p1 - 128) * k.gu + (p2 - 128) * k.gv;
        blue = k.isRgb ? p2 / 255 : luma + (p1 - 128) * k.bu;
      }
      if (format.hdr !== undefined) [red, green, blue] = plainToDisplay(format.hdr, [red, green, blue]);
      out[index] = clamp(red, 0, 1) * scale + offset;
      out[area + index] = clamp(green, 0, 1) * scale + offset;
      out[2 * area + index] = clamp(blue, 0, 1) * scale + offset;
    }
  }
};
