import { labToSrgb, srgbToLab } from '../../imaging/colour.js';
import { matchColour } from './colour-match.js';

type Moments = { readonly mean: Float32Array; readonly std: Float32Array };

const planesOf = (crop: Float32Array): readonly [Float32Array, Float32Array, Float32Array] => {
  const area = crop.length / 3;
  return [crop.subarray(0, area), crop.subarray(area, 2 * area), crop.subarray(2 * area)];
};

/**
 * Fits the colours of a swapped crop to those that the target has in the same place: mean and spread of CIE Lab under a mask, within the
 * limits of {@link matchColour}. For crops of one size; owns its buffers.
 */
export class CropColours {
  readonly #lab: Float32Array;
  readonly #targetLab: Float32Array;

  /** @param sizePx side of the crops */
  constructor(sizePx: number) {
    this.#lab = new Float32Array(3 * sizePx * sizePx);
    this.#targetLab = new Float32Array(3 * sizePx * sizePx);
  }

  /**
   * @param crop planar RGB 0..1, changed in place
   * @param target planar RGB 0..1
   * @param mask weights of the pixels, sizePx²; where all are 0 nothing is changed
   */
  match(crop: Float32Array, target: Float32Array, mask: Float32Array): void {
    this.#lab.set(crop);
    this.#targetLab.set(target);
    const planes = planesOf(this.#lab);
    srgbToLab(planes);
    srgbToLab(planesOf(this.#targetLab));
    const own = moments(this.#lab, mask);
    const wanted = moments(this.#targetLab, mask);
    if (own === null || wanted === null) return;
    const { gain, offset } = matchColour(own, wanted);
    for (const [channel, plane] of planes.entries()) {
      for (let i = 0; i < plane.length; i++) {
        plane[i] = (plane[i] as number) * (gain[channel] as number) + (offset[channel] as number);
      }
    }
    labToSrgb(planes);
    crop.set(this.#lab);
  }
}

/** Weighted mean and spread of each plane; null without weights. */
const moments = (crop: Float32Array, mask: Float32Array): Moments | null => {
  let total = 0;
  for (const weight of mask) total += weight;
  if (total < 1) return null;
  const mean = new Float32Array(3);
  const std = new Float32Array(3);
  for (const [channel, plane] of planesOf(crop).entries()) {
    let sum = 0;
    for (let i = 0; i < plane.length; i++) sum += (plane[i] as number) * (mask[i] as number);
    const middle = sum / total;
    let squares = 0;
    for (let i = 0; i < plane.length; i++) {
      squares += (mask[i] as number) * ((plane[i] as number) - middle) ** 2;
    }
    mean[channel] = middle;
    std[channel] = Math.sqrt(squares / total);
  }
  return { mean, std };
};
