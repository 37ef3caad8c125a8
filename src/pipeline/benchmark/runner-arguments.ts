import { optionFlag } from '../option-checks.js';
import type { BenchmarkConfig } from './benchmark-options.js';

/** The files of one measured run. */
export type RunnerFiles = {
  readonly source: string;
  readonly target: string;
  readonly output: string;
  /** Folder of generated models; undefined for those of the package. */
  readonly models: string | undefined;
};

/**
 * The words after `faceswap` of one measured run: what a user would type, without the cache of earlier runs, which would skip the
 * analysis from the second cycle on. Generated models are asked for, and policy checks left out, with options of `run` that its help does not list.
 */
export function runnerArguments(
  { runOptions }: Pick<BenchmarkConfig, 'runOptions'>,
  files: RunnerFiles,
): string[] {
  const settings = Object.entries(runOptions).flatMap(([name, value]) => [
    optionFlag(name),
    ...[value].flat().map(String),
  ]);
  return [
    'run',
    ...['--source', files.source, '--target', files.target, '--output', files.output],
    ...['--no-cache', '--json', '--progress', 'none', '--log-level', 'warn'],
    ...(files.models === undefined ? [] : ['--benchmark-models', files.models]),
    ...settings,
  ];
}
