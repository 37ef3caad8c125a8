/** Middle and extremes of a few measurements. */
export type Range = { readonly median: number; readonly min: number; readonly max: number };

/** The middle value, or the mean of the middle two. @throws RangeError without any value */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError('The median of no values');
  return (lower + upper) / 2;
}

/** @throws RangeError without any value */
export function rangeOf(values: readonly number[]): Range {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** A range over the values that were taken; null when one of them was not, since the rest would be another sample. */
export function rangeOrNull(values: readonly (number | null)[]): Range | null {
  const taken = values.filter((value) => value !== null);
  return taken.length === values.length && taken.length > 0 ? rangeOf(taken) : null;
}
