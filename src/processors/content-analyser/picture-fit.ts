import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';

/** Where a picture lies in a square that it is fitted into, in pixels of the square. */
type FittedPlace = {
  readonly left: number;
  readonly top: number;
  readonly widthPx: number;
  readonly heightPx: number;
};

/** As large as it fits, also where that enlarges it, in the middle; odd rests are right and below. */
function fittedPlace(
  { widthPx, heightPx }: Pick<FittedPlace, 'widthPx' | 'heightPx'>,
  sizePx: number,
): FittedPlace {
  const scale = Math.min(sizePx / heightPx, sizePx / widthPx);
  // A slack, so that a side that fits exactly is not one pixel short by rounding.
  const fitted = (side: number): number => Math.min(sizePx, Math.max(1, Math.floor(side * scale + 1e-9)));
  const [width, height] = [fitted(widthPx), fitted(heightPx)];
  return {
    left: Math.floor((sizePx - width) / 2),
    top: Math.floor((sizePx - height) / 2),
    widthPx: width,
    heightPx: height,
  };
}

/** How a picture is made smaller: averaged over what a pixel covers, or read between four samples as FaceFusion does. */
export type Shrinking = 'averaged' | 'bilinear';

const toLevels = { scale: 255, offset: 0 } as const;

/** Fits pictures into black squares. One per thread; owns its buffers. */
export class PictureFit {
  readonly #cropper = new FrameCropper();
  #lines = new Float32Array(0);

  /**
   * @param out planar RGB, 3 × sizePx × sizePx, 0..255; black around the picture
   * @throws FaceswapError (bug) for an output of another size.
   */
  fit(frame: PlanarFrame, sizePx: number, out: Float32Array, shrinking: Shrinking): void {
    const { widthPx, heightPx } = frame.format;
    const place = fittedPlace(frame.format, sizePx);
    if (shrinking === 'bilinear') {
      this.#fitBilinear(frame, sizePx, out, place);
      return;
    }
    const stepX = widthPx / place.widthPx;
    const stepY = heightPx / place.heightPx;
    const toFrame = {
      a: stepX,
      b: 0,
      c: stepX * (0.5 - place.left) - 0.5,
      d: 0,
      e: stepY,
      f: stepY * (0.5 - place.top) - 0.5,
    };
    this.#cropper.crop(frame, toFrame, sizePx, sizePx, out, toLevels, 'black');
  }

  /** Samples are rounded to whole levels before and after, as those of an 8-bit picture are. */
  #fitBilinear(frame: PlanarFrame, sizePx: number, out: Float32Array, place: FittedPlace): void {
    const { widthPx, heightPx } = frame.format;
    const area = sizePx * sizePx;
    const line = 2 * widthPx;
    if (this.#lines.length !== 3 * line) this.#lines = new Float32Array(3 * line);
    const lines = this.#lines;
    out.fill(0);
    for (let row = 0; row < place.heightPx; row++) {
      const y = clamped(((row + 0.5) * heightPx) / place.heightPx - 0.5, heightPx - 1);
      const above = Math.floor(y);
      const twoLines = { a: 1, b: 0, c: 0, d: 0, e: 1, f: above };
      this.#cropper.crop(frame, twoLines, widthPx, 2, lines, toLevels, 'repeat');
      for (let at = 0; at < lines.length; at++) lines[at] = Math.round(lines[at] as number);
      for (let column = 0; column < place.widthPx; column++) {
        const x = clamped(((column + 0.5) * widthPx) / place.widthPx - 0.5, widthPx - 1);
        const left = Math.floor(x);
        const right = Math.min(left + 1, widthPx - 1);
        const to = (place.top + row) * sizePx + place.left + column;
        for (let channel = 0; channel < 3; channel++) {
          const upper = channel * line;
          const value = between(
            between(lines[upper + left] as number, lines[upper + right] as number, x - left),
            between(
              lines[upper + widthPx + left] as number,
              lines[upper + widthPx + right] as number,
              x - left,
            ),
            y - above,
          );
          out[channel * area + to] = Math.round(value);
        }
      }
    }
  }
}

const clamped = (value: number, highest: number): number => Math.min(highest, Math.max(0, value));

const between = (from: number, to: number, share: number): number => from + (to - from) * share;
