import { FaceswapError } from '../errors.js';
import { nearestName } from './nearest-name.js';
import type { MaskPadding, RunOptions } from './run-options.js';

/** `faceMaskBlur` → `--face-mask-blur`. */
export const optionFlag = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** A value as messages show it. */
export const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value);
  return JSON.stringify(value) ?? String(value);
};

/** The error for a value that an option does not take. */
export const refuse = (
  name: keyof RunOptions,
  expected: string,
  value: unknown,
  hint?: string,
): FaceswapError =>
  new FaceswapError('usage', `${optionFlag(name)} must be ${expected}, got ${shown(value)}`, { hint });

/** @throws FaceswapError (usage) unless it is a text that could name something. */
export const textOption = (name: keyof RunOptions, value: unknown, expected: string): string => {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) throw refuse(name, expected, value);
  return value;
};

/** @throws FaceswapError (usage) with the nearest name unless it is one of the choices. */
export const choiceOption = <Choice extends string>(
  name: keyof RunOptions,
  value: unknown,
  choices: readonly Choice[],
): Choice => {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const near = typeof value === 'string' ? nearestName(value, choices) : undefined;
  const expected = choices.length === 1 ? String(choices[0]) : `one of ${choices.join(', ')}`;
  throw refuse(name, expected, value, near === undefined ? undefined : `Did you mean ${near}?`);
};

/** Bounds of a number, both included. */
export type NumberRange = { readonly lowest: number; readonly highest: number; readonly integer: boolean };

/** @throws FaceswapError (usage) for anything but a number in the range. */
export const numberOption = (name: keyof RunOptions, value: unknown, range: NumberRange): number => {
  const { lowest, highest, integer } = range;
  const fits =
    typeof value === 'number' &&
    value >= lowest &&
    value <= highest &&
    (integer ? Number.isSafeInteger(value) : Number.isFinite(value));
  if (fits) return value;
  const kind = integer ? 'a whole number' : 'a number';
  const bounds =
    highest === Number.MAX_SAFE_INTEGER ? `of at least ${lowest}` : `from ${lowest} to ${highest}`;
  throw refuse(name, `${kind} ${bounds}`, value);
};

/** One to four insets in the order of CSS, filled up to four. */
export const paddingOption = (name: keyof RunOptions, value: unknown): MaskPadding => {
  const expected = 'one to four numbers from 0 to 100 (top, right, bottom, left)';
  if (!Array.isArray(value) || value.length < 1 || value.length > 4) {
    throw refuse(name, expected, value);
  }
  const insets = value.map((inset: unknown) => {
    if (typeof inset === 'number' && inset >= 0 && inset <= 100) return inset;
    throw refuse(name, expected, value);
  });
  const top = insets[0] ?? 0;
  const right = insets[1] ?? top;
  const bottom = insets[2] ?? top;
  return { top, right, bottom, left: insets[3] ?? right };
};
