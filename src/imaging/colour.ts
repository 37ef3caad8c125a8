import { addressOf, kernels } from './kernels/kernels.js';
import type { ColourMatrix, ColourRange } from './planar-frame.js';
import { Scratch } from './scratch.js';

/**
 * Coefficients between the three planes of a frame (code values 0..255) and R'G'B' (0..1):
 * `R' = (Y−yOffset)·yScale + (V−chromaOffset)·rv` and so on; the inverse is derived from the same constants.
 */
export type ColourCoefficients = {
  readonly isRgb: boolean;
  readonly yOffset: number;
  readonly yScale: number;
  readonly rv: number;
  readonly gu: number;
  readonly gv: number;
  readonly bu: number;
  readonly kr: number;
  readonly kb: number;
  /** Code values per unit of luma and of chroma. */
  readonly lumaSpan: number;
  readonly chromaSpan: number;
};

/** Luma weights of red and blue: ITU-R BT.601-7, BT.709-6 and BT.2020-2. */
const lumaWeights: Record<Exclude<ColourMatrix, 'rgb'>, readonly [number, number]> = {
  bt601: [0.299, 0.114],
  bt709: [0.2126, 0.0722],
  bt2020: [0.2627, 0.0593],
};

/** Builds the coefficients of a matrix and range for 8-bit code values. */
export function colourCoefficients(matrix: ColourMatrix, range: ColourRange): ColourCoefficients {
  const [kr, kb] = matrix === 'rgb' ? lumaWeights.bt709 : lumaWeights[matrix];
  const full = range === 'full' || matrix === 'rgb';
  const lumaSpan = full ? 255 : 219;
  const chromaSpan = full ? 255 : 224;
  const kg = 1 - kr - kb;
  return {
    isRgb: matrix === 'rgb',
    yOffset: full ? 0 : 16,
    yScale: 1 / lumaSpan,
    rv: (2 * (1 - kr)) / chromaSpan,
    gu: (-2 * (1 - kb) * kb) / kg / chromaSpan,
    gv: (-2 * (1 - kr) * kr) / kg / chromaSpan,
    bu: (2 * (1 - kb)) / chromaSpan,
    kr,
    kb,
    lumaSpan,
    chromaSpan,
  };
}

/** Values that {@link srgbToLab} converts at a time. */
const blockLength = 16384;

const scratch = new Scratch();

type Planes = readonly [Float32Array, Float32Array, Float32Array];

/**
 * Turns three planes R, G, B (sRGB 0..1, gamma encoded) into CIE L*, a*, b* (D65 white, L 0..100), in place: within 0.02 of the exact
 * formulas. For planes outside of the kernel memory, which are copied there and back in blocks.
 */
export function srgbToLab(planes: Planes): void {
  inBlocks(planes, 'srgbToLabPlanes');
}

/** The inverse of {@link srgbToLab}, in place; colours that sRGB does not have are clipped. */
export function labToSrgb(planes: Planes): void {
  inBlocks(planes, 'labToSrgbPlanes');
}

function inBlocks(planes: Planes, kernel: 'srgbToLabPlanes' | 'labToSrgbPlanes'): void {
  const block = scratch.floats('block', 3 * blockLength);
  const address = addressOf(block);
  for (let from = 0; from < planes[0].length; from += blockLength) {
    const count = Math.min(blockLength, planes[0].length - from);
    planes.forEach((plane, c) => {
      block.set(plane.subarray(from, from + count), c * blockLength);
    });
    // The kernel works on four values at a time; what lies behind the last one is not read back.
    const padded = (count + 3) & ~3;
    const second = address + 4 * blockLength;
    kernels().call[kernel](address, second, second + 4 * blockLength, padded);
    planes.forEach((plane, c) => {
      plane.set(block.subarray(c * blockLength, c * blockLength + count), from);
    });
  }
}
