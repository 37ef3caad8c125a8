import { addressOf, kernels } from './kernels/kernels.js';
import { Scratch } from './scratch.js';

/**
 * Gaussian and Laplacian pyramid steps with the binomial kernel 1 4 6 4 1 (Burt and Adelson, "The Laplacian Pyramid as
 * a Compact Image Code", 1983), mirrored borders. `expand(reduce(x))` is added back exactly when a Laplacian pyramid is
 * collapsed, so collapse∘build is the identity up to float rounding.
 *
 * Planes are tight (rows follow each other). Those that lie in kernel memory and are a multiple of 8 wide are worked
 * on where they are; others are copied in and out.
 */
export class PyramidSteps {
  readonly #scratch = new Scratch();

  /** Low-passes `source` (widthPx × heightPx) and keeps every second sample: `out` has the rounded-up half size. */
  reduce(source: Float32Array, widthPx: number, heightPx: number, out: Float32Array): void {
    const { call } = kernels();
    const halfWidth = (widthPx + 1) >> 1;
    const halfHeight = (heightPx + 1) >> 1;
    const stride = wholeGroups(widthPx);
    const halfStride = stride >> 1;
    const inPlace = isKernelPlane(source, widthPx) && isKernelPlane(out, widthPx);
    const work = this.#scratch.floats('work', 2 * (halfStride + 16));
    const fine = inPlace ? source : this.#scratch.floats('fine', stride * heightPx);
    const coarse = inPlace ? out : this.#scratch.floats('coarse', halfStride * halfHeight);
    if (!inPlace) copyRows(source, widthPx, fine, stride, widthPx, heightPx);
    call.reducePlane(
      addressOf(fine),
      stride,
      widthPx,
      heightPx,
      addressOf(coarse),
      halfStride,
      0,
      halfStride,
      0,
      halfHeight,
      addressOf(work),
    );
    if (!inPlace) copyRows(coarse, halfStride, out, halfWidth, halfWidth, halfHeight);
  }

  /**
   * Doubles `coarse` to widthPx × heightPx and adds it, times `factor`, to `out` (1: collapse, −1: build a Laplacian
   * level out of a Gaussian one).
   */
  expandAdd(
    coarse: Float32Array,
    widthPx: number,
    heightPx: number,
    out: Float32Array,
    factor: number,
  ): void {
    const { call } = kernels();
    const halfWidth = (widthPx + 1) >> 1;
    const halfHeight = (heightPx + 1) >> 1;
    const stride = wholeGroups(widthPx);
    const halfStride = stride >> 1;
    const inPlace = isKernelPlane(coarse, widthPx) && isKernelPlane(out, widthPx);
    const work = this.#scratch.floats('work', 2 * (halfStride + 16));
    const fine = inPlace ? out : this.#scratch.floats('fine', stride * heightPx);
    const half = inPlace ? coarse : this.#scratch.floats('coarse', halfStride * halfHeight);
    if (!inPlace) {
      copyRows(out, widthPx, fine, stride, widthPx, heightPx);
      copyRows(coarse, halfWidth, half, halfStride, halfWidth, halfHeight);
    }
    call.expandAddPlane(
      addressOf(half),
      halfStride,
      widthPx,
      heightPx,
      addressOf(fine),
      stride,
      factor,
      addressOf(work),
    );
    if (!inPlace) copyRows(fine, stride, out, widthPx, widthPx, heightPx);
  }
}

/** Samples per row of a plane whose rows are whole groups of 8, as the kernels want them. */
export const wholeGroups = (widthPx: number): number => (widthPx + 7) & ~7;

const isKernelPlane = (plane: Float32Array, widthPx: number): boolean =>
  widthPx % 8 === 0 && plane.buffer === kernels().memory.buffer;

function copyRows(
  from: Float32Array,
  fromStride: number,
  to: Float32Array,
  toStride: number,
  widthPx: number,
  heightPx: number,
): void {
  if (fromStride === toStride) {
    to.set(from.length === to.length ? from : from.subarray(0, to.length));
    return;
  }
  for (let y = 0; y < heightPx; y++) {
    const line = y * fromStride;
    const toLine = y * toStride;
    for (let x = 0; x < widthPx; x++) to[toLine + x] = from[line + x] as number;
  }
}
