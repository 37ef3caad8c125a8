import { FaceswapError } from '../../errors.js';
import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import {
  type BitDepth,
  type PlanarFormat,
  type PlanarFrame,
  sampleScale,
} from '../../imaging/planar-frame.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { Scratch } from '../../imaging/scratch.js';
import type { FacePatch, FrameRegion } from '../face-swapper/mesh-swapper.js';
import { BlendLevels } from './blend-levels.js';
import { GradientBlend } from './gradient-blend.js';

/** How a patch is laid into the frame. */
export type BlendSettings = {
  readonly mode: 'basic' | 'multiband' | 'poisson' | 'seamless';
  /**
   * Gain of the patch's detail per octave, finest first; the first belongs to the octave whose samples are
   * `faceWidth / detailReference` apart. Finer octaves use the first, coarser ones get no gain.
   */
  readonly detailGain: Float32Array;
  /**
   * How much stronger, as a share, luma's octaves of the size of features are drawn; 0 leaves them as they are. A drawn
   * face loses some of its own features' contrast to the target's skin under it. Multiband only: nothing of the target is under
   * a blend of gradients.
   */
  readonly featureLift: number;
  /** How much of the new face is seen at all, 0..1: less than 1 while it fades in or out; 1 when left out. */
  readonly opacity?: number;
};

/** Samples across the face on the finest level of `detailGain`. */
export const detailReference = 105;

/** The fade at the region's border, as a share of its width and height. */
export const fadeShare = 0.06;

/** Samples behind a plane that may be read and written back, since kernels work on whole groups. */
const slack = 16;

/** The kernels that know the frame's sample type. */
type DepthKernels = {
  readonly load: 'loadPlane8' | 'loadPlane16' | 'loadPlane12';
  readonly draw: 'drawFace8' | 'drawFace16' | 'drawFace12';
  readonly bands: 'writeBands8' | 'writeBands16' | 'writeBands12';
  readonly basic: 'writeBasic8' | 'writeBasic16' | 'writeBasic12';
};

const kernelsOfDepth: Record<BitDepth, DepthKernels> = {
  8: { load: 'loadPlane8', draw: 'drawFace8', bands: 'writeBands8', basic: 'writeBasic8' },
  10: { load: 'loadPlane16', draw: 'drawFace16', bands: 'writeBands16', basic: 'writeBasic16' },
  12: { load: 'loadPlane12', draw: 'drawFace12', bands: 'writeBands12', basic: 'writeBasic12' },
};

/** One plane of the frame at work: its samples in kernel memory and how it lies to luma. */
type PlaneWork = {
  readonly index: 0 | 1 | 2;
  readonly shiftX: number;
  readonly shiftY: number;
  /** Address of the sample at the region's corner, and samples between rows. */
  readonly corner: number;
  readonly rowSamples: number;
};

/**
 * Lays new faces into frames, in the frame's own planes and only in the face's region. Works on the difference
 * between the blend and the frame: where that is below half a code value the frame's sample is not written at all.
 *
 * Multiband: both pictures are taken apart into Laplacian bands, and those of the drawn face (times their gain) are
 * mixed into the target's by the mask's Gaussian levels. What is kept is the target and the *difference* of the two,
 * which is nothing outside of the drawn face: only the target's pyramid covers the whole region, and only as far as a
 * level has a gain. The bands of a level are made, mixed and added up in one pass, the finest one straight into the
 * frame's samples.
 *
 * Poisson and seamless: the drawn face with its detail gains, corrected to meet the target ({@link GradientBlend}), under the
 * feathered edge of `basic`.
 *
 * One per thread; owns its buffers: about 24 bytes of kernel memory per luma pixel of the largest region so far (twice
 * that for gradients), and a copy of the frame's rows in that region.
 */
export class FaceBlender {
  readonly #scratch = new Scratch();
  readonly #levels = new BlendLevels();
  readonly #gradients = new GradientBlend();
  /** Addresses of the patch in kernel memory; `placeX` 0 when nothing moves. */
  readonly #patch = { coverage: 0, mask: 0, outline: 0, placeX: 0, placeY: 0, planes: [0, 0, 0] };
  /** The box of what the patch covers, in luma pixels of the region. */
  readonly #box = { left: 0, top: 0, right: 0, bottom: 0 };
  /** Addresses of what each plane needs in turn. */
  readonly #room = {
    lumaMasks: 0,
    chromaMasks: 0,
    covered: 0,
    targets: 0,
    differences: 0,
    results: 0,
    weighed: 0,
    ones: 0,
    sharpened: 0,
    fadeX: 0,
    fadeY: 0,
    work: 0,
  };

  /**
   * @param frame changed in place
   * @param patch lies inside the frame. In kernel memory its planes are read where they are, from anywhere else they are
   *   copied
   * @throws FaceswapError (bug) when a plane of the patch does not have the size of its region
   */
  blend(frame: PlanarFrame, patch: FacePatch, settings: BlendSettings): void {
    const { format, layout } = frame;
    const { region } = patch;
    this.#takePatch(format, patch);
    const { opacity = 1 } = settings;
    if (opacity < 1) this.#fadePatch(patch, opacity);
    if (!this.#findBox(region)) return;
    for (const index of [0, 1, 2] as const) {
      const shiftX = index === 0 ? 0 : format.chromaShiftX;
      const shiftY = index === 0 ? 0 : format.chromaShiftY;
      const faceWidth = patch.faceWidthPx / (1 << shiftX);
      this.#layOut(region, shiftX, shiftY, faceWidth);
      if (index === 0) this.#takeRoom(region, settings.mode);
      const plane = layout.planes[index];
      const rowSamples = plane.widthPx;
      const start = plane.offset + (region.y >> shiftY) * rowSamples;
      const count = (this.#levels.height[0] as number) * rowSamples;
      const band =
        format.bitDepth === 8
          ? this.#scratch.bytes('band', count + slack)
          : this.#scratch.words('band', count + slack);
      band.set(frame.data.subarray(start, start + count));
      const corner = addressOf(band) + (region.x >> shiftX) * band.BYTES_PER_ELEMENT;
      const work = { index, shiftX, shiftY, corner, rowSamples };
      this.#fade(format, region);
      // Planes of one size share what is made of the mask.
      if (index === 0 || (index === 1 && shiftX === 1)) this.#takeMasks(region, work, settings.mode);
      if (settings.mode === 'multiband') this.#multiband(format, region, work, faceWidth, settings);
      else if (settings.mode === 'basic') this.#basic(format, region, work);
      else this.#gradient(format, region, work, faceWidth, settings);
      frame.data.set(band.subarray(0, count), start);
    }
  }

  #takePatch({ chromaShiftX, chromaShiftY }: PlanarFormat, patch: FacePatch): void {
    const { region, coverage, mask, outline, placeX, placeY, planes } = patch;
    const { width, height } = region;
    const count = width * height;
    const chromaCount = ((width + chromaShiftX) >> chromaShiftX) * ((height + chromaShiftY) >> chromaShiftY);
    const to = this.#patch;
    to.coverage = this.#own('coverage', coverage, count);
    to.mask = this.#own('mask', mask, count);
    to.outline = outline === null ? to.mask : this.#own('outline', outline, count);
    to.placeX = placeX === null ? 0 : this.#own('placeX', placeX, count);
    to.placeY = placeY === null ? 0 : this.#own('placeY', placeY, count);
    to.planes[0] = this.#own('plane0', planes[0], count);
    to.planes[1] = this.#own('plane1', planes[1], chromaCount);
    to.planes[2] = this.#own('plane2', planes[2], chromaCount);
  }

  /** Makes the mask thinner, and lets the target's own pixels move by as much less. */
  #fadePatch({ region, placeX, placeY }: FacePatch, opacity: number): void {
    const { width, height } = region;
    const copyOf = (name: string): Float32Array =>
      this.#scratch.floats(`faded ${name}`, width * height + slack);
    // Read by their addresses: making room may move the memory away from under the patch's views.
    const planeAt = (address: number): Float32Array =>
      new Float32Array(kernels().memory.buffer, address, width * height);
    const masks = copyOf('mask');
    const whole = planeAt(this.#patch.mask);
    for (let i = 0; i < whole.length; i++) masks[i] = opacity * (whole[i] as number);
    this.#patch.mask = addressOf(masks);
    if (placeX === null || placeY === null) return;
    copyOf('placeX');
    const down = copyOf('placeY');
    const across = copyOf('placeX');
    const [fromX, fromY] = [planeAt(this.#patch.placeX), planeAt(this.#patch.placeY)];
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        across[i] = x + opacity * ((fromX[i] as number) - x);
        down[i] = y + opacity * ((fromY[i] as number) - y);
      }
    }
    this.#patch.placeX = addressOf(across);
    this.#patch.placeY = addressOf(down);
  }

  /** The address of a plane of the patch, or of a copy when it lies elsewhere or at the very end of kernel memory. */
  #own(name: string, plane: Float32Array, count: number): number {
    if (plane.length !== count) {
      throw new FaceswapError('bug', `The patch's ${name} has ${plane.length} samples instead of ${count}`);
    }
    const { buffer } = kernels().memory;
    const end = plane.byteOffset + plane.byteLength + 4 * slack;
    if (plane.buffer === buffer && end <= buffer.byteLength) return plane.byteOffset;
    const copy = this.#scratch.floats(`own ${name}`, count + slack);
    copy.set(plane);
    return addressOf(copy);
  }

  /** @returns whether the patch covers or masks anything */
  #findBox({ width, height }: FrameRegion): boolean {
    const found = this.#scratch.floats('box', 4);
    const { coverage, mask } = this.#patch;
    kernels().call.nonZeroBounds(coverage, mask, width, height, addressOf(found));
    this.#box.left = found[0] as number;
    this.#box.top = found[1] as number;
    this.#box.right = found[2] as number;
    this.#box.bottom = found[3] as number;
    return this.#box.right > 0;
  }

  #layOut(region: FrameRegion, shiftX: number, shiftY: number, faceWidth: number): void {
    const { left, top, right, bottom } = this.#box;
    // Down to a level on which the face is about five samples wide.
    const count = Math.max(2, 1 + Math.round(Math.log2(Math.max(2, faceWidth / 5))));
    this.#levels.layOut(
      (region.width + shiftX) >> shiftX,
      (region.height + shiftY) >> shiftY,
      count,
      left >> shiftX,
      top >> shiftY,
      // A chroma sample hears of its neighbours' columns.
      shiftX === 0 ? right : (right >> 1) + 1,
      (bottom + shiftY) >> shiftY,
    );
  }

  /** Room for luma; chroma needs less of everything. Where the memory must grow it does so here: addresses stay. */
  #takeRoom(region: FrameRegion, mode: BlendSettings['mode']): void {
    const { offset, count, stride, height } = this.#levels;
    const total = offset[count] as number;
    const finest = offset[1] as number;
    const width = stride[0] as number;
    const room = this.#room;
    room.targets = this.#take('targets', total);
    room.differences = this.#take('differences', total);
    room.lumaMasks = this.#take('luma masks', total);
    room.chromaMasks = this.#take('chroma masks', total);
    room.results = this.#take('results', total - finest);
    room.weighed = this.#take('weighed', (offset[2] as number) - finest);
    room.covered = this.#take('covered', finest);
    room.fadeX = this.#take('fadeX', width);
    room.fadeY = this.#take('fadeY', height[0] as number);
    room.work = this.#take('work', 4 * width + 4 * slack);
    if (mode === 'basic' || mode === 'multiband') return;
    this.#gradients.takeRoom(this.#levels, region);
    room.sharpened = this.#take('sharpened', finest);
    const ones = this.#scratch.floats('ones', finest).fill(1);
    room.ones = addressOf(ones);
  }

  #take(name: string, length: number): number {
    return addressOf(this.#scratch.floats(name, length));
  }

  #fade(format: PlanarFormat, region: FrameRegion): void {
    const width = this.#levels.width[0] as number;
    const height = this.#levels.height[0] as number;
    const columns = this.#scratch.floats('fadeX', this.#levels.stride[0] as number);
    const rows = this.#scratch.floats('fadeY', height);
    const hasRight = region.x + region.width < format.widthPx;
    const hasBottom = region.y + region.height < format.heightPx;
    columns.fill(0, width);
    fillFade(columns, width, region.x > 0, hasRight, 1);
    fillFade(rows, height, region.y > 0, hasBottom, sampleScale(format));
    this.#room.fadeX = addressOf(columns);
    this.#room.fadeY = addressOf(rows);
  }

  /** The mask's levels, and for halved chroma what is covered, at the plane's own size. */
  #takeMasks(
    { width, height }: FrameRegion,
    { shiftX, shiftY }: PlaneWork,
    mode: BlendSettings['mode'],
  ): void {
    const { call } = kernels();
    const { coverage, mask } = this.#patch;
    const { lumaMasks, chromaMasks, covered, work } = this.#room;
    const { filled, stride } = this.#levels;
    const { left, right, top, bottom } = filled;
    const finest = stride[0] as number;
    const to = shiftX === 0 ? lumaMasks : chromaMasks;
    if (shiftX === 0) {
      call.padPlane(mask, width, to, finest, left, right, top, bottom);
    } else {
      call.halvePlane(mask, width, height, shiftY, to, finest, left, right, top, bottom, work);
      call.halvePlane(coverage, width, height, shiftY, covered, finest, left, right, top, bottom, work);
    }
    if (mode === 'multiband') this.#reduceDrawn(to);
  }

  /** Target and difference of the finest level. */
  #draw(format: PlanarFormat, region: FrameRegion, plane: PlaneWork): void {
    const { call } = kernels();
    const { index, shiftX, shiftY, corner, rowSamples } = plane;
    const { filled, width, height, stride } = this.#levels;
    const { coverage, placeX, placeY, planes } = this.#patch;
    const { covered, targets, differences } = this.#room;
    const isHalved = shiftX === 1;
    call[kernelsOfDepth[format.bitDepth].draw](
      corner,
      rowSamples,
      width[0] as number,
      height[0] as number,
      planes[index] as number,
      isHalved ? covered : coverage,
      isHalved ? (stride[0] as number) : region.width,
      coverage,
      placeX,
      placeY,
      region.width,
      shiftX,
      shiftY,
      targets,
      differences,
      stride[0] as number,
      filled.left,
      filled.right,
      filled.top,
      filled.bottom,
    );
  }

  #basic(format: PlanarFormat, region: FrameRegion, plane: PlaneWork): void {
    this.#draw(format, region, plane);
    this.#writeFeathered(format, plane, this.#room.differences);
  }

  /** A feathered edge around a face whose light was corrected to meet the target. */
  #gradient(
    format: PlanarFormat,
    region: FrameRegion,
    plane: PlaneWork,
    faceWidth: number,
    settings: BlendSettings,
  ): void {
    const levels = this.#levels;
    const { mask, outline } = this.#patch;
    const { lumaMasks, chromaMasks, targets } = this.#room;
    const { index, shiftX, shiftY } = plane;
    const isHalved = shiftX === 1;
    const difference = this.#sharpened(format, region, plane, faceWidth, settings);
    const of = {
      difference,
      target: targets,
      mask: isHalved ? chromaMasks : lumaMasks,
      faceWidth,
    };
    if (index === 0) this.#gradients.findAnchors(levels, region, mask, outline, of);
    else if (index === 1 && isHalved) this.#gradients.halveAnchors(levels, region, shiftY);
    this.#gradients.correct(levels, of, 1 << (shiftX + shiftY), settings.mode === 'seamless');
    this.#writeFeathered(format, plane, difference);
  }

  /**
   * The difference with the detail gains of the drawn face in it: the bands of multiband under a mask of ones.
   *
   * @returns the address of its finest level
   */
  #sharpened(
    format: PlanarFormat,
    region: FrameRegion,
    plane: PlaneWork,
    faceWidth: number,
    settings: BlendSettings,
  ): number {
    const { call } = kernels();
    const { width, height, stride, left, right, top, bottom } = this.#levels;
    const { targets, differences, results, ones, sharpened, work } = this.#room;
    const firstOctave = firstOctaveOf(faceWidth);
    const gainOf = (level: number): number => octaveGain(settings.detailGain, level + firstOctave);
    const count = this.#takeBands(format, region, plane, gainOf);
    if (count === 0) return differences;
    this.#reduceDrawn(differences);
    const gain = gainOf(0);
    this.#mixLevels(
      count,
      () => ones,
      gainOf,
      () => 1,
    );
    call.mixLevel(
      ones,
      differences,
      gain === 1 ? 0 : targets,
      this.#weigh(1, gain),
      results,
      stride[1] as number,
      width[0] as number,
      height[0] as number,
      sharpened,
      stride[0] as number,
      gain,
      1,
      left[0] as number,
      right[0] as number,
      top[0] as number,
      bottom[0] as number,
      work,
    );
    return sharpened;
  }

  /** Writes mask · difference. */
  #writeFeathered(format: PlanarFormat, plane: PlaneWork, difference: number): void {
    const { stride, left, right, top, bottom } = this.#levels;
    const { lumaMasks, chromaMasks, targets, fadeX, fadeY } = this.#room;
    kernels().call[kernelsOfDepth[format.bitDepth].basic](
      plane.corner,
      plane.rowSamples,
      plane.shiftX === 0 ? lumaMasks : chromaMasks,
      difference,
      targets,
      stride[0] as number,
      left[0] as number,
      right[0] as number,
      top[0] as number,
      bottom[0] as number,
      fadeX,
      fadeY,
    );
  }

  #multiband(
    format: PlanarFormat,
    region: FrameRegion,
    plane: PlaneWork,
    faceWidth: number,
    settings: BlendSettings,
  ): void {
    const { call } = kernels();
    const use = kernelsOfDepth[format.bitDepth];
    const levels = this.#levels;
    const { count, width, height, stride, offset, left, right, top, bottom } = levels;
    const { lumaMasks, chromaMasks, targets, differences, results, fadeX, fadeY, work } = this.#room;
    const { corner, rowSamples } = plane;
    const masks = plane.shiftX === 0 ? lumaMasks : chromaMasks;
    const isLuma = plane.index === 0;
    const gainOf = (level: number): number => gainOfLevel(settings, level, faceWidth, isLuma);
    const shareOf = (level: number): number => sourceShare(spacingOf(level, faceWidth), isLuma);
    this.#takeBands(format, region, plane, gainOf);
    this.#reduceDrawn(differences);
    this.#mixLevels(count, (level) => masks + 4 * (offset[level] as number), gainOf, shareOf);
    call[use.bands](
      corner,
      rowSamples,
      masks,
      differences,
      targets,
      this.#weigh(1, gainOf(0)),
      results,
      stride[1] as number,
      width[0] as number,
      height[0] as number,
      stride[0] as number,
      gainOf(0),
      shareOf(0),
      left[0] as number,
      right[0] as number,
      top[0] as number,
      bottom[0] as number,
      fadeX,
      fadeY,
      work,
    );
  }

  /** All levels of a blend but the finest one, each from the coarser ones. */
  #mixLevels(
    count: number,
    maskAt: (level: number) => number,
    gainOf: (level: number) => number,
    shareOf: (level: number) => number,
  ): void {
    const { call } = kernels();
    const { width, height, stride, offset, left, right, top, bottom } = this.#levels;
    const { targets, differences, results, work } = this.#room;
    const last = count - 1;
    const at = (planes: number, level: number): number => planes + 4 * (offset[level] as number);
    const resultAt = (level: number): number =>
      results + 4 * ((offset[level] as number) - (offset[1] as number));
    call.multiplyPlanes(
      maskAt(last),
      at(differences, last),
      shareOf(last),
      resultAt(last),
      stride[last] as number,
      height[last] as number,
      left[last] as number,
      right[last] as number,
      top[last] as number,
      bottom[last] as number,
    );
    for (let l = last - 1; l > 0; l--) {
      const gain = gainOf(l);
      call.mixLevel(
        maskAt(l),
        at(differences, l),
        gain === 1 ? 0 : at(targets, l),
        this.#weigh(l + 1, gain),
        resultAt(l + 1),
        stride[l + 1] as number,
        width[l] as number,
        height[l] as number,
        resultAt(l),
        stride[l] as number,
        gain,
        shareOf(l),
        left[l] as number,
        right[l] as number,
        top[l] as number,
        bottom[l] as number,
        work,
      );
    }
  }

  /**
   * Target and difference of the finest level, and the target's levels as far as a level before them has a gain: without one a band needs
   * the difference only.
   *
   * @returns the target's levels; 0 without any gain
   */
  #takeBands(
    format: PlanarFormat,
    region: FrameRegion,
    plane: PlaneWork,
    gainOf: (level: number) => number,
  ): number {
    const { count, width, height, stride } = this.#levels;
    const { targets } = this.#room;
    let targetCount = 0;
    for (let l = 0; l + 1 < count; l++) if (gainOf(l) !== 1) targetCount = l + 2;
    if (targetCount > 0) {
      kernels().call[kernelsOfDepth[format.bitDepth].load](
        plane.corner,
        plane.rowSamples,
        width[0] as number,
        height[0] as number,
        targets,
        stride[0] as number,
      );
    }
    this.#draw(format, region, plane);
    for (let l = 1; l < targetCount; l++) {
      const halfStride = (stride[l - 1] as number) >> 1;
      this.#reduce(targets, l, 0, Math.min(halfStride, stride[l] as number), 0, height[l] as number);
    }
    return targetCount;
  }

  /** The levels of a plane that is 0 outside of what is drawn. */
  #reduceDrawn(planes: number): void {
    const { count, offset, left, right, top, bottom } = this.#levels;
    const finest = offset[1] as number;
    kernels().call.clearMemory(planes + 4 * finest, 4 * ((offset[count] as number) - finest));
    for (let l = 1; l < count; l++) {
      this.#reduce(planes, l, left[l] as number, right[l] as number, top[l] as number, bottom[l] as number);
    }
  }

  #reduce(planes: number, level: number, left: number, right: number, top: number, bottom: number): void {
    const { width, height, stride, offset } = this.#levels;
    const finer = level - 1;
    kernels().call.reducePlane(
      planes + 4 * (offset[finer] as number),
      stride[finer] as number,
      width[finer] as number,
      height[finer] as number,
      planes + 4 * (offset[level] as number),
      stride[level] as number,
      left,
      Math.min(right, (stride[finer] as number) >> 1),
      top,
      bottom,
      this.#room.work,
    );
  }

  /** What the level above `level` subtracts as its own low-pass when its gain is this one. */
  #weigh(level: number, gain: number): number {
    const { stride, offset, left, right, top, bottom } = this.#levels;
    const { differences, targets, weighed } = this.#room;
    const bytes = 4 * (offset[level] as number);
    if (gain === 1) return differences + bytes;
    kernels().call.weighPlanes(
      differences + bytes,
      targets + bytes,
      gain,
      weighed,
      stride[level] as number,
      left[level] as number,
      right[level] as number,
      top[level] as number,
      bottom[level] as number,
    );
    return weighed;
  }
}

/**
 * Weights of the samples of a line: 0 at the region's border, `full` inside; an edge that is the frame's own does not
 * count.
 */
function fillFade(
  out: Float32Array,
  length: number,
  hasBefore: boolean,
  hasAfter: boolean,
  full: number,
): void {
  const fade = Math.max(2, length * fadeShare);
  for (let i = 0; i < length; i++) {
    const before = hasBefore ? i : fade;
    const after = hasAfter ? length - 1 - i : fade;
    out[i] = full * smoothstep(0, fade, Math.min(before, after));
  }
}

/** Distance of a level's samples as a share of the face's width, which is given in samples of the finest level. */
function spacingOf(level: number, faceWidth: number): number {
  return (1 << level) / faceWidth;
}

/** The octave of `detailGain` that the finest level belongs to. */
function firstOctaveOf(faceWidth: number): number {
  return Math.log2(detailReference / faceWidth);
}

/** Gain of the drawn face's band of a level. */
function gainOfLevel(
  { detailGain, featureLift }: BlendSettings,
  level: number,
  faceWidth: number,
  isLuma: boolean,
): number {
  const gain = octaveGain(detailGain, level + firstOctaveOf(faceWidth));
  return gain * (isLuma ? 1 + featureLift * featureWeight(spacingOf(level, faceWidth)) : 1);
}

/**
 * How much of an octave comes from the new face: everything up to features as large as a brow, then less and less; light
 * and shade across the whole face stay the target's, more so in chroma. Set by looking and by the identity figures of
 * `bench/plain-warp.ts`.
 *
 * @param spacing distance of the octave's samples as a share of the face's width
 */
function sourceShare(spacing: number, isLuma: boolean): number {
  return 1 - (isLuma ? 0.2 : 0.45) * smoothstep(0.05, 0.2, spacing);
}

/**
 * 1 for octaves of the size of eyes, nose and mouth, less for finer and coarser ones.
 *
 * @param spacing as for {@link sourceShare}
 */
function featureWeight(spacing: number): number {
  return Math.max(0, 1 - Math.abs(Math.log2(spacing / 0.035)) / 1.6);
}

function octaveGain(gains: Float32Array, octave: number): number {
  if (octave <= 0) return gains[0] ?? 1;
  const low = Math.floor(octave);
  const first = gains[low] ?? 1;
  const second = gains[low + 1] ?? 1;
  return first + (second - first) * (octave - low);
}
