import { analysisRunOptions } from '../pipeline/cast/analysis-options.js';
import type { FacesOptions } from '../pipeline/cast/faces-options.js';
import { commandOptionEntries, type SameNames } from './command-options.js';
import type { RunOptionEntry } from './run-option-table.js';

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

/** Every option of `faceswap faces`: its own, then those of `run` that decide what is found, then the command's switches. */
export const facesOptionEntries: readonly RunOptionEntry[] = commandOptionEntries(
  ownOptions,
  analysisRunOptions,
  ['progress', 'json', 'log-level'],
);

type OwnName = (typeof ownOptions)[number]['name'];

/** True as a type: every option of the library's `faces()` stands in the table, and nothing else does. */
export const facesTableIsComplete: SameNames<
  OwnName,
  Exclude<keyof FacesOptions, (typeof analysisRunOptions)[number]>
> = true;
