import type { Affine } from './affine.js';
import { FrameCropper } from './frame-crop.js';
import type { PlanarFrame } from './planar-frame.js';

/** A picture that is laid over a frame without scaling it: shifted by whole pixels, turned by quarters; black beside the frame. */
export type FrameView = {
  /** Maps pixel centres of the view to luma pixel centres of the frame; each step of a pixel is one. */
  readonly toFrame: Affine;
  readonly widthPx: number;
  readonly heightPx: number;
};

/** Where the pixel centres of a crop lie in a view: `x · scaleX + shiftX` and `y · scaleY + shiftY`. */
export type AxisMap = {
  readonly scaleX: number;
  readonly shiftX: number;
  readonly scaleY: number;
  readonly shiftY: number;
};

/** Rows of a crop whose part of the frame is held at a time. */
const bandRows = 16;

/**
 * Reads frames as OpenCV's bilinear resize and warp do: between the four nearest pixels, whatever the scale, from and to 8 bits a sample.
 * Aliases wherever it shrinks by more than a factor of 2; `FrameCropper` does not. One per thread; owns its buffers.
 */
export class UnfilteredCropper {
  readonly #cropper = new FrameCropper();
  /** Outside of the kernel memory, which may grow while a part of the frame is read. */
  #samples = new Float32Array(0);

  /**
   * @param out planar RGB, whole numbers 0..255, 3 × heightPx × widthPx
   * @param edge beside the view: `repeat` its edge, or `black`
   */
  crop(
    frame: PlanarFrame,
    view: FrameView,
    map: AxisMap,
    { widthPx, heightPx }: { readonly widthPx: number; readonly heightPx: number },
    out: Float32Array,
    edge: 'repeat' | 'black',
  ): void {
    const left = clamp(Math.floor(map.shiftX), 0, view.widthPx - 1);
    const right = clamp(Math.floor((widthPx - 1) * map.scaleX + map.shiftX) + 1, left, view.widthPx - 1);
    for (let start = 0; start < heightPx; start += bandRows) {
      const end = Math.min(heightPx, start + bandRows);
      const top = clamp(Math.floor(start * map.scaleY + map.shiftY), 0, view.heightPx - 1);
      const bottom = clamp(Math.floor((end - 1) * map.scaleY + map.shiftY) + 1, top, view.heightPx - 1);
      const band = this.#band(frame, view, { left, top, right, bottom });
      for (let row = start; row < end; row++) {
        const y = row * map.scaleY + map.shiftY;
        for (let column = 0; column < widthPx; column++) {
          const x = column * map.scaleX + map.shiftX;
          for (let channel = 0; channel < 3; channel++) {
            const at = (channel * heightPx + row) * widthPx + column;
            out[at] = sampleOf(band, view, channel, x, y, edge === 'repeat');
          }
        }
      }
    }
  }

  /** A part of the view in 8-bit levels; both ends are inside. */
  #band(
    frame: PlanarFrame,
    { toFrame }: FrameView,
    { left, top, right, bottom }: { left: number; top: number; right: number; bottom: number },
  ): Band {
    const widthPx = right - left + 1;
    const heightPx = bottom - top + 1;
    const { a, b, d, e } = toFrame;
    const shifted = {
      ...toFrame,
      c: toFrame.c + a * left + b * top,
      f: toFrame.f + d * left + e * top,
    };
    const length = 3 * widthPx * heightPx;
    if (this.#samples.length < length) this.#samples = new Float32Array(length);
    const samples = this.#samples.subarray(0, length);
    this.#cropper.crop(frame, shifted, widthPx, heightPx, samples, { scale: 255, offset: 0 }, 'black');
    for (let i = 0; i < samples.length; i++) {
      samples[i] = clamp(Math.round(samples[i] as number), 0, 255);
    }
    return { samples, left, top, widthPx, heightPx };
  }
}

/** A part of a view, planar RGB, in levels. */
type Band = {
  readonly samples: Float32Array;
  readonly left: number;
  readonly top: number;
  readonly widthPx: number;
  readonly heightPx: number;
};

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** The bilinear sample at a place of a view, in whole levels. */
function sampleOf(
  { samples, left, top, widthPx, heightPx }: Band,
  view: FrameView,
  channel: number,
  x: number,
  y: number,
  repeatsEdge: boolean,
): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  let sum = 0;
  for (let corner = 0; corner < 4; corner++) {
    const cornerX = x0 + (corner & 1);
    const cornerY = y0 + (corner >> 1);
    const weight = (1 - Math.abs(x - cornerX)) * (1 - Math.abs(y - cornerY));
    const isInside = cornerX >= 0 && cornerY >= 0 && cornerX < view.widthPx && cornerY < view.heightPx;
    if (!isInside && !repeatsEdge) continue;
    const column = clamp(cornerX - left, 0, widthPx - 1);
    const row = clamp(cornerY - top, 0, heightPx - 1);
    sum += weight * (samples[(channel * heightPx + row) * widthPx + column] as number);
  }
  return Math.round(sum);
}
