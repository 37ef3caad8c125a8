import type { Rational } from './run-options.js';

/** A change of frame rate. Times are slots of the source's clock since the first rendered frame. */
export type RateConversion = {
  /** Slots per second: the source's frame rate, or its ticks where that varies. */
  readonly sourceClock: Rational;
  readonly outputRate: Rational;
  /** Length of the rendered range in slots. */
  readonly slotCount: number;
};

/** outputRate / sourceClock as an exact fraction. */
const ratio = ({ sourceClock, outputRate }: RateConversion): { num: bigint; den: bigint } => ({
  num: BigInt(outputRate.num) * BigInt(sourceClock.den),
  den: BigInt(outputRate.den) * BigInt(sourceClock.num),
});

/**
 * Frames that the output has: the length of the source range at the output's rate, rounded to the nearest frame,
 * and at least one.
 */
export function convertedFrameCount(conversion: RateConversion): number {
  const { num, den } = ratio(conversion);
  return Math.max(1, Number((2n * BigInt(conversion.slotCount) * num + den) / (2n * den)));
}

/**
 * Output frames that are due before `slot` (which may be the range's end). Output frame n is due n / outputRate
 * after the start and shows the source frame that is on screen at that moment, so the first output frame of a source
 * frame is the ceiling of its slot · outputRate / sourceClock. A source frame whose successor has the same first output
 * frame is dropped; one that is followed by a gap is shown until the gap ends.
 */
export function convertedFramesBefore(conversion: RateConversion, slot: number): number {
  const total = convertedFrameCount(conversion);
  if (slot >= conversion.slotCount) return total;
  const { num, den } = ratio(conversion);
  return Math.min(total, Number((BigInt(slot) * num + den - 1n) / den));
}
