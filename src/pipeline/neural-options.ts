import type { MaskPadding, RunConfig } from './run-options.js';

/** Parts of the mask of a swapper that is a network; the smallest of the chosen ones counts at each place. */
export type FaceMaskType = 'box' | 'occlusion' | 'area' | 'region';
export type FaceMaskArea = 'upper-face' | 'lower-face' | 'mouth';
export type FaceMaskRegion =
  | 'skin'
  | 'left-eyebrow'
  | 'right-eyebrow'
  | 'left-eye'
  | 'right-eye'
  | 'glasses'
  | 'nose'
  | 'mouth'
  | 'upper-lip'
  | 'lower-lip';

/** Whose arithmetic is used: our own, or FaceFusion's with its roundings. */
export type Compatibility = 'none' | 'facefusion';

/** How exactly models compute: as their files are, in single precision, or in half precision. */
export type Precision = 'auto' | 'fp32' | 'fp16';

/** Whether faces too small to gain from it are enhanced as well. */
export type EnhancedFaces = 'auto' | 'all';

/** The options of models that are fetched; part of `RunOptions`. Names of models are those of `faceswap models list`. */
export type NeuralOptions = {
  /** `mesh`, which needs no model, or a swapper of `faceswap models list`. */
  faceSwapperModel?: string;
  /** 0..1: 1 is all the source, 0 leaves some of the target's own identity; 0.5 is neutral. */
  faceSwapperWeight?: number;
  /** Side of the crop that is swapped, a multiple of the model's own: pixels or `512x512`. */
  faceSwapperPixelBoost?: number | string;
  /** A DeepFaceLive model: a name of `faceswap models list` or a `.dfm` file. */
  deepSwapperModel?: string;
  /** 0..100: how far the model's own faces are mixed. */
  deepSwapperMorph?: number;
  /** `detail`, which needs no model, or an enhancer of `faceswap models list`. */
  faceEnhancerModel?: string;
  /** 0..100: how much of the enhanced face is laid in. */
  faceEnhancerBlend?: number;
  /** 0..1, for models that take it: 0 beautiful, 1 faithful. */
  faceEnhancerWeight?: number;
  faceEnhancerFaces?: EnhancedFaces;
  /** `blazeface`, which comes with the package, a detector of `faceswap models list`, or `many`. */
  faceDetectorModel?: string;
  /** Side of the detector's input: pixels or `640x640`. */
  faceDetectorSize?: number | string;
  /** Turns in which faces are looked for: 0, 90, 180, 270. */
  faceDetectorAngles?: readonly number[];
  /** Black border around the frame in percent: one to four numbers (top, right, bottom, left), 0..100. */
  faceDetectorMargin?: readonly number[];
  /** `facemesh`, which comes with the package, a landmarker of `faceswap models list`, or `many`. */
  faceLandmarkerModel?: string;
  /** Lowest certainty of a landmarker's points, 0..1. */
  faceLandmarkerScore?: number;
  /** `faceres`, which comes with the package, or `fairface`. */
  faceClassifierModel?: string;
  faceMaskTypes?: readonly FaceMaskType[];
  faceMaskAreas?: readonly FaceMaskArea[];
  faceMaskRegions?: readonly FaceMaskRegion[];
  /** `xseg_1`, `xseg_2`, `xseg_3` or `many`. */
  faceOccluderModel?: string;
  faceParserModel?: string;
  /** Folder with models; else `FACESWAP_MODEL_DIR` or the system's place for data. */
  modelDir?: string;
  precision?: Precision;
  compat?: Compatibility;
};

/** {@link NeuralOptions} with every default filled in; part of `RunConfig`. Names of models are registry ids. */
export type NeuralConfig = {
  readonly faceSwapperModel: string;
  readonly faceSwapperWeight: number;
  /** Undefined: the model's own side. */
  readonly faceSwapperPixelBoostPx: number | undefined;
  /** A registry id, or the absolute path of a file. Undefined: not given. */
  readonly deepSwapperModel: string | undefined;
  readonly deepSwapperMorph: number;
  readonly faceEnhancerModel: string;
  /** Share, 0..1. */
  readonly faceEnhancerBlend: number;
  readonly faceEnhancerWeight: number;
  readonly faceEnhancerFaces: EnhancedFaces;
  readonly faceDetectorModel: string;
  /** Undefined: the model's largest. */
  readonly faceDetectorSizePx: number | undefined;
  readonly faceDetectorAngles: readonly number[];
  readonly faceDetectorMargin: MaskPadding;
  readonly faceLandmarkerModel: string;
  readonly faceLandmarkerScore: number;
  readonly faceClassifierModel: string;
  readonly faceMaskTypes: readonly FaceMaskType[];
  readonly faceMaskAreas: readonly FaceMaskArea[];
  readonly faceMaskRegions: readonly FaceMaskRegion[];
  readonly faceOccluderModel: string;
  readonly faceParserModel: string;
  /** Absolute path. Undefined: `FACESWAP_MODEL_DIR` or the system's place. */
  readonly modelDir: string | undefined;
  readonly precision: Precision;
  readonly compat: Compatibility;
};

/** What a chain needs to know of {@link NeuralConfig}; where models lie is another matter. */
export type NeuralSettings = Omit<NeuralConfig, 'modelDir'> & Pick<RunConfig, 'processors'>;

/** The settings of a run's chain that concern models. */
export const neuralSettings = (config: RunConfig): NeuralSettings => ({
  processors: config.processors,
  faceSwapperModel: config.faceSwapperModel,
  faceSwapperWeight: config.faceSwapperWeight,
  faceSwapperPixelBoostPx: config.faceSwapperPixelBoostPx,
  deepSwapperModel: config.deepSwapperModel,
  deepSwapperMorph: config.deepSwapperMorph,
  faceEnhancerModel: config.faceEnhancerModel,
  faceEnhancerBlend: config.faceEnhancerBlend,
  faceEnhancerWeight: config.faceEnhancerWeight,
  faceEnhancerFaces: config.faceEnhancerFaces,
  faceDetectorModel: config.faceDetectorModel,
  faceDetectorSizePx: config.faceDetectorSizePx,
  faceDetectorAngles: config.faceDetectorAngles,
  faceDetectorMargin: config.faceDetectorMargin,
  faceLandmarkerModel: config.faceLandmarkerModel,
  faceLandmarkerScore: config.faceLandmarkerScore,
  faceClassifierModel: config.faceClassifierModel,
  faceMaskTypes: config.faceMaskTypes,
  faceMaskAreas: config.faceMaskAreas,
  faceMaskRegions: config.faceMaskRegions,
  faceOccluderModel: config.faceOccluderModel,
  faceParserModel: config.faceParserModel,
  precision: config.precision,
  compat: config.compat,
});
