import type { Affine } from '../../imaging/affine.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { FaceswapError } from '../../errors.js';
import { AreaMask, type MaskArea } from './area-mask.js';
import { MaskSmoother } from './mask-smoother.js';
import { type CropCutter, OcclusionMasks, type OpenedOccluder } from './occlusion-masks.js';
import { type MaskRegion, type OpenedParser, RegionMasks } from './region-masks.js';

/** The masks of square crops that a network has made anew. Numbers of crops run from 0. */
export type CropMasks = {
  /**
   * Takes a face whose crop is being cut; the frame is read at once and may change afterwards.
   *
   * @param face `toFrame` maps pixel centres of the crop to luma pixel centres of the frame; `points` is the 468 mesh in
   *   frame pixels
   */
  add(
    index: number,
    frame: PlanarFrame,
    face: { readonly toFrame: Affine; readonly points: Float32Array },
  ): void;
  /** Makes the masks of all faces that were added. @param swapped a new crop by its number: planar RGB 0..1 */
  run(swapped: (index: number) => Float32Array): Promise<void>;
  /** sizePx × sizePx opacities 0..1, valid until the next {@link run}. */
  mask(index: number): Float32Array;
  /** Forgets the faces; numbers start at 0 again. */
  clear(): void;
  /** Lets go of the buffers; the models stay loaded. */
  dispose(): Promise<void>;
};

/** What a crop's mask is made of: the smallest value of all parts counts at each place. */
export type CropMaskParts = {
  /** Side of crops and masks in pixels. */
  readonly sizePx: number;
  /** See `softBoxMask`; null: no box. */
  readonly box: Float32Array | null;
  /** Empty: nothing is looked for over the face. */
  readonly occluders: readonly OpenedOccluder[];
  /** Empty: the whole face. */
  readonly areas: readonly MaskArea[];
  readonly parser: OpenedParser | null;
  /** What of the parser's answer is kept. */
  readonly regions: readonly MaskRegion[];
  /**
   * Null: our own arithmetic, where pictures are filtered before they are shrunk and corners lie between pixels. Else FaceFusion's, with what cuts its
   * crops.
   */
  readonly plainCut: CropCutter | null;
};

/** Masks by box, occlusion, area and region. One per thread and size of crop; owns its buffers, not the models. */
export class FaceCropMasks implements CropMasks {
  readonly #sizePx: number;
  readonly #box: Float32Array | null;
  readonly #occlusion: OcclusionMasks | null;
  readonly #area: AreaMask | null;
  readonly #regions: RegionMasks | null;
  readonly #smoother: MaskSmoother;
  readonly #part: Float32Array;
  readonly #masks: Float32Array[] = [];
  #count = 0;

  /** @throws FaceswapError `model` for a model that does not fit its contract */
  constructor({ sizePx, box, occluders, areas, parser, regions, plainCut }: CropMaskParts) {
    this.#sizePx = sizePx;
    this.#box = box;
    this.#occlusion = occluders.length === 0 ? null : new OcclusionMasks(occluders, sizePx, plainCut);
    this.#area = areas.length === 0 ? null : new AreaMask(areas, plainCut === null ? 'exact' : 'truncated');
    const filter = plainCut === null ? 'smooth' : 'plain';
    this.#regions = parser === null ? null : new RegionMasks(parser, regions, sizePx, filter);
    this.#smoother = new MaskSmoother(sizePx);
    this.#part = new Float32Array(sizePx * sizePx);
  }

  add(
    index: number,
    frame: PlanarFrame,
    { toFrame, points }: { readonly toFrame: Affine; readonly points: Float32Array },
  ): void {
    const mask = this.#slot(index);
    if (this.#box === null) mask.fill(1);
    else mask.set(this.#box);
    this.#occlusion?.add(index, frame, toFrame);
    if (this.#area !== null) {
      this.#area.draw(points, toFrame, this.#sizePx, this.#part);
      this.#take(mask, this.#part);
    }
    this.#count = Math.max(this.#count, index + 1);
  }

  async run(swapped: (index: number) => Float32Array): Promise<void> {
    if (this.#occlusion !== null) {
      await this.#occlusion.run();
      for (let index = 0; index < this.#count; index++) {
        this.#occlusion.read(index, this.#part);
        this.#take(this.mask(index), this.#part);
      }
    }
    await this.#regions?.run(this.#count, swapped, (index, part) => this.#take(this.mask(index), part));
  }

  mask(index: number): Float32Array {
    const mask = index < this.#count ? this.#masks[index] : undefined;
    if (mask === undefined) throw new FaceswapError('bug', `There is no mask ${index} of ${this.#count}`);
    return mask;
  }

  clear(): void {
    this.#count = 0;
    this.#occlusion?.clear();
  }

  dispose(): Promise<void> {
    this.#occlusion?.dispose();
    this.#regions?.dispose();
    this.#smoother.dispose();
    this.#masks.length = 0;
    this.#count = 0;
    return Promise.resolve();
  }

  /** Softens a part and takes the smaller of it and the mask. The part is changed. */
  #take(mask: Float32Array, part: Float32Array): void {
    this.#smoother.smooth(part);
    for (let i = 0; i < mask.length; i++) {
      const value = part[i] as number;
      if (value < (mask[i] as number)) mask[i] = value;
    }
  }

  #slot(index: number): Float32Array {
    while (this.#masks.length <= index) this.#masks.push(new Float32Array(this.#sizePx * this.#sizePx));
    return this.#masks[index] as Float32Array;
  }
}
