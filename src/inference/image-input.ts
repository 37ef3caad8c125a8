import type { ImageInputContract } from './model-contracts.js';

/** `value · scale + offset` of samples 0..1. */
export type InputScaling = { readonly scale: number; readonly offset: number };

/**
 * The one scaling that makes an input of planar R'G'B' 0..1.
 *
 * @returns null where channels differ, or their order or layout does: that takes {@link writeImageInput}
 */
export function plainScaling({ layout, colourOrder, mean, std }: ImageInputContract): InputScaling | null {
  const isUniform = mean.every((value) => value === mean[0]) && std.every((value) => value === std[0]);
  if (layout !== 'NCHW' || colourOrder !== 'RGB' || !isUniform) return null;
  return channelScaling(mean[0], std[0]);
}

/** Contracts speak of samples 0..255. */
const channelScaling = (mean: number, std: number): InputScaling => ({
  scale: 255 / std,
  offset: -mean / std,
});

/** The shape of a square picture in this layout; null stands for the batch. */
export const imageDims = (
  layout: ImageInputContract['layout'],
  sizePx: number,
): readonly (number | null)[] => (layout === 'NCHW' ? [null, 3, sizePx, sizePx] : [null, sizePx, sizePx, 3]);

/** Every so many-th pixel across and down, from this row and column on. */
export type PixelPhase = { readonly every: number; readonly row: number; readonly column: number };

/**
 * Lays a picture, or every so many-th pixel of it, into a model's input as its contract says.
 *
 * @param picture planar R'G'B' 0..1, 3 × sidePx²
 * @param out 3 × (sidePx / every)² values
 */
export function writeImageInput(
  picture: Float32Array,
  sidePx: number,
  { layout, colourOrder, mean, std }: ImageInputContract,
  out: Float32Array,
  { every, row, column }: PixelPhase = { every: 1, row: 0, column: 0 },
): void {
  const size = sidePx / every;
  const pixelStep = layout === 'NCHW' ? 1 : 3;
  const channelStep = layout === 'NCHW' ? size * size : 1;
  for (let channel = 0; channel < 3; channel++) {
    const plane = (colourOrder === 'RGB' ? channel : 2 - channel) * sidePx * sidePx;
    const { scale, offset } = channelScaling(mean[channel] as number, std[channel] as number);
    for (let y = 0, to = channel * channelStep; y < size; y++) {
      let from = plane + (y * every + row) * sidePx + column;
      for (let x = 0; x < size; x++, to += pixelStep, from += every) {
        out[to] = (picture[from] as number) * scale + offset;
      }
    }
  }
}
