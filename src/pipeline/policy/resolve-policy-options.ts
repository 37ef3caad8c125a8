import { choiceOption, numberOption, refuse } from '../option-checks.js';
import type { ContentAnalyserMode, PolicyConfig, PolicyOptions } from './policy-options.js';

/** The values that each option with a fixed vocabulary takes. */
export const policyChoices = {
  contentAnalyser: ['auto', 'require'] satisfies ContentAnalyserMode[],
} as const;

export const policyDefaults = {
  contentAnalyser: 'auto',
  policyTimeout: 60,
} as const satisfies Partial<PolicyOptions>;

/** Every key of {@link PolicyOptions}, mapped so that the compiler notices a key that is missing here. */
export const policyKeys: Readonly<Record<keyof PolicyOptions, true>> = {
  contentAnalyser: true,
  policyCommand: true,
  policyTimeout: true,
};

/** A word: plain characters and quoted parts in any order. */
const word = /(?:[^\s"']|"[^"]*"|'[^']*')+/g;

/**
 * The words of a command that is given as one text: split at blanks; what stands between two double or two single quotes belongs to one
 * word. Nothing else is special, and no shell is involved.
 *
 * @returns undefined where a quote has no partner.
 */
export function commandWords(text: string): readonly string[] | undefined {
  if (text.replace(word, '').trim() !== '') return undefined;
  return (text.match(word) ?? []).map((found) =>
    found.replace(
      /"([^"]*)"|'([^']*)'/g,
      (_, double: string | undefined, single: string | undefined) => double ?? single ?? '',
    ),
  );
}

const commandOption = (value: unknown): readonly string[] | undefined => {
  if (value === undefined) return undefined;
  const expected = 'a program with its arguments, as one text or as a list of words';
  const words: unknown = typeof value === 'string' ? commandWords(value) : value;
  const isList = (list: unknown): list is readonly string[] =>
    Array.isArray(list) && list.every((item) => typeof item === 'string' && !item.includes('\0'));
  if (isList(words) && words.length > 0 && words[0] !== '') return words;
  throw refuse('policyCommand', expected, value);
};

/**
 * Checks the options of policy checks and fills in their defaults.
 *
 * @throws FaceswapError (usage) as `resolveRunOptions`.
 */
export function resolvePolicyOptions(options: PolicyOptions): PolicyConfig {
  return {
    contentAnalyser: choiceOption(
      'contentAnalyser',
      options.contentAnalyser ?? policyDefaults.contentAnalyser,
      policyChoices.contentAnalyser,
    ),
    policyCommand: commandOption(options.policyCommand),
    policyTimeoutMs:
      1000 *
      numberOption('policyTimeout', options.policyTimeout ?? policyDefaults.policyTimeout, {
        lowest: 1,
        highest: 86_400,
        integer: false,
      }),
  };
}
