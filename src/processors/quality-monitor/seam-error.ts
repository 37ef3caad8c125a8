import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { BitDepth } from '../../imaging/planar-frame.js';
import { KernelTotals } from './kernel-totals.js';
import { peakOf, type PixelBox, type PlaneSamples } from './frame-comparison.js';

const totals = new KernelTotals(2);

/**
 * How visibly a picture was changed along the border of a mask: the error of its gradient, in 8-bit levels per pixel.
 *
 *     seam = Σ |m(p) − m(q)| · |(g(p) − g(q)) − (f(p) − f(q))|  ÷  Σ |m(p) − m(q)|
 *
 * over all pairs p, q of neighbours in a row or a column, where m is the mask, f the picture before and g after. Where a hard mask has its edge this
 * is the cost of a seam by gradients of Agarwala et al., "Interactive Digital Photomontage" (2004), for the two pictures
 * that meet there; a soft edge counts everywhere in proportion to how steep it is. A patch that is lighter by c has c along a hard
 * edge and c/w along one that fades evenly over w pixels. A change that is even across the border, however large, has 0: that
 * is what Pérez, Gangnet and Blake, "Poisson Image Editing" (2003), leave of a seam.
 *
 * @param before in kernel memory like the others, of the same size and depth as `after`
 * @param mask opacities 0..255, of the same size
 * @param area pixels that are looked at, inside of the planes
 * @param wordBits depth of planes of words; bytes have 8 bits whatever it says
 * @returns null where the mask has no border
 * @throws FaceswapError (bug) for planes that do not lie in kernel memory
 */
export function seamError(
  before: PlaneSamples,
  after: PlaneSamples,
  mask: Uint8Array,
  widthPx: number,
  area: PixelBox,
  wordBits: BitDepth = 10,
): number | null {
  const width = area.right - area.left;
  const height = area.bottom - area.top;
  if (!(width > 0 && height > 0)) return null;
  const { call } = kernels();
  const corner = area.top * widthPx + area.left;
  const bytes = before.BYTES_PER_ELEMENT;
  const seam = before instanceof Uint8Array ? call.seam8 : call.seam16;
  seam(
    addressOf(before) + corner * bytes,
    widthPx,
    addressOf(after) + corner * bytes,
    widthPx,
    addressOf(mask) + corner,
    widthPx,
    width,
    height,
    totals.address,
  );
  const [error, weight] = totals.values as unknown as readonly [number, number];
  return weight === 0 ? null : (error * 255) / (weight * peakOf(before, wordBits));
}
