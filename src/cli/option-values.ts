import { FaceswapError } from '../errors.js';
import { nearestName } from '../pipeline/nearest-name.js';
import type { BatchOptions } from '../pipeline/run-batch-options.js';
import { checkFaceMap, type FaceMapOption } from '../pipeline/selection/face-map.js';
import {
  camelCase,
  type CommandSwitches,
  flagOf,
  type RunOptionEntry,
  runOptionEntries,
} from './run-option-table.js';

/** Option values by field name, checked against the table but not yet by the library. */
export type OptionValues = Partial<Record<string, OptionValue>>;

/** One checked value. */
export type OptionValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | readonly FaceMapOption[];

/** The options of one call, split into what the library and what the command itself needs. */
export type RunRequest = { readonly options: BatchOptions; readonly switches: CommandSwitches };

/** Says where a value came from in an error: nothing for the command line, the file for a config. */
export type ValueOrigin = { readonly label: string; readonly file?: string };

/** A value of a config file or of the command line in a message: short, however long or deep it is. */
export const describeValue = (value: unknown): string => {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
};

const badValue = (origin: ValueOrigin, expected: string, value: unknown, hint?: string): FaceswapError =>
  new FaceswapError('usage', `${origin.label} must be ${expected}, got ${describeValue(value)}`, {
    file: origin.file,
    hint,
  });

const checkedText = (entry: RunOptionEntry, origin: ValueOrigin, value: unknown): string => {
  const { choices } = entry;
  const expected = choices === undefined ? 'text' : `one of ${choices.join(', ')}`;
  if (typeof value !== 'string') throw badValue(origin, expected, value);
  if (choices === undefined || choices.includes(value)) return value;
  const nearest = nearestName(value, choices);
  throw badValue(origin, expected, value, nearest === undefined ? undefined : `Did you mean ${nearest}?`);
};

const checkedNumber = (origin: ValueOrigin, value: unknown): number => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw badValue(origin, 'a number', value);
  return value;
};

/**
 * Checks the JSON type and the choices of one value; ranges are the library's to check.
 *
 * @throws FaceswapError (usage) in one sentence: which option, what it must be, what it was.
 */
export const checkOptionValue = (entry: RunOptionEntry, origin: ValueOrigin, value: unknown): OptionValue => {
  const list = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  switch (entry.kind) {
    case 'flag':
      if (typeof value !== 'boolean') throw badValue(origin, 'true or false', value);
      return value;
    case 'text':
      return checkedText(entry, origin, value);
    case 'number':
      return checkedNumber(origin, value);
    case 'number-or-text':
      if (typeof value === 'string') return value;
      return checkedNumber(origin, value);
    case 'number-or-auto':
      if (value === 'auto' || (typeof value === 'number' && Number.isFinite(value))) return value;
      throw badValue(origin, 'auto or a number', value);
    case 'text-or-texts': {
      const [only] = list;
      return list.length === 1
        ? checkedText(entry, origin, only)
        : list.map((item) => checkedText(entry, origin, item));
    }
    case 'texts':
      return list.map((item) => checkedText(entry, origin, item));
    case 'numbers':
      return list.map((item) => checkedNumber(origin, item));
    case 'maps':
      try {
        return list.map(checkFaceMap);
      } catch (error) {
        throw FaceswapError.from(error).with({ file: origin.file });
      }
  }
};

/** Words of the command line are text: those of number options become numbers where they look like one. */
const numberFromWord = (word: unknown): unknown =>
  typeof word === 'string' && word.trim() !== '' && Number.isFinite(Number(word)) ? Number(word) : word;

/**
 * Reads what commander collected: aliases fold into their option, words become numbers where the table says so.
 *
 * @throws FaceswapError (usage) for a bad value, for an option that FaceFusion has and we cannot serve, or when an option and its
 * alias are both given.
 */
export const readCommandLine = (
  collected: Readonly<Record<string, unknown>>,
  entries: readonly RunOptionEntry[] = runOptionEntries,
): OptionValues => {
  const values: OptionValues = {};
  for (const entry of entries) {
    const collectedValue = collected[camelCase(entry.name)];
    // Commander fills a switch that is on by default in by itself; only its flag counts as given.
    const own = entry.negated === true && collectedValue === true ? undefined : collectedValue;
    const aliased = entry.alias === undefined ? undefined : collected[camelCase(entry.alias)];
    if (own !== undefined && aliased !== undefined) {
      throw new FaceswapError('usage', `${flagOf(entry)} and --${entry.alias} are the same option`, {
        hint: 'Give one of them',
      });
    }
    const given = own ?? aliased;
    if (given === undefined) continue;
    const numeric = entry.kind === 'number' || entry.kind === 'numbers' || entry.kind === 'number-or-auto';
    const words = Array.isArray(given)
      ? (given as readonly unknown[]).map(numberFromWord)
      : numberFromWord(given);
    values[camelCase(entry.name)] = checkOptionValue(
      entry,
      { label: flagOf(entry) },
      numeric ? words : given,
    );
  }
  return values;
};

const switchFields: ReadonlySet<string> = new Set(
  runOptionEntries.filter((entry) => entry.command === true).map((entry) => camelCase(entry.name)),
);

/**
 * Merges the config file's values under those of the command line and splits the result.
 *
 * @throws FaceswapError (usage) when source (where faces are swapped with photos, without a map), target or output is given by
 *   neither.
 */
export const mergeOptionValues = (commandLine: OptionValues, config: OptionValues): RunRequest => {
  const merged: OptionValues = { ...config, ...commandLine };
  const { processors } = merged;
  const swaps = !Array.isArray(processors) || processors.includes('face_swapper');
  const needed = [...(swaps && merged['map'] === undefined ? ['source'] : []), 'target', 'output'];
  const missing = needed.filter((name) => merged[name] === undefined);
  if (missing.length > 0) {
    throw new FaceswapError('usage', `Missing: ${missing.map((name) => `--${name}`).join(', ')}`, {
      hint: 'See faceswap run --help',
    });
  }
  const entries = Object.entries(merged);
  // The table fixes each field's type, and `tableIsComplete` its names; the library checks the values again.
  return {
    options: Object.fromEntries(entries.filter(([field]) => !switchFields.has(field))) as BatchOptions,
    switches: Object.fromEntries(entries.filter(([field]) => switchFields.has(field))) as CommandSwitches,
  };
};
