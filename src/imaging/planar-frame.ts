import { FaceswapError } from '../errors.js';

/** How the three planes relate to RGB. `rgb` means that the planes are R, G and B themselves (still images). */
export type ColourMatrix = 'bt601' | 'bt709' | 'bt2020' | 'rgb';

/** `limited`: luma 16..235, chroma 16..240. `full`: 0..255. `rgb` frames are always full. */
export type ColourRange = 'limited' | 'full';

/** Layout and meaning of an 8-bit planar picture with three planes. */
export type PlanarFormat = {
  readonly widthPx: number;
  readonly heightPx: number;
  /** log2 of the horizontal chroma subsampling: 1 for 4:2:0 and 4:2:2, 0 for 4:4:4 and RGB. */
  readonly chromaShiftX: 0 | 1;
  /** log2 of the vertical chroma subsampling: 1 for 4:2:0, else 0. */
  readonly chromaShiftY: 0 | 1;
  readonly matrix: ColourMatrix;
  readonly range: ColourRange;
};

/** One plane inside a frame's buffer, tightly packed (stride = width). */
export type PlaneLayout = { readonly offset: number; readonly widthPx: number; readonly heightPx: number };

/** The three planes in buffer order: Y, U, V (or R, G, B). */
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
  readonly data: Uint8Array;
};

/**
 * Computes where the planes lie. Chroma sizes are rounded up, as ffmpeg does for odd sizes.
 *
 * @throws FaceswapError (bug) when a size is not a positive integer.
 */
export function frameLayout(format: PlanarFormat): FrameLayout {
  const { widthPx, heightPx, chromaShiftX, chromaShiftY } = format;
  if (!Number.isInteger(widthPx) || !Number.isInteger(heightPx) || widthPx < 1 || heightPx < 1) {
    throw new FaceswapError('bug', `Frame size ${widthPx}x${heightPx} is not a positive integer`);
  }
  const chromaWidthPx = (widthPx + (1 << chromaShiftX) - 1) >> chromaShiftX;
  const chromaHeightPx = (heightPx + (1 << chromaShiftY) - 1) >> chromaShiftY;
  const lumaBytes = widthPx * heightPx;
  const chromaBytes = chromaWidthPx * chromaHeightPx;
  return {
    planes: [
      { offset: 0, widthPx, heightPx },
      { offset: lumaBytes, widthPx: chromaWidthPx, heightPx: chromaHeightPx },
      { offset: lumaBytes + chromaBytes, widthPx: chromaWidthPx, heightPx: chromaHeightPx },
    ],
    byteLength: lumaBytes + 2 * chromaBytes,
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
  return { format, layout, data: new Uint8Array(buffer) };
}

/** A new frame of zeros. */
export function allocateFrame(format: PlanarFormat): PlanarFrame {
  return wrapFrame(format, new ArrayBuffer(frameLayout(format).byteLength));
}
