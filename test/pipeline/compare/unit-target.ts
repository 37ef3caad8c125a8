import type { PlanarFormat } from '../../../src/imaging/planar-frame.js';
import type { Rational } from '../../../src/media/rational.js';
import type { TargetMedia } from '../../../src/media/target-media.js';

/** Ten frames of 320x240 at 25 frames a second, as far as a comparison looks at them. */
export const unitTarget = ({
  format = {},
  timeBase = { num: 1, den: 25 },
  firstTicks = 0,
  stepTicks = 1,
}: {
  readonly format?: Partial<PlanarFormat>;
  readonly timeBase?: Rational;
  readonly firstTicks?: number;
  readonly stepTicks?: number;
} = {}): TargetMedia => ({
  kind: 'video',
  file: '/clips/a.mp4',
  sizeBytes: 1000,
  formatName: 'mov,mp4',
  durationSeconds: { num: 2, den: 5 },
  video: {
    streamIndex: 0,
    codecName: 'h264',
    pixelFormat: 'yuv420p',
    format: {
      widthPx: 320,
      heightPx: 240,
      bitDepth: 8,
      chromaShiftX: 1,
      chromaShiftY: 1,
      matrix: 'bt601',
      range: 'limited',
      ...format,
    },
    storedWidthPx: 320,
    storedHeightPx: 240,
    rotationDegrees: 0,
    sampleAspectRatio: { num: 1, den: 1 },
    frameRate: { num: 25, den: 1 },
    isVariable: false,
    clock: { num: 25, den: 1 },
    timeBase,
    colour: {
      range: undefined,
      space: undefined,
      primaries: undefined,
      transfer: undefined,
      chromaLocation: undefined,
    },
    ptsTicks: Float64Array.from({ length: 10 }, (_, k) => firstTicks + k * stepTicks),
    keyframes: Uint8Array.from({ length: 10 }, (_, k) => (k === 0 ? 1 : 0)),
    slots: Float64Array.from({ length: 10 }, (_, k) => k),
    endSlot: 10,
    frameCount: 10,
  },
  streams: [],
  audioStreams: [],
  startMicroseconds: 0,
  tags: {},
  chapterTags: [],
  announcedEndSeconds: undefined,
});
