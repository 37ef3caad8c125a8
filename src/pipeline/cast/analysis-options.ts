import { resolve } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { nearestName } from '../nearest-name.js';
import { optionFlag } from '../option-checks.js';
import { resolveRunOptions } from '../resolve-run-options.js';
import type { RunConfig, RunOptions } from '../run-options.js';

/** Options of `run()` that decide what is found in a target, in which frames, and how fast; they mean the same. */
export const analysisRunOptions = [
  'faceDetectorScore',
  'sceneCuts',
  'trimFrameStart',
  'trimFrameEnd',
  'trimStart',
  'trimEnd',
  'deinterlace',
  'hwaccel',
  'executionProvider',
  'deviceId',
  'executionThreadCount',
  'workers',
  'maxMemory',
  'cache',
] as const satisfies readonly (keyof RunOptions)[];

/** One of {@link analysisRunOptions}. */
export type AnalysisRunOption = (typeof analysisRunOptions)[number];

/** What every look at a target without a run may be asked. */
export type AnalysisOptions = Pick<RunOptions, AnalysisRunOption> & {
  /** The video or image to look at. */
  target: string;
};

/** What a run on this target would be asked, as far as the analysis goes. */
export type AnalysisConfig = {
  readonly target: string;
  readonly runOptions: RunOptions;
  readonly runConfig: RunConfig;
};

/** "--option must be …, got …". */
export const refuseOption = (name: string, expected: string, value: unknown): FaceswapError =>
  new FaceswapError(
    'usage',
    `${optionFlag(name)} must be ${expected}, got ${JSON.stringify(value) ?? 'nothing'}`,
  );

/** @throws FaceswapError (usage) for what cannot be the name of a file */
export const fileOption = (name: string, value: unknown, what: string): string => {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return resolve(value);
  throw refuseOption(name, what, value);
};

/** @throws FaceswapError (usage) for anything but an object with known keys; it names the nearest key */
export const checkOptionNames = (options: unknown, names: readonly string[], typeName: string): void => {
  if (typeof options !== 'object' || options === null) {
    throw new FaceswapError(
      'usage',
      `The options must be an object, got ${JSON.stringify(options) ?? 'nothing'}`,
    );
  }
  for (const key of Object.keys(options)) {
    if (names.includes(key)) continue;
    const near = nearestName(key, names);
    throw new FaceswapError('usage', `Unknown option ${JSON.stringify(key)}`, {
      hint: near === undefined ? `See the documentation of ${typeName}` : `Did you mean ${near}?`,
    });
  }
};

/** Only serve to have the run's other options checked. */
const anyPaths = { source: 'portrait.png', output: 'output.mkv' } as const;

/**
 * Checks the options that a run has as well, as `run()` checks them.
 *
 * @throws FaceswapError (usage) with what is wrong
 */
export const resolveAnalysisOptions = (options: AnalysisOptions): AnalysisConfig => {
  const target = fileOption('target', options.target, 'a video or image file');
  const given = analysisRunOptions.filter((name) => options[name] !== undefined);
  const runOptions: RunOptions = {
    ...Object.fromEntries(given.map((name) => [name, options[name]])),
    ...anyPaths,
    target,
  };
  return { target, runOptions, runConfig: resolveRunOptions(runOptions) };
};
