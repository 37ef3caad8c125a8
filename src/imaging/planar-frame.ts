import { FaceswapError } from '../errors.js';
import type { HdrSignal } from './tone-curve.js';

/** How the three planes relate to RGB. `rgb` means that the planes are R, G and B themselves (still images). */
export type ColourMatrix = 'bt601' | 'bt709' | 'bt2020' | 'rgb';

/** `limited`: luma 16..235, chroma 16..240. `full`: 0..255. `rgb` frames are always full. */
export type ColourRange = 'limited' | 'full';

/** Bits of a sample: 8 in bytes, 10 and 12 in little-endian 16-bit words. */
export type BitDepth = 8 | 10 | 12;

/** Layout and meaning of a planar picture: three planes of colour, and one of alpha where there is any. */
export type PlanarFormat = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bitDepth: BitDepth;
  /** log2 of the horizontal chroma subsampling: 1 for 4:2:0 and 4:2:2, 0 for 4:4:4 and RGB. */
  readonly chromaShiftX: 0 | 1;
  /** log2 of the vertical chroma subsampling: 1 for 4:2:0, else 0. */
  readonly chromaShiftY: 0 | 1;
  readonly matrix: ColourMatrix;
  readonly range: ColourRange;
  /** True where a plane of alpha, as large as the first, lies behind the three. It travels along and nobody reads it. */
  readonly alpha?: boolean;
  /** What R'G'B' mean in a picture of high dynamic range; absent: they are taken as sRGB. */
  readonly hdr?: HdrSignal;
};

/** One plane inside a frame's buffer, tightly packed (stride = width); `offset` counts samples. */
export type PlaneLayout = { readonly offset: number; readonly widthPx: number; readonly heightPx: number };

/** The three planes in buffer order: Y, U, V (or R, G, B); `byteLength` counts the alpha behind them as well. */
export type FrameLayout = {
  readonly planes: readonly [PlaneLayout, PlaneLayout, PlaneLayout];
  readonly byteLength: number;
};

/**
 * A picture: a format and the bytes, tightly packed plane after plane as ffmpeg's rawvideo writes them.
 * `data` has one owner at a time; whoever holds the frame may write it.
 */
export type PlanarFrame = {
  readonly format: PlanarFormat;
  readonly layout: FrameLayout;
  /** The samples of all planes: bytes at 8 bits, words at 10 and 12. */
  readonly data: Uint8Array | Uint16Array;
};

/**
 * Code values per 8-bit level: 1 at 8 bits, 4 at 10, 16 at 12. All pixel arithmetic is done in 8-bit levels, so that colour
 * coefficients and thresholds mean the same at every depth; samples are divided by this when they are read.
 */
export const sampleScale = ({ bitDepth }: Pick<PlanarFormat, 'bitDepth'>): number => 1 << (bitDepth - 8);

/**
 * Computes where the planes lie. Chroma sizes are rounded up, as ffmpeg does for odd sizes.
 *
 * @throws FaceswapError (bug) when a size is not a positive integer.
 */
export function frameLayout(format: PlanarFormat): FrameLayout {
  const { widthPx, heightPx, chromaShiftX, chromaShiftY, alpha } = format;
  if (!Number.isInteger(widthPx) || !Number.isInteger(heightPx) || widthPx < 1 || heightPx < 1) {
    throw new FaceswapError('bug', `Frame size ${widthPx}x${heightPx} is not a positive integer`);
  }
  const chromaWidthPx = (widthPx + (1 << chromaShiftX) - 1) >> chromaShiftX;
  const chromaHeightPx = (heightPx + (1 << chromaShiftY) - 1) >> chromaShiftY;
  const lumaCount = widthPx * heightPx;
  const chromaCount = chromaWidthPx * chromaHeightPx;
  return {
    planes: [
      { offset: 0, widthPx, heightPx },
      { offset: lumaCount, widthPx: chromaWidthPx, heightPx: chromaHeightPx },
      { offset: lumaCount + chromaCount, widthPx: chromaWidthPx, heightPx: chromaHeightPx },
    ],
    byteLength: (lumaCount * (alpha === true ? 2 : 1) + 2 * chromaCount) * (format.bitDepth === 8 ? 1 : 2),
  };
}

/**
 * Wraps bytes as a frame without copying.
 *
 * @throws FaceswapError (bug) when the buffer's size does not fit the format.
 */
export function wrapFrame(format: PlanarFormat, buffer: ArrayBuffer): PlanarFrame {
  const layout = frameLayout(format);
  if (buffer.byteLength !== layout.byteLength) {
    throw new FaceswapError(
      'bug',
      `A ${format.widthPx}x${format.heightPx} frame needs ${layout.byteLength} bytes, got ${buffer.byteLength}`,
    );
  }
  const data = format.bitDepth === 8 ? new Uint8Array(buffer) : new Uint16Array(buffer);
  return { format, layout, data };
}

/** A new frame of zeros. */
export function allocateFrame(format: PlanarFormat): PlanarFrame {
  return wrapFrame(format, new ArrayBuffer(frameLayout(format).byteLength));
}
