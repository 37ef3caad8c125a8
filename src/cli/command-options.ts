import { camelCase, type RunOptionEntry, runOptionEntries } from './run-option-table.js';

/** `scene-cuts` as the library spells it, as a type. */
export type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** True where the names of a table are those of a type; never, which does not compile, where they differ. */
export type SameNames<InTable extends string, InType> = [
  Exclude<InType, CamelCase<InTable>>,
  Exclude<CamelCase<InTable>, InType>,
] extends [never, never]
  ? true
  : never;

/**
 * Every option of a command that shares some with `run`, in the order of its help.
 *
 * @param own what `run` does not have, or has with another meaning
 * @param shared fields of the library's options that mean the same as for `run`
 * @param switches of the command itself, with the names and choices that they have for `run`
 */
export const commandOptionEntries = (
  own: readonly RunOptionEntry[],
  shared: readonly string[],
  switches: readonly string[],
): readonly RunOptionEntry[] => [
  ...own,
  ...runOptionEntries.filter(({ name }) => shared.includes(camelCase(name))),
  ...runOptionEntries.filter(({ name }) => switches.includes(name)),
];
