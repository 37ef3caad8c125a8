import { createHash } from 'node:crypto';
import { FaceswapError } from '../errors.js';
import type { FrameRange } from '../media/decoder.js';
import { formatRational, sameRational } from '../media/rational.js';
import { slotCount, type TargetMedia, type TargetVideo } from '../media/target-media.js';
import { chainNeighbourFrames } from './chain-neighbours.js';
import type { ChainSettings } from './face-chain.js';
import { neuralSettings } from './neural-options.js';
import { convertedFramesBefore } from './frame-repeats.js';
import { optionFlag } from './option-checks.js';
import type { SegmentSelection } from './selection/segment-selection.js';
import type { Rational, RunConfig, TrimPoint } from './run-options.js';

/** One piece of the timeline: rendered by one worker into one file. Frame ranges are half-open. */
export type PlanSegment = {
  readonly index: number;
  /** Source frames that are rendered. */
  readonly render: FrameRange;
  /** Source frames that are decoded: `render` with the neighbours that the chain looks at. */
  readonly decode: FrameRange;
  /** Output frames that the segment's file holds; the same as rendered unless the frame rate changes. */
  readonly outputFrames: number;
  /** Who gets which face, where that depends on who it is; absent: all faces are alike. */
  readonly selection?: SegmentSelection;
};

/**
 * What a video run will do, as plain JSON. A pure function of the target's frame table and the resolved options:
 * neither the number of workers nor the machine has a say.
 */
export type RenderPlan = {
  readonly schema: 1;
  /** sha256 (hex) of the canonical JSON of everything that decides the output's frames. */
  readonly fingerprint: string;
  readonly target: {
    readonly sizeBytes: number;
    readonly widthPx: number;
    readonly heightPx: number;
    readonly pixelFormat: string;
    readonly frameCount: number;
    /** Nominal where `isVariable`. */
    readonly frameRate: Rational;
    readonly isVariable: boolean;
  };
  /** Source frames that are rendered in all. */
  readonly range: FrameRange;
  /** Frames that begin a shot, ascending; null where they are to be found. */
  readonly sceneCuts: readonly number[] | null;
  /** Nominal where the target's variable rate is kept. */
  readonly outputFrameRate: Rational;
  /** Whether every frame is written once and at its own time: false when the rate is changed. */
  readonly keepsTimes: boolean;
  readonly outputFrameCount: number;
  readonly segments: readonly PlanSegment[];
};

/** The listed cuts among the frames that a segment decodes; null where they are to be found. */
export const segmentCuts = (
  { sceneCuts }: Pick<RenderPlan, 'sceneCuts'>,
  { decode }: Pick<PlanSegment, 'decode'>,
): readonly number[] | null => sceneCuts?.filter((cut) => cut >= decode.start && cut < decode.end) ?? null;

/** Length that segments aim at: short enough that losing one is cheap, long enough that its neighbours cost little. */
const segmentTargetSeconds = 10;

/** No segment is shorter, unless it is the only one (shorter ones spend more on neighbours than on themselves). */
export const segmentMinimumFrames = 24;

/** The part of the configuration that the chain sees. */
export const chainSettings = (config: RunConfig): ChainSettings => ({
  faceSelectorMode: config.faceSelectorMode,
  faceSelectorOrder: config.faceSelectorOrder,
  faceSelectorRegions: config.faceSelectorRegions,
  faceDetectorScore: config.faceDetectorScore,
  faceMaskBlur: config.faceMaskBlur,
  faceMaskPadding: config.faceMaskPadding,
  landmarkSmoother: config.landmarkSmoother,
  smootherWindow: config.smootherWindow,
  smootherAlpha: config.smootherAlpha,
  blend: config.blend,
  colorMatch: config.colorMatch,
  matchGrain: config.matchGrain,
  occlusion: config.occlusion,
  executionProviders: config.executionProviders,
  deviceId: config.deviceId,
  executionThreadCount: config.executionThreadCount,
  needsCast: config.needsCast,
  ...neuralSettings(config),
});

/** JSON with sorted keys, so that equal values have equal text. Undefined members are left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/**
 * First frame whose time is at or after `microseconds`, or the frame count. Time zero is the start of the file, as
 * players show it, so a video stream that starts late begins after zero. Ticks are compared as exact integers; only
 * the stream's offset is rounded, to whole microseconds, because ffprobe gives the file's start no finer.
 */
const frameAtTime = (target: TargetMedia, microseconds: number): number => {
  const { ptsTicks, timeBase, frameCount } = target.video;
  const firstTicks = ptsTicks[0] ?? 0;
  const offset = Math.round((firstTicks * timeBase.num * 1e6) / timeBase.den) - target.startMicroseconds;
  const sinceFirstFrame = BigInt(microseconds - (offset > 1 ? offset : 0)) * BigInt(timeBase.den);
  const perTick = BigInt(timeBase.num) * 1_000_000n;
  let low = 0;
  let high = frameCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    const elapsed = BigInt((ptsTicks[middle] ?? 0) - firstTicks) * perTick;
    if (elapsed >= sinceFirstFrame) high = middle;
    else low = middle + 1;
  }
  return low;
};

/** The frame that a number or a time names; the frame count where it is behind the end. */
export const frameAtTrim = (target: TargetMedia, point: TrimPoint): number =>
  point.unit === 'frame'
    ? Math.min(point.frame, target.video.frameCount)
    : frameAtTime(target, point.microseconds);

const trimFlag = (point: TrimPoint, end: 'Start' | 'End'): string =>
  optionFlag(point.unit === 'frame' ? `trimFrame${end}` : `trim${end}`);

/**
 * The frames that the trim options leave. An end after the last frame means the last frame.
 *
 * @throws FaceswapError (usage) when nothing is left.
 */
export function trimmedRange(target: TargetMedia, config: RunConfig): FrameRange {
  const { frameCount } = target.video;
  const { trimStart, trimEnd } = config;
  const start = trimStart === undefined ? 0 : frameAtTrim(target, trimStart);
  const end = trimEnd === undefined ? frameCount : frameAtTrim(target, trimEnd);
  if (trimStart !== undefined && start >= frameCount) {
    throw new FaceswapError('usage', `${trimFlag(trimStart, 'Start')} must be before the end of the target`, {
      file: target.file,
      hint: `The target has ${frameCount} frames`,
    });
  }
  if (trimEnd !== undefined && end <= start) {
    throw new FaceswapError(
      'usage',
      `${trimFlag(trimEnd, 'End')} must leave at least one frame, got frames ${start} to ${end}`,
      { file: target.file },
    );
  }
  return { start, end };
}

/**
 * Where segments begin: the start of the range, then keyframes. Each time the keyframe nearest to the aimed length
 * is taken, of those that are at least `minimumFrames` away from the last beginning and from the range's end.
 */
const segmentStarts = (
  video: TargetVideo,
  range: FrameRange,
  lengths: {
    readonly minimumFrames: number;
    readonly aimedFrames: number;
    /** Whether the frames `[from, to)` can be a segment of their own. */
    readonly mayStandAlone: (from: number, to: number) => boolean;
  },
): readonly number[] => {
  const starts = [range.start];
  const lastPossible = range.end - lengths.minimumFrames;
  let current = range.start;
  let candidate: number | undefined;
  for (let frame = range.start + 1; frame <= lastPossible; frame += 1) {
    if (video.keyframes[frame] !== 1 || frame - current < lengths.minimumFrames) continue;
    if (!lengths.mayStandAlone(current, frame) || !lengths.mayStandAlone(frame, range.end)) continue;
    const aim = current + lengths.aimedFrames;
    if (frame < aim) {
      candidate = frame;
      continue;
    }
    const chosen = candidate !== undefined && aim - candidate <= frame - aim ? candidate : frame;
    starts.push(chosen);
    current = chosen;
    const isNext =
      frame > chosen && frame - chosen >= lengths.minimumFrames && lengths.mayStandAlone(chosen, frame);
    candidate = isNext ? frame : undefined;
  }
  if (candidate !== undefined && range.end - current > 1.5 * lengths.aimedFrames) starts.push(candidate);
  return starts;
};

/** What of a plan decides when its frames are shown. */
type OutputTimes = Pick<RenderPlan, 'range' | 'outputFrameRate' | 'keepsTimes'>;

/**
 * Output frames that the rendered frames before `frame` give (`frame` may be the range's end). Without a change of
 * rate every frame is written once, and gaps in the source's timeline stay gaps.
 */
const outputFramesBefore = (
  video: TargetVideo,
  { range, outputFrameRate, keepsTimes }: OutputTimes,
  frame: number,
): number => {
  if (keepsTimes) return frame - range.start;
  const conversion = {
    sourceClock: video.clock,
    outputRate: outputFrameRate,
    slotCount: slotCount(video, range),
  };
  return convertedFramesBefore(conversion, slotCount(video, { start: range.start, end: frame }));
};

/** How often a source frame is written: once, or with a change of rate also never (dropped) or several times. */
export const timesWritten = (video: TargetVideo, plan: OutputTimes, frame: number): number =>
  outputFramesBefore(video, plan, frame + 1) - outputFramesBefore(video, plan, frame);

/** The plan with the decision who gets which face, one for each segment in their order; they become a part of its fingerprint. */
export const planWithSelection = (plan: RenderPlan, selections: readonly SegmentSelection[]): RenderPlan => ({
  ...plan,
  fingerprint: createHash('sha256')
    .update(canonicalJson({ plan: plan.fingerprint, selections }))
    .digest('hex'),
  segments: plan.segments.map((segment, at) => {
    const selection = selections[at];
    return selection === undefined ? segment : { ...segment, selection };
  }),
});

/**
 * Cuts the rendered range into segments of about ten seconds that start on keyframes of the source, so that
 * decoding each of them starts where the decoder can. A tail that would be shorter than the minimum stays with the
 * segment before it. A source whose keyframes are far apart gives longer segments.
 *
 * @param sceneCuts frames that begin a shot, ascending; left out where they are to be found
 * @throws FaceswapError (usage) when the trim options leave no frame.
 */
export function makePlan({
  target,
  config,
  sceneCuts = null,
}: {
  target: TargetMedia;
  config: RunConfig;
  sceneCuts?: readonly number[] | null;
}): RenderPlan {
  const { video } = target;
  const range = trimmedRange(target, config);
  const outputFrameRate = config.outputVideoFps ?? video.frameRate;
  const facts = {
    schema: 1 as const,
    target: {
      sizeBytes: target.sizeBytes,
      widthPx: video.format.widthPx,
      heightPx: video.format.heightPx,
      pixelFormat: video.pixelFormat,
      frameCount: video.frameCount,
      frameRate: video.frameRate,
      isVariable: video.isVariable,
    },
    range,
    sceneCuts,
    outputFrameRate,
    // A variable rate is changed even by an option that names its nominal rate.
    keepsTimes:
      config.outputVideoFps === undefined ||
      (!video.isVariable && sameRational(video.frameRate, outputFrameRate)),
  };
  const sourceHertz = video.frameRate.num / video.frameRate.den;
  const outputHertz = outputFrameRate.num / outputFrameRate.den;
  const starts = segmentStarts(video, range, {
    // Two frames of a slower output: a segment without any frame of its own could not be encoded.
    minimumFrames: Math.max(segmentMinimumFrames, 2 * Math.ceil(sourceHertz / outputHertz)),
    aimedFrames: Math.max(1, Math.round(segmentTargetSeconds * sourceHertz)),
    // With a variable rate many frames may fall into one of the output.
    mayStandAlone: (from, to) =>
      facts.keepsTimes || outputFramesBefore(video, facts, to) - outputFramesBefore(video, facts, from) >= 2,
  });
  const segments = starts.map((start, index): PlanSegment => {
    const end = starts[index + 1] ?? range.end;
    return {
      index,
      render: { start, end },
      decode: {
        start: Math.max(range.start, start - chainNeighbourFrames.before),
        end: Math.min(range.end, end + chainNeighbourFrames.after),
      },
      outputFrames: outputFramesBefore(video, facts, end) - outputFramesBefore(video, facts, start),
    };
  });
  const body = { ...facts, outputFrameCount: outputFramesBefore(video, facts, range.end), segments };
  const fingerprint = createHash('sha256')
    .update(
      canonicalJson({
        ...body,
        ptsSha256: createHash('sha256').update(new Uint8Array(video.ptsTicks.slice().buffer)).digest('hex'),
        timeBase: formatRational(video.timeBase),
        colour: video.colour,
        deinterlacer: video.decoding?.deinterlacer,
        processors: config.processors,
        // Threads of a model change no bit of what it gives, and their default is a matter of the machine.
        chain: { ...chainSettings(config), executionThreadCount: undefined },
        encoder: config.outputVideoEncoder,
        quality: config.outputVideoQuality,
        preset: config.outputVideoPreset,
      }),
    )
    .digest('hex');
  return { ...body, fingerprint };
}
