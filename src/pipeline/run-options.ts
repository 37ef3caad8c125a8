/** How landmarks are steadied over time: two-sided window, causal exponential average, or not at all. */
export type SmootherMode = 'window' | 'ema' | 'none';

/** How the new face is laid into the frame: Laplacian multiband or feathered alpha. */
export type BlendMode = 'multiband' | 'basic';

/** Colour transfer from the target's face to the new one: Lab moments or none. */
export type ColorMatchMode = 'lab' | 'none';

/** Which faces of a frame are swapped: every one, or the largest. */
export type FaceSelectorMode = 'many' | 'one';

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
export type ProcessorName = 'face_swapper';

/**
 * What a caller may ask of `run()`. Only `source`, `target` and `output` are required; every other field has the
 * default that `resolveRunOptions` fills in. Command-line flags and the keys of `--config` have the same names
 * in kebab-case.
 */
export type RunOptions = {
  /** Photographs of the face to put in (one person; several poses help). */
  source: string | readonly string[];
  /** The video or image to change. */
  target: string;
  /** Where the result goes; its extension chooses the container. */
  output: string;
  processors?: readonly ProcessorName[];
  faceSwapperModel?: 'mesh';
  faceSelectorMode?: FaceSelectorMode;
  /** Lowest detector score that counts as a face, 0..1. */
  faceDetectorScore?: number;
  /** Width of the mask's soft edge, 0..1: the share of the face's half width over which it fades. */
  faceMaskBlur?: number;
  /** Insets of the mask in percent of the face box: one to four numbers in CSS order (top, right, bottom, left), 0..100. */
  faceMaskPadding?: readonly number[];
  landmarkSmoother?: SmootherMode;
  /** `window`: frames to either side that are looked at; `ema`: frames that are averaged. 2..7; 7 and 5 when left out. */
  smootherWindow?: number;
  /** `ema`: weight of the present frame against those before it, 0.05..1. */
  smootherAlpha?: number;
  blend?: BlendMode;
  colorMatch?: ColorMatchMode;
  executionProvider?: string;
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
  /** Where per-frame rows and totals are written as JSON. */
  report?: string;
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
export type RunConfig = {
  readonly sources: readonly string[];
  readonly target: string;
  readonly output: string;
  readonly processors: readonly ProcessorName[];
  readonly faceSwapperModel: 'mesh';
  readonly faceSelectorMode: FaceSelectorMode;
  readonly faceDetectorScore: number;
  readonly faceMaskBlur: number;
  readonly faceMaskPadding: MaskPadding;
  readonly landmarkSmoother: SmootherMode;
  readonly smootherWindow: number;
  readonly smootherAlpha: number;
  readonly blend: BlendMode;
  readonly colorMatch: ColorMatchMode;
  readonly executionProvider: string;
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
  readonly logLevel: LogLevel;
};
