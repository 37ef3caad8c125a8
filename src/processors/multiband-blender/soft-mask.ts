import { FaceswapError } from '../../errors.js';

const made = new Map<string, Float32Array>();

/**
 * The mask of a swapper that works on square crops: 1 in the middle, soft towards the crop's edges. A box of ones is
 * inset by its padding, at least by half the blur, and blurred with a Gaussian whose sigma is a quarter of the blur;
 * the crop's border mirrors without repeating its last sample. So the mask is small at the crop's edge but not 0.
 * These are FaceFusion's meanings of blur and padding (`face_masker.py`, release 3.8), so that its settings carry
 * over.
 *
 * The box and the Gaussian are products of one line across and one down, and so is the mask. Made once for each
 * combination; the array is shared and must not be written.
 *
 * @param sizePx side of the crop
 * @param blur 0 (hard) .. 1, as a share of half the side
 * @param paddingPercent insets of the box in percent of the side: top, right, bottom, left
 * @returns sizePx × sizePx opacities, 0..1, in plain memory
 * @throws FaceswapError (bug) for numbers outside of these ranges
 */
export function softBoxMask(
  sizePx: number,
  blur: number,
  paddingPercent: readonly [number, number, number, number],
): Float32Array {
  const isPadding = paddingPercent.every((inset) => inset >= 0 && inset <= 100);
  if (!Number.isInteger(sizePx) || sizePx < 2 || !(blur >= 0 && blur <= 1) || !isPadding) {
    throw new FaceswapError(
      'bug',
      `No mask of ${sizePx} px has blur ${blur} and padding ${paddingPercent.join()}`,
    );
  }
  const key = [sizePx, blur, ...paddingPercent].join();
  const known = made.get(key);
  if (known !== undefined) return known;
  const [top, right, bottom, left] = paddingPercent;
  const blurPx = Math.trunc(sizePx * 0.5 * blur);
  const least = Math.max(1, blurPx >> 1);
  const inset = (percent: number): number => Math.max(least, Math.trunc((sizePx * percent) / 100));
  const across = blurredLine(sizePx, inset(left), inset(right), blurPx / 4);
  const down = blurredLine(sizePx, inset(top), inset(bottom), blurPx / 4);
  const mask = new Float32Array(sizePx * sizePx);
  for (let y = 0, i = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++, i++) mask[i] = (down[y] as number) * (across[x] as number);
  }
  made.set(key, mask);
  return mask;
}

/** Ones with so many zeros at either end, under a Gaussian that is cut off at four sigmas. */
function blurredLine(length: number, before: number, after: number, sigma: number): Float64Array {
  const box = Float64Array.from({ length }, (_, i) => (i >= before && i < length - after ? 1 : 0));
  if (sigma === 0) return box;
  const radius = Math.round(8 * sigma + 1) >> 1;
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return box.map((_, i) => {
    let sum = 0;
    for (let k = -radius; k <= radius; k++) {
      sum += (weights[k + radius] as number) * (box[mirroredIndex(i + k, length)] as number);
    }
    return sum / total;
  });
}

/** An index of the endless line … 2 1 0 1 2 … that is mirrored at both ends. */
function mirroredIndex(index: number, length: number): number {
  const period = 2 * (length - 1);
  const inPeriod = ((index % period) + period) % period;
  return inPeriod < length ? inPeriod : period - inPeriod;
}
