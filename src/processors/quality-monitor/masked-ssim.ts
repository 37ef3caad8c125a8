import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { BitDepth } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import { KernelTotals } from './kernel-totals.js';
import { peakOf, type PixelBox, type PlaneSamples, ssimConstants } from './frame-comparison.js';

const scratch = new Scratch();
const totals = new KernelTotals(4);

/** Sums of the structural similarity of windows, and how many there are. */
export type SsimSums = {
  readonly outside: number;
  readonly outsideCount: number;
  readonly inside: number;
  readonly insideCount: number;
};

/** Blocks of 4×4 pixels, half-open. */
export type BlockBox = PixelBox;

/** The blocks that an area touches, without those that a plane has only a part of. */
export const blocksOf = (area: PixelBox, widthPx: number, heightPx: number): BlockBox => ({
  left: area.left >> 2,
  top: area.top >> 2,
  right: Math.min(widthPx >> 2, (area.right + 3) >> 2),
  bottom: Math.min(heightPx >> 2, (area.bottom + 3) >> 2),
});

/** Windows of 2×2 blocks that lie in a box. */
export const windowsIn = ({ left, top, right, bottom }: BlockBox): number =>
  Math.max(0, right - left - 1) * Math.max(0, bottom - top - 1);

/** A box with one block more on each side, as far as the plane goes: its windows are all that touch the box. */
export const blocksAround = (box: BlockBox, widthPx: number, heightPx: number): BlockBox => ({
  left: Math.max(0, box.left - 1),
  top: Math.max(0, box.top - 1),
  right: Math.min(widthPx >> 2, box.right + 1),
  bottom: Math.min(heightPx >> 2, box.bottom + 1),
});

/**
 * Structural similarity of two luma planes over the 8×8 windows of a box, as {@link boxSsim} has it, apart for the windows outside of a mask (no
 * pixel has any opacity) and inside of it (every pixel has half or more).
 *
 * @param mask opacities 0..255, of the same size as the planes
 * @param wordBits depth of planes of words; bytes have 8 bits whatever it says
 * @throws FaceswapError (bug) for planes that do not lie in kernel memory
 */
export function maskedSsim(
  first: PlaneSamples,
  second: PlaneSamples,
  mask: Uint8Array,
  widthPx: number,
  blocks: BlockBox,
  wordBits: BitDepth = 10,
): SsimSums {
  const columns = blocks.right - blocks.left;
  const rows = blocks.bottom - blocks.top;
  if (windowsIn(blocks) === 0) return { outside: 0, outsideCount: 0, inside: 0, insideCount: 0 };
  const sums = scratch.floats('sums', 8 * (columns + 3) + 8);
  const kinds = scratch.bytes('kinds', 2 * (columns + 8));
  const { call } = kernels();
  const corner = 4 * (blocks.top * widthPx + blocks.left);
  const bytes = first.BYTES_PER_ELEMENT;
  const { c1, c2 } = ssimConstants(peakOf(first, wordBits));
  const ssim = first instanceof Uint8Array ? call.maskedSsim8 : call.maskedSsim16;
  ssim(
    addressOf(first) + corner * bytes,
    widthPx,
    addressOf(second) + corner * bytes,
    widthPx,
    addressOf(mask) + corner,
    widthPx,
    columns,
    rows,
    c1,
    c2,
    addressOf(sums),
    addressOf(kinds),
    totals.address,
  );
  const [outside, outsideCount, inside, insideCount] = totals.values as unknown as readonly [
    number,
    number,
    number,
    number,
  ];
  return { outside, outsideCount, inside, insideCount };
}
