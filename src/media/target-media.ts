import type { PlanarFormat } from '../imaging/planar-frame.js';
import type { ColourTags } from './colour-tags.js';
import type { LightDescription } from './hdr-metadata.js';
import type { FramePixelFormat } from './pixel-formats.js';
import { type Rational, rationalToNumber } from './rational.js';
import type { MediaStream } from './stream-probe.js';

/** Pixel formats in which ffmpeg hands frames to the pipeline. The `yuvj` names mean full range. */
export type SupportedPixelFormat = FramePixelFormat | 'yuvj420p' | 'yuvj422p' | 'yuvj444p';

/** A filter of ffmpeg that makes progressive frames of interlaced ones, one for each. */
export type Deinterlacer = 'bwdif' | 'yadif';

/** What ffmpeg is told so that it gives the frames as they are, where its defaults would not. */
export type DecodingRequest = {
  /** ffmpeg's name of a decoder; undefined: the one that it takes itself. */
  readonly decoder: string | undefined;
  /** It looks at one frame before and one after. */
  readonly deinterlacer: Deinterlacer | undefined;
  /** Filters that make the picture what it is to be: deinterlaced, then upright. */
  readonly pictureFilters: readonly string[];
  /** Filters that lay the samples out anew and change none. */
  readonly layoutFilters: readonly string[];
};

/** The video stream that is processed, and when each of its frames is shown. */
export type TargetVideo = {
  readonly streamIndex: number;
  readonly codecName: string;
  readonly pixelFormat: SupportedPixelFormat;
  /** Layout of the decoded, upright frames: width and height are those after rotation. */
  readonly format: PlanarFormat;
  readonly storedWidthPx: number;
  readonly storedHeightPx: number;
  /** Clockwise turn that the player applies: 0, 90, 180 or 270. */
  readonly rotationDegrees: 0 | 90 | 180 | 270;
  /** Of the upright picture; 1/1 where the file does not say. */
  readonly sampleAspectRatio: Rational;
  /**
   * Frames per second: exact where the rate is constant. Where it varies this is what the container claims or the mean, and
   * good for lengths and rate control only: times are those of `slots`.
   */
  readonly frameRate: Rational;
  /** Whether no constant rate explains the timestamps. */
  readonly isVariable: boolean;
  /** Slots per second: `frameRate` where it is constant, else the ticks in which every timestamp is whole. */
  readonly clock: Rational;
  readonly timeBase: Rational;
  readonly colour: ColourTags;
  /** What the file says about the light of a picture of high dynamic range; absent for standard range. */
  readonly light?: LightDescription;
  /** Presentation time of every shown frame in ticks of `timeBase`, ascending; index = frame index. */
  readonly ptsTicks: Float64Array;
  /** 1 where the frame is a keyframe; aligned with `ptsTicks`. */
  readonly keyframes: Uint8Array;
  /**
   * Place of every frame on the timeline, counted in slots of `clock` from the first frame. At a constant rate
   * `slots[k] === k` unless frames are missing (a recording that dropped some, the ragged end of a cut without re-encoding).
   */
  readonly slots: Float64Array;
  /** Slot at which the last frame ends. */
  readonly endSlot: number;
  readonly frameCount: number;
  /** Left out where ffmpeg's defaults do. */
  readonly decoding?: DecodingRequest;
};

/** All that is known of a target video before work starts. */
export type TargetMedia = {
  readonly kind: 'video';
  /** Absolute path. */
  readonly file: string;
  readonly sizeBytes: number;
  /** ffprobe's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly formatName: string;
  /** Length of the video as an exact fraction of seconds: end slot / clock. */
  readonly durationSeconds: Rational;
  readonly video: TargetVideo;
  /** Every stream of the file, the video itself included, in the file's order. */
  readonly streams: readonly MediaStream[];
  readonly audioStreams: readonly MediaStream[];
  /** Start of the whole file in microseconds: the zero point of ffmpeg's seeking and stream copies. */
  readonly startMicroseconds: number;
  /** The container's own tags (`title`, `comment`, …); keys in lower case. */
  readonly tags: Readonly<Record<string, string>>;
  /** Tags of each chapter, such as `title`; keys in lower case. */
  readonly chapterTags: readonly Readonly<Record<string, string>>[];
  /**
   * Time in seconds since the start of the file at which it ends by its header, where its last packet ends long before: it
   * was cut off. Undefined where both agree or the header says nothing.
   */
  readonly announcedEndSeconds: number | undefined;
};

/**
 * How many slots the frames `[start, end)` fill: from the slot of the first to that of the frame after
 * the last, so that consecutive ranges add up to the whole.
 */
export function slotCount(
  video: TargetVideo,
  range: { readonly start: number; readonly end: number },
): number {
  const slotOf = (frame: number): number => video.slots[frame] ?? video.endSlot;
  return slotOf(range.end) - slotOf(range.start);
}

/** When a frame is shown, in seconds on the clock of the file. */
export const frameSeconds = ({ video }: TargetMedia, frame: number): number =>
  (video.ptsTicks[frame] ?? Number.NaN) * rationalToNumber(video.timeBase);

/**
 * Half of the time from a frame to the nearer of its neighbours, in seconds: how far off a time may be that still means
 * this frame and no other.
 */
export const halfStepSeconds = ({ video }: TargetMedia, frame: number): number => {
  const { ptsTicks, timeBase, frameRate } = video;
  const at = ptsTicks[frame] ?? Number.NaN;
  const steps = [at - (ptsTicks[frame - 1] ?? Number.NaN), (ptsTicks[frame + 1] ?? Number.NaN) - at];
  const known = steps.filter((step) => step > 0).map((step) => step * rationalToNumber(timeBase));
  return Math.min(...known, frameRate.den / frameRate.num) / 2;
};

/**
 * Whether the last frame of a range is shown for another time than a frame period, by a millisecond or more: only with a
 * variable rate, since a constant one counts in frame periods.
 */
export function hasOwnLastDuration(
  { video }: TargetMedia,
  range: { readonly start: number; readonly end: number },
): boolean {
  if (!video.isVariable) return false;
  const slots = slotCount(video, { start: range.end - 1, end: range.end });
  return Math.abs(slots / rationalToNumber(video.clock) - 1 / rationalToNumber(video.frameRate)) >= 0.001;
}

/** Whether a range holds every frame of the target. */
export const isWhole = (
  target: TargetMedia,
  range: { readonly start: number; readonly end: number },
): boolean => range.start === 0 && range.end === target.video.frameCount;
