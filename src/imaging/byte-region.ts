import { identityAffine } from './affine.js';
import { FrameCropper } from './frame-crop.js';
import type { PlanarFrame } from './planar-frame.js';

/** A part of a frame, in luma pixels, half-open. */
export type PixelRegion = {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
};

/** A part of a frame as R'G'B' of 8 bits: planar, 3 × height × width. */
export type ByteRegion = PixelRegion & { readonly rgb: Uint8ClampedArray };

/** Reads parts of frames as programs see them that work on RGB of 8 bits. One per thread; owns its buffers. */
export class ByteRegionReader {
  readonly #cropper = new FrameCropper();
  #values = new Float32Array(0);
  #rgb = new Uint8ClampedArray(0);

  /** @returns a region that is valid until the next call; samples are rounded to whole levels */
  read(frame: PlanarFrame, { x, y, width, height }: PixelRegion): ByteRegion {
    const length = 3 * width * height;
    if (this.#values.length < length) {
      this.#values = new Float32Array(length);
      this.#rgb = new Uint8ClampedArray(length);
    }
    const values = this.#values.subarray(0, length);
    const rgb = this.#rgb.subarray(0, length);
    const toFrame = { ...identityAffine, c: x, f: y };
    this.#cropper.crop(frame, toFrame, width, height, values, { scale: 255, offset: 0 });
    for (let i = 0; i < length; i++) rgb[i] = Math.round(values[i] as number);
    return { x, y, width, height, rgb };
  }
}
