import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { contentHash } from '../media/content-hash.js';
import { FrameDecoder } from '../media/decoder.js';
import { FrameEncoder } from '../media/encoder.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import type { SegmentFile } from '../media/muxer.js';
import { sameRational } from '../media/rational.js';
import { slotCount, type TargetMedia } from '../media/target-media.js';
import { segmentExtension, type VideoEncoding } from '../media/video-encoding.js';
import { chainNeighbourFrames, type ChainOutput, type ChainStageTimes } from './face-chain.js';
import { fileFailure } from './file-failure.js';
import type { FramePool } from './frame-pool.js';
import { FrameQueue } from './frame-queue.js';
import { interruption, throwIfInterrupted, untilAborted } from './interruption.js';
import { type Journal, syncFile } from './journal.js';
import { type PlanSegment, type RenderPlan, timesWritten } from './plan.js';
import type { FrameRow } from './run-report.js';
import type { RunLogger } from './run-logger.js';
import type { WorkerClient } from './worker-client.js';
import type { WorkerResults } from './worker-protocol.js';

/** Buffers beyond those that the chain holds back: some being decoded, some on their way, some being encoded. */
const transitFrames = 8;

/** Buffers that a worker needs: what the chain looks ahead, the frame itself, and what is in transit. */
export const framesInFlight = chainNeighbourFrames.after + 1 + transitFrames;

/** Everything that the segments of one run share. */
export type RenderContext = {
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  readonly plan: RenderPlan;
  readonly encoding: VideoEncoding;
  readonly decoderThreads: number;
  readonly jobFolder: string;
  readonly journal: Journal;
  readonly worker: WorkerClient;
  readonly pool: FramePool;
  readonly logger: RunLogger;
  readonly signal: AbortSignal | undefined;
  /** Called for each rendered frame, in order. */
  readonly onRow: (row: FrameRow) => void;
};

/** A finished segment. */
export type RenderedSegment = SegmentFile & {
  readonly index: number;
  readonly sha256: string;
  /** One per rendered source frame, in order. */
  readonly rows: readonly FrameRow[];
  readonly stageTimes: ChainStageTimes & { readonly decode: number; readonly encode: number };
};

type SegmentReply = WorkerResults['frame'] | WorkerResults['endSegment'];

const isEndOfSegment = (reply: SegmentReply): reply is WorkerResults['endSegment'] => 'stageTimes' in reply;

/**
 * Renders one segment: decoder, worker and encoder run at the same time, joined by buffers of the pool, so none of
 * them can run away from the others. The file appears under its final name only when it is whole and on the disk;
 * then the journal says so.
 *
 * The first failure of the three stops the other two; their children have ended when this rejects. The pool is not
 * fit for use afterwards, because buffers may be lost in the worker.
 *
 * @throws FaceswapError: the first failure; `interrupted` whenever the signal has aborted.
 */
export async function renderSegment(context: RenderContext, segment: PlanSegment): Promise<RenderedSegment> {
  const { tools, target, plan, encoding, worker, pool, signal, logger } = context;
  const name = `segment-${String(segment.index).padStart(4, '0')}${segmentExtension(encoding.encoder)}`;
  const file = join(context.jobFolder, name);
  const { video } = target;
  const keepsRate = sameRational(video.frameRate, plan.outputFrameRate);

  const stop = new AbortController();
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    stop.abort(failure);
  };
  const onInterrupt = (): void => fail(interruption());
  throwIfInterrupted(signal);
  signal?.addEventListener('abort', onInterrupt, { once: true });

  const rows: FrameRow[] = [];
  let acquiredAtMs = performance.now();
  let decodeMs = 0;
  let encodeMs = 0;
  let writtenFrames = 0;
  let endReply: WorkerResults['endSegment'] | undefined;
  let decoderWaits = false;
  let framesInDecoder = 0;
  let framesInWorker = 0;
  let framesToEncode = 0;

  /** A chain that has seen all it was given and still holds every buffer would leave everybody waiting for ever. */
  const checkStarvation = (): void => {
    if (!decoderWaits || framesInDecoder + framesInWorker + framesToEncode > 0 || pool.lent < pool.count)
      return;
    throw new FaceswapError('bug', `The chain holds back all ${pool.count} frame buffers`, { stage: 'swap' });
  };
  const decoder = new FrameDecoder({
    tools,
    target,
    range: segment.decode,
    acquire: async () => {
      decoderWaits = true;
      checkStarvation();
      const buffer = await pool.acquire(stop.signal);
      decoderWaits = false;
      framesInDecoder += 1;
      acquiredAtMs = performance.now();
      return buffer;
    },
    release: (buffer) => {
      framesInDecoder -= 1;
      pool.release(buffer);
    },
    threads: context.decoderThreads,
    signal: stop.signal,
  });
  const encoder = new FrameEncoder({
    tools,
    encoding,
    file: `${file}.part`,
    slots: keepsRate ? video.slots.subarray(segment.render.start, segment.render.end) : undefined,
    signal: stop.signal,
  });
  const replies = new FrameQueue<{ readonly reply: Promise<SegmentReply> }>();

  /** Replies are awaited in order by the encoding loop; one that it never reaches must not count as unhandled. */
  const expect = (reply: Promise<SegmentReply>): void => {
    reply.catch(() => {});
    replies.push({ reply });
  };

  const decodeAll = async (): Promise<void> => {
    await worker.beginSegment({
      format: video.format,
      frameRate: video.frameRate,
      decode: segment.decode,
      render: segment.render,
    });
    for await (const frame of decoder.frames()) {
      decodeMs += performance.now() - acquiredAtMs;
      stop.signal.throwIfAborted();
      framesInDecoder -= 1;
      framesInWorker += 1;
      expect(worker.push(frame));
    }
    expect(worker.endSegment());
    replies.close();
  };

  const encodeOne = async ({ index, buffer, row }: ChainOutput): Promise<void> => {
    if (row !== null) {
      if (index !== segment.render.start + rows.length || row.frame !== index) {
        throw new FaceswapError('bug', `The chain gave frame ${index} out of order`, {
          stage: 'swap',
          frame: index,
        });
      }
      rows.push(row);
      const repeats = timesWritten(video, plan, index);
      const startMs = performance.now();
      for (let count = 0; count < repeats; count += 1) await encoder.write(buffer);
      encodeMs += performance.now() - startMs;
      writtenFrames += repeats;
      context.onRow(row);
    }
    framesToEncode -= 1;
    pool.release(buffer);
  };

  const encodeAll = async (): Promise<void> => {
    for await (const expected of replies) {
      const reply = await untilAborted(expected.reply, stop.signal);
      framesToEncode += reply.outputs.length;
      if (isEndOfSegment(reply)) endReply = reply;
      else framesInWorker -= 1;
      for (const output of reply.outputs) await encodeOne(output);
      checkStarvation();
    }
    if (stop.signal.aborted) return;
    const startMs = performance.now();
    await encoder.finish();
    encodeMs += performance.now() - startMs;
  };

  const guarded = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      fail(error);
    } finally {
      if (stop.signal.aborted) replies.close();
    }
  };

  try {
    await Promise.all([guarded(decodeAll), guarded(encodeAll)]);
    if (failure === undefined && rows.length !== segment.render.end - segment.render.start) {
      fail(
        new FaceswapError('bug', `The chain gave back ${rows.length} frames of segment ${segment.index}`, {
          stage: 'swap',
        }),
      );
    }
    if (failure === undefined && writtenFrames !== segment.outputFrames) {
      fail(
        new FaceswapError(
          'bug',
          `Segment ${segment.index} has ${writtenFrames} frames instead of ${segment.outputFrames}`,
          { stage: 'encode' },
        ),
      );
    }
  } finally {
    signal?.removeEventListener('abort', onInterrupt);
    await decoder.close();
    if (failure !== undefined) await encoder.abort();
  }
  throwIfInterrupted(signal);
  if (failure !== undefined) throw FaceswapError.from(failure, 'render');
  if (endReply === undefined) throw new FaceswapError('bug', 'A segment ended without its last frames');

  const sha256 = await finishFile(file, signal);
  await context.journal.append({ index: segment.index, frames: writtenFrames, sha256 });
  logger.debug(
    {
      segment: segment.index,
      frames: rows.length,
      framesInFlight: pool.peakLent,
      bytesPerFrame: pool.frameBytes,
      bytesInFlight: pool.peakLent * pool.frameBytes,
      decodeMs: Math.round(decodeMs),
      encodeMs: Math.round(encodeMs),
      ...Object.fromEntries(
        Object.entries(endReply.stageTimes).map(([stage, ms]) => [`${stage}Ms`, Math.round(ms)]),
      ),
    },
    'segment rendered',
  );
  return {
    index: segment.index,
    file,
    slotCount: keepsRate ? slotCount(video, segment.render) : writtenFrames,
    sha256,
    rows,
    stageTimes: { ...endReply.stageTimes, decode: decodeMs, encode: encodeMs },
  };
}

const finishFile = async (file: string, signal: AbortSignal | undefined): Promise<string> => {
  const part = `${file}.part`;
  await syncFile(part);
  const sha256 = await contentHash(part, { signal });
  try {
    await rename(part, file);
  } catch (error) {
    throw fileFailure(error, file, 'encode');
  }
  return sha256;
};
