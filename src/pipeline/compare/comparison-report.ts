import type { RunMachine } from '../run-machine.js';
import type { Percentiles, RunWarning, Spread } from '../run-report.js';
import type { StreamDifference } from './stream-differences.js';

/** How like a video is to the reference: whole pictures, the regions of the reference's faces, and all outside of them. */
export type ReferenceFigures = {
  /** Mean, spread and smallest of the frames' PSNR of luma; a frame without a face has no inside. */
  readonly psnrDb: {
    readonly whole: Spread | null;
    readonly inside: Spread | null;
    readonly outside: Spread | null;
  };
  readonly ssim: {
    readonly whole: Spread | null;
    readonly inside: Spread | null;
    readonly outside: Spread | null;
  };
  /** Frames whose luma is the reference's to the last bit outside of the regions. */
  readonly framesExactOutside: number;
};

/** Everything about one of the videos. A figure that could not be taken is null, never 0. */
export type ComparedVideo = {
  /** Absolute path. */
  readonly file: string;
  readonly sizeBytes: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameCount: number;
  /** Exact rational, nominal where `variableFrameRate`. */
  readonly frameRate: string;
  readonly variableFrameRate: boolean;
  readonly durationSeconds: number;
  readonly codec: string;
  readonly pixelFormat: string;
  /** Whether it is compared with the reference picture by picture; null for the reference and where there is none. */
  readonly aligned: boolean | null;
  /** Why it is not. */
  readonly notAlignedReason: string | null;
  readonly faces: {
    /** Faces that the landmark model saw in this video, frame by frame. */
    readonly found: number;
    /** Stretches of shots in which one face was followed. */
    readonly tracks: number;
    readonly framesWithoutFace: number;
    readonly sceneCuts: number;
  };
  readonly tpsnrDb: Spread | null;
  readonly tpsnrAlignedDb: Spread | null;
  /** Share of frames whose landmarks jump, and how far landmarks jump, as the landmark model sees this video; nothing is smoothed. */
  readonly jitterShare: number | null;
  readonly jitter: Percentiles | null;
  readonly identityToSource: Percentiles | null;
  readonly identityToReference: Percentiles | null;
  /** Error of luma's gradient against the reference in a band along the faces' outlines, in 8-bit levels per pixel. */
  readonly seam: Percentiles | null;
  readonly toReference: ReferenceFigures | null;
  /** What it says otherwise than the reference, or else than the first video. */
  readonly differences: readonly StreamDifference[];
};

/** What a comparison has found out. */
export type ComparisonReport = {
  readonly schema: 1;
  readonly version: string;
  readonly reference: ComparedVideo | null;
  readonly videos: readonly ComparedVideo[];
  /** Absolute paths of the source photos. */
  readonly sources: readonly string[];
  /** Frames from the start that all have: those that were compared. */
  readonly frames: number;
  readonly machine: RunMachine;
  readonly wallMs: number;
  readonly warnings: readonly RunWarning[];
};
