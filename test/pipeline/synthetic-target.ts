import type { TargetMedia } from '../../src/media/target-media.js';
import type { Rational } from '../../src/pipeline/run-options.js';

export type SyntheticTarget = {
  readonly frameCount: number;
  readonly frameRate: Rational;
  /** Frame indexes of keyframes; 0 need not be named. */
  readonly keyframes?: readonly number[];
  readonly timeBase?: Rational;
  readonly slots?: readonly number[];
  /** Slots per second where the rate varies; the frame rate when left out. */
  readonly clock?: Rational;
  /** Start of the file and of its video in microseconds. */
  readonly startMicroseconds?: number;
  readonly firstFrameMicroseconds?: number;
};

/** A target that exists only as numbers: 64x48, yuv420p. */
export const syntheticTarget = ({
  frameCount,
  frameRate,
  keyframes = [],
  timeBase = { num: 1, den: 90_000 },
  slots,
  clock = frameRate,
  startMicroseconds = 0,
  firstFrameMicroseconds = startMicroseconds,
}: SyntheticTarget): TargetMedia => {
  const slotOf = (frame: number): number => slots?.[frame] ?? frame;
  const tick = (frame: number): number =>
    Math.round(
      ((slotOf(frame) * clock.den) / clock.num + firstFrameMicroseconds / 1e6) *
        (timeBase.den / timeBase.num),
    );
  const flags = new Uint8Array(frameCount);
  for (const frame of [0, ...keyframes]) flags[frame] = 1;
  return {
    kind: 'video',
    file: '/clip.mp4',
    sizeBytes: 1000,
    formatName: 'mov,mp4,m4a,3gp,3g2,mj2',
    durationSeconds: { num: (slotOf(frameCount - 1) + 1) * clock.den, den: clock.num },
    video: {
      streamIndex: 0,
      codecName: 'h264',
      pixelFormat: 'yuv420p',
      format: {
        widthPx: 64,
        heightPx: 48,
        bitDepth: 8,
        chromaShiftX: 1,
        chromaShiftY: 1,
        matrix: 'bt601',
        range: 'limited',
      },
      storedWidthPx: 64,
      storedHeightPx: 48,
      rotationDegrees: 0,
      sampleAspectRatio: { num: 1, den: 1 },
      frameRate,
      timeBase,
      colour: {
        range: undefined,
        space: undefined,
        transfer: undefined,
        primaries: undefined,
        chromaLocation: undefined,
      },
      ptsTicks: Float64Array.from({ length: frameCount }, (_, frame) => tick(frame)),
      keyframes: flags,
      isVariable: clock !== frameRate,
      clock,
      slots: Float64Array.from({ length: frameCount }, (_, frame) => slotOf(frame)),
      endSlot: slotOf(frameCount - 1) + 1,
      frameCount,
    },
    streams: [],
    audioStreams: [],
    startMicroseconds,
    tags: {},
    chapterTags: [],
    announcedEndSeconds: undefined,
  };
};
