import { at } from '../unit-values.js';

/** A plane of rows without gaps. */
export type PlainPlane = { readonly width: number; readonly height: number; readonly values: Float32Array };

/** The plain twin of `smoothApart`: binomial 1 4 6 4 1 with its samples so far apart, the border repeated. */
export function plainSmoothApart({ width, height, values }: PlainPlane, step: number): PlainPlane {
  const weights = [1, 4, 6, 4, 1].map((weight) => weight / 16);
  const clip = (index: number, length: number): number => Math.min(length - 1, Math.max(0, index));
  const down = values.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return weights.reduce(
      (sum, w, k) => sum + w * at(values, clip(y + (k - 2) * step, height) * width + x),
      0,
    );
  });
  const across = down.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return weights.reduce((sum, w, k) => sum + w * at(down, y * width + clip(x + (k - 2) * step, width)), 0);
  });
  return { width, height, values: across };
}

/** The plain twin of `gatherDetail` for one sample. */
export const plainDetail = (band: number, gain: number, noise: number, edge: number): number =>
  gain * band * (band ** 2 / (band ** 2 + noise)) * (edge / (band ** 2 + edge));
