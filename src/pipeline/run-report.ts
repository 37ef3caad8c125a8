import type { PolicyReport } from './policy/policy-report.js';
import type { RunMachine } from './run-machine.js';
import type { RunConfig } from './run-options.js';

/** Five-number style summary of a per-frame figure. */
export type Spread = { readonly mean: number; readonly std: number; readonly min: number };

/** Percentiles of a per-face figure. */
export type Percentiles = {
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
  readonly count: number;
};

/** Why a face that was found was left alone. `no-gain`: nothing but enhancing was asked for, and the face would not gain from it. */
export type SkipReason =
  | 'not-selected'
  | 'too-small'
  | 'turned-away'
  | 'outside-frame'
  | 'masked'
  | 'no-gain';

/** One face in one frame, as the monitor saw it. */
export type FaceRow = {
  /** Which face this is, within its shot. In reports no two tracks of a run share a number. */
  readonly trackId: number;
  /** Id of the person, where the run had to know who is who. */
  readonly person?: string;
  /**
   * `swapped`: found and swapped, or in a run that only enhances, found and enhanced; `filled`: the same of a face that was not detected, with
   * interpolated landmarks; `skipped`: left alone.
   */
  readonly outcome: 'swapped' | 'filled' | 'skipped';
  readonly skipReason?: SkipReason;
  /** Face box in frame pixels. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Index of the source photo that was used. */
  readonly sourceIndex?: number;
  /** Set where the face was enhanced. */
  readonly enhanced?: true;
  /** dB between the face box of this frame and of the previous one; null on the first frame of a shot or track. */
  readonly tpsnrOutputDb: number | null;
  readonly tpsnrSourceDb: number | null;
  /** The same with the previous frame first moved as the landmarks moved; null where one of the two frames does not show the face. */
  readonly tpsnrAlignedOutputDb: number | null;
  readonly tpsnrAlignedSourceDb: number | null;
  /** Error of luma's gradient along the mask's border, in 8-bit levels per pixel; null where nothing was drawn. */
  readonly seam: number | null;
  /** Structural similarity of the output's luma to the source's inside the mask; null where the mask is too small or nothing was drawn. */
  readonly ssimInside: number | null;
  /**
   * RMS second difference of the landmarks / inter-ocular distance, those of the neighbouring frames taken along by the measured movement of the
   * face's pixels: how much they tremble against the picture. Null where there are no two neighbours.
   */
  readonly jitterBefore: number | null;
  readonly jitterAfter: number | null;
  /** Cosine of the rendered face's descriptor to the source's and to the target's own; null when not sampled. */
  readonly identityToSource: number | null;
  readonly identityToTarget: number | null;
};

/** One frame of the output; rows go to the report file. */
export type FrameRow = {
  /** Index of the frame in the target. */
  readonly frame: number;
  /** When the frame is shown, in seconds from the target's first; only in reports, and only of videos. */
  readonly timeSeconds?: number;
  readonly sceneCut: boolean;
  /** Structural similarity of the output's luma to the source's outside of all masks; null where no face was drawn. */
  readonly ssimOutside: number | null;
  readonly faces: readonly FaceRow[];
};

/** Milliseconds of busy time per stage, summed over workers; stages overlap, so the sum may exceed the wall time. */
export type StageTimes = Readonly<
  Record<
    | 'decode'
    | 'detect'
    | 'landmarks'
    | 'identity'
    | 'smooth'
    | 'swap'
    | 'blend'
    | 'enhance'
    | 'monitor'
    | 'encode'
    | 'mux',
    number
  >
>;

/** Milliseconds that one frame spends in a stage; stages that a frame skips do not count. */
export type Latency = {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly count: number;
};

/** Stages of {@link StageTimes} that are measured frame by frame. */
export type FrameStage = Exclude<keyof StageTimes, 'mux'>;

/** How the machine was used: what `faceswap benchmark` compares. */
export type RunPerformance = {
  /** From the call to the first frame that the encoder took; null when none was encoded. */
  readonly firstFrameMs: number | null;
  /** Busy time inside model runs, summed over workers. */
  readonly modelMs: number;
  /** Time from the first frame that was asked of a decoder to the end of the last encoder; 0 when none was encoded. */
  readonly renderMs: number;
  readonly stageLatencyMs: Readonly<Partial<Record<FrameStage, Latency>>>;
  readonly workers: { readonly count: number; readonly reason: string };
  readonly batch: {
    /** Faces that went through the swapper's model in one run at most; 1 where the swapper is no model. */
    readonly size: number;
    readonly reason: string;
    /** How often a batch was halved because memory ran out. */
    readonly halvings: number;
  };
  /** The pool that frames travel in. */
  readonly frames: {
    readonly bytesPerFrame: number;
    /** Buffers that were ever allocated. */
    readonly allocated: number;
    /** How often a buffer was asked for: all but `allocated` were used again. */
    readonly acquired: number;
    readonly peakInFlight: number;
    readonly limitBytes: number;
  };
  /** How often a segment, or the joining of all, was begun again after a transient failure. */
  readonly retries: number;
  /** Where the target was decoded: `none` is in software. */
  readonly hwaccel: string;
  /** Why there, in words. */
  readonly hwaccelReason: string;
  /** Whether the analysis of the target was computed or read from the cache. */
  readonly analysis: 'computed' | 'cached' | 'mixed';
};

/** Totals of the faces of some frames. A figure that could not be taken is null, never 0. */
export type FaceTotals = {
  readonly facesFound: number;
  readonly facesSwapped: number;
  readonly facesFilled: number;
  readonly facesSkipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** Of the faces that were to be swapped, the share that was left alone, 0..1: all that were skipped but those not selected and those that enhancing would not gain. */
  readonly unswappedShare: number | null;
  readonly tpsnrOutputDb: Spread | null;
  readonly tpsnrSourceDb: Spread | null;
  readonly tpsnrAlignedOutputDb: Spread | null;
  readonly tpsnrAlignedSourceDb: Spread | null;
  readonly seam: Percentiles | null;
  /** How much of the target is left inside the mask: of the faces that were swapped. */
  readonly ssimInside: Percentiles | null;
  /** Share of jitter frames, 0..1. */
  readonly jitterShareBefore: number | null;
  readonly jitterShareAfter: number | null;
  readonly identityToSource: Percentiles | null;
  readonly identityToTarget: Percentiles | null;
};

/** Totals of the quality monitor (DESIGN "quality monitor"). */
export type QualityTotals = FaceTotals & {
  readonly framesWithoutFace: number;
  readonly sceneCuts: number;
  readonly ssimOutside: Spread | null;
};

/** Frames by their indexes in the target, half-open. */
export type FrameRange = { readonly start: number; readonly end: number };

/** Totals of one shot. */
export type ShotTotals = FrameRange & {
  /** Counted from 0. */
  readonly shot: number;
  readonly quality: QualityTotals;
};

/** Totals of one face in one shot. */
export type TrackTotals = FrameRange & {
  readonly trackId: number;
  readonly shot: number;
  /** Frames that have a row of it. */
  readonly frames: number;
  readonly quality: FaceTotals;
};

/** The quality gates, as their options are called. */
export type GateName = 'min-identity' | 'max-jitter' | 'min-tpsnr' | 'max-unswapped';

/** What a quality gate came to. Identity is a cosine, tPSNR in dB, the others are shares 0..1. */
export type GateResult = {
  readonly gate: GateName;
  readonly limit: number;
  /** What was compared with the limit; null when it could not be taken, which counts as missed. */
  readonly figure: number | null;
  readonly passed: boolean;
  /** How many frames are on the wrong side of the limit by themselves, also where the gate as a whole has passed. */
  readonly frameCount: number;
  /** The first of those frames. */
  readonly frames: readonly FrameRange[];
};

/** A remark that does not stop the run but that its user must see. */
export type RunWarning = {
  readonly code: string;
  readonly message: string;
  readonly file?: string;
  readonly frame?: number;
};

/** Somebody of the target and what became of them. */
export type PersonReport = {
  /** As `faceswap faces` names the person. */
  readonly id: string;
  /** Frames in which the person is seen. */
  readonly frames: number;
  readonly firstFrame: number;
  /** Null when the person could not be recognised. */
  readonly ageYears: number | null;
  /** Probability that the person reads as male, 0..1; null when the person could not be recognised. */
  readonly male: number | null;
  /** Distance to the reference photos that the person was found by, 0..1; null where it was not by photos. */
  readonly referenceDistance: number | null;
  /** Source photos that the person could get; empty where it was left alone, and where faces are changed without photos. */
  readonly sources: readonly string[];
  /** Frames in which the person's face was swapped. */
  readonly framesSwapped: number;
};

/**
 * The first line of a rows file: what is known before the first frame. Together with {@link RowsEnd} it has all of {@link RunReport}.
 */
export type RowsHeader = { readonly type: 'header' } & Pick<
  RunReport,
  'schema' | 'version' | 'output' | 'config' | 'media'
>;

/** A line for each frame of a rows file. */
export type RowsFrame = { readonly type: 'frame' } & FrameRow;

/** The last line of a rows file. */
export type RowsEnd = { readonly type: 'totals' } & Omit<RunReport, keyof RowsHeader>;

/** A line of a rows file (`--report-rows`). */
export type RowsLine = RowsHeader | RowsFrame | RowsEnd;

/** What `run()` returns and `--json` prints. */
export type RunReport = {
  readonly schema: 1;
  readonly version: string;
  readonly status: 'swapped' | 'copied';
  readonly output: string;
  readonly outputSha256: string;
  readonly config: RunConfig;
  readonly media: {
    /** What the output is; `animation` is an animated GIF or WebP. */
    readonly kind: 'video' | 'image' | 'animation';
    readonly widthPx: number;
    readonly heightPx: number;
    readonly frameCount: number;
    /** Exact rational such as `24000/1001`, nominal where `variableFrameRate`; null for images and for animations whose delays differ. */
    readonly frameRate: string | null;
    /** Whether the output has the target's own times, which no constant rate explains. */
    readonly variableFrameRate: boolean;
    readonly durationSeconds: number;
    readonly segments: number;
    readonly videoEncoder: string | null;
    /** ffmpeg's filter that made the frames progressive; null where none did. */
    readonly deinterlaced: string | null;
    readonly streamsCopied: number;
    readonly streamsDropped: readonly {
      readonly index: number;
      readonly type: string;
      readonly reason: string;
    }[];
  };
  readonly wallMs: number;
  /** Frames that this run rendered, over `wallMs`. */
  readonly framesPerSecond: number;
  readonly stageMs: StageTimes;
  /** Null for an image target. */
  readonly performance: RunPerformance | null;
  readonly quality: QualityTotals;
  /** Who was swapped with what; null where the options make no difference between people. */
  readonly people: readonly PersonReport[] | null;
  readonly shots: readonly ShotTotals[];
  readonly tracks: readonly TrackTotals[];
  /** One for each gate that was asked for. */
  readonly gates: readonly GateResult[];
  /** What was taken over from an earlier run of the same job; null when everything was rendered by this one. */
  readonly resumed: { readonly segments: number; readonly frames: number } | null;
  /** Which checks looked at the run, and what they said; a refusal leaves no report. */
  readonly policy: PolicyReport;
  readonly machine: RunMachine;
  readonly warnings: readonly RunWarning[];
};
