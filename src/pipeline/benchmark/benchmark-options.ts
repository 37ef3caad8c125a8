import type { RunConfig, RunOptions } from '../run-options.js';

/**
 * Which models a benchmark runs: those that ship with the package, as users run them; generated ones that cost next to nothing and find
 * fixed faces, to time the pipeline alone; or the same with a swapper that computes as much as a 128-pixel neural one.
 */
export type BenchmarkModels = 'embedded' | 'null' | 'bound';

/** Options of `run()` that a benchmark passes on: the chain and what decides its speed. */
export const benchmarkRunOptions = [
  'processors',
  'faceSwapperModel',
  'blend',
  'outputVideoEncoder',
  'outputVideoQuality',
  'outputVideoPreset',
  'executionProvider',
  'executionThreadCount',
  'workers',
  'batchSize',
  'maxMemory',
  'vramLimit',
  'hwaccel',
] as const satisfies readonly (keyof RunOptions)[];

/** One of {@link benchmarkRunOptions}. */
export type BenchmarkRunOption = (typeof benchmarkRunOptions)[number];

/** What a caller may ask of `benchmark()`; every field has a default. */
export type BenchmarkOptions = Pick<RunOptions, BenchmarkRunOption> & {
  /** Sizes of the clips by their number of lines, each of {@link resolutionNames}; the picture is 16:9. */
  resolutions?: readonly string[];
  /** Faces in every frame, 1 to 8. */
  faces?: number;
  models?: BenchmarkModels;
  /** Measured cycles of each resolution, 1 to 100; a cycle is one bare transcode and one run. */
  cycles?: number;
  /** Cycles before those, which are recorded and not counted, 0 to 20. */
  warmup?: number;
  /** Length of the clips in seconds, more than 0 and at most 3600. */
  duration?: number;
  /** Where the report is written as JSON. */
  output?: string;
  /** Replace an `output` that exists. */
  overwrite?: boolean;
  /** The `output` of an earlier benchmark to compare with. */
  baseline?: string;
  /** How many percent worse than the baseline a figure may be: `10%` or 10. */
  maxRegression?: number | string;
};

/** The picture sizes that a benchmark makes clips of. All sides are even, as 4:2:0 wants it. */
export const resolutions = {
  '240p': { widthPx: 426, heightPx: 240 },
  '360p': { widthPx: 640, heightPx: 360 },
  '480p': { widthPx: 854, heightPx: 480 },
  '720p': { widthPx: 1280, heightPx: 720 },
  '1080p': { widthPx: 1920, heightPx: 1080 },
  '1440p': { widthPx: 2560, heightPx: 1440 },
  '2160p': { widthPx: 3840, heightPx: 2160 },
  '4320p': { widthPx: 7680, heightPx: 4320 },
} as const;

/** A name of {@link resolutions}. */
export type ResolutionName = keyof typeof resolutions;

/** What `resolutions` of the options may hold. */
export const resolutionNames = Object.keys(resolutions) as readonly ResolutionName[];

/** What `models` of the options may be. */
export const benchmarkModelNames = [
  'embedded',
  'null',
  'bound',
] as const satisfies readonly BenchmarkModels[];

/** Values of options that are not given; `run()` decides those of its own. */
export const benchmarkDefaults = {
  resolutions: ['240p', '480p', '720p', '1080p', '2160p'],
  faces: 1,
  models: 'embedded',
  cycles: 5,
  warmup: 1,
  duration: 10,
  overwrite: false,
  maxRegression: '10%',
} as const satisfies BenchmarkOptions;

/** The options with every default filled in and every value checked. */
export type BenchmarkConfig = {
  readonly resolutions: readonly ResolutionName[];
  readonly faces: number;
  readonly models: BenchmarkModels;
  readonly cycles: number;
  readonly warmup: number;
  readonly durationSeconds: number;
  /** Absolute; undefined: no file. */
  readonly output: string | undefined;
  readonly overwrite: boolean;
  /** Absolute; undefined: no comparison. */
  readonly baseline: string | undefined;
  readonly maxRegressionPercent: number;
  /** The options of the run that were given, unchanged. */
  readonly runOptions: Pick<RunOptions, BenchmarkRunOption>;
  /** The same with the defaults of `run()`; its paths mean nothing. */
  readonly runConfig: RunConfig;
};
