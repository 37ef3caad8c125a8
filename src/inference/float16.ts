/**
 * IEEE 754 half precision (binary16) as the 16 bits that ONNX files and onnxruntime keep: 1 of sign, 5 of exponent, 10 of mantissa.
 * Node has an array type for it from version 24 on only, so bits are what is passed around here.
 */

/** The largest finite half. */
export const largestHalf = 65504;

const singleValue = new Float32Array(1);
const singleBits = new Uint32Array(singleValue.buffer);

/**
 * Bits of the half nearest to a single, ties to the even one. What lies beyond the largest half becomes infinite, as IEEE 754 has it;
 * not-a-number stays that.
 */
export function halfBits(value: number): number {
  singleValue[0] = value;
  const bits = singleBits[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520, half a step above the largest half.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const odd = (magnitude >>> 13) & 1;
    return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
  }
  // Below 2^-25 nothing is left; 2^-25 itself is a tie with zero, which is even.
  if (magnitude <= 0x33000000) return sign;
  const exponent = magnitude >>> 23;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept);
}

/** The value of a half's bits. */
export function halfValue(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

let values: Float32Array | undefined;

/** All 65 536 values, made when they are first needed (256 KiB). */
const halfValues = (): Float32Array => {
  values ??= Float32Array.from({ length: 65536 }, (_, bits) => halfValue(bits));
  return values;
};

/** Writes the nearest half of each value; the arrays are equally long. */
export function narrowToHalves(from: Float32Array, into: Uint16Array): void {
  for (let i = 0; i < from.length; i++) into[i] = halfBits(from[i] as number);
}

/** Writes the value of each half, which is exact; the arrays are equally long. */
export function widenHalves(from: Uint16Array, into: Float32Array): void {
  const table = halfValues();
  for (let i = 0; i < from.length; i++) into[i] = table[from[i] as number] as number;
}
