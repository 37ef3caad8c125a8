import type { PlanarFormat } from '../imaging/planar-frame.js';
import type { ColourTags } from './colour-tags.js';
import type { LightDescription } from './hdr-metadata.js';
import { type Rational, rationalToNumber } from './rational.js';
import type { MediaStream } from './stream-probe.js';

/**
 * Pixel formats that the pipeline processes now: planar YUV of 8 bits, and of 10 in little-endian words (`10le`). The
 * `yuvj` names mean full range.
 */
export type SupportedPixelFormat =
  | 'yuv420p'
  | 'yuvj420p'
  | 'yuv422p'
  | 'yuvj422p'
  | 'yuv444p'
  | 'yuvj444p'
  | 'yuv420p10le'
  | 'yuv422p10le'
  | 'yuv444p10le';

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
  /** Constant frames per second, exact. */
  readonly frameRate: Rational;
  readonly timeBase: Rational;
  readonly colour: ColourTags;
  /** What the file says about the light of a picture of high dynamic range; absent for standard range. */
  readonly light?: LightDescription;
  /** Presentation time of every shown frame in ticks of `timeBase`, ascending; index = frame index. */
  readonly ptsTicks: Float64Array;
  /** 1 where the frame is a keyframe; aligned with `ptsTicks`. */
  readonly keyframes: Uint8Array;
  /**
   * Place of every frame on the timeline, counted in frame periods from the first frame: `slots[k] === k` unless
   * frames are missing (a recording that dropped some, the ragged end of a cut without re-encoding).
   */
  readonly slots: Int32Array;
  readonly frameCount: number;
};

/** All that is known of a target video before work starts. */
export type TargetMedia = {
  readonly kind: 'video';
  /** Absolute path. */
  readonly file: string;
  readonly sizeBytes: number;
  /** ffprobe's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly formatName: string;
  /** Length of the video as an exact fraction of seconds: (last slot + 1) / frame rate. */
  readonly durationSeconds: Rational;
  readonly video: TargetVideo;
  /** Every stream of the file, the video itself included, in the file's order. */
  readonly streams: readonly MediaStream[];
  readonly audioStreams: readonly MediaStream[];
  /** Start of the whole file in microseconds: the zero point of ffmpeg's seeking and stream copies. */
  readonly startMicroseconds: number;
  /** The container's own tags (`title`, `comment`, …); keys in lower case. */
  readonly tags: Readonly<Record<string, string>>;
};

/**
 * How many frame periods the frames `[start, end)` fill: from the slot of the first to that of the frame after
 * the last, so that consecutive ranges add up to the whole.
 */
export function slotCount(
  video: TargetVideo,
  range: { readonly start: number; readonly end: number },
): number {
  const slotOf = (frame: number): number => video.slots[frame] ?? (video.slots.at(-1) ?? -1) + 1;
  return slotOf(range.end) - slotOf(range.start);
}

/** When a frame is shown, in seconds on the clock of the file. */
export const frameSeconds = ({ video }: TargetMedia, frame: number): number =>
  (video.ptsTicks[frame] ?? Number.NaN) * rationalToNumber(video.timeBase);

/** Whether a range holds every frame of the target. */
export const isWhole = (
  target: TargetMedia,
  range: { readonly start: number; readonly end: number },
): boolean => range.start === 0 && range.end === target.video.frameCount;
