import { addressOf } from './kernels/kernels.js';
import { Scratch } from './scratch.js';

/** Transfer functions of high dynamic range, ITU-R BT.2100-2: perceptual quantisation, and hybrid log-gamma. */
export type HdrTransfer = 'pq' | 'hlg';

/** Primaries that a picture of high dynamic range can have; all of them with the white of D65. */
export type HdrPrimaries = 'bt2020' | 'p3' | 'bt709';

/** What the R'G'B' values of a picture of high dynamic range mean. */
export type HdrSignal = { readonly transfer: HdrTransfer; readonly primaries: HdrPrimaries };

/** Luminance of diffuse white in cd/m², ITU-R BT.2408-7: it becomes the white that the highlights are compressed towards. */
export const referenceWhite = 203;

/** Luminance of the peak in cd/m²: that of PQ, and of the display for which BT.2100 gives HLG the gamma of 1.2. */
const peak: Record<HdrTransfer, number> = { pq: 10_000, hlg: 1000 };

// ITU-R BT.2100-2, table 4.
const pqM1 = 2610 / 16384;
const pqM2 = (2523 / 4096) * 128;
const pqC1 = 3424 / 4096;
const pqC2 = (2413 / 4096) * 32;
const pqC3 = (2392 / 4096) * 32;

// ITU-R BT.2100-2, table 5.
const hlgA = 0.17883277;
const hlgB = 1 - 4 * hlgA;
const hlgC = 0.5 - hlgA * Math.log(4 * hlgA);
const hlgGamma = 1.2;

/** Luminance in cd/m² of a neutral code value 0..1. */
const luminanceOf: Record<HdrTransfer, (code: number) => number> = {
  pq: (code) => {
    const root = code ** (1 / pqM2);
    return peak.pq * (Math.max(0, root - pqC1) / (pqC2 - pqC3 * root)) ** (1 / pqM1);
  },
  hlg: (code) => {
    const scene = code <= 0.5 ? (code * code) / 3 : (Math.exp((code - hlgC) / hlgA) + hlgB) / 12;
    return peak.hlg * scene ** hlgGamma;
  },
};

/** The inverse of {@link luminanceOf}. */
const codeOf: Record<HdrTransfer, (luminance: number) => number> = {
  pq: (luminance) => {
    const root = (luminance / peak.pq) ** pqM1;
    return ((pqC1 + pqC2 * root) / (1 + pqC3 * root)) ** pqM2;
  },
  hlg: (luminance) => {
    const scene = (luminance / peak.hlg) ** (1 / hlgGamma);
    return scene <= 1 / 12 ? Math.sqrt(3 * scene) : hlgA * Math.log(12 * scene - hlgB) + hlgC;
  },
};

/** IEC 61966-2-1, continued beyond 1. */
const encodeSrgb = (linear: number): number =>
  linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;

const decodeSrgb = (value: number): number =>
  value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;

/** Where highlights begin to be compressed, as an sRGB value: 106 cd/m², about where BT.2408 puts the lightest skin. */
const knee = 0.75;

/**
 * Luminance in cd/m² of the white of the wide scale: sRGB values as well, not compressed and clipped there. Faces are matched and drawn
 * in it, because a drawn highlight that came near the display's white would be taken for one of thousands of cd/m², and in one channel
 * first.
 */
const wideWhite = 600;

/** What Lab of the wide scale is multiplied by to become Lab relative to {@link referenceWhite}: see the kernel `widenLab`. */
export const wideLabFactor = Math.cbrt(wideWhite / referenceWhite);

/** Parts that the tables divide 0..1 into. */
const tableParts = 4096;

/**
 * Up to here, a third of an 8-bit level, the curve is a line: both transfer functions are so flat near black that a table of the inverse
 * could not follow them. It is an entry of the table, which makes the corner exact there.
 */
const darkEnd = 8 / tableParts;

/** The same for the wide scale. */
const wideDarkEnd = 4 / tableParts;

/** A function of code values 0..1 onto 0..1 that rises all the way, its inverse, and the two steps between display and wide values. */
type ToneCurve = {
  readonly toDisplay: (code: number) => number;
  readonly toSignal: (display: number) => number;
  readonly toWide: (display: number) => number;
  readonly wideToSignal: (wide: number) => number;
};

/** The bend b of x ↦ b · ln(1 + x / b), which leaves 0 with slope 1, such that `range` comes to lie at `room`. */
function bendOf(range: number, room: number): number {
  let [low, high] = [1e-3, 10];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (middle * Math.log1p(range / middle) < room) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The curve of a transfer function: code values become those that sRGB has for the same light, relative to {@link referenceWhite}, up
 * to {@link knee}; from there on a logarithm with the same slope leads to 1 at the peak (diffuse white comes to lie at 0.85 or 0.87), so
 * that equal steps are equal ratios of light and an error in a highlight stays a small share of it.
 *
 * HLG's system gamma is taken per channel instead of on luminance, which a function of one channel cannot do.
 */
function toneCurve(transfer: HdrTransfer): ToneCurve {
  const brightest = encodeSrgb(peak[transfer] / referenceWhite);
  const bend = bendOf(brightest - knee, 1 - knee);
  const compress = (value: number): number =>
    value <= knee ? value : knee + bend * Math.log1p((value - knee) / bend);
  const expand = (value: number): number =>
    value <= knee ? value : knee + bend * Math.expm1((value - knee) / bend);
  const wider = wideWhite / referenceWhite;
  const darkCode = codeOf[transfer](referenceWhite * decodeSrgb(darkEnd));
  const codeOfWide = (wide: number): number => codeOf[transfer](wideWhite * decodeSrgb(wide));
  const toSignal = (display: number): number =>
    display < darkEnd
      ? (darkCode * display) / darkEnd
      : codeOf[transfer](referenceWhite * decodeSrgb(expand(display)));
  return {
    toDisplay: (code) =>
      code < darkCode
        ? (darkEnd * code) / darkCode
        : compress(encodeSrgb(luminanceOf[transfer](code) / referenceWhite)),
    toSignal,
    toWide: (display) => Math.min(1, encodeSrgb(decodeSrgb(expand(display)) / wider)),
    wideToSignal: (wide) =>
      wide < wideDarkEnd ? (codeOfWide(wideDarkEnd) * wide) / wideDarkEnd : codeOfWide(wide),
  };
}

/** x and y of red, green and blue: ITU-R BT.709-6, BT.2020-2 and SMPTE EG 432-1. */
const chromaticities: Record<HdrPrimaries, readonly (readonly [number, number])[]> = {
  bt709: [
    [0.64, 0.33],
    [0.3, 0.6],
    [0.15, 0.06],
  ],
  bt2020: [
    [0.708, 0.292],
    [0.17, 0.797],
    [0.131, 0.046],
  ],
  p3: [
    [0.68, 0.32],
    [0.265, 0.69],
    [0.15, 0.06],
  ],
};

/** x and y of D65. */
const white = [0.3127, 0.329] as const;

/** Nine numbers, row by row. */
type Matrix = readonly number[];

const times = (first: Matrix, second: Matrix): Matrix =>
  first.map((_, i) => {
    const row = 3 * Math.floor(i / 3);
    return [0, 1, 2].reduce(
      (sum, k) => sum + (first[row + k] as number) * (second[3 * k + (i % 3)] as number),
      0,
    );
  });

const inverse = (m: Matrix): Matrix => {
  const [a, b, c, d, e, f, g, h, i] = m as [
    ...[number, number, number],
    ...[number, number, number],
    ...[number, number, number],
  ];
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    ...[e * i - f * h, c * h - b * i, b * f - c * e],
    ...[f * g - d * i, a * i - c * g, c * d - a * f],
    ...[d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((cofactor) => cofactor / determinant);
};

/** From linear R, G, B to CIE X, Y, Z with the white at Y = 1, as SMPTE RP 177 derives it. */
const toXyz = (primaries: HdrPrimaries): Matrix => {
  const columns = chromaticities[primaries].map(([x, y]) => [x / y, 1, (1 - x - y) / y]);
  const plain = [0, 1, 2].flatMap((row) => columns.map((column) => column[row] as number));
  const [x, y] = white;
  const whiteXyz = [x / y, 1, (1 - x - y) / y];
  const back = inverse(plain);
  const shares = [0, 1, 2].map((row) =>
    whiteXyz.reduce((sum, value, k) => sum + (back[3 * row + k] as number) * value, 0),
  );
  return plain.map((value, i) => value * (shares[i % 3] as number));
};

/** From linear R, G, B of one set of primaries to those of another. */
const primariesMatrix = (from: HdrPrimaries, to: HdrPrimaries): Matrix =>
  times(inverse(toXyz(to)), toXyz(from));

/** Floats of {@link toneTables}: two matrices and four tables. */
const tableLength = 18 + 4 * (tableParts + 1);

/**
 * What the kernels of `assembly/tone.ts` read: the matrix to BT.709 primaries, the one back, and the curves
 * from code to display values, back, from display to wide values and from those to code values.
 */
function toneTables({ transfer, primaries }: HdrSignal): Float32Array {
  const { toDisplay, toSignal, toWide, wideToSignal } = toneCurve(transfer);
  const out = new Float32Array(tableLength);
  out.set(primariesMatrix(primaries, 'bt709'));
  out.set(primariesMatrix('bt709', primaries), 9);
  [toDisplay, toSignal, toWide, wideToSignal].forEach((curve, k) => {
    for (let i = 0; i <= tableParts; i++) out[18 + k * (tableParts + 1) + i] = curve(i / tableParts);
  });
  return out;
}

const scratch = new Scratch();
const addresses = new Map<string, number>();

/**
 * The address of a signal's curves for the kernels `signalToDisplay` and `displayToSignal`, 0 for standard range, which has none. They are
 * made at a thread's first call for the signal and stay where they are; that call may make the kernel memory grow.
 *
 * @throws FaceswapError (resources) when there is no room
 */
export function toneAddress(signal: HdrSignal | undefined): number {
  if (signal === undefined) return 0;
  const name = `${signal.transfer} ${signal.primaries}`;
  const known = addresses.get(name);
  if (known !== undefined) return known;
  const tables = scratch.floats(name, tableLength);
  tables.set(toneTables(signal));
  const address = addressOf(tables);
  addresses.set(name, address);
  return address;
}

/** The function that turns a neutral code value 0..1 into the sRGB value 0..1 that is shown for it. */
export const displayCurve = ({ transfer }: HdrSignal): ((code: number) => number) =>
  toneCurve(transfer).toDisplay;
