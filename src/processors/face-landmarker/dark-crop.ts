import { labToSrgb, srgbToLab } from '../../imaging/colour.js';
import { limitContrast } from '../../imaging/contrast-limit.js';

/** Mean lightness, of 255, below which a crop's contrast is raised before a landmarker sees it. */
const darkLevel = 30;

/** L from 0 to 100 in 8 bits. */
const levelsPerLightness = 255 / 100;

/** Raises the contrast of dark crops. Owns its buffers. */
export class DarkCropLighter {
  readonly #sidePx: number;
  readonly #isCompatible: boolean;
  readonly #planes: readonly [Float32Array, Float32Array, Float32Array];

  /**
   * @param sidePx a multiple of 8
   * @param isCompatible does as FaceFusion does: takes red for blue when it looks how light the crop is, and sends every crop through 8 bits
   *   of L, a and b
   */
  constructor(sidePx: number, isCompatible: boolean) {
    this.#sidePx = sidePx;
    this.#isCompatible = isCompatible;
    const plane = (): Float32Array => new Float32Array(sidePx * sidePx);
    this.#planes = [plane(), plane(), plane()];
  }

  /**
   * Changes a crop in place.
   *
   * @param picture planar RGB in levels 0..255, 3 × sidePx²
   */
  lighten(picture: Float32Array): void {
    const [lightness] = this.#planes;
    this.#exchange(picture, 'read');
    srgbToLab(this.#planes);
    let sum = 0;
    for (let i = 0; i < lightness.length; i++) {
      const level = Math.round((lightness[i] as number) * levelsPerLightness);
      lightness[i] = this.#isCompatible ? level : (lightness[i] as number);
      sum += level;
    }
    const isDark = sum / lightness.length < darkLevel;
    if (!isDark && !this.#isCompatible) return;
    if (!this.#isCompatible) {
      for (let i = 0; i < lightness.length; i++)
        lightness[i] = Math.round((lightness[i] as number) * levelsPerLightness);
    }
    if (isDark) limitContrast(lightness, this.#sidePx);
    for (let i = 0; i < lightness.length; i++) lightness[i] = (lightness[i] as number) / levelsPerLightness;
    if (this.#isCompatible) this.#roundColours();
    labToSrgb(this.#planes);
    this.#exchange(picture, 'write');
  }

  #roundColours(): void {
    for (const plane of [this.#planes[1], this.#planes[2]]) {
      for (let i = 0; i < plane.length; i++) {
        plane[i] = Math.min(127, Math.max(-128, Math.round(plane[i] as number)));
      }
    }
  }

  /** Between levels of the picture and shares of 1, with the channels exchanged where FaceFusion does. */
  #exchange(picture: Float32Array, way: 'read' | 'write'): void {
    const pixels = this.#sidePx ** 2;
    for (const [channel, plane] of this.#planes.entries()) {
      const from = (this.#isCompatible ? 2 - channel : channel) * pixels;
      for (let i = 0; i < pixels; i++) {
        if (way === 'read') plane[i] = (picture[from + i] as number) / 255;
        else picture[from + i] = Math.round((plane[i] as number) * 255);
      }
    }
  }
}
