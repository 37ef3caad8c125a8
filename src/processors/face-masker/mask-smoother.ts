import { FaceswapError } from '../../errors.js';
import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import { Scratch } from '../../imaging/scratch.js';

/** Standard deviation of the blur in pixels of the crop, whatever its size; FaceFusion's number. */
const sigmaPx = 5;

/** OpenCV cuts a Gaussian of floats off at four standard deviations, in whole pixels. */
const radiusPx = Math.round(8 * sigmaPx + 1) >> 1;

const gaussian = (() => {
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
  readonly #scratch = new Scratch();

  /** @throws FaceswapError (bug) for a side that the blur is wider than */
  constructor(sizePx: number) {
    if (!(Number.isInteger(sizePx) && sizePx > radiusPx)) {
      throw new FaceswapError('bug', `A mask of ${sizePx} px cannot be smoothed`);
    }
    this.#sizePx = sizePx;
  }

  /** @param mask sizePx × sizePx, changed in place; values are clipped to 0..1 first */
  smooth(mask: Float32Array): void {
    const size = this.#sizePx;
    const stride = (size + 3) & ~3;
    const rooms = {
      mask: stride * size,
      weights: radiusPx + 1,
      rows: stride * size,
      line: stride + 2 * radiusPx + 8,
      offsets: 2 * radiusPx + 1,
    };
    // All are asked for before any is used: the memory may move while it grows.
    for (const [name, length] of Object.entries(rooms)) this.#scratch.floats(name, length);
    const take = (name: keyof typeof rooms): Float32Array => this.#scratch.floats(name, rooms[name]);
    take('weights').set(gaussian);
    const padded = take('mask');
    for (let y = 0; y < size; y++) padded.set(mask.subarray(y * size, (y + 1) * size), y * stride);
    kernels().call.softenMask(
      addressOf(padded),
      stride,
      size,
      addressOf(take('weights')),
      radiusPx,
      addressOf(take('rows')),
      addressOf(take('line')),
      addressOf(take('offsets')),
    );
    for (let y = 0; y < size; y++) mask.set(padded.subarray(y * stride, y * stride + size), y * size);
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#scratch.dispose();
  }
}
