import { addressOf, kernels } from './kernels/kernels.js';
import { Scratch } from './scratch.js';

/** Smooth step: 0 below `low`, 1 above `high`, 3t²−2t³ between. */
export function smoothstep(low: number, high: number, value: number): number {
  const t = (value - low) / (high - low);
  if (t <= 0) return 0;
  if (t >= 1) return 1;
  return t * t * (3 - 2 * t);
}

/**
 * Work memory of this file, given back after each call: what it does is done once per picture, at sizes that differ.
 */
const scratch = new Scratch();

/**
 * Gaussian-like blur of a square or oblong plane in place: three box passes each way, whose convolution has the Gaussian's variance and
 * differs from it by at most 6 % of its peak along a line, 12 % in the plane; edges repeated. Cost is independent of the radius.
 *
 * @param plane widthPx × heightPx values, outside of the kernel memory
 */
export function blurPlane(plane: Float32Array, widthPx: number, heightPx: number, sigmaPx: number): void {
  // Three boxes of width w have the variance (w²−1)/4.
  const radius = Math.round((Math.sqrt(4 * sigmaPx * sigmaPx + 1) - 1) / 2);
  if (radius < 1) return;
  const reach = 2 * radius + 1;
  // The plane, the rows under the box, and one row with its ends repeated; then a double per column.
  const sums = 2 * Math.ceil((plane.length + reach * widthPx + widthPx + reach) / 2);
  const work = scratch.floats('work', sums + 2 * widthPx);
  const address = addressOf(work);
  work.set(plane);
  const kept = address + 4 * plane.length;
  const line = kept + 4 * reach * widthPx;
  kernels().call.boxBlurPlane(address, widthPx, heightPx, radius, line, kept, address + 4 * sums);
  plane.set(work.subarray(0, plane.length));
  scratch.dispose();
}

/**
 * Fills the places of low weight from their surroundings: averages are pushed down a pyramid of halves and pulled back
 * up where the finer level knows nothing (pull-push, Gortler et al., "The Lumigraph", 1996).
 *
 * @param channels planes of widthPx × heightPx, outside of the kernel memory, changed in place where `weight` < 1
 * @param weight 0 (unknown) .. 1 (known); when nothing is known, nothing is changed
 */
export function inpaint(
  channels: readonly Float32Array[],
  weight: Float32Array,
  widthPx: number,
  heightPx: number,
): void {
  const count = widthPx * heightPx;
  const planes = channels.length + 1;
  let places = count;
  for (let width = widthPx, height = heightPx; width > 1 || height > 1; ) {
    width = (width + 1) >> 1;
    height = (height + 1) >> 1;
    places += width * height;
  }
  const work = scratch.floats('work', planes * places);
  const address = addressOf(work);
  work.set(weight);
  channels.forEach((plane, c) => {
    work.set(plane, (c + 1) * count);
  });
  kernels().call.inpaintPlanes(
    address + 4 * count,
    channels.length,
    address,
    widthPx,
    heightPx,
    address + 4 * planes * count,
  );
  channels.forEach((plane, c) => {
    plane.set(work.subarray((c + 1) * count, (c + 2) * count));
  });
  scratch.dispose();
}

/**
 * A square map read bilinearly at another size; beyond the centres of its outer places it goes on level.
 *
 * @param map fromSize² values, fromSize at least 2
 * @returns toSize² values
 */
export function stretchMap(map: Float32Array, fromSize: number, toSize: number): Float32Array {
  const count = toSize * toSize;
  const work = scratch.floats('work', map.length + count);
  const address = addressOf(work);
  work.set(map);
  kernels().call.stretchMap(address, fromSize, address + 4 * map.length, toSize);
  const out = work.slice(map.length);
  scratch.dispose();
  return out;
}
