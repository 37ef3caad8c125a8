import { FaceswapError } from '../../errors.js';
import { type Affine, affineScale, applyAffine, invertAffine } from '../../imaging/affine.js';
import { type ColourCoefficients, colourCoefficients } from '../../imaging/colour.js';
import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { PlanarFormat } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import { toneAddress } from '../../imaging/tone-curve.js';
import type { FacePatch, FrameRegion } from '../face-swapper/mesh-swapper.js';
import { fadeShare } from './face-blender.js';

/** A square crop with a new face in it, and where it was cut out of the frame. */
export type SwappedCrop = {
  /** Planar RGB, 3 × sizePx × sizePx; values outside of 0..1 are clipped. */
  readonly crop: Float32Array;
  /** Opacity, sizePx × sizePx, 0..1. */
  readonly mask: Float32Array;
  readonly sizePx: number;
  /** Maps crop pixel centres to luma pixel centres of the frame. */
  readonly toFrame: Affine;
  /** The face's width as a share of the crop's side; 0.62, as in `arcface_128`, when it is left out. */
  readonly faceShare?: number;
};

/**
 * Draws swapped crops as patches that {@link FaceBlender} lays into the frame, in any of its modes. Each pixel of
 * the frame under the crop is looked up in the crop between its four pixels; a crop that is at least twice as fine as
 * the frame is averaged over blocks of whole pixels first, so that nothing of it is skipped. For a frame of high dynamic range a copy of
 * the crop is turned into the frame's own R'G'B' before that. One per thread; owns its
 * buffers.
 */
export class CropPaster {
  readonly #scratch = new Scratch();

  /**
   * @param crop in kernel memory it is read where it lies, from anywhere else it is copied
   * @returns a patch that is valid until the next call; null when nothing of the mask lies inside the frame
   * @throws FaceswapError (bug) when the buffers do not have the size that is told, or the map is singular
   */
  patch(
    format: PlanarFormat,
    { crop, mask, sizePx, toFrame, faceShare = 0.62 }: SwappedCrop,
  ): FacePatch | null {
    const area = sizePx * sizePx;
    if (crop.length !== 3 * area || mask.length !== area) {
      throw new FaceswapError('bug', `Not a crop of ${sizePx} px: ${crop.length} and ${mask.length} values`);
    }
    const toCrop = invertAffine(toFrame);
    const region = regionOf(format, toFrame, sizePx);
    if (region === null) return null;
    const { call } = kernels();
    const tone = toneAddress(format.hdr);
    const cropAt = tone === 0 ? this.#own('crop', crop) : this.#copy('crop', crop);
    const maskAt = this.#own('mask', mask);
    const { width, height } = region;
    const { chromaShiftX, chromaShiftY } = format;
    const chromaCount = ((width + chromaShiftX) >> chromaShiftX) * ((height + chromaShiftY) >> chromaShiftY);
    const block = Math.max(1, Math.floor(affineScale(toCrop)));
    const reducedPx = Math.ceil(sizePx / block);
    const texture = this.#take('texture', 4 * (reducedPx + 2) ** 2);
    const first = this.#take('plane0', width * height);
    const second = this.#take('plane1', chromaCount);
    const third = this.#take('plane2', chromaCount);
    const coverageAt = this.#take('coverage', width * height);
    const opacityAt = this.#take('opacity', width * height);
    const work = this.#take('work', 3 * (width + 16) + 8);
    const map = this.#scratch.floats('map', 6);
    fillMap(map, toCrop, region, block);
    const colour = this.#scratch.floats('colour', 20);
    fillColour(colour, colourCoefficients(format.matrix, format.range));
    if (tone !== 0) call.displayToSignal(cropAt, cropAt + 4 * area, cropAt + 8 * area, area, tone);
    call.packCrop(cropAt, maskAt, sizePx, block, addressOf(colour), texture, reducedPx);
    const isVisible = call.pasteCrop(
      texture,
      reducedPx,
      addressOf(map),
      width,
      height,
      chromaShiftX,
      chromaShiftY,
      first,
      second,
      third,
      coverageAt,
      opacityAt,
      work,
    );
    if (isVisible === 0) return null;
    return {
      region,
      faceWidthPx: faceShare * sizePx * affineScale(toFrame),
      planes: [
        this.#scratch.floats('plane0', width * height),
        this.#scratch.floats('plane1', chromaCount),
        this.#scratch.floats('plane2', chromaCount),
      ],
      coverage: this.#scratch.floats('coverage', width * height),
      mask: this.#scratch.floats('opacity', width * height),
      outline: null,
      placeX: null,
      placeY: null,
    };
  }

  /** An address; it stays when the memory grows, which a view does not. */
  #take(name: string, length: number): number {
    return addressOf(this.#scratch.floats(name, length));
  }

  #own(name: string, values: Float32Array): number {
    return values.buffer === kernels().memory.buffer ? values.byteOffset : this.#copy(name, values);
  }

  #copy(name: string, values: Float32Array): number {
    const copy = this.#scratch.floats(`own ${name}`, values.length);
    copy.set(values);
    return addressOf(copy);
  }
}

/**
 * The box of the frame that the crop touches, with room around it: the blender fades at the region's border, which
 * must not reach into the crop.
 */
function regionOf(format: PlanarFormat, toFrame: Affine, sizePx: number): FrameRegion | null {
  let left = Number.POSITIVE_INFINITY;
  let top = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  for (const [x, y] of [
    [-1, -1],
    [sizePx, -1],
    [-1, sizePx],
    [sizePx, sizePx],
  ] as const) {
    const corner = applyAffine(toFrame, x, y);
    left = Math.min(left, corner.x);
    top = Math.min(top, corner.y);
    right = Math.max(right, corner.x);
    bottom = Math.max(bottom, corner.y);
  }
  const { widthPx, heightPx } = format;
  if (!(left < widthPx && top < heightPx && right > -1 && bottom > -1)) return null;
  const room = fadeShare / (1 - 2 * fadeShare);
  const roomX = room * (right - left) + 4;
  const roomY = room * (bottom - top) + 4;
  const x = Math.max(0, Math.floor((left - roomX) / 2) * 2);
  const y = Math.max(0, Math.floor((top - roomY) / 2) * 2);
  const width = Math.min(widthPx, Math.ceil((right + roomX) / 2) * 2) - x;
  const height = Math.min(heightPx, Math.ceil((bottom + roomY) / 2) * 2) - y;
  return { x, y, width, height };
}

/** From pixels of the region to texels of the packed crop, whose rim begins at 0. */
function fillMap(out: Float32Array, toCrop: Affine, region: FrameRegion, block: number): void {
  const corner = applyAffine(toCrop, region.x, region.y);
  out[0] = toCrop.a / block;
  out[1] = toCrop.b / block;
  out[2] = (corner.x + 0.5) / block + 0.5;
  out[3] = toCrop.d / block;
  out[4] = toCrop.e / block;
  out[5] = (corner.y + 0.5) / block + 0.5;
}

/**
 * What the frame's three planes (in 8-bit levels) and the opacity get from R', G', B' (0..1) and opacity, and what is
 * added.
 */
function fillColour(out: Float32Array, k: ColourCoefficients): void {
  const kg = 1 - k.kr - k.kb;
  const blue = k.chromaSpan / (2 * (1 - k.kb));
  const red = k.chromaSpan / (2 * (1 - k.kr));
  out.set(
    k.isRgb
      ? [255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0]
      : [
          ...[k.kr * k.lumaSpan, -k.kr * blue, (1 - k.kr) * red, 0],
          ...[kg * k.lumaSpan, -kg * blue, -kg * red, 0],
          ...[k.kb * k.lumaSpan, (1 - k.kb) * blue, -k.kb * red, 0],
        ],
  );
  out.set([0, 0, 0, 1], 12);
  out.set(k.isRgb ? [0, 0, 0, 0] : [k.yOffset, 128, 128, 0], 16);
}
