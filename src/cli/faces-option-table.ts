import { type FacesOptions, facesRunOptions } from '../pipeline/cast/faces-options.js';
import { camelCase, type RunOptionEntry, runOptionEntries } from './run-option-table.js';

/** Options of `faceswap faces` that `run` does not have, or has with another meaning, in the order of the help. */
const ownOptions = [
  {
    name: 'target',
    short: 't',
    alias: 'target-path',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    path: true,
    description: 'the video or image to look at',
  },
  {
    name: 'contact-sheet',
    group: 'Files',
    kind: 'text',
    placeholder: 'file.png',
    path: true,
    description: 'write a picture of everybody, with their ids and screen times',
  },
  {
    name: 'output',
    short: 'o',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    path: true,
    description: 'write everything that was found as JSON',
  },
  {
    name: 'overwrite',
    group: 'Files',
    kind: 'flag',
    description: 'replace files that exist',
  },
] as const satisfies readonly RunOptionEntry[];

/** Switches of the command itself, with the names and choices that they have for `run`. */
const switchNames: readonly string[] = ['progress', 'json', 'log-level'];

const runNames: readonly string[] = facesRunOptions;

/** Every option of `faceswap faces`: its own, then those of `run` that decide what is found, then the command's switches. */
export const facesOptionEntries: readonly RunOptionEntry[] = [
  ...ownOptions,
  ...runOptionEntries.filter(({ name }) => runNames.includes(camelCase(name))),
  ...runOptionEntries.filter(({ name }) => switchNames.includes(name)),
];

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** Fields that the table has; the check below fails to compile when it and the type differ. */
type OwnField = CamelCase<(typeof ownOptions)[number]['name']>;
type KnownField = Exclude<keyof FacesOptions, (typeof facesRunOptions)[number]>;
type SameFields = [Exclude<KnownField, OwnField>, Exclude<OwnField, KnownField>] extends [never, never]
  ? true
  : never;

/** True as a type: every option of the library's `faces()` stands in the table, and nothing else does. */
export const facesTableIsComplete: SameFields = true;
