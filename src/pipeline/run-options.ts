import type { FaceRace } from '../processors/face-recognizer/face-races.js';
import type { NeuralConfig, NeuralOptions } from './neural-options.js';
import type { PolicyConfig, PolicyOptions } from './policy/policy-options.js';
import type { FaceMap, FaceMapOption } from './selection/face-map.js';
import type { FaceSelectorOrder } from './selection/face-order.js';
import type { FaceRegion } from './selection/face-region.js';

export type { FaceMap, FaceMapOption, FaceRegion, FaceSelectorOrder };

/** How landmarks are steadied over time: two-sided window, causal exponential average, or not at all. */
export type SmootherMode = 'window' | 'ema' | 'none';

/** How the new face is laid into the frame: feathered alpha, Laplacian multiband, gradients, or mixed gradients. */
export type BlendMode = 'basic' | 'multiband' | 'poisson' | 'seamless';

/** How the new face's colours are fitted to the target's: not at all, by moments, by distribution, or by light. */
export type ColorMatchMode = 'none' | 'moments' | 'histogram' | 'light';

/** What is kept of hands and things before a face: found by what the face is expected to look like, or painted over. */
export type OcclusionMode = 'auto' | 'none';

/** Which faces are swapped: every one, the first of each frame by the order, or those of the person that is referred to. */
export type FaceSelectorMode = 'many' | 'one' | 'reference';

/** A reading of the recognition model by which faces are chosen. */
export type FaceSelectorGender = 'female' | 'male';

/** What to do with a target in which no face is ever found. */
export type NoFacePolicy = 'fail' | 'copy';

/** Where the target is decoded: in software, or by ffmpeg's hardware decoders of that name; `auto` tries what is there. */
export type HardwareDecoding = 'none' | 'auto' | 'cuda' | 'vaapi' | 'videotoolbox' | 'qsv';

/** How interlaced video is made progressive, one frame for each: by ffmpeg's filter of that name, or not at all. */
export type DeinterlaceMode = 'off' | 'bwdif' | 'yadif';

/** What to do with an unfinished job: continue it where there is one, begin anew, or refuse to begin. */
export type ResumeMode = 'auto' | 'never' | 'require';

/** Log levels of pino that the command offers. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

/** The processors of the chain, in FaceFusion's vocabulary. */
export type ProcessorName = 'face_swapper' | 'face_enhancer' | 'deep_swapper';

/** Parts of the options, and of what they come to, that are described in files of their own. */
type OptionsElsewhere = NeuralOptions & PolicyOptions;
type ConfigElsewhere = NeuralConfig & PolicyConfig;

/**
 * What a caller may ask of `run()`. Only `source` (or `map`, or `processors` without `face_swapper`), `target` and `output` are required; every other field has the
 * default that `resolveRunOptions` fills in. Command-line flags and the keys of `--config` have the same names
 * in kebab-case.
 */
export type RunOptions = OptionsElsewhere & {
  /**
   * Photographs of the face to put in (one person; several poses help). With `map`, the face for everybody else; may then be left out.
   * Without the processor `face_swapper` it may be left out too; where it is given, the report says how alike the faces are to it.
   */
  source?: string | readonly string[];
  /** The video or image to change. */
  target: string;
  /** Where the result goes; its extension chooses the container. */
  output: string;
  processors?: readonly ProcessorName[];
  faceSelectorMode?: FaceSelectorMode;
  /** Which face of a frame comes first. */
  faceSelectorOrder?: FaceSelectorOrder;
  /** Swap only people who read as this gender; decided for each person over the whole clip. */
  faceSelectorGender?: FaceSelectorGender;
  /** Swap only people of at least this age in years, 0..100; decided for each person over the whole clip. */
  faceSelectorAgeStart?: number;
  /** Swap only people of at most this age. */
  faceSelectorAgeEnd?: number;
  /** Swap only people who read as one of these to `fairface`; decided for each person over the whole clip. */
  faceSelectorRace?: FaceRace | readonly FaceRace[];
  /** Swap only faces whose middle lies in one of these: `x,y,width,height` in pixels or percent of the frame. */
  faceSelectorRegion?: string | readonly string[];
  /** Photographs of the person in the target to be swapped. */
  referenceFace?: string | readonly string[];
  /** Largest distance of a person to the reference, 0..1: (1 − cosine) / 2 of the descriptors. */
  referenceFaceDistance?: number;
  /** The reference is a face of this frame of the target. */
  referenceFrameNumber?: number;
  /** Which face of that frame by the order, counted from 0. */
  referenceFacePosition?: number;
  /** Who gets which face: texts such as `person1=a.jpg,b.jpg` or `them.jpg=a.jpg`, or objects. */
  map?: string | FaceMapOption | readonly (string | FaceMapOption)[];
  /** Lowest detector score that counts as a face, 0..1. */
  faceDetectorScore?: number;
  /** Width of the mask's soft edge, 0..1: the share of the face's half width over which it fades. */
  faceMaskBlur?: number;
  /** Insets of the mask in percent of the face box: one to four numbers in CSS order (top, right, bottom, left), 0..100. */
  faceMaskPadding?: readonly number[];
  landmarkSmoother?: SmootherMode;
  /** Where shots begin: found (`auto`), nowhere (`none`), or the file that lists it, see `faceswap scenes`. */
  sceneCuts?: string;
  /** `window`: frames to either side that are looked at; `ema`: frames that are averaged. 2..7; 7 and 5 when left out. */
  smootherWindow?: number;
  /** `ema`: weight of the present frame against those before it, 0.05..1. */
  smootherAlpha?: number;
  blend?: BlendMode;
  /** `lab` is an older name of `moments`. */
  colorMatch?: ColorMatchMode | 'lab';
  /** Give the new face the noise of the picture around it. */
  matchGrain?: boolean;
  occlusion?: OcclusionMode;
  /** Where models run: one name, or several in order; what the first cannot compute goes to the next, and last to the CPU. */
  executionProvider?: string | readonly string[];
  /** Which device of the provider, counted from 0; for `cuda`, `tensorrt` and `directml`. */
  deviceId?: number;
  /** Threads that one model may use, 1..64. */
  executionThreadCount?: number;
  /** Segments that are rendered at the same time, 1..64, each by a thread with models of its own. The output does not depend on it. */
  workers?: number | 'auto';
  /** Faces that go through a model in one run, 1..64. */
  batchSize?: number | 'auto';
  /** Most memory that all frames in flight may take: bytes, or a text such as `512M` or `2G`. */
  maxMemory?: number | string;
  /** Most device memory that models may take: bytes, or a text such as `6G`. */
  vramLimit?: number | string;
  hwaccel?: HardwareDecoding;
  deinterlace?: DeinterlaceMode;
  /** False: neither read nor write what earlier runs found out about the target and the sources. */
  cache?: boolean;
  outputVideoEncoder?: string;
  /** 0 (worst) .. 100 (best), FaceFusion's scale: 80 is x264 crf 10. */
  outputVideoQuality?: number;
  /** x264's names, `ultrafast` .. `veryslow`. */
  outputVideoPreset?: string;
  /** Frame rate of the output, when it must differ from the target's: a number or a rational such as `24000/1001`. */
  outputVideoFps?: number | string;
  /** First frame to render (half-open range `[start, end)` of frame indexes). */
  trimFrameStart?: number;
  trimFrameEnd?: number;
  /** Like the frame trims, as seconds or `[[hh:]mm:]ss[.fraction]`; exclusive with them. */
  trimStart?: string | number;
  trimEnd?: string | number;
  /** Most seconds for one try at a segment (about ten seconds of video), at least 1. Without it a try may take as long as frames pass. */
  timeout?: number;
  onNoFace?: NoFacePolicy;
  overwrite?: boolean;
  /** Refuse a target of which the output's container cannot hold every stream, chapter and tag. */
  strict?: boolean;
  resume?: ResumeMode;
  /** Keep the folder of segments and journal after the run has succeeded. */
  keepJob?: boolean;
  /** Where the folder of unfinished files lies; made when it is missing. Default: beside the output. */
  jobDir?: string;
  /** Most that the folder of unfinished files may take: bytes, or a text such as `20G`. */
  maxDisk?: number | string;
  /** Where per-frame rows and totals are written: as one JSON object, or line by line where the name ends in `.jsonl`. */
  report?: string;
  /** Lowest median cosine of the swapped faces' descriptors to the source's, −1..1. Like all gates it is judged when the output is written. */
  minIdentity?: number;
  /** Largest share of frames that jitter after smoothing: 0..1, or a text such as `5%`. */
  maxJitter?: number | string;
  /** Lowest mean tPSNR of the output, 0..100 dB. */
  minTpsnr?: number;
  /** Largest share of faces that were to be swapped and were left alone: 0..1, or a text such as `2%`. */
  maxUnswapped?: number | string;
  logLevel?: LogLevel;
};

/** A frame rate or time base as an exact fraction. */
export type Rational = { readonly num: number; readonly den: number };

/** Mask insets in percent of the face box. */
export type MaskPadding = {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
};

/** A time in exact milliseconds, as given by `--trim-start`/`--trim-end`, or a frame index. */
export type TrimPoint =
  | { readonly unit: 'frame'; readonly frame: number }
  | { readonly unit: 'time'; readonly microseconds: number };

/**
 * The options with every default filled in and every value checked: what is hashed, logged and handed to
 * workers. Paths are absolute. Nothing here is optional except where "not given" has a meaning of its own.
 */
export type RunConfig = ConfigElsewhere & {
  /** For everybody whom no map names; empty only where there are maps. */
  readonly sources: readonly string[];
  readonly target: string;
  readonly output: string;
  readonly processors: readonly ProcessorName[];
  readonly faceSelectorMode: FaceSelectorMode;
  readonly faceSelectorOrder: FaceSelectorOrder;
  /** Undefined: both. */
  readonly faceSelectorGender: FaceSelectorGender | undefined;
  /** Undefined: any age. */
  readonly faceSelectorAgeStart: number | undefined;
  readonly faceSelectorAgeEnd: number | undefined;
  /** Empty: any. */
  readonly faceSelectorRaces: readonly FaceRace[];
  /** Empty: everywhere. */
  readonly faceSelectorRegions: readonly FaceRegion[];
  /** Photos of one person; empty: the reference is a face of a frame, or there is none. */
  readonly referenceFaces: readonly string[];
  readonly referenceFaceDistance: number;
  /** Undefined: the reference is not a face of a frame. */
  readonly referenceFrameNumber: number | undefined;
  readonly referenceFacePosition: number;
  readonly maps: readonly FaceMap[];
  readonly faceDetectorScore: number;
  readonly faceMaskBlur: number;
  readonly faceMaskPadding: MaskPadding;
  readonly landmarkSmoother: SmootherMode;
  /** `auto`, `none`, or the absolute path of a list. */
  readonly sceneCuts: string;
  readonly smootherWindow: number;
  readonly smootherAlpha: number;
  readonly blend: BlendMode;
  readonly colorMatch: ColorMatchMode;
  /** Whether the analysis has to tell who is in the target: follows from the options that choose faces. */
  readonly needsCast: boolean;
  readonly matchGrain: boolean;
  readonly occlusion: OcclusionMode;
  /** onnxruntime's names, most wanted first; at least one. */
  readonly executionProviders: readonly string[];
  /** Undefined: the provider's own choice. */
  readonly deviceId: number | undefined;
  readonly executionThreadCount: number;
  readonly workers: number | 'auto';
  readonly batchSize: number | 'auto';
  /** Undefined: a share of the machine's memory. */
  readonly maxMemoryBytes: number | undefined;
  /** Undefined: what the device has free. */
  readonly vramLimitBytes: number | undefined;
  readonly hwaccel: HardwareDecoding;
  readonly deinterlace: DeinterlaceMode;
  readonly cache: boolean;
  /** Undefined: chosen by the output's container. */
  readonly outputVideoEncoder: string | undefined;
  readonly outputVideoQuality: number;
  readonly outputVideoPreset: string;
  /** Undefined: the target's own rate. */
  readonly outputVideoFps: Rational | undefined;
  readonly trimStart: TrimPoint | undefined;
  readonly trimEnd: TrimPoint | undefined;
  /** Undefined: as long as frames pass. */
  readonly timeoutMs: number | undefined;
  readonly onNoFace: NoFacePolicy;
  readonly overwrite: boolean;
  readonly strict: boolean;
  readonly resume: ResumeMode;
  readonly keepJob: boolean;
  /** Undefined: the output's folder. */
  readonly jobDir: string | undefined;
  /** Undefined: what the disk has. */
  readonly maxDiskBytes: number | undefined;
  /** Undefined: no report file. */
  readonly report: string | undefined;
  /** Undefined, here and below: not asked for. */
  readonly minIdentity: number | undefined;
  /** Share, 0..1. */
  readonly maxJitter: number | undefined;
  /** In dB. */
  readonly minTpsnr: number | undefined;
  /** Share, 0..1. */
  readonly maxUnswapped: number | undefined;
  readonly logLevel: LogLevel;
};
