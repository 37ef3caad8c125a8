import {
  benchmarkDefaults,
  benchmarkModelNames,
  type BenchmarkOptions,
  benchmarkRunOptions,
  resolutionNames,
} from '../pipeline/benchmark/benchmark-options.js';
import { commandOptionEntries, type SameNames } from './command-options.js';
import type { RunOptionEntry } from './run-option-table.js';

/** Options of `faceswap benchmark` that `run` does not have, or has with another meaning, in the order of the help. */
const ownOptions = [
  {
    name: 'resolutions',
    group: 'Run',
    kind: 'texts',
    placeholder: 'name',
    defaultText: benchmarkDefaults.resolutions.join(','),
    description: `sizes of the clips, of ${resolutionNames.join(', ')}; with commas or spaces between`,
  },
  {
    name: 'faces',
    group: 'Run',
    kind: 'number',
    placeholder: '1..8',
    defaultText: String(benchmarkDefaults.faces),
    description: 'moving faces in every frame',
  },
  {
    name: 'models',
    group: 'Run',
    kind: 'text',
    placeholder: 'kind',
    choices: benchmarkModelNames,
    defaultText: benchmarkDefaults.models,
    description: 'those that users run, or generated ones: of no cost, or a swapper of 128 pixels',
  },
  {
    name: 'duration',
    group: 'Run',
    kind: 'number',
    placeholder: 'seconds',
    defaultText: String(benchmarkDefaults.duration),
    description: 'length of the clips',
  },
  {
    name: 'cycles',
    group: 'Run',
    kind: 'number',
    placeholder: '1..100',
    defaultText: String(benchmarkDefaults.cycles),
    description: 'how often each resolution is measured',
  },
  {
    name: 'warmup',
    group: 'Run',
    kind: 'number',
    placeholder: '0..20',
    defaultText: String(benchmarkDefaults.warmup),
    description: 'cycles before those, recorded and not counted',
  },
  {
    name: 'output',
    short: 'o',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    path: true,
    description: 'write everything that was measured as JSON',
  },
  {
    name: 'overwrite',
    group: 'Files',
    kind: 'flag',
    description: 'replace an output that exists',
  },
  {
    name: 'baseline',
    group: 'Files',
    kind: 'text',
    placeholder: 'file',
    path: true,
    description: 'compare with the output of an earlier benchmark on this machine',
  },
  {
    name: 'max-regression',
    group: 'Files',
    kind: 'text',
    placeholder: 'percent',
    defaultText: benchmarkDefaults.maxRegression,
    description: 'exit 7 when speed or memory is worse than the baseline by more',
  },
] as const satisfies readonly RunOptionEntry[];

/** Every option of `faceswap benchmark`: its own, then those of `run` that decide its speed, then the command's switches. */
export const benchmarkOptionEntries: readonly RunOptionEntry[] = commandOptionEntries(
  ownOptions,
  benchmarkRunOptions,
  ['json', 'log-level'],
);

type OwnName = (typeof ownOptions)[number]['name'];

/** True as a type: every option of the library's `benchmark()` stands in the table, and nothing else does. */
export const benchmarkTableIsComplete: SameNames<
  OwnName,
  Exclude<keyof BenchmarkOptions, (typeof benchmarkRunOptions)[number]>
> = true;
