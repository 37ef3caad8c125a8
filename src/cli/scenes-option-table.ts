import { analysisRunOptions } from '../pipeline/cast/analysis-options.js';
import type { ScenesOptions } from '../pipeline/scenes/scenes-options.js';
import { commandOptionEntries, type SameNames } from './command-options.js';
import type { RunOptionEntry } from './run-option-table.js';

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

/** Every option of `faceswap scenes`: its own, then those of `run` that decide what is found, then the command's switches. */
export const scenesOptionEntries: readonly RunOptionEntry[] = commandOptionEntries(
  ownOptions,
  analysisRunOptions,
  ['progress', 'json', 'log-level'],
);

type OwnName = (typeof ownOptions)[number]['name'];

/** True as a type: every option of the library's `scenes()` stands in the table, and nothing else does. */
export const scenesTableIsComplete: SameNames<
  OwnName,
  Exclude<keyof ScenesOptions, (typeof analysisRunOptions)[number]>
> = true;
