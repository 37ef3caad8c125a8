import type { Box } from '../../imaging/affine.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';

/** A face box in frame pixels with the line between its eyes. */
export type FaceDetection = {
  /** 0..1 */
  readonly score: number;
  readonly box: Box;
  /** Tilt of the eye line in radians, clockwise on screen positive. */
  readonly rollRadians: number;
  /** 5 × (x, y) in frame pixels, as in `five-points.ts`; left out by a detector that does not tell them. */
  readonly five?: Float32Array;
};

/** Finds faces in frames. One per thread; owns its buffers. */
export type TargetDetector = {
  /** A look at the whole frame that is cheap enough for every few frames. */
  detectLarge(frame: PlanarFrame): Promise<FaceDetection[]>;
  /** The most thorough look at the whole frame. */
  detectAll(frame: PlanarFrame): Promise<FaceDetection[]>;
  /** A look around the last known place of a face. */
  detectAround(frame: PlanarFrame, box: Box): Promise<FaceDetection[]>;
};

/** The window in which a face is looked for around its last known place: four times as large as it, at least 64 pixels. */
export function windowAround(box: Box): { readonly x: number; readonly y: number; readonly sidePx: number } {
  const sidePx = Math.max(64, 4 * Math.max(box.width, box.height));
  return {
    x: Math.round(box.x + box.width / 2 - sidePx / 2),
    y: Math.round(box.y + box.height / 2 - sidePx / 2),
    sidePx,
  };
}
