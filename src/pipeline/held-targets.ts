import type { PlanarFrame } from '../imaging/planar-frame.js';
import type { FrameMonitor } from '../processors/quality-monitor/frame-monitor.js';
import type { FacePatch } from '../processors/face-swapper/mesh-swapper.js';

type Mark = {
  face: number;
  region: FacePatch['region'];
  mask: Float32Array;
};

/** The target's luma of one frame, and where faces are drawn into it. */
class HeldTarget {
  #data: Uint8Array | Uint16Array = new Uint8Array(0);
  #frame: PlanarFrame | null = null;
  readonly #marks: Mark[] = [];
  #markCount = 0;

  /** A frame with nothing but the luma that was held. */
  get frame(): PlanarFrame | null {
    return this.#frame;
  }

  hold({ format, layout, data }: PlanarFrame): void {
    const { widthPx, heightPx } = layout.planes[0];
    const length = widthPx * heightPx;
    const fits = this.#data.length === length && this.#data.BYTES_PER_ELEMENT === data.BYTES_PER_ELEMENT;
    if (!fits) this.#data = data instanceof Uint8Array ? new Uint8Array(length) : new Uint16Array(length);
    this.#data.set(data.subarray(layout.planes[0].offset, layout.planes[0].offset + length));
    this.#frame = { format, layout, data: this.#data };
    this.#markCount = 0;
  }

  mark(face: number, { region, mask }: Pick<FacePatch, 'region' | 'mask'>): void {
    const known = this.#marks[this.#markCount];
    const room =
      known !== undefined && known.mask.length >= mask.length ? known.mask : new Float32Array(mask.length);
    room.set(mask);
    this.#marks[this.#markCount] = { face, region, mask: room };
    this.#markCount++;
  }

  replay(monitor: Pick<FrameMonitor, 'mark'>): void {
    for (let i = 0; i < this.#markCount; i++) {
      const { face, region, mask } = this.#marks[i] as Mark;
      monitor.mark(face, { region, mask: mask.subarray(0, region.width * region.height) });
    }
  }
}

/**
 * What the monitor needs of the frames of a group whose faces are changed in two rounds: the target's own luma, which is gone by then, and
 * the masks of what is drawn. Its buffers grow to the largest group and are used again.
 */
export class HeldTargets {
  readonly #held: HeldTarget[] = [];

  /** Keeps the luma of a frame before anything is drawn into it. @param at the frame's place in the group */
  hold(at: number, picture: PlanarFrame): void {
    while (this.#held.length <= at) this.#held.push(new HeldTarget());
    this.#held[at]?.hold(picture);
  }

  /** Whom to tell where faces are drawn into a frame that is held. */
  at(at: number): HeldTarget {
    return this.#held[at] as HeldTarget;
  }
}
