import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { FaceswapError } from '../errors.js';
import { takesDeviceId } from '../inference/provider-devices.js';
import { videoPresets } from '../media/video-presets.js';
import { type FaceRace, faceRaces } from '../processors/face-recognizer/face-races.js';
import { psnrCeilingDb } from '../processors/quality-monitor/psnr-ceiling.js';
import {
  defaultSmootherAlpha,
  smootherWindowLimits,
  smootherWindows,
} from '../processors/landmark-smoother/smoother-limits.js';
import { parseByteSize } from './byte-size.js';
import { parseFrameRate } from './frame-rate.js';
import { nearestName } from './nearest-name.js';
import {
  policyChoices,
  policyDefaults,
  policyKeys,
  resolvePolicyOptions,
} from './policy/resolve-policy-options.js';
import { neuralChoices, neuralDefaults, neuralKeys, resolveNeuralOptions } from './resolve-neural-options.js';
import {
  choiceOption,
  numberOption,
  optionFlag,
  paddingOption,
  refuse,
  shown,
  textOption,
} from './option-checks.js';
import type {
  BlendMode,
  ColorMatchMode,
  DeinterlaceMode,
  FaceSelectorGender,
  FaceSelectorMode,
  HardwareDecoding,
  LogLevel,
  NoFacePolicy,
  OcclusionMode,
  ProcessorName,
  Rational,
  ResumeMode,
  RunConfig,
  RunOptions,
  SmootherMode,
  TrimPoint,
} from './run-options.js';
import { resolveFaceMaps } from './selection/face-map.js';
import { faceOrders } from './selection/face-order.js';
import { type FaceRegion, parseFaceRegion } from './selection/face-region.js';
import { needsCast } from './selection/needs-cast.js';
import { defaultReferenceDistance } from './selection/reference-distance.js';
import { parseShare } from './share.js';
import { parseTrimTime } from './trim-time.js';

/** The values that each option with a fixed vocabulary takes; help texts and shell completion read them here. */
export const optionChoices = {
  ...neuralChoices,
  ...policyChoices,
  processors: ['face_swapper', 'face_enhancer', 'deep_swapper'] satisfies ProcessorName[],
  faceSelectorMode: ['many', 'one', 'reference'] satisfies FaceSelectorMode[],
  faceSelectorOrder: faceOrders,
  faceSelectorGender: ['female', 'male'] satisfies FaceSelectorGender[],
  faceSelectorRace: faceRaces,
  landmarkSmoother: ['window', 'ema', 'none'] satisfies SmootherMode[],
  blend: ['multiband', 'basic', 'poisson', 'seamless'] satisfies BlendMode[],
  colorMatch: ['none', 'moments', 'histogram', 'light', 'lab'] satisfies (ColorMatchMode | 'lab')[],
  occlusion: ['auto', 'none'] satisfies OcclusionMode[],
  /** Whether a provider is there is asked when the models are loaded. `dml` is onnxruntime's name of `directml`. */
  executionProvider: ['cpu', 'cuda', 'tensorrt', 'webgpu', 'coreml', 'directml', 'dml'],
  /** x264's names without `placebo`, as in FaceFusion. */
  outputVideoPreset: videoPresets,
  hwaccel: ['none', 'auto', 'cuda', 'vaapi', 'videotoolbox', 'qsv'] satisfies HardwareDecoding[],
  deinterlace: ['off', 'bwdif', 'yadif'] satisfies DeinterlaceMode[],
  onNoFace: ['fail', 'copy'] satisfies NoFacePolicy[],
  resume: ['auto', 'never', 'require'] satisfies ResumeMode[],
  logLevel: ['silent', 'error', 'warn', 'info', 'debug'] satisfies LogLevel[],
} as const;

/** More threads per model than this give nothing on the small embedded models. */
const defaultThreadLimit = 4;

/** The defaults that do not depend on the machine. */
export const runDefaults = {
  ...neuralDefaults,
  ...policyDefaults,
  processors: ['face_swapper'],
  faceSelectorMode: 'many',
  faceSelectorOrder: 'large-small',
  referenceFaceDistance: defaultReferenceDistance,
  referenceFacePosition: 0,
  faceDetectorScore: 0.5,
  faceMaskBlur: 0.2,
  faceMaskPadding: [0],
  landmarkSmoother: 'window',
  sceneCuts: 'auto',
  smootherAlpha: defaultSmootherAlpha,
  blend: 'multiband',
  colorMatch: 'moments',
  matchGrain: false,
  occlusion: 'auto',
  executionProvider: 'cpu',
  workers: 'auto',
  batchSize: 'auto',
  hwaccel: 'none',
  deinterlace: 'off',
  cache: true,
  outputVideoQuality: 80,
  outputVideoPreset: 'medium',
  onNoFace: 'fail',
  overwrite: false,
  strict: false,
  resume: 'auto',
  keepJob: false,
  logLevel: 'info',
} as const satisfies Partial<RunOptions>;

/** Every key of {@link RunOptions}, mapped so that the compiler notices a key that is missing here. */
const knownKeys: Readonly<Record<keyof RunOptions, true>> = {
  source: true,
  target: true,
  output: true,
  ...neuralKeys,
  ...policyKeys,
  processors: true,
  faceSelectorMode: true,
  faceSelectorOrder: true,
  faceSelectorGender: true,
  faceSelectorRace: true,
  faceSelectorAgeStart: true,
  faceSelectorAgeEnd: true,
  faceSelectorRegion: true,
  referenceFace: true,
  referenceFaceDistance: true,
  referenceFrameNumber: true,
  referenceFacePosition: true,
  map: true,
  faceDetectorScore: true,
  faceMaskBlur: true,
  faceMaskPadding: true,
  landmarkSmoother: true,
  sceneCuts: true,
  smootherWindow: true,
  smootherAlpha: true,
  blend: true,
  colorMatch: true,
  matchGrain: true,
  occlusion: true,
  executionProvider: true,
  deviceId: true,
  executionThreadCount: true,
  workers: true,
  batchSize: true,
  maxMemory: true,
  vramLimit: true,
  hwaccel: true,
  deinterlace: true,
  cache: true,
  outputVideoEncoder: true,
  outputVideoQuality: true,
  outputVideoPreset: true,
  outputVideoFps: true,
  trimFrameStart: true,
  trimFrameEnd: true,
  trimStart: true,
  trimEnd: true,
  timeout: true,
  onNoFace: true,
  overwrite: true,
  strict: true,
  resume: true,
  keepJob: true,
  jobDir: true,
  maxDisk: true,
  report: true,
  minIdentity: true,
  maxJitter: true,
  minTpsnr: true,
  maxUnswapped: true,
  logLevel: true,
};

/** The names of all options, as `RunOptions` spells them. */
export const runOptionNames = Object.keys(knownKeys) as readonly (keyof RunOptions)[];

/** `auto`, or a whole number from 1 to 64. */
const countOption = (name: 'workers' | 'batchSize', value: unknown): number | 'auto' => {
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 64;
  if (value === 'auto' || fits) return value;
  throw refuse(name, 'auto or a whole number from 1 to 64', value);
};

const bytesOption = (name: 'maxMemory' | 'vramLimit' | 'maxDisk', value: unknown): number | undefined => {
  if (value === undefined) return undefined;
  const bytes = typeof value === 'number' || typeof value === 'string' ? parseByteSize(value) : undefined;
  if (bytes !== undefined) return bytes;
  throw refuse(name, 'a number of bytes or a size such as 512M or 2G', value);
};

const shareOption = (name: 'maxJitter' | 'maxUnswapped', value: unknown): number | undefined => {
  if (value === undefined) return undefined;
  const share = typeof value === 'number' || typeof value === 'string' ? parseShare(value) : undefined;
  if (share !== undefined) return share;
  throw refuse(name, 'a share from 0 to 1 or in percent such as 5%', value);
};

const limitOption = (
  name: 'minIdentity' | 'minTpsnr',
  value: unknown,
  bounds: { readonly lowest: number; readonly highest: number },
): number | undefined =>
  value === undefined ? undefined : numberOption(name, value, { ...bounds, integer: false });

const flagOption = (
  name: 'matchGrain' | 'overwrite' | 'cache' | 'strict' | 'keepJob',
  value: unknown,
): boolean => {
  if (typeof value === 'boolean') return value;
  throw refuse(name, 'true or false', value);
};

const resolveImages = (name: 'source' | 'referenceFace', value: unknown): readonly string[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw refuse(name, 'one or more image files', value);
  return list.map((file) => resolve(textOption(name, file, 'one or more image files')));
};

const resolveRegions = (value: unknown): readonly FaceRegion[] => {
  if (value === undefined) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((item) => {
    const region = typeof item === 'string' ? parseFaceRegion(item) : undefined;
    if (region !== undefined) return region;
    throw refuse(
      'faceSelectorRegion',
      'x,y,width,height in pixels or percent, such as 0,0,50%,100%',
      typeof item === 'string' ? item.slice(0, 200) : item,
    );
  });
};

type SelectionConfig = Pick<
  RunConfig,
  | 'sources'
  | 'maps'
  | 'faceSelectorMode'
  | 'faceSelectorOrder'
  | 'faceSelectorGender'
  | 'faceSelectorAgeStart'
  | 'faceSelectorAgeEnd'
  | 'faceSelectorRaces'
  | 'faceSelectorRegions'
  | 'referenceFaces'
  | 'referenceFaceDistance'
  | 'referenceFrameNumber'
  | 'referenceFacePosition'
>;

/**
 * Who is swapped with what. A reference that is given without a mode means the mode `reference`.
 *
 * @throws FaceswapError (usage) also where options contradict each other.
 */
const resolveSelection = (options: RunOptions, processors: readonly ProcessorName[]): SelectionConfig => {
  const years = { lowest: 0, highest: 100, integer: true };
  const age = (name: 'faceSelectorAgeStart' | 'faceSelectorAgeEnd'): number | undefined =>
    options[name] === undefined ? undefined : numberOption(name, options[name], years);
  const ageStart = age('faceSelectorAgeStart');
  const ageEnd = age('faceSelectorAgeEnd');
  if (ageStart !== undefined && ageEnd !== undefined && ageEnd < ageStart) {
    throw refuse('faceSelectorAgeEnd', `at least --face-selector-age-start (${ageStart})`, ageEnd);
  }
  const counting = { lowest: 0, highest: Number.MAX_SAFE_INTEGER, integer: true };
  const maps = resolveFaceMaps(options.map);
  const { referenceFace, referenceFrameNumber, referenceFacePosition, faceSelectorGender } = options;
  const hasReference = referenceFace !== undefined || referenceFrameNumber !== undefined;
  const mode = options.faceSelectorMode ?? (hasReference ? 'reference' : runDefaults.faceSelectorMode);
  const isWithoutSource =
    options.source === undefined && (maps.length > 0 || !processors.includes('face_swapper'));
  const config: SelectionConfig = {
    sources: isWithoutSource ? [] : resolveImages('source', options.source),
    maps,
    faceSelectorMode: choiceOption('faceSelectorMode', mode, optionChoices.faceSelectorMode),
    faceSelectorOrder: choiceOption(
      'faceSelectorOrder',
      options.faceSelectorOrder ?? runDefaults.faceSelectorOrder,
      faceOrders,
    ),
    faceSelectorGender:
      faceSelectorGender === undefined
        ? undefined
        : choiceOption('faceSelectorGender', faceSelectorGender, optionChoices.faceSelectorGender),
    faceSelectorAgeStart: ageStart,
    faceSelectorAgeEnd: ageEnd,
    faceSelectorRaces: resolveRaces(options.faceSelectorRace),
    faceSelectorRegions: resolveRegions(options.faceSelectorRegion),
    referenceFaces: referenceFace === undefined ? [] : resolveImages('referenceFace', referenceFace),
    referenceFaceDistance: numberOption(
      'referenceFaceDistance',
      options.referenceFaceDistance ?? runDefaults.referenceFaceDistance,
      { lowest: 0, highest: 1, integer: false },
    ),
    referenceFrameNumber:
      referenceFrameNumber === undefined
        ? undefined
        : numberOption('referenceFrameNumber', referenceFrameNumber, counting),
    referenceFacePosition: numberOption(
      'referenceFacePosition',
      referenceFacePosition ?? runDefaults.referenceFacePosition,
      counting,
    ),
  };
  checkReference(config, options);
  return config;
};

const resolveRaces = (value: unknown): readonly FaceRace[] => {
  if (value === undefined) return [];
  const races: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (races.length === 0) throw refuse('faceSelectorRace', `a list of ${faceRaces.join(', ')}`, value);
  return races.map((race) => choiceOption('faceSelectorRace', race, optionChoices.faceSelectorRace));
};

/** @throws FaceswapError (usage) where it is not clear who is meant. */
const checkReference = (
  { faceSelectorMode, maps, referenceFaces, referenceFrameNumber }: SelectionConfig,
  { referenceFacePosition }: RunOptions,
): void => {
  const isFrame = referenceFrameNumber !== undefined;
  const given = referenceFaces.length > 0 ? 'referenceFace' : isFrame ? 'referenceFrameNumber' : undefined;
  if (referenceFaces.length > 0 && isFrame) {
    throw new FaceswapError(
      'usage',
      '--reference-frame-number must be left out when --reference-face is given',
    );
  }
  if (referenceFacePosition !== undefined && !isFrame) {
    throw new FaceswapError('usage', '--reference-face-position must come with --reference-frame-number');
  }
  if (given === undefined) {
    if (faceSelectorMode !== 'reference') return;
    throw new FaceswapError('usage', '--face-selector-mode reference must come with --reference-face', {
      hint: 'Give photos of the person to be swapped, or --reference-frame-number and --reference-face-position; `faceswap faces` shows who is in the target',
    });
  }
  if (faceSelectorMode !== 'reference') {
    throw new FaceswapError(
      'usage',
      `${optionFlag(given)} must be left out when --face-selector-mode is ${faceSelectorMode}`,
    );
  }
  if (maps.length > 0) {
    throw new FaceswapError('usage', `${optionFlag(given)} must be left out when --map is given`, {
      hint: 'A map can name its person by photos: --map them.jpg=me.jpg',
    });
  }
};

/** onnxruntime's names of the providers. */
const resolveProviders = (value: unknown): readonly string[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw refuse('executionProvider', 'one or more providers', value);
  const names = list
    .map((name) => choiceOption('executionProvider', name, optionChoices.executionProvider))
    .map((name) => (name === 'directml' ? 'dml' : name));
  if (new Set(names).size !== names.length) {
    throw refuse('executionProvider', 'a list without repetitions', value);
  }
  // The CPU computes everything, so that nothing would ever reach a provider behind it.
  if (names.includes('cpu') && names.at(-1) !== 'cpu') {
    throw refuse('executionProvider', 'a list in which cpu comes last', value);
  }
  return names;
};

const resolveDeviceId = (value: unknown, providers: readonly string[]): number | undefined => {
  if (value === undefined) return undefined;
  const id = numberOption('deviceId', value, { lowest: 0, highest: 255, integer: true });
  if (providers.some(takesDeviceId)) return id;
  throw new FaceswapError(
    'usage',
    '--device-id must come with --execution-provider cuda, tensorrt or directml',
  );
};

const resolveProcessors = (value: unknown): readonly ProcessorName[] => {
  if (!Array.isArray(value) || value.length === 0) {
    throw refuse('processors', `a list of ${optionChoices.processors.join(', ')}`, value);
  }
  const names = value.map((name) => choiceOption('processors', name, optionChoices.processors));
  if (new Set(names).size !== names.length) throw refuse('processors', 'a list without repetitions', value);
  if (names.includes('face_swapper') && names.includes('deep_swapper')) {
    throw new FaceswapError('usage', '--processors takes face_swapper or deep_swapper, not both', {
      hint: 'Each of them replaces the whole face: what the first had made would be gone',
    });
  }
  if (names[0] === 'face_enhancer' && names.length > 1) {
    throw new FaceswapError('usage', `--processors must name ${names[1]} before face_enhancer`, {
      hint: 'What is enhanced before it is swapped would be gone',
    });
  }
  return names;
};

const resolveFps = (value: unknown): Rational | undefined => {
  if (value === undefined) return undefined;
  const rate = typeof value === 'number' || typeof value === 'string' ? parseFrameRate(value) : undefined;
  if (rate !== undefined) return rate;
  throw refuse('outputVideoFps', 'a rate from 1 to 1000 such as 25, 29.97 or 24000/1001', value);
};

type TrimNames = {
  readonly frame: 'trimFrameStart' | 'trimFrameEnd';
  readonly time: 'trimStart' | 'trimEnd';
  /** The lowest frame number that makes sense: an exclusive end of 0 would leave nothing. */
  readonly lowestFrame: number;
};

const resolveTrim = (options: RunOptions, names: TrimNames): TrimPoint | undefined => {
  const frame: unknown = options[names.frame];
  const time: unknown = options[names.time];
  if (frame !== undefined && time !== undefined) {
    const message = `${optionFlag(names.time)} must be left out when ${optionFlag(names.frame)} is given, got ${shown(time)}`;
    throw new FaceswapError('usage', message);
  }
  if (frame !== undefined) {
    const range = { lowest: names.lowestFrame, highest: Number.MAX_SAFE_INTEGER, integer: true };
    return { unit: 'frame', frame: numberOption(names.frame, frame, range) };
  }
  if (time === undefined) return undefined;
  const microseconds = typeof time === 'number' || typeof time === 'string' ? parseTrimTime(time) : undefined;
  if (microseconds === undefined) {
    throw refuse(names.time, 'a time in seconds or [[hh:]mm:]ss[.fraction]', time);
  }
  return { unit: 'time', microseconds };
};

const trimValue = (point: TrimPoint): number => (point.unit === 'frame' ? point.frame : point.microseconds);

const checkTrimOrder = (
  options: RunOptions,
  start: TrimPoint | undefined,
  end: TrimPoint | undefined,
): void => {
  if (start === undefined || end === undefined || start.unit !== end.unit) return;
  if (trimValue(start) < trimValue(end)) return;
  const [endName, startName] =
    end.unit === 'frame'
      ? (['trimFrameEnd', 'trimFrameStart'] as const)
      : (['trimEnd', 'trimStart'] as const);
  throw refuse(
    endName,
    `greater than ${optionFlag(startName)} (${shown(options[startName])})`,
    options[endName],
  );
};

/** `auto` and `none` as they are, a file as its absolute path (one of those names can be given as `./auto`). */
const resolveSceneCutsOption = (value: unknown): string => {
  const text = textOption('sceneCuts', value, 'auto, none or a file');
  return text === 'auto' || text === 'none' ? text : resolve(text);
};

/** @throws FaceswapError (usage) for a choice by race without the model that tells it. */
const checkClassifier = (
  { faceSelectorRaces }: SelectionConfig,
  { faceClassifierModel }: Pick<RunConfig, 'faceClassifierModel'>,
): void => {
  if (faceSelectorRaces.length === 0 || faceClassifierModel === 'fairface') return;
  throw new FaceswapError(
    'usage',
    `--face-selector-race must come with --face-classifier-model fairface: ${faceClassifierModel} tells age and gender, but no race`,
    { hint: 'Or name people with --map or --reference-face; `faceswap faces` lists who is in the target' },
  );
};

const checkKeys = (options: RunOptions): void => {
  for (const key of Object.keys(options)) {
    if (Object.hasOwn(knownKeys, key)) continue;
    const near = nearestName(key, runOptionNames);
    throw new FaceswapError('usage', `Unknown option ${JSON.stringify(key)}`, {
      hint: near === undefined ? 'See the documentation of RunOptions' : `Did you mean ${near}?`,
    });
  }
};

/**
 * Checks every option and fills in every default: the only place where defaults are decided. A key whose value is
 * undefined counts as not given. Relative paths are resolved against the working directory. Whether files,
 * encoders and providers are there is asked later, by the preflight.
 *
 * @throws FaceswapError (usage): "--option must be …, got …", with the nearest name for a misspelt key or choice.
 */
export function resolveRunOptions(options: RunOptions): RunConfig {
  if (typeof options !== 'object' || options === null) {
    throw new FaceswapError('usage', `The options must be an object, got ${shown(options)}`);
  }
  checkKeys(options);
  const cores = availableParallelism();
  const processors = resolveProcessors(options.processors ?? runDefaults.processors);
  const selection = resolveSelection(options, processors);
  const neural = resolveNeuralOptions(options);
  checkClassifier(selection, neural);
  const unit = { lowest: 0, highest: 1, integer: false };
  const trimStart = resolveTrim(options, { frame: 'trimFrameStart', time: 'trimStart', lowestFrame: 0 });
  const trimEnd = resolveTrim(options, { frame: 'trimFrameEnd', time: 'trimEnd', lowestFrame: 1 });
  checkTrimOrder(options, trimStart, trimEnd);
  const choose = <Name extends keyof typeof optionChoices & keyof typeof runDefaults>(name: Name) =>
    choiceOption(
      name,
      options[name] ?? runDefaults[name],
      optionChoices[name],
    ) as (typeof optionChoices)[Name][number];
  const colorMatch = choose('colorMatch');
  const executionProviders = resolveProviders(options.executionProvider ?? runDefaults.executionProvider);
  return {
    ...neural,
    ...resolvePolicyOptions(options),
    ...selection,
    needsCast: needsCast(selection),
    target: resolve(textOption('target', options.target, 'a video or image file')),
    output: resolve(textOption('output', options.output, 'the file to write')),
    processors,
    faceDetectorScore: numberOption(
      'faceDetectorScore',
      options.faceDetectorScore ?? runDefaults.faceDetectorScore,
      unit,
    ),
    faceMaskBlur: numberOption('faceMaskBlur', options.faceMaskBlur ?? runDefaults.faceMaskBlur, unit),
    faceMaskPadding: paddingOption('faceMaskPadding', options.faceMaskPadding ?? runDefaults.faceMaskPadding),
    landmarkSmoother: choose('landmarkSmoother'),
    sceneCuts: resolveSceneCutsOption(options.sceneCuts ?? runDefaults.sceneCuts),
    smootherWindow: numberOption(
      'smootherWindow',
      options.smootherWindow ?? smootherWindows[choose('landmarkSmoother')],
      { ...smootherWindowLimits, integer: true },
    ),
    smootherAlpha: numberOption('smootherAlpha', options.smootherAlpha ?? runDefaults.smootherAlpha, {
      lowest: 0.05,
      highest: 1,
      integer: false,
    }),
    blend: choose('blend'),
    colorMatch: colorMatch === 'lab' ? 'moments' : colorMatch,
    matchGrain: flagOption('matchGrain', options.matchGrain ?? runDefaults.matchGrain),
    occlusion: choose('occlusion'),
    executionProviders,
    deviceId: resolveDeviceId(options.deviceId, executionProviders),
    executionThreadCount: numberOption(
      'executionThreadCount',
      options.executionThreadCount ?? Math.min(cores, defaultThreadLimit),
      { lowest: 1, highest: 64, integer: true },
    ),
    workers: countOption('workers', options.workers ?? runDefaults.workers),
    batchSize: countOption('batchSize', options.batchSize ?? runDefaults.batchSize),
    maxMemoryBytes: bytesOption('maxMemory', options.maxMemory),
    vramLimitBytes: bytesOption('vramLimit', options.vramLimit),
    hwaccel: choose('hwaccel'),
    deinterlace: choose('deinterlace'),
    cache: flagOption('cache', options.cache ?? runDefaults.cache),
    outputVideoEncoder:
      options.outputVideoEncoder === undefined
        ? undefined
        : textOption('outputVideoEncoder', options.outputVideoEncoder, 'the name of an ffmpeg video encoder'),
    outputVideoQuality: numberOption(
      'outputVideoQuality',
      options.outputVideoQuality ?? runDefaults.outputVideoQuality,
      { lowest: 0, highest: 100, integer: true },
    ),
    outputVideoPreset: choose('outputVideoPreset'),
    outputVideoFps: resolveFps(options.outputVideoFps),
    trimStart,
    trimEnd,
    timeoutMs:
      options.timeout === undefined
        ? undefined
        : 1000 * numberOption('timeout', options.timeout, { lowest: 1, highest: 1e6, integer: false }),
    onNoFace: choose('onNoFace'),
    overwrite: flagOption('overwrite', options.overwrite ?? runDefaults.overwrite),
    strict: flagOption('strict', options.strict ?? runDefaults.strict),
    resume: choose('resume'),
    keepJob: flagOption('keepJob', options.keepJob ?? runDefaults.keepJob),
    jobDir:
      options.jobDir === undefined ? undefined : resolve(textOption('jobDir', options.jobDir, 'a folder')),
    maxDiskBytes: bytesOption('maxDisk', options.maxDisk),
    report:
      options.report === undefined
        ? undefined
        : resolve(textOption('report', options.report, 'the file to write')),
    minIdentity: limitOption('minIdentity', options.minIdentity, { lowest: -1, highest: 1 }),
    maxJitter: shareOption('maxJitter', options.maxJitter),
    minTpsnr: limitOption('minTpsnr', options.minTpsnr, { lowest: 0, highest: psnrCeilingDb }),
    maxUnswapped: shareOption('maxUnswapped', options.maxUnswapped),
    logLevel: choose('logLevel'),
  };
}
