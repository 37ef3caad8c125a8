import { type Rational, rationalToNumber, reduceRational } from './rational.js';

/** The length of so many frame periods as an exact fraction of seconds. */
export const slotsToSeconds = (slots: number, frameRate: Rational): Rational =>
  reduceRational({ num: slots * frameRate.den, den: frameRate.num });

/**
 * Places every frame on a timeline of constant rate: the slot of frame k is the whole number of frame periods
 * since the first frame. Undefined when a frame lies off the grid, or when more than one step in a hundred (but
 * two are always allowed) skips slots: then the rate varies.
 *
 * A frame may be off by what the file can express: one tick of its time base, and one millisecond because files
 * with fine ticks are often made from ones that count milliseconds.
 */
export function timelineSlots(
  ptsTicks: Float64Array,
  timeBase: Rational,
  rate: Rational,
): Int32Array | undefined {
  const tickSeconds = rationalToNumber(timeBase);
  const periodSeconds = rate.den / rate.num;
  const first = ptsTicks[0] ?? 0;
  const tolerance = tickSeconds + 0.001 + 1e-9;
  const slots = new Int32Array(ptsTicks.length);
  let gaps = 0;
  for (let k = 0; k < ptsTicks.length; k++) {
    const seconds = ((ptsTicks[k] ?? 0) - first) * tickSeconds;
    const slot = Math.round(seconds / periodSeconds);
    if (Math.abs(seconds - slot * periodSeconds) > tolerance) return undefined;
    const step = k === 0 ? 1 : slot - (slots[k - 1] ?? 0);
    if (step < 1) return undefined;
    if (step > 1) gaps += 1;
    slots[k] = slot;
  }
  return gaps <= Math.max(2, ptsTicks.length / 100) ? slots : undefined;
}

/** Rates that cameras and editors use: an estimate from rounded timestamps snaps to the nearest of them. */
const commonRates: readonly Rational[] = [
  ...[24000, 30000, 48000, 60000, 120000].map((num) => ({ num, den: 1001 })),
  ...[5, 8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240].map((num) => ({
    num,
    den: 1,
  })),
  { num: 25, den: 2 },
  { num: 15, den: 2 },
];

/**
 * Finds the one rate that explains all timestamps: what the container claims first, then the usual rates
 * nearest to the median step, then the mean step. Undefined: the frame rate varies.
 */
export function constantFrameRate(
  ptsTicks: Float64Array,
  timeBase: Rational,
  claimed: readonly (Rational | undefined)[],
): { readonly frameRate: Rational; readonly slots: Int32Array } | undefined {
  const count = ptsTicks.length;
  const claims = claimed.filter((rate) => rate !== undefined);
  if (count < 2) {
    const [frameRate] = claims;
    return frameRate === undefined ? undefined : { frameRate, slots: new Int32Array(count) };
  }
  const steps = Float64Array.from(
    { length: count - 1 },
    (_, k) => (ptsTicks[k + 1] ?? 0) - (ptsTicks[k] ?? 0),
  );
  const median = steps.sort()[steps.length >> 1] ?? 1;
  const medianRate = timeBase.den / (timeBase.num * median);
  const near = commonRates
    .filter((rate) => Math.abs(rationalToNumber(rate) / medianRate - 1) < 0.1)
    .sort((a, b) => Math.abs(rationalToNumber(a) - medianRate) - Math.abs(rationalToNumber(b) - medianRate));
  const spanTicks = (ptsTicks[count - 1] ?? 0) - (ptsTicks[0] ?? 0);
  const mean = reduceRational({ num: (count - 1) * timeBase.den, den: spanTicks * timeBase.num });
  for (const frameRate of [...claims, ...near, mean]) {
    const slots = timelineSlots(ptsTicks, timeBase, frameRate);
    if (slots !== undefined) return { frameRate, slots };
  }
  return undefined;
}
