import type { FrameTable } from './frame-table.js';
import { greatestCommonDivisor, type Rational, rationalToNumber, reduceRational } from './rational.js';

/** The length of so many slots of a clock (slots per second) as an exact fraction of seconds. */
export const slotsToSeconds = (slots: number, clock: Rational): Rational =>
  reduceRational({ num: slots * clock.den, den: clock.num });

/** Ticks of `timeBase` that make one millisecond; undefined where that is no whole number. */
const ticksPerMillisecond = ({ num, den }: Rational): number | undefined => {
  const ticks = den / (num * 1000);
  return Number.isInteger(ticks) ? ticks : undefined;
};

const stepsOf = (ptsTicks: Float64Array): Float64Array =>
  Float64Array.from(
    { length: Math.max(0, ptsTicks.length - 1) },
    (_, k) => (ptsTicks[k + 1] ?? 0) - (ptsTicks[k] ?? 0),
  );

/**
 * The step, in ticks, to which the timestamps were rounded: one millisecond where all lie whole milliseconds apart, since
 * files with fine ticks are often made from ones that count milliseconds; else one tick.
 */
const roundingTicks = (steps: Float64Array, timeBase: Rational): number => {
  const millisecond = ticksPerMillisecond(timeBase);
  return millisecond !== undefined && steps.every((step) => step % millisecond === 0) ? millisecond : 1;
};

/**
 * Places every frame on a timeline of constant rate: the slot of frame k is the whole number of frame periods
 * since the first frame. Undefined when a frame lies off the grid, or when more than one step in a hundred (but
 * two are always allowed) skips slots: then the rate varies.
 *
 * Frames may be off by what rounding to the file's ticks explains, and a little more because some were rounded twice (to
 * 90 kHz and then to milliseconds). Where the period is a whole number of ticks there is nothing to round, and every frame
 * must lie on the grid.
 */
export function timelineSlots(
  ptsTicks: Float64Array,
  timeBase: Rational,
  rate: Rational,
): Float64Array | undefined {
  const tickSeconds = rationalToNumber(timeBase);
  const periodTicks = (rate.den * timeBase.den) / (rate.num * timeBase.num);
  const rounding = roundingTicks(stepsOf(ptsTicks), timeBase);
  const isWhole = Math.abs(periodTicks / rounding - Math.round(periodTicks / rounding)) < 1e-9;
  const tolerance = isWhole ? rounding / 1000 : 1.1 * rounding + 0.00005 / tickSeconds;
  const first = ptsTicks[0] ?? 0;
  const slots = new Float64Array(ptsTicks.length);
  let gaps = 0;
  let lowest = 0;
  let highest = 0;
  for (let k = 0; k < ptsTicks.length; k++) {
    const ticks = (ptsTicks[k] ?? 0) - first;
    const slot = Math.round(ticks / periodTicks);
    const off = ticks - slot * periodTicks;
    lowest = Math.min(lowest, off);
    highest = Math.max(highest, off);
    if (highest - lowest > tolerance) return undefined;
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
 * nearest to the median step, then the mean step. Undefined: the frame rate varies, or there is only one frame and no claim.
 */
export function constantFrameRate(
  ptsTicks: Float64Array,
  timeBase: Rational,
  claimed: readonly (Rational | undefined)[],
): { readonly frameRate: Rational; readonly slots: Float64Array } | undefined {
  const count = ptsTicks.length;
  const claims = claimed.filter((rate) => rate !== undefined);
  if (count < 2) {
    const [frameRate] = claims;
    return frameRate === undefined ? undefined : { frameRate, slots: new Float64Array(count) };
  }
  const steps = stepsOf(ptsTicks).sort();
  const median = steps[steps.length >> 1] ?? 1;
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

/** When the frames of a video are shown, counted in slots of an exact clock. */
export type Timeline = {
  /** Frames per second: exact where the rate is constant, else what the container claims or the mean. */
  readonly frameRate: Rational;
  readonly isVariable: boolean;
  /** Slots per second: the frame rate where it is constant, else ticks fine enough for every timestamp. */
  readonly clock: Rational;
  /** Slot of each frame since the first; ascending. */
  readonly slots: Float64Array;
  /** Slot at which the last frame ends. */
  readonly endSlot: number;
};

/** The finest clock: joining counts microseconds, and so does every seek of ffmpeg. */
const maxSlotsPerSecond = 1_000_000;

/** What a frame is taken to last where nothing tells it. */
const assumedRate: Rational = { num: 25, den: 1 };

/**
 * What stands for the frame rate where it varies: the container's first claim that is near the mean (it may also claim the
 * finest step, thousands of frames per second), else the mean, in thousandths.
 */
const nominalRate = (meanHertz: number, claims: readonly Rational[]): Rational =>
  claims.find((rate) => {
    const share = rationalToNumber(rate) / meanHertz;
    return share > 0.5 && share < 3;
  }) ?? reduceRational({ num: Math.max(1, Math.round(meanHertz * 1000)), den: 1000 });

const variableTimeline = (
  { ptsTicks, lastDurationTicks }: FrameTable,
  timeBase: Rational,
  claims: readonly Rational[],
): Timeline => {
  const first = ptsTicks[0] ?? 0;
  const steps = stepsOf(ptsTicks);
  const assumedTicks = Math.max(
    1,
    Math.round((assumedRate.den * timeBase.den) / (assumedRate.num * timeBase.num)),
  );
  const lastTicks = lastDurationTicks ?? steps.at(-1) ?? assumedTicks;
  const endTicks = (ptsTicks.at(-1) ?? 0) - first + lastTicks;
  const unitTicks = steps.reduce(greatestCommonDivisor, lastTicks);
  const ticks = reduceRational({ num: timeBase.den, den: timeBase.num * unitTicks });
  const isFine = rationalToNumber(ticks) > maxSlotsPerSecond;
  const clock = isFine ? { num: maxSlotsPerSecond, den: 1 } : ticks;
  const slotOf = isFine
    ? (elapsed: number): number => Math.round(elapsed * rationalToNumber(timeBase) * maxSlotsPerSecond)
    : (elapsed: number): number => elapsed / unitTicks;
  return {
    frameRate: nominalRate(ptsTicks.length / (endTicks * rationalToNumber(timeBase)), claims),
    isVariable: ptsTicks.length > 1,
    clock,
    slots: ptsTicks.map((pts) => slotOf(pts - first)),
    endSlot: slotOf(endTicks),
  };
};

/**
 * The timeline of a video: that of a constant rate where one explains all timestamps, else one that counts the file's own
 * ticks, or their common multiple, so that every time is exact. Only ticks finer than a microsecond are rounded, to
 * microseconds.
 *
 * @param claimed what the container says about the rate; the first counts most.
 */
export function timelineOf(
  table: FrameTable,
  timeBase: Rational,
  claimed: readonly (Rational | undefined)[],
): Timeline {
  const constant = constantFrameRate(table.ptsTicks, timeBase, claimed);
  if (constant === undefined) {
    return variableTimeline(
      table,
      timeBase,
      claimed.filter((rate) => rate !== undefined),
    );
  }
  const { frameRate, slots } = constant;
  return { frameRate, isVariable: false, clock: frameRate, slots, endSlot: (slots.at(-1) ?? 0) + 1 };
}
