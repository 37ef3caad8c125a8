import type { HdrPrimaries, HdrSignal, HdrTransfer } from '../../../src/imaging/tone-curve.js';
import { at } from '../unit-values.js';

type Three = readonly [number, number, number];

/** ITU-R BT.2100-2, tables 4 and 5 (system gamma 1.2, 1000 cd/m²): cd/m² of a neutral code value. */
export const luminance = (transfer: HdrTransfer, code: number): number => {
  if (transfer === 'pq') {
    const root = code ** (32 / 2523);
    const above = Math.max(0, root - 0.8359375);
    return 10_000 * (above / (18.8515625 - 18.6875 * root)) ** (16384 / 2610);
  }
  const scene = code <= 0.5 ? code ** 2 / 3 : (Math.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12;
  return 1000 * scene ** 1.2;
};

/** The code value of a luminance, by halving: needs no inverse formula. */
const codeOf = (transfer: HdrTransfer, wanted: number): number => {
  let [low, high] = [0, 1];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (luminance(transfer, middle) < wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
};

const encode = (v: number): number => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
const decode = (v: number): number => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);

const knee = 0.75;
const dark = 8 / 4096;

/** An sRGB value beyond the knee comes to lie on the logarithm that leaves it with slope 1 and reaches 1 at the peak. */
const bendOf = (transfer: HdrTransfer): number => {
  const reach = encode(luminance(transfer, 1) / 203) - knee;
  let bend = 0.1;
  // Newton's method on bend · ln(1 + reach / bend) = 1 − knee.
  for (let i = 0; i < 30; i++) {
    const log = Math.log(1 + reach / bend);
    bend -= (bend * log - (1 - knee)) / (log - reach / (bend + reach));
  }
  return bend;
};

const bends: Record<HdrTransfer, number> = { pq: bendOf('pq'), hlg: bendOf('hlg') };

const compress = (transfer: HdrTransfer, v: number): number =>
  v <= knee ? v : knee + bends[transfer] * Math.log(1 + (v - knee) / bends[transfer]);

const expand = (transfer: HdrTransfer, v: number): number =>
  v <= knee ? v : knee + bends[transfer] * (Math.exp((v - knee) / bends[transfer]) - 1);

const darkCodes: Record<HdrTransfer, number> = {
  pq: codeOf('pq', 203 * decode(dark)),
  hlg: codeOf('hlg', 203 * decode(dark)),
};

const shown = (transfer: HdrTransfer, code: number): number =>
  code < darkCodes[transfer]
    ? (dark * code) / darkCodes[transfer]
    : compress(transfer, encode(luminance(transfer, code) / 203));

const coded = (transfer: HdrTransfer, value: number): number =>
  value < dark
    ? (darkCodes[transfer] * value) / dark
    : codeOf(transfer, 203 * decode(expand(transfer, value)));

/** To linear BT.709: ITU-R BT.2407 (annex 2) for BT.2020; P3 with D65 worked out from SMPTE EG 432-1. */
const toBt709: Record<HdrPrimaries, readonly Three[]> = {
  bt2020: [
    [1.660491, -0.587641, -0.07285],
    [-0.12455, 1.1329, -0.008349],
    [-0.018151, -0.100579, 1.11873],
  ],
  p3: [
    [1.22494, -0.22494, 0],
    [-0.042057, 1.042057, 0],
    [-0.019638, -0.078636, 1.098274],
  ],
  bt709: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
};

/** From linear BT.709: ITU-R BT.2087-0 for BT.2020. */
const fromBt709: Record<HdrPrimaries, readonly Three[]> = {
  bt2020: [
    [0.627404, 0.329283, 0.043313],
    [0.069097, 0.91954, 0.011362],
    [0.016391, 0.088013, 0.895595],
  ],
  p3: [
    [0.822462, 0.177538, 0],
    [0.033194, 0.966806, 0],
    [0.017083, 0.072397, 0.91052],
  ],
  bt709: toBt709.bt709,
};

const clip = (v: number): number => Math.min(1, Math.max(0, v));

const mapped = (matrix: readonly Three[], light: readonly number[]): Three =>
  matrix.map((row) =>
    clip(row.reduce((sum, weight, k) => sum + weight * at(light, k), 0)),
  ) as unknown as Three;

/** The plain twin of the kernel `signalToDisplay`, by formulas. */
export const plainToDisplay = ({ transfer, primaries }: HdrSignal, code: Three): [number, number, number] => {
  const light = code.map((value) => decode(shown(transfer, clip(value))));
  return mapped(toBt709[primaries], light).map(encode) as [number, number, number];
};

/** The plain twin of the kernel `displayToSignal`, by formulas. */
export const plainToSignal = (
  { transfer, primaries }: HdrSignal,
  display: Three,
): [number, number, number] => {
  const light = display.map((value) => decode(clip(value)));
  return mapped(fromBt709[primaries], light).map((value) => coded(transfer, encode(value))) as [
    number,
    number,
    number,
  ];
};

/** The plain twin of the kernel `displayToWide`: sRGB values relative to a white of 600 cd/m². */
export const plainToWide = (transfer: HdrTransfer, display: number): number =>
  Math.min(1, encode((decode(expand(transfer, clip(display))) * 203) / 600));

/** The plain twin of the kernel `wideToSignal`. */
export const plainWideToSignal = (
  { transfer, primaries }: HdrSignal,
  wide: Three,
): [number, number, number] => {
  const light = mapped(
    fromBt709[primaries],
    wide.map((value) => decode(clip(value))),
  );
  const end = 4 / 4096;
  const code = (value: number): number => codeOf(transfer, 600 * decode(value));
  return light.map(encode).map((value) => (value < end ? (code(end) * value) / end : code(value))) as [
    number,
    number,
    number,
  ];
};

/** The Lab of a colour relative to 203 cd/m², seen relative to 600 cd/m². */
export const narrowedLab = (lightness: number, a: number, b: number): [number, number, number] => {
  const factor = Math.cbrt(600 / 203);
  return [(lightness + 16) / factor - 16, a / factor, b / factor];
};
