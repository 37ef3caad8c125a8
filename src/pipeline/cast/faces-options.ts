import { extname, resolve } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { nearestName } from '../nearest-name.js';
import { optionFlag, resolveRunOptions } from '../resolve-run-options.js';
import type { RunConfig, RunOptions } from '../run-options.js';

/** Options of `run()` that decide which faces are found, in which frames, and how fast; they mean the same. */
export const facesRunOptions = [
  'faceDetectorScore',
  'trimFrameStart',
  'trimFrameEnd',
  'trimStart',
  'trimEnd',
  'deinterlace',
  'hwaccel',
  'executionProvider',
  'executionThreadCount',
  'workers',
  'maxMemory',
  'cache',
] as const satisfies readonly (keyof RunOptions)[];

/** One of {@link facesRunOptions}. */
export type FacesRunOption = (typeof facesRunOptions)[number];

/** What a caller may ask of `faces()`. Only `target` is required. */
export type FacesOptions = Pick<RunOptions, FacesRunOption> & {
  /** The video or image to look at. */
  target: string;
  /** Where the cast is written as JSON. */
  output?: string;
  /** Where a picture of all persons is written; a `.png` file. */
  contactSheet?: string;
  /** Replace files that exist. */
  overwrite?: boolean;
};

/** The options with every value checked. Paths are absolute. */
export type FacesConfig = {
  readonly target: string;
  /** Undefined: not written. */
  readonly output: string | undefined;
  /** Undefined: not written. */
  readonly contactSheet: string | undefined;
  readonly overwrite: boolean;
  /** What a run on this target would be asked, as far as finding faces goes. */
  readonly runOptions: RunOptions;
  readonly runConfig: RunConfig;
};

/** Every key besides those of the run; the compiler notices one that is missing. */
const ownKeys: Readonly<Record<Exclude<keyof FacesOptions, FacesRunOption>, true>> = {
  target: true,
  output: true,
  contactSheet: true,
  overwrite: true,
};

/** The names of all options, as `FacesOptions` spells them. */
export const facesOptionNames = [
  ...(Object.keys(ownKeys) as readonly (keyof typeof ownKeys)[]),
  ...facesRunOptions,
] as const satisfies readonly (keyof FacesOptions)[];

const refuse = (name: string, expected: string, value: unknown): FaceswapError =>
  new FaceswapError(
    'usage',
    `${optionFlag(name)} must be ${expected}, got ${JSON.stringify(value) ?? 'nothing'}`,
  );

const resolveFile = (name: 'target' | 'output' | 'contactSheet', value: unknown, what: string): string => {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return resolve(value);
  throw refuse(name, what, value);
};

const checkKeys = (options: FacesOptions): void => {
  for (const key of Object.keys(options)) {
    if (facesOptionNames.some((name) => name === key)) continue;
    const near = nearestName(key, facesOptionNames);
    throw new FaceswapError('usage', `Unknown option ${JSON.stringify(key)}`, {
      hint: near === undefined ? 'See the documentation of FacesOptions' : `Did you mean ${near}?`,
    });
  }
};

/** Only serve to have the run's other options checked. */
const anyPaths = { source: 'portrait.png', output: 'output.mkv' } as const;

/**
 * Checks every option and fills in every default; those of the run are checked as `run()` checks them.
 *
 * @throws FaceswapError (usage): "--option must be …, got …", with the nearest name for a misspelt key or choice.
 */
export function resolveFacesOptions(options: FacesOptions): FacesConfig {
  if (typeof options !== 'object' || options === null) {
    throw new FaceswapError(
      'usage',
      `The options must be an object, got ${JSON.stringify(options) ?? 'nothing'}`,
    );
  }
  checkKeys(options);
  const target = resolveFile('target', options.target, 'a video or image file');
  const { overwrite = false } = options;
  if (typeof overwrite !== 'boolean') throw refuse('overwrite', 'true or false', overwrite);
  const contactSheet =
    options.contactSheet === undefined
      ? undefined
      : resolveFile('contactSheet', options.contactSheet, 'the .png file to write');
  if (contactSheet !== undefined && extname(contactSheet).toLowerCase() !== '.png') {
    throw refuse('contactSheet', 'a file that ends in .png', options.contactSheet);
  }
  const output =
    options.output === undefined ? undefined : resolveFile('output', options.output, 'the file to write');
  if (output !== undefined && output === contactSheet) {
    throw new FaceswapError('usage', '--contact-sheet must be another file than --output', { file: output });
  }
  const given = facesRunOptions.filter((name) => options[name] !== undefined);
  const runOptions: RunOptions = {
    ...Object.fromEntries(given.map((name) => [name, options[name]])),
    ...anyPaths,
    target,
  };
  const runConfig = { ...resolveRunOptions(runOptions), needsCast: true };
  return { target, output, contactSheet, overwrite, runOptions, runConfig };
}
