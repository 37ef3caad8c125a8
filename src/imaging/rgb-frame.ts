import { allocateFrame, type PlanarFormat, type PlanarFrame } from './planar-frame.js';

/** A still picture: interleaved R, G, B, 8 bits each, 3 × widthPx × heightPx bytes. */
export type RgbPicture = { readonly widthPx: number; readonly heightPx: number; readonly rgb: Uint8Array };

/** The format of a still in the frame path: planes R, G and B at full size. */
export function rgbFormat({ widthPx, heightPx }: Pick<RgbPicture, 'widthPx' | 'heightPx'>): PlanarFormat {
  return { widthPx, heightPx, bitDepth: 8, chromaShiftX: 0, chromaShiftY: 0, matrix: 'rgb', range: 'full' };
}

/**
 * Interleaved → planes, in a new frame.
 *
 * @throws FaceswapError (bug) for a size that is not positive
 */
export function frameFromRgb(picture: RgbPicture): PlanarFrame {
  const frame = allocateFrame(rgbFormat(picture));
  const { rgb } = picture;
  const { data } = frame;
  const [red, green, blue] = frame.layout.planes;
  for (let from = 0, at = 0; from < rgb.length; from += 3, at++) {
    data[red.offset + at] = rgb[from] as number;
    data[green.offset + at] = rgb[from + 1] as number;
    data[blue.offset + at] = rgb[from + 2] as number;
  }
  return frame;
}

/** Planes → interleaved: the exact inverse of {@link frameFromRgb}. */
export function rgbFromFrame({ data, layout }: PlanarFrame): Uint8Array {
  const rgb = new Uint8Array(data.length);
  for (const [channel, { offset }] of layout.planes.entries()) {
    for (let to = channel, from = offset; to < rgb.length; to += 3, from++) rgb[to] = data[from] as number;
  }
  return rgb;
}
