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

  /** @param radius pixels on either side of the middle */
  constructor(sizePx: number, sigmaPx: number, radius: number) {
    this.#sizePx = sizePx;
    this.#radius = radius;
    this.#weights = gaussianWeights(sigmaPx, radius);
    this.#rows = new Float32Array(sizePx * sizePx);
    this.#line = new Float64Array(sizePx + 2 * radius);
  }

  /** @param out sizePx² values; may be the plane itself */
  blur(plane: Float32Array, out: Float32Array): void {
    const size = this.#sizePx;
    for (let y = 0; y < size; y++) this.#along(plane, y * size, 1, this.#rows);
    for (let x = 0; x < size; x++) this.#along(this.#rows, x, size, out);
  }

  #along(from: Float32Array, start: number, step: number, to: Float32Array): void {
    const radius = this.#radius;
    const line = this.#line;
    const size = this.#sizePx;
    for (let i = 0; i < line.length; i++) {
      line[i] = from[start + step * mirrored(i - radius, size)] as number;
    }
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let k = 0; k <= 2 * radius; k++) sum += (this.#weights[k] as number) * (line[i + k] as number);
      to[start + step * i] = sum;
    }
  }
}
