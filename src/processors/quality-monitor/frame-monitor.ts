import { affineBetween, type Box } from '../../imaging/affine.js';
import { kernels, addressOf } from '../../imaging/kernels/kernels.js';
import type { BitDepth, PlanarFrame } from '../../imaging/planar-frame.js';
import type { FacePatch } from '../face-swapper/mesh-swapper.js';
import { alignedPsnrDb } from './aligned-psnr.js';
import { FaceMasks } from './face-masks.js';
import { boxPsnrDb, LumaHistory, type PixelBox, type PlaneSamples } from './frame-comparison.js';
import { blocksAround, blocksOf, maskedSsim, windowsIn } from './masked-ssim.js';
import { seamError } from './seam-error.js';

/** What pictures tell of a face; see `FaceRow`. */
export type FaceFigures = {
  readonly tpsnrOutputDb: number | null;
  readonly tpsnrSourceDb: number | null;
  readonly tpsnrAlignedOutputDb: number | null;
  readonly tpsnrAlignedSourceDb: number | null;
  readonly seam: number | null;
  readonly ssimInside: number | null;
};

/** A face that figures are asked for. */
export type MonitoredFace = {
  /** The number it was marked with, if it was drawn. */
  readonly face: number;
  readonly box: Box;
  /** 468 × (x, y, z) in frame pixels, steadied, here and in the frame before; null where there are none. */
  readonly points: Float32Array;
  readonly pointsBefore: Float32Array | null;
};

const meanOf = (sum: number, count: number): number | null => (count === 0 ? null : sum / count);

const union = (areas: Iterable<PixelBox>): PixelBox => {
  const all = { left: Infinity, top: Infinity, right: 0, bottom: 0 };
  for (const { left, top, right, bottom } of areas) {
    all.left = Math.min(all.left, left);
    all.top = Math.min(all.top, top);
    all.right = Math.max(all.right, right);
    all.bottom = Math.max(all.bottom, bottom);
  }
  return all;
};

/**
 * Compares each rendered frame with the target's own and with the frame before: everything of the quality monitor that is read from pixels, all of it
 * from luma. Frames come in order: {@link startFrame} before anything is drawn, {@link mark} for each face that is, {@link finishFrame}
 * when all are, then the figures. One per thread; owns five planes of the frame's size in kernel memory.
 */
export class FrameMonitor {
  readonly #source = new LumaHistory();
  readonly #output = new LumaHistory();
  readonly #masks = new FaceMasks();
  readonly #ssimInside = new Map<number, number | null>();
  #widthPx = 0;
  #heightPx = 0;
  #bitDepth: BitDepth = 8;
  #ssimOutside: number | null = null;

  /** Pictures from before are not compared with later ones. */
  forget(): void {
    this.#source.forget();
    this.#output.forget();
  }

  /** Takes the target's frame. */
  startFrame(picture: PlanarFrame): void {
    const { widthPx, heightPx, bitDepth } = picture.format;
    this.#widthPx = widthPx;
    this.#heightPx = heightPx;
    this.#bitDepth = bitDepth;
    this.#masks.begin(picture.format);
    this.#source.push(picture);
  }

  /** Says where a face is drawn into the frame. */
  mark(face: number, patch: Pick<FacePatch, 'region' | 'mask'>): void {
    this.#masks.mark(face, patch);
  }

  /** Takes the same frame with all faces drawn. */
  finishFrame(picture: PlanarFrame): void {
    this.#output.push(picture);
    this.#ssimInside.clear();
    this.#ssimOutside = null;
    const { latest: before } = this.#source;
    const { latest: after } = this.#output;
    if (this.#masks.areas.size > 0 && before !== null && after !== null) this.#compareByMask(before, after);
  }

  /** Structural similarity of the frame to the target's outside of all masks; null where nothing was drawn. */
  get ssimOutside(): number | null {
    return this.#ssimOutside;
  }

  /** What is to be said of a face of the frame that was finished last. */
  figuresOf({ face, box, points, pointsBefore }: MonitoredFace): FaceFigures {
    const size = [this.#widthPx, this.#heightPx] as const;
    const depth = this.#bitDepth;
    const toPast = pointsBefore === null ? null : affineBetween(points, pointsBefore, 3);
    const plainOf = ({ before, latest }: LumaHistory): number | null =>
      before === null || latest === null ? null : boxPsnrDb(before, latest, ...size, box, depth);
    const alignedOf = ({ before, latest }: LumaHistory): number | null =>
      before === null || latest === null || toPast === null
        ? null
        : alignedPsnrDb(before, latest, ...size, box, toPast, depth);
    return {
      tpsnrOutputDb: plainOf(this.#output),
      tpsnrSourceDb: plainOf(this.#source),
      tpsnrAlignedOutputDb: alignedOf(this.#output),
      tpsnrAlignedSourceDb: alignedOf(this.#source),
      seam: this.#seamOf(face),
      ssimInside: this.#ssimInside.get(face) ?? null,
    };
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#masks.dispose();
    this.#source.dispose();
    this.#output.dispose();
  }

  #seamOf(face: number): number | null {
    const area = this.#masks.areas.get(face);
    const { latest: before } = this.#source;
    const { latest: after } = this.#output;
    if (area === undefined || before === null || after === null) return null;
    return seamError(before, after, this.#masks.plane, this.#widthPx, area, this.#bitDepth);
  }

  /**
   * Similarity inside of each face's mask and outside of all. Where no face was drawn, pictures that are the same need not be measured window by
   * window.
   */
  #compareByMask(before: PlaneSamples, after: PlaneSamples): void {
    const [width, height, depth] = [this.#widthPx, this.#heightPx, this.#bitDepth];
    const { areas, plane } = this.#masks;
    const all = { left: 0, top: 0, right: width >> 2, bottom: height >> 2 };
    const drawn = union(areas.values());
    const isSame = this.#isSameAround(before, after, drawn);
    const wide = isSame ? blocksAround(blocksOf(drawn, width, height), width, height) : all;
    const outer = maskedSsim(before, after, plane, width, wide, depth);
    const untouched = windowsIn(all) - windowsIn(wide);
    this.#ssimOutside = meanOf(outer.outside + untouched, outer.outsideCount + untouched);
    for (const [face, area] of areas) {
      const own =
        areas.size === 1
          ? outer
          : maskedSsim(before, after, plane, width, blocksOf(area, width, height), depth);
      this.#ssimInside.set(face, meanOf(own.inside, own.insideCount));
    }
  }

  /** Whether two planes hold the same samples everywhere but in a box. */
  #isSameAround(before: PlaneSamples, after: PlaneSamples, { left, top, right, bottom }: PixelBox): boolean {
    const bytes = before.BYTES_PER_ELEMENT;
    const stride = this.#widthPx * bytes;
    const [first, second] = [addressOf(before), addressOf(after)];
    const { call } = kernels();
    const same = (fromX: number, toX: number, fromY: number, toY: number): boolean => {
      const offset = fromY * stride + fromX * bytes;
      return call.areEqual(first + offset, second + offset, stride, (toX - fromX) * bytes, toY - fromY) === 1;
    };
    return (
      same(0, this.#widthPx, 0, top) &&
      same(0, this.#widthPx, bottom, this.#heightPx) &&
      same(0, left, top, bottom) &&
      same(right, this.#widthPx, top, bottom)
    );
  }
}
