import { resolve } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { nearestName } from '../nearest-name.js';
import { optionFlag } from '../option-checks.js';
import { resolveRunOptions } from '../resolve-run-options.js';
import type { RunOptions } from '../run-options.js';
import {
  type BenchmarkConfig,
  type BenchmarkModels,
  type BenchmarkOptions,
  benchmarkDefaults,
  benchmarkModelNames,
  benchmarkRunOptions,
  type ResolutionName,
  resolutionNames,
} from './benchmark-options.js';

/** Every key of {@link BenchmarkOptions} besides those of the run; the compiler notices one that is missing. */
const ownKeys: Readonly<Record<Exclude<keyof BenchmarkOptions, (typeof benchmarkRunOptions)[number]>, true>> =
  {
    resolutions: true,
    faces: true,
    models: true,
    cycles: true,
    warmup: true,
    duration: true,
    output: true,
    overwrite: true,
    baseline: true,
    maxRegression: true,
  };

/** The names of all options, as `BenchmarkOptions` spells them. */
export const benchmarkOptionNames = [
  ...(Object.keys(ownKeys) as readonly (keyof typeof ownKeys)[]),
  ...benchmarkRunOptions,
] as const satisfies readonly (keyof BenchmarkOptions)[];

const refuse = (name: string, expected: string, value: unknown, hint?: string): FaceswapError =>
  new FaceswapError(
    'usage',
    `${optionFlag(name)} must be ${expected}, got ${JSON.stringify(value) ?? 'nothing'}`,
    {
      hint,
    },
  );

const didYouMean = (value: unknown, choices: readonly string[]): string | undefined => {
  const near = typeof value === 'string' ? nearestName(value, choices) : undefined;
  return near === undefined ? undefined : `Did you mean ${near}?`;
};

const resolveResolutions = (value: unknown): readonly ResolutionName[] => {
  const expected = `a list of ${resolutionNames.join(', ')}`;
  if (!Array.isArray(value) || value.length === 0) throw refuse('resolutions', expected, value);
  const names = value.map((item: unknown) => {
    const found = resolutionNames.find((name) => name === item);
    if (found === undefined) throw refuse('resolutions', expected, item, didYouMean(item, resolutionNames));
    return found;
  });
  if (new Set(names).size !== names.length) throw refuse('resolutions', 'a list without repetitions', value);
  return names;
};

const resolveModels = (value: unknown): BenchmarkModels => {
  const found = benchmarkModelNames.find((name) => name === value);
  if (found !== undefined) return found;
  const hint = didYouMean(value, benchmarkModelNames);
  throw refuse('models', `one of ${benchmarkModelNames.join(', ')}`, value, hint);
};

const wholeNumber = (
  name: 'faces' | 'cycles' | 'warmup',
  value: unknown,
  { lowest, highest }: { readonly lowest: number; readonly highest: number },
): number => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= lowest && value <= highest)
    return value;
  throw refuse(name, `a whole number from ${lowest} to ${highest}`, value);
};

const resolveDuration = (value: unknown): number => {
  if (typeof value === 'number' && value > 0 && value <= 3600) return value;
  throw refuse('duration', 'a number of seconds above 0, at most 3600', value);
};

const resolvePercent = (value: unknown): number => {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value).trim() : '';
  const percent = /^\d+(\.\d+)?\s*%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (percent >= 0 && percent <= 1000) return percent;
  throw refuse('maxRegression', 'a percentage from 0% to 1000%, such as 10%', value);
};

const resolveFile = (name: 'output' | 'baseline', value: unknown): string | undefined => {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return resolve(value);
  throw refuse(name, name === 'output' ? 'the file to write' : 'the report of an earlier benchmark', value);
};

const checkKeys = (options: BenchmarkOptions): void => {
  for (const key of Object.keys(options)) {
    if (benchmarkOptionNames.some((name) => name === key)) continue;
    throw new FaceswapError('usage', `Unknown option ${JSON.stringify(key)}`, {
      hint: didYouMean(key, benchmarkOptionNames) ?? 'See the documentation of BenchmarkOptions',
    });
  }
};

/** Paths that only serve to have the run's other options checked. */
const anyPaths = { source: 'portrait.png', target: 'clip.mp4', output: 'output.mp4' } as const;

/**
 * Checks every option and fills in every default; the run's own options are checked as `run()` checks them. Whether files, encoders
 * and providers are there is asked before the first clip is made.
 *
 * @throws FaceswapError (usage): "--option must be …, got …", with the nearest name for a misspelt key or choice.
 */
export function resolveBenchmarkOptions(options: BenchmarkOptions): BenchmarkConfig {
  if (typeof options !== 'object' || options === null) {
    throw new FaceswapError(
      'usage',
      `The options must be an object, got ${JSON.stringify(options) ?? 'nothing'}`,
    );
  }
  checkKeys(options);
  const given = benchmarkRunOptions.filter((name) => options[name] !== undefined);
  const runOptions: Partial<RunOptions> = Object.fromEntries(given.map((name) => [name, options[name]]));
  const baseline = resolveFile('baseline', options.baseline);
  if (baseline === undefined && options.maxRegression !== undefined) {
    throw new FaceswapError('usage', '--max-regression needs a --baseline to compare with');
  }
  const { overwrite = benchmarkDefaults.overwrite } = options;
  if (typeof overwrite !== 'boolean') throw refuse('overwrite', 'true or false', overwrite);
  return {
    resolutions: resolveResolutions(options.resolutions ?? benchmarkDefaults.resolutions),
    faces: wholeNumber('faces', options.faces ?? benchmarkDefaults.faces, { lowest: 1, highest: 8 }),
    models: resolveModels(options.models ?? benchmarkDefaults.models),
    cycles: wholeNumber('cycles', options.cycles ?? benchmarkDefaults.cycles, { lowest: 1, highest: 100 }),
    warmup: wholeNumber('warmup', options.warmup ?? benchmarkDefaults.warmup, { lowest: 0, highest: 20 }),
    durationSeconds: resolveDuration(options.duration ?? benchmarkDefaults.duration),
    output: resolveFile('output', options.output),
    overwrite,
    baseline,
    maxRegressionPercent: resolvePercent(options.maxRegression ?? benchmarkDefaults.maxRegression),
    runOptions,
    runConfig: resolveRunOptions({ ...runOptions, ...anyPaths }),
  };
}
