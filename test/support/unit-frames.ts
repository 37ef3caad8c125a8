import { allocateFrame, type PlanarFormat, type PlanarFrame } from '../../src/imaging/planar-frame.js';
import { at } from './unit-values.js';

/** R'G'B', 0..1 each. */
export type Rgb = readonly [number, number, number];

/** A picture without pixels: the colour at any place, in luma pixel-centre coordinates. */
export type Picture = (x: number, y: number) => Rgb;

type Sampling = Omit<PlanarFormat, 'widthPx' | 'heightPx'>;

/** One of each layout, matrix and range that the chain meets. */
export const samplings = {
  yuv420: { bitDepth: 8, chromaShiftX: 1, chromaShiftY: 1, matrix: 'bt601', range: 'limited' },
  yuv422: { bitDepth: 8, chromaShiftX: 1, chromaShiftY: 0, matrix: 'bt709', range: 'limited' },
  yuv444: { bitDepth: 8, chromaShiftX: 0, chromaShiftY: 0, matrix: 'bt2020', range: 'limited' },
  yuv420full: { bitDepth: 8, chromaShiftX: 1, chromaShiftY: 1, matrix: 'bt709', range: 'full' },
  rgb: { bitDepth: 8, chromaShiftX: 0, chromaShiftY: 0, matrix: 'rgb', range: 'full' },
} as const satisfies Record<string, Sampling>;

export type SamplingName = keyof typeof samplings;

export const samplingNames = Object.keys(samplings) as SamplingName[];

export const formatOf = (widthPx: number, heightPx: number, name: SamplingName = 'yuv420'): PlanarFormat => ({
  widthPx,
  heightPx,
  ...samplings[name],
});

/** Kr and Kb of ITU-R BT.601-7 §2.5.1, BT.709-6 §3.2 and BT.2020-2 table 4. */
const weights = { bt601: [0.299, 0.114], bt709: [0.2126, 0.0722], bt2020: [0.2627, 0.0593] } as const;

/**
 * The three code values of a colour, not rounded, straight from the Recommendations: Y' = Kr R' + Kg G' + Kb B',
 * C'b = (B' − Y') / (2 − 2 Kb), C'r = (R' − Y') / (2 − 2 Kr), then 219 Y' + 16 and 224 C' + 128, or 255 and 128.
 */
export const encodeColour = ([red, green, blue]: Rgb, { matrix, range }: Sampling): Rgb => {
  if (matrix === 'rgb') return [255 * red, 255 * green, 255 * blue];
  const [kr, kb] = weights[matrix];
  const luma = kr * red + (1 - kr - kb) * green + kb * blue;
  const cb = (blue - luma) / (2 - 2 * kb);
  const cr = (red - luma) / (2 - 2 * kr);
  return range === 'full'
    ? [255 * luma, 255 * cb + 128, 255 * cr + 128]
    : [219 * luma + 16, 224 * cb + 128, 224 * cr + 128];
};

/** Samples a picture into a frame; chroma is sited as in MPEG-2 and H.264 by default: left, and between two lines. */
export const paintFrame = (format: PlanarFormat, picture: Picture): PlanarFrame => {
  const frame = allocateFrame(format);
  frame.layout.planes.forEach((plane, index) => {
    const stepX = index === 0 ? 1 : 1 << format.chromaShiftX;
    const stepY = index === 0 ? 1 : 1 << format.chromaShiftY;
    for (let row = 0; row < plane.heightPx; row++) {
      for (let column = 0; column < plane.widthPx; column++) {
        const colour = picture(column * stepX, row * stepY + (stepY - 1) / 2);
        frame.data[plane.offset + row * plane.widthPx + column] = Math.min(
          255,
          Math.max(0, Math.round(at(encodeColour(colour, format), index))),
        );
      }
    }
  });
  return frame;
};

/** Even light, gentle hills and no edge: what a face-sized crop of skin looks like to the chain. */
export const skinPicture: Picture = (x, y) => {
  const hill = 0.05 * Math.sin(x / 17) * Math.cos(y / 23) + 0.03 * Math.sin((x + y) / 31);
  return [0.78 + hill, 0.6 + hill, 0.5 + 0.9 * hill];
};
