/** Standard deviation of the blur in pixels of the crop, whatever its size; FaceFusion's number. */
const sigmaPx = 5;

/** OpenCV cuts a Gaussian of floats off at four standard deviations, in whole pixels. */
const radiusPx = Math.round(8 * sigmaPx + 1) >> 1;

const kernel = (() => {
  const weights = Float64Array.from({ length: radiusPx + 1 }, (_, k) =>
    Math.exp(-(k * k) / (2 * sigmaPx * sigmaPx)),
  );
  const total = weights.reduce((sum, weight, k) => sum + (k === 0 ? weight : 2 * weight), 0);
  return Float32Array.from(weights, (weight) => weight / total);
})();

/**
 * Softens a mask that a network or a polygon has given, inwards only: a Gaussian blur whose upper half is stretched over 0..1, so that
 * what was a hard edge fades out on the inner side of it. As FaceFusion does it (`face_masker.py`, release 3.8). The border is mirrored without its
 * last sample. One per thread and size; owns its buffers.
 */
export class MaskSmoother {
  readonly #sizePx: number;
  readonly #rows: Float32Array;
  readonly #line: Float32Array;

  constructor(sizePx: number) {
    this.#sizePx = sizePx;
    this.#rows = new Float32Array(sizePx * sizePx);
    this.#line = new Float32Array(sizePx + 2 * radiusPx);
  }

  /** @param mask sizePx × sizePx, changed in place; values are clipped to 0..1 first */
  smooth(mask: Float32Array): void {
    const size = this.#sizePx;
    const rows = this.#rows;
    const line = this.#line;
    for (let y = 0; y < size; y++) {
      const start = y * size;
      for (let i = 0; i < line.length; i++) {
        const value = mask[start + mirrored(i - radiusPx, size)] as number;
        line[i] = value < 0 ? 0 : value > 1 ? 1 : value;
      }
      for (let x = 0; x < size; x++) {
        const middle = x + radiusPx;
        let sum = (kernel[0] as number) * (line[middle] as number);
        for (let k = 1; k <= radiusPx; k++) {
          sum += (kernel[k] as number) * ((line[middle - k] as number) + (line[middle + k] as number));
        }
        rows[start + x] = sum;
      }
    }
    for (let y = 0; y < size; y++) {
      const to = y * size;
      const own = kernel[0] as number;
      for (let x = 0; x < size; x++) mask[to + x] = own * (rows[to + x] as number);
      for (let k = 1; k <= radiusPx; k++) {
        const weight = kernel[k] as number;
        const above = mirrored(y - k, size) * size;
        const below = mirrored(y + k, size) * size;
        for (let x = 0; x < size; x++) {
          mask[to + x] =
            (mask[to + x] as number) + weight * ((rows[above + x] as number) + (rows[below + x] as number));
        }
      }
      for (let x = 0; x < size; x++) {
        const stretched = 2 * ((mask[to + x] as number) - 0.5);
        mask[to + x] = stretched < 0 ? 0 : stretched > 1 ? 1 : stretched;
      }
    }
  }
}

/** An index of the endless line … 2 1 0 1 2 … that is mirrored at both ends. */
function mirrored(index: number, length: number): number {
  if (index >= 0 && index < length) return index;
  const period = 2 * (length - 1);
  const inPeriod = ((index % period) + period) % period;
  return inPeriod < length ? inPeriod : period - inPeriod;
}
