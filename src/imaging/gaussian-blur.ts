/** Weights of a Gaussian that is cut off at so many pixels from its middle; they sum to 1. */
const gaussianWeights = (sigmaPx: number, radius: number): Float64Array => {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigmaPx * sigmaPx)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
};

/** An index of the endless line … 2 1 0 1 2 … that is mirrored at both ends. */
const mirrored = (index: number, length: number): number => {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const inPeriod = ((index % period) + period) % period;
  return inPeriod < length ? inPeriod : period - inPeriod;
};

/**
 * A Gaussian blur of square planes as OpenCV's `GaussianBlur` defines it: the weights up to a radius, borders mirrored without repeating
 * the last sample. One size per instance; owns its buffer.
 */
export class GaussianBlur {
  readonly #sizePx: number;
  readonly #radius: number;
  readonly #weights: Float64Array;
  readonly #rows: Float32Array;
  readonly #line: Float64Array;
  readonly #sums: Float64Array;

  /** @param radius pixels on either side of the middle */
  constructor(sizePx: number, sigmaPx: number, radius: number) {
    this.#sizePx = sizePx;
    this.#radius = radius;
    this.#weights = gaussianWeights(sigmaPx, radius);
    this.#rows = new Float32Array(sizePx * sizePx);
    this.#line = new Float64Array(sizePx + 2 * radius);
    this.#sums = new Float64Array(sizePx);
  }

  /** @param out sizePx² values; may be the plane itself */
  blur(plane: Float32Array, out: Float32Array): void {
    const size = this.#sizePx;
    const radius = this.#radius;
    const line = this.#line;
    const weights = this.#weights;
    const middle = weights[radius] as number;
    for (let y = 0; y < size; y++) {
      const from = y * size;
      line.set(plane.subarray(from, from + size), radius);
      for (let i = 1; i <= radius; i++) {
        line[radius - i] = plane[from + mirrored(-i, size)] as number;
        line[radius + size - 1 + i] = plane[from + mirrored(size - 1 + i, size)] as number;
      }
      for (let x = 0; x < size; x++) {
        let sum = middle * (line[x + radius] as number);
        for (let k = 0, end = x + 2 * radius; k < radius; k++) {
          sum += (weights[k] as number) * ((line[x + k] as number) + (line[end - k] as number));
        }
        this.#rows[from + x] = sum;
      }
    }
    const rows = this.#rows;
    const sums = this.#sums;
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) sums[x] = middle * (rows[y * size + x] as number);
      for (let k = 0; k < radius; k++) {
        const weight = weights[k] as number;
        const above = size * mirrored(y - radius + k, size);
        const below = size * mirrored(y + radius - k, size);
        for (let x = 0; x < size; x++) {
          const pair = (rows[above + x] as number) + (rows[below + x] as number);
          sums[x] = (sums[x] as number) + weight * pair;
        }
      }
      out.set(sums, y * size);
    }
  }
}
