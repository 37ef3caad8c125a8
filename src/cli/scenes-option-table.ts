import { analysisRunOptions } from '../pipeline/cast/analysis-options.js';
import type { ScenesOptions } from '../pipeline/scenes/scenes-options.js';
import { camelCase, type RunOptionEntry, runOptionEntries } from './run-option-table.js';

/** Options of `faceswap scenes` that `run` does not have, or has with another meaning, in the order of the help. */
const ownOptions = [
  {
    name: 'target',
    short: 't',
    alias: 'target-path',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    path: true,
    description: 'the video to look at',
  },
  {
    name: 'output',
    short: 'o',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    path: true,
    description: 'write the list of cuts, for --scene-cuts',
  },
  {
    name: 'overwrite',
    group: 'Files',
    kind: 'flag',
    description: 'replace a file that exists',
  },
] as const satisfies readonly RunOptionEntry[];

/** Switches of the command itself, with the names and choices that they have for `run`. */
const switchNames: readonly string[] = ['progress', 'json', 'log-level'];

const runNames: readonly string[] = analysisRunOptions;

/** Every option of `faceswap scenes`: its own, then those of `run` that decide what is found, then the command's switches. */
export const scenesOptionEntries: readonly RunOptionEntry[] = [
  ...ownOptions,
  ...runOptionEntries.filter(({ name }) => runNames.includes(camelCase(name))),
  ...runOptionEntries.filter(({ name }) => switchNames.includes(name)),
];

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** Fields that the table has; the check below fails to compile when it and the type differ. */
type OwnField = CamelCase<(typeof ownOptions)[number]['name']>;
type KnownField = Exclude<keyof ScenesOptions, (typeof analysisRunOptions)[number]>;
type SameFields = [Exclude<KnownField, OwnField>, Exclude<OwnField, KnownField>] extends [never, never]
  ? true
  : never;

/** True as a type: every option of the library's `scenes()` stands in the table, and nothing else does. */
export const scenesTableIsComplete: SameFields = true;
