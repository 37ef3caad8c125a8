import { FaceswapError } from '../errors.js';
import { kernels } from './kernels/kernels.js';
import { type PlanarFrame, type PlaneLayout, sampleScale } from './planar-frame.js';
import type { Scratch } from './scratch.js';

/** Blocks along one axis of a plane: samples per block, the first block, and how many. */
export type BlockSpan = { readonly block: number; readonly start: number; readonly count: number };

/** Samples that are copied into kernel memory at a time: such a strip stays in the processor's cache until it is summed. */
const stripSamples = 1 << 18;

const meansOfDepth = { 8: 'blockMeans8', 10: 'blockMeans16', 12: 'blockMeans12' } as const;

/** Writes means of blocks of a plane as floats into kernel memory. */
export class BlockReducer {
  readonly #scratch: Scratch;

  /** @param scratch where its own buffers are kept, under names that begin with `blocks` */
  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /**
   * Means of blocks in 8-bit levels. Blocks at the right and lower edge average what is there.
   *
   * @param across at most 64 samples per block, and so `down`
   * @param out address of the first mean; rows are `outStride` floats apart
   * @throws FaceswapError (bug) for a frame whose data are shorter than its planes
   */
  reduce(
    frame: PlanarFrame,
    plane: PlaneLayout,
    across: BlockSpan,
    down: BlockSpan,
    out: number,
    outStride: number,
  ): void {
    const { format } = frame;
    const { call, memory } = kernels();
    const means = call[meansOfDepth[format.bitDepth]];
    const scale = 1 / sampleScale(format);
    const stride = plane.widthPx;
    const left = across.start * across.block;
    const columns = Math.min(stride, (across.start + across.count) * across.block) - left;
    const top = down.start * down.block;
    const end = Math.min(plane.heightPx, (down.start + down.count) * down.block);
    const line = this.#scratch.words('blocksLine', columns + 16).byteOffset;
    // Asked for after the allocation, which may move kernel memory that the frame itself lies in.
    const { data } = frame;
    if (data.length < plane.offset + plane.widthPx * plane.heightPx) {
      throw new FaceswapError('bug', 'A frame is shorter than its planes, or its memory has moved');
    }
    if (data.buffer === memory.buffer) {
      const source = data.byteOffset + (plane.offset + top * stride + left) * data.BYTES_PER_ELEMENT;
      means(source, stride, columns, end - top, across.block, down.block, out, outStride, line, scale);
      return;
    }
    const stripRows = Math.max(1, Math.floor(stripSamples / (stride * down.block))) * down.block;
    let to = out;
    for (let row = top; row < end; row += stripRows) {
      const rows = Math.min(stripRows, end - row);
      const strip = this.#strip(data, rows * stride);
      const begin = plane.offset + row * stride;
      strip.set(data.subarray(begin, begin + rows * stride));
      const source = strip.byteOffset + left * strip.BYTES_PER_ELEMENT;
      means(source, stride, columns, rows, across.block, down.block, to, outStride, line, scale);
      to += (stripRows / down.block) * outStride * 4;
    }
  }

  #strip(data: PlanarFrame['data'], length: number): PlanarFrame['data'] {
    return data instanceof Uint8Array
      ? this.#scratch.bytes('blocksStrip', length)
      : this.#scratch.words('blocksStrip', length);
  }
}
