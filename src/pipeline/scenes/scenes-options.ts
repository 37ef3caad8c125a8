import {
  type AnalysisConfig,
  type AnalysisOptions,
  analysisRunOptions,
  checkOptionNames,
  fileOption,
  refuseOption,
  resolveAnalysisOptions,
} from '../cast/analysis-options.js';

/** What a caller may ask of `scenes()`. Only `target` is required. */
export type ScenesOptions = AnalysisOptions & {
  /** Where the list of cuts is written, in the form that `sceneCuts` reads. */
  output?: string;
  /** Replace a file that exists. */
  overwrite?: boolean;
};

/** The options with every value checked. Paths are absolute. */
export type ScenesConfig = AnalysisConfig & {
  /** Undefined: not written. */
  readonly output: string | undefined;
  readonly overwrite: boolean;
};

/** Every key besides those of the run; the compiler notices one that is missing. */
const ownKeys: Readonly<Record<Exclude<keyof ScenesOptions, (typeof analysisRunOptions)[number]>, true>> = {
  target: true,
  output: true,
  overwrite: true,
};

/** The names of all options, as `ScenesOptions` spells them. */
export const scenesOptionNames = [
  ...(Object.keys(ownKeys) as readonly (keyof typeof ownKeys)[]),
  ...analysisRunOptions,
] as const satisfies readonly (keyof ScenesOptions)[];

/**
 * Checks every option and fills in every default; those of the run are checked as `run()` checks them.
 *
 * @throws FaceswapError (usage): "--option must be …, got …", with the nearest name for a misspelt key or choice.
 */
export function resolveScenesOptions(options: ScenesOptions): ScenesConfig {
  checkOptionNames(options, scenesOptionNames, 'ScenesOptions');
  const { overwrite = false } = options;
  if (typeof overwrite !== 'boolean') throw refuseOption('overwrite', 'true or false', overwrite);
  const output =
    options.output === undefined ? undefined : fileOption('output', options.output, 'the file to write');
  return { ...resolveAnalysisOptions(options), output, overwrite };
}
