import type { Affine, Box } from '../../imaging/affine.js';
import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { BitDepth } from '../../imaging/planar-frame.js';
import { KernelTotals } from './kernel-totals.js';
import { peakOf, pixelBox, type PlaneSamples, psnrDb } from './frame-comparison.js';

/** Places of a box that are compared at most: cubic samples are dear, and so many tell the mean to some tenths of a dB. */
const mostPlaces = 4096;

/** Share of the places that must lie in both pictures. */
const leastShare = 0.5;

const totals = new KernelTotals(1);

/**
 * PSNR in dB of a luma plane inside a box against an earlier one that is first moved onto it: sampled with Catmull and Rom's cubic on an even
 * grid of at most 4096 places, of which those whose sixteen neighbours do not all lie in the earlier picture are left out. The box
 * is clipped to the plane and rounded outwards.
 *
 * @param past in kernel memory, like `here`, of the same depth and size
 * @param toPast where a pixel of `here` was in `past`
 * @param wordBits depth of planes of words; bytes have 8 bits whatever it says
 * @returns null when less than half of the places lie in the earlier picture
 * @throws FaceswapError (bug) for planes that do not lie in kernel memory
 */
export function alignedPsnrDb(
  past: PlaneSamples,
  here: PlaneSamples,
  widthPx: number,
  heightPx: number,
  box: Box,
  toPast: Affine,
  wordBits: BitDepth = 10,
): number | null {
  const { left, top, right, bottom } = pixelBox(box, widthPx, heightPx);
  const width = right - left;
  const height = bottom - top;
  if (!(width > 0 && height > 0)) return null;
  const step = Math.ceil(Math.sqrt((width * height) / mostPlaces));
  const columns = Math.ceil(width / step);
  const rows = Math.ceil(height / step);
  const { call } = kernels();
  const alignedError = here instanceof Uint8Array ? call.alignedError8 : call.alignedError16;
  const sum = alignedError(
    addressOf(past),
    widthPx,
    heightPx,
    addressOf(here) + (top * widthPx + left) * here.BYTES_PER_ELEMENT,
    columns,
    rows,
    step,
    toPast.a * left + toPast.b * top + toPast.c,
    toPast.d * left + toPast.e * top + toPast.f,
    toPast.a * step,
    toPast.d * step,
    toPast.b * step,
    toPast.e * step,
    totals.address,
  );
  const compared = totals.values[0] as number;
  if (compared < leastShare * columns * rows) return null;
  return psnrDb(sum / compared, peakOf(here, wordBits));
}
