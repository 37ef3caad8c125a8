import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { PlanarFormat } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import type { FacePatch } from '../face-swapper/mesh-swapper.js';
import type { PixelBox } from './frame-comparison.js';

/** Samples behind a plane that kernels may read. */
const slack = 16;

/**
 * The masks of all faces that are drawn into a frame, in one plane of bytes of the frame's size: 0 where nothing is drawn, 255 where
 * a face is opaque. Owns the plane, in kernel memory.
 */
export class FaceMasks {
  readonly #scratch = new Scratch();
  readonly #areas = new Map<number, PixelBox>();
  #widthPx = 0;
  #heightPx = 0;
  /** The plane, when its bytes outside of the areas are known to be 0. */
  #clean: Uint8Array | null = null;

  /** Opacities 0..255, row by row; valid until the kernel memory grows. */
  get plane(): Uint8Array {
    return this.#scratch.bytes('plane', this.#widthPx * this.#heightPx + slack);
  }

  /** Where each face may have been drawn, by the number it was marked with. */
  get areas(): ReadonlyMap<number, PixelBox> {
    return this.#areas;
  }

  /** Forgets what was marked; the next marks are those of a frame of this format. Takes the memory that a frame needs. */
  begin({ widthPx, heightPx }: PlanarFormat): void {
    const { plane } = this;
    const isSame = this.#clean === plane && this.#widthPx === widthPx && this.#heightPx === heightPx;
    if (isSame) {
      for (const { top, bottom } of this.#areas.values()) plane.fill(0, top * widthPx, bottom * widthPx);
    } else {
      this.#widthPx = widthPx;
      this.#heightPx = heightPx;
      this.#clean = this.plane.fill(0);
    }
    this.#areas.clear();
  }

  /** Adds a mask of a face that is being drawn, which may have several; where two lie over each other, the larger opacity stays. */
  mark(face: number, { region, mask }: Pick<FacePatch, 'region' | 'mask'>): void {
    const { x, y, width, height } = region;
    const known = this.#areas.get(face);
    this.#areas.set(face, {
      left: Math.min(x, known?.left ?? x),
      top: Math.min(y, known?.top ?? y),
      right: Math.max(x + width, known?.right ?? 0),
      bottom: Math.max(y + height, known?.bottom ?? 0),
    });
    const inside = mask.buffer === kernels().memory.buffer ? mask : this.#copy(mask);
    const to = addressOf(this.plane) + y * this.#widthPx + x;
    kernels().call.markMask(addressOf(inside), to, this.#widthPx, width, height);
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#scratch.dispose();
    this.#areas.clear();
    this.#clean = null;
  }

  #copy(mask: Float32Array): Float32Array {
    const copy = this.#scratch.floats('copy', mask.length);
    copy.set(mask);
    return copy;
  }
}
