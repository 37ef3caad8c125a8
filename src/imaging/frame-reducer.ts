import { BlockReducer, type BlockSpan } from './block-reducer.js';
import { kernels } from './kernels/kernels.js';
import { type FrameLayout, frameLayout, type PlanarFormat, type PlanarFrame } from './planar-frame.js';
import { Scratch } from './scratch.js';

/** The reduced format of the last frame's format: frames of a video share one. */
type Reduction = {
  readonly from: PlanarFormat;
  readonly factor: number;
  readonly format: PlanarFormat;
  readonly layout: FrameLayout;
};

/**
 * Makes copies of frames that are smaller by a whole factor, for readers that look at the same frame several times. One per
 * thread; owns its buffers.
 */
export class FrameReducer {
  readonly #scratch = new Scratch();
  readonly #blocks = new BlockReducer(this.#scratch);
  #reduction: Reduction | undefined;

  /**
   * The mean of every factor × factor block, rounded to 8 bits. Block (i, j) covers the frame's pixels from (factor·i, factor·j)
   * on, so a place x between pixel edges becomes x / factor. Chroma that is sited on the left moves
   * by up to half a pixel of the reduced luma, which is no matter for finding things.
   *
   * @param factor 1 to 64
   * @returns a frame in kernel memory, valid until the next call, also when the memory grows
   */
  reduce(frame: PlanarFrame, factor: number): PlanarFrame {
    const { format, layout } = this.#reductionOf(frame.format, factor);
    const address = this.#scratch.bytes('frame', layout.byteLength).byteOffset;
    const { call } = kernels();
    for (const [index, plane] of layout.planes.entries()) {
      const source = frame.layout.planes[index] as FrameLayout['planes'][0];
      const across: BlockSpan = { block: factor, start: 0, count: plane.widthPx };
      const down: BlockSpan = { block: factor, start: 0, count: plane.heightPx };
      const count = plane.widthPx * plane.heightPx;
      const means = this.#scratch.floats('means', count).byteOffset;
      this.#blocks.reduce(frame, source, across, down, means, plane.widthPx);
      call.roundToBytes(means, count, address + plane.offset);
    }
    const scratch = this.#scratch;
    return {
      format,
      layout,
      // A view would end when the memory grows; this one is made again.
      get data() {
        return scratch.bytes('frame', layout.byteLength);
      },
    };
  }

  #reductionOf(from: PlanarFormat, factor: number): Reduction {
    const known = this.#reduction;
    if (known !== undefined && known.from === from && known.factor === factor) return known;
    const format: PlanarFormat = {
      ...from,
      widthPx: Math.ceil(from.widthPx / factor),
      heightPx: Math.ceil(from.heightPx / factor),
      bitDepth: 8,
      alpha: false,
    };
    this.#reduction = { from, factor, format, layout: frameLayout(format) };
    return this.#reduction;
  }
}
