import { extname } from 'node:path';
import { FaceswapError } from '../../errors.js';
import {
  type AnalysisConfig,
  type AnalysisOptions,
  analysisRunOptions,
  checkOptionNames,
  fileOption,
  refuseOption,
  resolveAnalysisOptions,
} from './analysis-options.js';

/** What a caller may ask of `faces()`. Only `target` is required. */
export type FacesOptions = AnalysisOptions & {
  /** Where the cast is written as JSON. */
  output?: string;
  /** Where a picture of all persons is written; a `.png` file. */
  contactSheet?: string;
  /** Replace files that exist. */
  overwrite?: boolean;
};

/** The options with every value checked. Paths are absolute. */
export type FacesConfig = AnalysisConfig & {
  /** Undefined: not written. */
  readonly output: string | undefined;
  /** Undefined: not written. */
  readonly contactSheet: string | undefined;
  readonly overwrite: boolean;
};

/** Every key besides those of the run; the compiler notices one that is missing. */
const ownKeys: Readonly<Record<Exclude<keyof FacesOptions, (typeof analysisRunOptions)[number]>, true>> = {
  target: true,
  output: true,
  contactSheet: true,
  overwrite: true,
};

/** The names of all options, as `FacesOptions` spells them. */
export const facesOptionNames = [
  ...(Object.keys(ownKeys) as readonly (keyof typeof ownKeys)[]),
  ...analysisRunOptions,
] as const satisfies readonly (keyof FacesOptions)[];

/**
 * Checks every option and fills in every default; those of the run are checked as `run()` checks them.
 *
 * @throws FaceswapError (usage): "--option must be …, got …", with the nearest name for a misspelt key or choice.
 */
export function resolveFacesOptions(options: FacesOptions): FacesConfig {
  checkOptionNames(options, facesOptionNames, 'FacesOptions');
  const { target, runOptions, runConfig } = resolveAnalysisOptions(options);
  const { overwrite = false } = options;
  if (typeof overwrite !== 'boolean') throw refuseOption('overwrite', 'true or false', overwrite);
  const contactSheet =
    options.contactSheet === undefined
      ? undefined
      : fileOption('contactSheet', options.contactSheet, 'the .png file to write');
  if (contactSheet !== undefined && extname(contactSheet).toLowerCase() !== '.png') {
    throw refuseOption('contactSheet', 'a file that ends in .png', options.contactSheet);
  }
  const output =
    options.output === undefined ? undefined : fileOption('output', options.output, 'the file to write');
  if (output !== undefined && output === contactSheet) {
    throw new FaceswapError('usage', '--contact-sheet must be another file than --output', { file: output });
  }
  return {
    target,
    output,
    contactSheet,
    overwrite,
    runOptions,
    runConfig: { ...runConfig, needsCast: true },
  };
}
