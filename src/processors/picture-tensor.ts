import type { ImageInputContract } from '../inference/model-contracts.js';

/**
 * Writes a picture as a model takes it: `(sample − mean) / std` of 8-bit samples, in the model's order of channels and axes.
 *
 * @param planes planar RGB, 3 × `pixels`, in levels 0..255
 * @param out as many floats
 */
export function writePictureTensor(
  planes: Float32Array,
  pixels: number,
  { layout, colourOrder, mean, std }: Pick<ImageInputContract, 'layout' | 'colourOrder' | 'mean' | 'std'>,
  out: Float32Array,
): void {
  const step = layout === 'NCHW' ? 1 : 3;
  for (let channel = 0; channel < 3; channel++) {
    const from = (colourOrder === 'RGB' ? channel : 2 - channel) * pixels;
    const to = layout === 'NCHW' ? channel * pixels : channel;
    const middle = mean[channel] as number;
    const divisor = std[channel] as number;
    for (let i = 0; i < pixels; i++) {
      out[to + i * step] = ((planes[from + i] as number) - middle) / divisor;
    }
  }
}
