import type { Rational } from './run-options.js';

/**
 * A change of frame rate. Times are slots: whole frame periods of the source since the first rendered frame.
 */
export type RateConversion = {
  readonly sourceRate: Rational;
  readonly outputRate: Rational;
  /** Length of the rendered range in slots. */
  readonly slotCount: number;
};

/** outputRate / sourceRate as an exact fraction. */
const ratio = ({ sourceRate, outputRate }: RateConversion): { num: bigint; den: bigint } => ({
  num: BigInt(outputRate.num) * BigInt(sourceRate.den),
  den: BigInt(outputRate.den) * BigInt(sourceRate.num),
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
 * frame is the ceiling of its slot · outputRate / sourceRate. A source frame whose successor has the same first output
 * frame is dropped; one that is followed by a gap is shown until the gap ends.
 */
export function convertedFramesBefore(conversion: RateConversion, slot: number): number {
  const total = convertedFrameCount(conversion);
  if (slot >= conversion.slotCount) return total;
  const { num, den } = ratio(conversion);
  return Math.min(total, Number((BigInt(slot) * num + den - 1n) / den));
}
