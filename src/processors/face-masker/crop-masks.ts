import type { Affine } from '../../imaging/affine.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';

/**
 * Opacities of swapped crops. A crop is added when it is cut, while its frame is untouched; {@link CropMasks.run} comes after the swap.
 * One per thread.
 */
export type CropMasks = {
  /**
   * @param index number of the crop, from 0 on
   * @param face `toFrame` maps the crop's pixel centres to luma pixel centres; `points` is 468 × (x, y, z) in frame pixels
   */
  add(
    index: number,
    frame: PlanarFrame,
    face: { readonly toFrame: Affine; readonly points: Float32Array },
  ): void;
  /** @param swapped planar RGB 0..1 of each crop */
  run(swapped: (index: number) => Float32Array): Promise<void>;
  /** sizePx² opacities 0..1, valid until the next {@link CropMasks.run}. */
  mask(index: number): Float32Array;
  /** Forgets the crops; the next is number 0 again. */
  clear(): void;
  dispose(): Promise<void>;
};
