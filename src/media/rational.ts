/** A frame rate, aspect ratio or time base as an exact fraction; `den` is positive. */
export type Rational = { readonly num: number; readonly den: number };

/** The largest whole number that divides both; of 0 and a it is a. */
export const greatestCommonDivisor = (a: number, b: number): number => {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
};

/** The fraction in lowest terms with a positive denominator; 0/0 stays 0/0. */
export function reduceRational({ num, den }: Rational): Rational {
  const divisor = greatestCommonDivisor(num, den) || 1;
  const sign = den < 0 ? -1 : 1;
  return { num: (sign * num) / divisor, den: (sign * den) / divisor };
}

/**
 * Reads `30000/1001`, `4:3` or `25` (ffprobe's spellings). Undefined for anything else and for a fraction whose
 * numerator or denominator is zero, which is how ffprobe writes "unknown".
 */
export function parseRational(text: string | undefined): Rational | undefined {
  const match = /^(\d+)(?:[/:](\d+))?$/.exec(text ?? '');
  if (match === null) return undefined;
  const num = Number(match[1]);
  const den = Number(match[2] ?? '1');
  return num === 0 || den === 0 ? undefined : reduceRational({ num, den });
}

/** `24000/1001`: the form that ffmpeg reads without rounding. */
export const formatRational = ({ num, den }: Rational): string => `${num}/${den}`;

/** Whether two fractions are the same number. */
export const sameRational = (a: Rational, b: Rational): boolean => {
  const [x, y] = [reduceRational(a), reduceRational(b)];
  return x.num === y.num && x.den === y.den;
};

/** The fraction as a float, for display and estimates only. */
export const rationalToNumber = ({ num, den }: Rational): number => num / den;
