import { FaceswapError } from '../../errors.js';
import type { Box } from '../../imaging/affine.js';
import { kernels } from '../../imaging/kernels/kernels.js';
import { type BitDepth, type PlanarFrame, sampleScale } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import { interOcular } from '../landmark-smoother/landmark-smoother.js';
import { psnrCeilingDb } from './psnr-ceiling.js';

/** Samples of a plane, row by row: bytes, or words of 10 or 12 bits. */
export type PlaneSamples = Uint8Array | Uint16Array;

/** The pixels of a plane that a box covers, half-open. */
export type PixelBox = { left: number; top: number; right: number; bottom: number };

const scratch = new Scratch();
const clipped: PixelBox = { left: 0, top: 0, right: 0, bottom: 0 };

/** Clips a box to the plane and rounds it outwards; gives the same object every time. */
export function pixelBox(box: Box, widthPx: number, heightPx: number): PixelBox {
  clipped.left = Math.max(0, Math.floor(box.x));
  clipped.top = Math.max(0, Math.floor(box.y));
  clipped.right = Math.min(widthPx, Math.ceil(box.x + box.width));
  clipped.bottom = Math.min(heightPx, Math.ceil(box.y + box.height));
  return clipped;
}

/** Code values at the peak of 255 8-bit levels. */
export const peakOf = (plane: PlaneSamples, wordBits: BitDepth): number =>
  255 * sampleScale({ bitDepth: plane instanceof Uint8Array ? 8 : wordBits });

/** PSNR of a mean squared error, at most {@link psnrCeilingDb}. */
export const psnrDb = (meanSquare: number, peak: number): number =>
  meanSquare === 0 ? psnrCeilingDb : Math.min(psnrCeilingDb, 10 * Math.log10((peak * peak) / meanSquare));

/**
 * The address of a box's first sample. A plane that is not in kernel memory is copied there, the rows of the box only.
 */
function addressIn(plane: PlaneSamples, name: 'first' | 'second', widthPx: number, box: PixelBox): number {
  const bytes = plane.BYTES_PER_ELEMENT;
  if (plane.buffer === kernels().memory.buffer) {
    return plane.byteOffset + (box.top * widthPx + box.left) * bytes;
  }
  const rows = plane.subarray(box.top * widthPx, box.bottom * widthPx);
  const copy =
    plane instanceof Uint8Array ? scratch.bytes(name, rows.length) : scratch.words(name, rows.length);
  copy.set(rows);
  return copy.byteOffset + box.left * bytes;
}

/**
 * Checks what is compared.
 *
 * @throws FaceswapError (bug) for planes of two depths, or too short for the size
 */
function checkPlanes(first: PlaneSamples, second: PlaneSamples, widthPx: number, heightPx: number): void {
  const length = widthPx * heightPx;
  if (
    first.BYTES_PER_ELEMENT !== second.BYTES_PER_ELEMENT ||
    first.length < length ||
    second.length < length
  ) {
    throw new FaceswapError('bug', `Planes that do not fit ${widthPx}x${heightPx} were to be compared`);
  }
}

/**
 * PSNR of two luma planes inside a box, in dB against the peak of 255 8-bit levels (DESIGN "quality monitor"), which makes
 * figures of all depths comparable. The box is clipped to the plane and rounded outwards. Planes in kernel memory are not copied.
 *
 * @param wordBits depth of planes of words; bytes have 8 bits whatever it says
 * @returns null when nothing of the box lies inside
 * @throws FaceswapError (bug) for planes that do not fit the size or each other
 */
export function boxPsnrDb(
  first: PlaneSamples,
  second: PlaneSamples,
  widthPx: number,
  heightPx: number,
  box: Box,
  wordBits: BitDepth = 10,
): number | null {
  checkPlanes(first, second, widthPx, heightPx);
  const area = pixelBox(box, widthPx, heightPx);
  const width = area.right - area.left;
  const height = area.bottom - area.top;
  if (!(width > 0 && height > 0)) return null;
  const firstAt = addressIn(first, 'first', widthPx, area);
  const secondAt = addressIn(second, 'second', widthPx, area);
  const { call } = kernels();
  const squaredDifferences =
    first instanceof Uint8Array ? call.squaredDifferences8 : call.squaredDifferences16;
  const sum = squaredDifferences(firstAt, widthPx, secondAt, widthPx, width, height);
  return psnrDb(sum / (width * height), peakOf(first, wordBits));
}

/** C1 and C2 of SSIM as the kernels take them: they work on sums over 64 pixels, means 64 times and variances 64 · 63 times as large. */
export const ssimConstants = (peak: number): { readonly c1: number; readonly c2: number } => ({
  c1: (0.01 * peak) ** 2 * 64 * 64,
  c2: (0.03 * peak) ** 2 * 64 * 63,
});

/**
 * Structural similarity of two luma planes inside a box: the mean SSIM (Wang, Bovik, Sheikh and Simoncelli, "Image quality
 * assessment: from error visibility to structural similarity", 2004, equation 13 with K1 = 0.01, K2 = 0.03 and L = 255 8-bit levels)
 * of the 8×8 windows at distances of 4 pixels, each pixel weighted alike and variances divided by 63. The paper's Gaussian
 * 11×11 windows at every pixel cost about a hundred times as much. The box is clipped to the plane and rounded outwards; up to 3
 * columns and rows at its right and lower edge, which fill no further window, do not count.
 *
 * @param wordBits depth of planes of words; bytes have 8 bits whatever it says
 * @returns 1 for equal pictures, less otherwise; null when no window fits
 * @throws FaceswapError (bug) for planes that do not fit the size or each other
 */
export function boxSsim(
  first: PlaneSamples,
  second: PlaneSamples,
  widthPx: number,
  heightPx: number,
  box: Box,
  wordBits: BitDepth = 10,
): number | null {
  checkPlanes(first, second, widthPx, heightPx);
  const area = pixelBox(box, widthPx, heightPx);
  const columns = (area.right - area.left) >> 2;
  const rows = (area.bottom - area.top) >> 2;
  if (!(columns >= 2 && rows >= 2)) return null;
  const firstAt = addressIn(first, 'first', widthPx, area);
  const secondAt = addressIn(second, 'second', widthPx, area);
  const sums = scratch.floats('sums', 8 * (columns + 3) + 8).byteOffset;
  const { call } = kernels();
  const ssim = first instanceof Uint8Array ? call.ssim8 : call.ssim16;
  const peak = peakOf(first, wordBits);
  const { c1, c2 } = ssimConstants(peak);
  const total = ssim(firstAt, widthPx, secondAt, widthPx, columns, rows, c1, c2, sums);
  return total / ((columns - 1) * (rows - 1));
}

/**
 * Jitter of a mesh: RMS over the landmarks of the second difference ‖p(t−1) − 2p(t) + p(t+1)‖ in the picture plane, divided
 * by the distance of the outer eye corners (in 3-D, so that a face in profile keeps its measure).
 */
export function meshJitter(before: Float32Array, here: Float32Array, after: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < meshPointCount; i++) {
    for (let c = 0; c < 2; c++) {
      const k = 3 * i + c;
      const second = (before[k] as number) - 2 * (here[k] as number) + (after[k] as number);
      sum += second * second;
    }
  }
  return Math.sqrt(sum / meshPointCount) / Math.max(1, interOcular(here));
}

/**
 * The first planes of the latest frame and of the one before it, kept for comparison. Owns two planes in kernel memory that it
 * writes in turn; a copy costs about 0.1 ms for 1080p, 1 ms for 2160p. What it gives is valid until the next call of it that writes, or until the kernel memory
 * grows.
 */
export class LumaHistory {
  readonly #scratch = new Scratch();
  /** Frames pushed since the last {@link forget}; the newest is in plane `count % 2`. */
  #count = 0;
  #length = 0;
  #bitDepth: BitDepth = 8;

  /** Null until a frame was pushed. */
  get latest(): PlaneSamples | null {
    return this.#count >= 1 ? this.#plane(this.#count) : null;
  }

  /** Null until two frames of one format were pushed since the start or the last {@link forget}. */
  get before(): PlaneSamples | null {
    return this.#count >= 2 ? this.#plane(this.#count - 1) : null;
  }

  push({ data, format, layout }: PlanarFrame): void {
    const { offset, widthPx, heightPx } = layout.planes[0];
    const length = widthPx * heightPx;
    if (length !== this.#length || format.bitDepth !== this.#bitDepth) this.#count = 0;
    this.#length = length;
    this.#bitDepth = format.bitDepth;
    this.#count++;
    this.#plane(this.#count).set(data.subarray(offset, offset + length));
  }

  /** Called at a scene cut: pictures of two shots are not compared. */
  forget(): void {
    this.#count = 0;
  }

  /** Gives the kernel memory back; what it gave must not be used any more. */
  dispose(): void {
    this.#scratch.dispose();
    this.#count = 0;
  }

  /** The plane of the frame with this number. */
  #plane(number: number): PlaneSamples {
    const name = number % 2 === 0 ? 'even' : 'odd';
    return this.#bitDepth === 8
      ? this.#scratch.bytes(name, this.#length)
      : this.#scratch.words(name, this.#length);
  }
}
