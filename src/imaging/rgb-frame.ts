import { allocateFrame, type BitDepth, type PlanarFormat, type PlanarFrame } from './planar-frame.js';

/** Samples of 8 or of 16 bits. */
export type RgbSamples = Uint8Array | Uint16Array;

/** A still picture: interleaved R, G, B of 8 or 16 bits, 3 × widthPx × heightPx samples. */
export type RgbPicture<Samples extends RgbSamples = RgbSamples> = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly rgb: Samples;
};

type Size = Pick<RgbPicture, 'widthPx' | 'heightPx'>;

/** The format of a still in the frame path: planes R, G and B at full size. */
export function rgbFormat({ widthPx, heightPx }: Size, bitDepth: BitDepth = 8): PlanarFormat {
  return { widthPx, heightPx, bitDepth, chromaShiftX: 0, chromaShiftY: 0, matrix: 'rgb', range: 'full' };
}

/**
 * 16-bit values for each code of a 10-bit frame. The chain counts four codes to an 8-bit level, so that white, 255 levels, is
 * 1020 and not 1023.
 */
const valuesPerCode = 65535 / 1020;

/**
 * Interleaved → planes, in a new frame: of 8 bits for 8, of 10 for 16, which is what the chain works with.
 *
 * @throws FaceswapError (bug) for a size that is not positive
 */
export function frameFromRgb({ widthPx, heightPx, rgb }: RgbPicture): PlanarFrame {
  const isDeep = rgb instanceof Uint16Array;
  const frame = allocateFrame(rgbFormat({ widthPx, heightPx }, isDeep ? 10 : 8));
  const { data } = frame;
  const scale = isDeep ? 1 / valuesPerCode : 1;
  for (const [channel, { offset }] of frame.layout.planes.entries()) {
    for (let from = channel, to = offset; from < rgb.length; from += 3, to++) {
      data[to] = Math.round((rgb[from] as number) * scale);
    }
  }
  return frame;
}

/** Planes → interleaved, for frames of 8 bits: the exact inverse of {@link frameFromRgb}. */
export function rgbFromFrame({ data, layout }: PlanarFrame): Uint8Array {
  const rgb = new Uint8Array(data.length);
  for (const [channel, { offset }] of layout.planes.entries()) {
    for (let to = channel, from = offset; to < rgb.length; to += 3, from++) rgb[to] = data[from] as number;
  }
  return rgb;
}

/**
 * The picture after a chain has changed the frame that {@link frameFromRgb} made of it. To a picture of 16 bits the change is
 * added: a sample that the chain did not touch keeps all its bits, and fine noise stays in the face as well.
 */
export function rgbAfter({ rgb: before }: RgbPicture, frame: PlanarFrame): RgbSamples {
  if (before instanceof Uint8Array) return rgbFromFrame(frame);
  const { data, layout } = frame;
  const after = before.slice();
  for (const [channel, { offset }] of layout.planes.entries()) {
    for (let at = channel, from = offset; at < after.length; at += 3, from++) {
      const value = before[at] as number;
      const change = (data[from] as number) - Math.round(value / valuesPerCode);
      if (change === 0) continue;
      after[at] = Math.min(65535, Math.max(0, Math.round(value + change * valuesPerCode)));
    }
  }
  return after;
}

/**
 * Turns a picture clockwise by quarters, losing nothing: 1 is 90 degrees, 2 is 180, 3 is 270.
 *
 * @returns the picture itself for 0
 */
export function turnRgb(picture: RgbPicture, quarters: 0 | 1 | 2 | 3): RgbPicture {
  if (quarters === 0) return picture;
  const { widthPx, heightPx, rgb } = picture;
  const isSideways = quarters !== 2;
  const turned = rgb.slice();
  for (let y = 0, from = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++, from += 3) {
      const [toX, toY] = turnedPlace(x, y, { widthPx, heightPx }, quarters);
      const to = 3 * (toY * (isSideways ? heightPx : widthPx) + toX);
      turned[to] = rgb[from] as number;
      turned[to + 1] = rgb[from + 1] as number;
      turned[to + 2] = rgb[from + 2] as number;
    }
  }
  return { widthPx: isSideways ? heightPx : widthPx, heightPx: isSideways ? widthPx : heightPx, rgb: turned };
}

/** Where a pixel comes to lie when a picture of this size is turned. */
const turnedPlace = (
  x: number,
  y: number,
  { widthPx, heightPx }: Size,
  quarters: 1 | 2 | 3,
): readonly [x: number, y: number] => {
  if (quarters === 1) return [heightPx - 1 - y, x];
  return quarters === 2 ? [widthPx - 1 - x, heightPx - 1 - y] : [y, widthPx - 1 - x];
};
