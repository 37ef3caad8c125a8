import { availableParallelism } from 'node:os';
import { readSystemMemory } from '../inference/system-memory.js';
import { formatBytes } from './byte-size.js';
import { chainLookAheadFrames } from './chain-neighbours.js';
import { batchFramesOf, frameLimitBytes, type FrameLimitInput, frameNeed } from './frame-budget.js';
import type { RunConfig, RunOptions } from './run-options.js';
import { mainProvider } from './session-options.js';
import type { PreparedVideo } from './video-preparation.js';

/** More decoder threads than this only buy memory. */
const decoderThreadLimit = 4;

/** Cores that one worker on the CPU keeps busy together with its decoder and its encoder. */
const coresPerWorker = 4;

/** Memory of a worker thread besides frames: three embedded models, kernels, textures of the sources. */
const workerBytes = 160 * 2 ** 20;

/**
 * Frames that the decoder and the encoder of one worker keep: references, the lookahead of x264, threads. Measured: a bare
 * transcode at 2160p with libx264, preset medium and four threads peaks at 1.8 GB.
 */
const ffmpegFrames = 150;

/** Share of the machine's memory that `auto` gives to all workers with their ffmpeg children. */
const memoryShare = 0.5;

/** What the number of workers is decided from. */
export type WorkerPlanInput = FrameLimitInput & {
  /** What `--workers` says. */
  readonly requested: number | 'auto';
  /** Cores that the process may use. */
  readonly cores: number;
  /** onnxruntime's name of the provider that runs the models. */
  readonly provider: string;
  /** Most threads of one model. */
  readonly threadsPerModel: number;
  /** Whether the user asked for that number: then it is not divided among workers. */
  readonly threadsAreGiven: boolean;
  /** Segments of the plan. */
  readonly segments: number;
  /** Most decoder threads of one worker. */
  readonly decoderThreads: number;
};

/** How a run uses the machine. Nothing of it changes the output. */
export type WorkerPlan = {
  readonly count: number;
  /** Why so many, in a few words. */
  readonly reason: string;
  /** Frame buffers of each worker. */
  readonly framesPerWorker: number;
  /** How many of them may wait to go through the swapper's model together. */
  readonly batchFrames: number;
  /** Most bytes that all frames in flight may take. */
  readonly limitBytes: number;
  readonly threadsPerModel: number;
  readonly decoderThreads: number;
};

type Choice = Pick<WorkerPlan, 'count' | 'reason'>;

const byMachine = (input: WorkerPlanInput): Choice => {
  const { requested, cores, provider } = input;
  if (requested !== 'auto') return { count: requested, reason: 'as asked for' };
  if (provider !== 'cpu') return { count: 1, reason: `${provider}: models take turns on the device` };
  const coresText = `${cores} ${cores === 1 ? 'core' : 'cores'}`;
  const count = Math.max(1, Math.floor(cores / coresPerWorker));
  return {
    count,
    reason:
      count === 1
        ? `${coresText}: one worker and its ffmpeg keep them busy`
        : `${coresText}: ${coresPerWorker} for each worker and its ffmpeg`,
  };
};

const atMost = (choice: Choice, count: number, reason: string): Choice =>
  count < choice.count ? { count, reason } : choice;

/**
 * How many segments are rendered at the same time, and with how many frame buffers each. `auto` takes one worker for every four
 * cores on the CPU and one on any other provider, as far as half of the memory goes; never more than there are segments, nor
 * more than the limit of frames in flight feeds.
 *
 * Where several workers run on the CPU, threads of models and decoders are divided among them. The embedded models give the same
 * bits with any number of threads (compared for 1 to 4 threads on random inputs), and decoders do by design, so the output does
 * not depend on the division.
 *
 * @throws FaceswapError as {@link frameLimitBytes}.
 */
export function planWorkers(input: WorkerPlanInput): WorkerPlan {
  const { requested, cores, segments, frameBytes, memoryBytes, provider } = input;
  const limitBytes = frameLimitBytes(input);
  const { leastFrames, mostFrames } = frameNeed(frameBytes, input);
  const feeds = Math.floor(limitBytes / (leastFrames * frameBytes));

  let choice = byMachine(input);
  if (requested === 'auto') {
    const eachBytes = workerBytes + (mostFrames + ffmpegFrames) * frameBytes;
    const carried = Math.max(1, Math.floor((memoryBytes * memoryShare) / eachBytes));
    choice = atMost(choice, carried, `half of ${formatBytes(memoryBytes)} of memory carries no more`);
  }
  choice = atMost(choice, feeds, `${formatBytes(limitBytes)} of frames in flight feed no more`);
  choice = atMost(
    choice,
    segments,
    segments === 1 ? 'there is one segment' : `there are ${segments} segments`,
  );

  const { count, reason } = choice;
  const share = Math.max(1, Math.floor(cores / count));
  const divides = count > 1 && provider === 'cpu' && !input.threadsAreGiven;
  const framesPerWorker = Math.min(mostFrames, Math.floor(limitBytes / (count * frameBytes)));
  return {
    count,
    reason,
    framesPerWorker,
    batchFrames: batchFramesOf(framesPerWorker, input),
    limitBytes,
    threadsPerModel: divides ? Math.min(input.threadsPerModel, share) : input.threadsPerModel,
    decoderThreads: count > 1 ? Math.min(input.decoderThreads, share) : input.decoderThreads,
  };
}

/** Frames that wait for a batch where `--batch-size` is `auto` and the swapper is a model. */
const autoBatchFrames = 16;

/**
 * {@link planWorkers} for a run on this machine.
 *
 * @param options what `config` was resolved from.
 * @throws FaceswapError as {@link planWorkers}.
 */
export async function planWorkersHere(
  config: RunConfig,
  options: RunOptions,
  {
    plan,
    target,
    frameBytes,
    swapperIsModel = false,
  }: Pick<PreparedVideo, 'plan' | 'target' | 'frameBytes'> & { readonly swapperIsModel?: boolean },
): Promise<WorkerPlan> {
  const { totalBytes } = await readSystemMemory();
  const cores = availableParallelism();
  return planWorkers({
    requested: config.workers,
    cores,
    memoryBytes: totalBytes,
    maxMemoryBytes: config.maxMemoryBytes,
    provider: mainProvider(config),
    threadsPerModel: config.executionThreadCount,
    threadsAreGiven: options.executionThreadCount !== undefined,
    segments: plan.segments.length,
    widthPx: target.video.format.widthPx,
    heightPx: target.video.format.heightPx,
    frameBytes,
    lookAheadFrames: chainLookAheadFrames,
    batchFrames: !swapperIsModel ? 1 : config.batchSize === 'auto' ? autoBatchFrames : config.batchSize,
    decoderThreads: Math.min(decoderThreadLimit, cores),
  });
}
