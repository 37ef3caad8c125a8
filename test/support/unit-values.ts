import assert from 'node:assert/strict';

/** A number of a list that must have it. */
export const at = (values: ArrayLike<number>, index: number): number => {
  const value = values[index];
  if (value === undefined) throw new RangeError(`index ${index} of ${values.length}`);
  return value;
};

/** Fails when a number is further than `tolerance` from the expected one, or is none. */
export const assertClose = (actual: number, expected: number, tolerance: number, what = 'value'): void => {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual} is not within ${tolerance} of ${expected}`,
  );
};

/** Largest absolute difference of two lists of one length. */
export const largestDifference = (first: ArrayLike<number>, second: ArrayLike<number>): number => {
  assert.equal(first.length, second.length);
  let largest = 0;
  for (let i = 0; i < first.length; i++) {
    const difference = Math.abs(at(first, i) - at(second, i));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
};

/** Mean of a list. */
export const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += at(values, i);
  return sum / values.length;
};
