import type { Rational } from './run-options.js';

/** Nominal rates whose NTSC form is the rate times 1000/1001. */
const ntscNominalRates = [24, 30, 48, 60, 120] as const;

/** How far a decimal may lie from an NTSC rate and still mean it: `29.97` is 0.00003 away, `23.98` is not meant. */
const ntscToleranceHz = 0.001;

const lowestRateHz = 1;
const highestRateHz = 1000;

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b);

const reduced = (num: number, den: number): Rational => {
  const divisor = greatestCommonDivisor(num, den);
  return { num: num / divisor, den: den / divisor };
};

const fromDecimal = (text: string): Rational | undefined => {
  const [whole = '', fraction = ''] = text.split('.');
  const value = Number(text);
  for (const nominal of ntscNominalRates) {
    if (Math.abs(value - (nominal * 1000) / 1001) <= ntscToleranceHz)
      return { num: nominal * 1000, den: 1001 };
  }
  if (fraction.length > 6) return undefined;
  return reduced(Number(`${whole}${fraction}`), 10 ** fraction.length);
};

/**
 * Reads a frame rate as an exact fraction in lowest terms: a number (`25`, `12.5`), a decimal that stands for an
 * NTSC rate (`29.97` is 30000/1001) or a fraction (`24000/1001`). At most six decimals.
 *
 * @returns undefined for anything else and for rates outside 1..1000 frames per second.
 */
export function parseFrameRate(value: number | string): Rational | undefined {
  const text = String(value).trim();
  const fraction = /^(\d{1,9})\/(\d{1,9})$/.exec(text);
  let rate: Rational | undefined;
  if (fraction !== null) {
    const [num, den] = [Number(fraction[1]), Number(fraction[2])];
    rate = num === 0 || den === 0 ? undefined : reduced(num, den);
  } else if (/^\d{1,4}(\.\d+)?$/.test(text)) {
    rate = fromDecimal(text);
  }
  if (rate === undefined) return undefined;
  const hertz = rate.num / rate.den;
  return hertz >= lowestRateHz && hertz <= highestRateHz ? rate : undefined;
}
