import { FaceswapError } from '../errors.js';
import { formatBytes } from './byte-size.js';

/** Share of the machine's memory that frames in flight may take where `--max-memory` says nothing. */
export const defaultMemoryShare = 0.25;

/** Frames on their way besides those that the chain holds: one that is being decoded and one that is being encoded. */
const leastTransitFrames = 2;

/**
 * More than this buys no speed: one frame is being decoded and one encoded, one waits before the chain and one behind it, and
 * one evens out frames that take longer, such as those on which the detector runs. A chain in which every frame costs the
 * same was as quick with two as with eight (1080p, within the noise of a busy machine).
 */
const mostTransitFrames = 5;

/** Large frames travel in fewer: evening out is not worth more memory than this to a worker. */
const transitBytes = 64 * 2 ** 20;

/** Buffers that one worker needs to go on at all, and as many as make it faster. */
export type FrameNeed = { readonly leastFrames: number; readonly mostFrames: number };

/** What decides how many frames a chain holds. */
export type HeldFrames = {
  /** Frames after a frame that the chain must have seen before it gives that one back. */
  readonly lookAheadFrames: number;
  /** Frames that may wait to go through the swapper's model together, at least 1. */
  readonly batchFrames: number;
};

/** What one worker needs of the frame pool. Least is without batches, because a batch only saves time. */
export function frameNeed(frameBytes: number, { lookAheadFrames, batchFrames }: HeldFrames): FrameNeed {
  const affordable = Math.floor(transitBytes / frameBytes);
  // Four: with one frame in each place the four parts never wait for each other's buffers.
  const transitFrames = Math.min(mostTransitFrames, Math.max(4, affordable));
  return {
    leastFrames: lookAheadFrames + 1 + leastTransitFrames,
    mostFrames: lookAheadFrames + batchFrames + transitFrames,
  };
}

/** Frames that can wait for a batch when a worker has so many buffers, at least 1. */
export function batchFramesOf(framesPerWorker: number, held: HeldFrames): number {
  const spare = framesPerWorker - held.lookAheadFrames - leastTransitFrames;
  return Math.max(1, Math.min(held.batchFrames, spare));
}

/** What {@link frameLimitBytes} decides from. */
export type FrameLimitInput = HeldFrames & {
  /** What the machine or our container has in all. */
  readonly memoryBytes: number;
  /** What `--max-memory` allows; undefined: a share of `memoryBytes`. */
  readonly maxMemoryBytes: number | undefined;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameBytes: number;
};

/**
 * Most bytes that all frames in flight of a run may take.
 *
 * @throws FaceswapError (usage, or resources where the user set no limit) when that is too little for a single worker,
 * with what is needed.
 */
export function frameLimitBytes(input: FrameLimitInput): number {
  const { memoryBytes, maxMemoryBytes, widthPx, heightPx, frameBytes } = input;
  const { leastFrames } = frameNeed(frameBytes, input);
  const neededBytes = leastFrames * frameBytes;
  const neededMebibytes = Math.ceil(neededBytes / 2 ** 20);
  const limitBytes = maxMemoryBytes ?? Math.floor(memoryBytes * defaultMemoryShare);
  if (limitBytes >= neededBytes) return limitBytes;
  const need = `${neededMebibytes} MiB for ${leastFrames} frames of ${widthPx}x${heightPx} (a look-ahead of ${input.lookAheadFrames})`;
  if (maxMemoryBytes !== undefined) {
    throw new FaceswapError(
      'usage',
      `--max-memory must be at least ${need}, got ${formatBytes(maxMemoryBytes)}`,
      { hint: `Give --max-memory ${neededMebibytes}M or more` },
    );
  }
  throw new FaceswapError(
    'resources',
    `Frames in flight need ${need}, and a quarter of the memory is ${formatBytes(limitBytes)}`,
    { stage: 'plan', hint: `--max-memory ${neededMebibytes}M allows it all the same` },
  );
}
