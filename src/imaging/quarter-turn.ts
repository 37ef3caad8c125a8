import type { Affine } from './affine.js';

/** A picture turned by quarters, and where its places come to lie. */
export type QuarterTurn = {
  /** Maps places of the picture to places of the turned one. */
  readonly toTurned: Affine;
  readonly widthPx: number;
  readonly heightPx: number;
};

/**
 * Turns a picture counter-clockwise around half its size, then moves it back to the upper left, as OpenCV's rotation matrix with the
 * enlarged size does: at 90 degrees the place (x, y) goes to (y, width − x). That is a pixel further down than a turn of pixel centres.
 *
 * @param angleDegrees 0, 90, 180 or 270
 */
export function quarterTurn(widthPx: number, heightPx: number, angleDegrees: number): QuarterTurn {
  switch (angleDegrees) {
    case 90:
      return {
        toTurned: { a: 0, b: 1, c: 0, d: -1, e: 0, f: widthPx },
        widthPx: heightPx,
        heightPx: widthPx,
      };
    case 180:
      return { toTurned: { a: -1, b: 0, c: widthPx, d: 0, e: -1, f: heightPx }, widthPx, heightPx };
    case 270:
      return {
        toTurned: { a: 0, b: -1, c: heightPx, d: 1, e: 0, f: 0 },
        widthPx: heightPx,
        heightPx: widthPx,
      };
    default:
      return { toTurned: { a: 1, b: 0, c: 0, d: 0, e: 1, f: 0 }, widthPx, heightPx };
  }
}
