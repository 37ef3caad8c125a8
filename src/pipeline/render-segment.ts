import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FaceswapError } from '../errors.js';
import type { ToolTrace } from '../media/child-process.js';
import { contentHash } from '../media/content-hash.js';
import { FrameDecoder } from '../media/decoder.js';
import { FrameEncoder } from '../media/encoder.js';
import type { HardwareDecoder } from '../media/hardware-decoder.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import type { SegmentFile } from '../media/muxer.js';
import { slotCount, type TargetMedia } from '../media/target-media.js';
import { segmentExtension, type VideoEncoding } from '../media/video-encoding.js';
import type { AnalysisCache } from './analysis-cache.js';
import type { ChainOutput } from './face-chain.js';
import { fileFailure } from './file-failure.js';
import type { FrameLane } from './frame-pool.js';
import { FrameQueue } from './frame-queue.js';
import { interruption, throwIfInterrupted, untilAborted } from './interruption.js';
import { partName, regularFileBytes, syncFile, syncFolder } from './job-file.js';
import type { Journal } from './journal.js';
import { type PlanSegment, type RenderPlan, segmentCuts, timesWritten } from './plan.js';
import { segmentFiles } from './resume.js';
import type { FrameRow } from './run-report.js';
import type { RunLogger } from './run-logger.js';
import { logSegment } from './segment-log.js';
import { type SegmentRecord, writeSegmentRecord } from './segment-record.js';
import { type SegmentPatience, watchSegment } from './segment-watch.js';
import { StageSpans } from './stage-spans.js';
import type { WorkerClient } from './worker-client.js';
import type { WorkerResults } from './worker-protocol.js';

/** Everything that the segments of one run share. */
export type RenderContext = {
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  readonly plan: RenderPlan;
  readonly encoding: VideoEncoding;
  /** Undefined: the target is decoded in software. */
  readonly hardware: HardwareDecoder | undefined;
  readonly decoderThreads: number;
  readonly jobFolder: string;
  readonly journal: Journal;
  /** Null: nothing is kept for later runs, nor read from earlier ones. */
  readonly analyses: AnalysisCache | null;
  readonly logger: RunLogger;
  readonly signal: AbortSignal | undefined;
  /** What a segment is given before it counts as stuck. */
  readonly patience: SegmentPatience;
  /** Called for each rendered frame; in order within a segment, while segments are rendered side by side. */
  readonly onRow: (row: FrameRow) => void;
};

/** What the children of a segment that failed were called with and the last that they said; absent: never started. */
export type SegmentTrace = {
  readonly decoder: ToolTrace | undefined;
  readonly encoder: ToolTrace | undefined;
  /** The first frame that was not finished. */
  readonly frame: number;
};

/** Who renders a segment: one of a run's workers with its share of the frame pool. */
export type SegmentRenderer = {
  readonly worker: WorkerClient;
  readonly lane: FrameLane;
  /** Aborts when the run is given up because of another segment. */
  readonly halt: AbortSignal;
  /** Called when this one has failed, after its children have ended. */
  readonly onTrace?: ((trace: SegmentTrace) => void) | undefined;
};

/** A finished segment. */
export type RenderedSegment = SegmentFile &
  SegmentRecord & {
    readonly sha256: string;
    /** Length of the file. */
    readonly bytes: number;
    /** On the clock of `performance.now()`; null: rendered by an earlier run. */
    readonly clock: {
      readonly firstAskedMs: number;
      readonly firstEncodedMs: number;
      readonly encoderEndedMs: number;
    } | null;
  };

/** Length of a segment's file in frame periods of the output. */
export const segmentSlots = (
  { target: { video }, plan }: Pick<RenderContext, 'target' | 'plan'>,
  segment: PlanSegment,
): number => (plan.keepsTimes ? slotCount(video, segment.render) : segment.outputFrames);

type SegmentReply = WorkerResults['frame'] | WorkerResults['endSegment'];

const isEndOfSegment = (reply: SegmentReply): reply is WorkerResults['endSegment'] => 'stageTimes' in reply;

/**
 * Renders one segment: decoder, worker and encoder run at the same time, joined by buffers of the pool, so none of
 * them can run away from the others. The file appears under its final name only when it is whole and on the disk;
 * then the journal says so.
 *
 * The first failure of the three stops the other two; their children have ended when this rejects, and the unfinished file is
 * gone. The worker has then answered all that it was asked and the lane is whole again, so that the segment can be rendered once
 * more with the same two; not so after an interruption or a halt, when nobody waits for the worker's answers.
 *
 * A decoder or encoder that lets no frame pass for too long, and a segment that takes longer than it may, fail as transient. A
 * worker that hangs is abandoned: its thread cannot be ended safely.
 *
 * @throws FaceswapError: the first failure; `interrupted` whenever the signal has aborted.
 */
export async function renderSegment(
  context: RenderContext,
  segment: PlanSegment,
  { worker, lane, halt, onTrace }: SegmentRenderer,
): Promise<RenderedSegment> {
  const { tools, target, plan, encoding, signal, logger, patience } = context;
  const { times } = patience;
  const { file, record: recordFile } = segmentFiles(
    context.jobFolder,
    segment.index,
    segmentExtension(encoding.encoder, encoding.pixelFormat),
  );
  const { video } = target;
  const { keepsTimes } = plan;

  const stop = new AbortController();
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    stop.abort(failure);
  };
  const onInterrupt = (): void => fail(interruption());
  const onHalt = (): void => fail(halt.reason);
  throwIfInterrupted(signal);
  halt.throwIfAborted();

  const rows: FrameRow[] = [];
  const decodedFrames = segment.decode.end - segment.decode.start;
  const decodes = new StageSpans(decodedFrames);
  const works = new StageSpans(decodedFrames + 1);
  const encodes = new StageSpans(segment.render.end - segment.render.start);
  const startMs = performance.now();
  let acquiredAtMs = startMs;
  let workedUntilMs = startMs;
  let finishMs = 0;
  let writtenFrames = 0;
  let analysisWasGiven = false;
  let endReply: WorkerResults['endSegment'] | undefined;
  let decoderWaits = false;
  let framesInDecoder = 0;
  let framesInWorker = 0;
  let framesToEncode = 0;
  let framesSkipped = 0;
  let asked = 0;
  let answered = 0;
  let lastAsked: Promise<unknown> = Promise.resolve();
  let encoderIs: 'waiting' | 'writing' | 'finishing' = 'waiting';

  /** A chain that has seen all it was given and still holds every buffer would leave everybody waiting for ever. */
  const checkStarvation = (): void => {
    if (!decoderWaits || framesInDecoder + framesInWorker + framesToEncode > 0 || lane.lent < lane.count)
      return;
    throw new FaceswapError('bug', `The chain holds back all ${lane.count} frame buffers`, { stage: 'swap' });
  };
  const decoder = new FrameDecoder({
    tools,
    target,
    range: segment.decode,
    acquire: async () => {
      decoderWaits = true;
      checkStarvation();
      const buffer = await lane.acquire(stop.signal);
      decoderWaits = false;
      framesInDecoder += 1;
      acquiredAtMs = performance.now();
      return buffer;
    },
    release: (buffer) => {
      framesInDecoder -= 1;
      lane.release(buffer);
    },
    onSkip: () => {
      framesSkipped += 1;
    },
    threads: context.decoderThreads,
    hardware: context.hardware,
    signal: stop.signal,
  });
  const encoder = new FrameEncoder({
    tools,
    encoding,
    file: partName(file),
    slots: keepsTimes ? video.slots.subarray(segment.render.start, segment.render.end) : undefined,
    signal: stop.signal,
  });
  signal?.addEventListener('abort', onInterrupt, { once: true });
  halt.addEventListener('abort', onHalt, { once: true });
  const replies = new FrameQueue<{ readonly reply: Promise<SegmentReply> }>();

  const count = <Answer>(ask: Promise<Answer>): Promise<Answer> => {
    asked += 1;
    const counted = ask.finally(() => {
      answered += 1;
    });
    lastAsked = counted.catch(() => {});
    return counted;
  };

  /** Replies are awaited in order by the encoding loop; one that it never reaches must not count as unhandled. */
  const expect = (ask: Promise<SegmentReply>): void => {
    const askedMs = performance.now();
    const reply = count(ask).then((answer) => {
      // The worker does one thing after another, so it began with this when it had done all that came before.
      const sinceMs = Math.max(askedMs, workedUntilMs);
      workedUntilMs = performance.now();
      works.add(sinceMs, workedUntilMs);
      times.add('swap', workedUntilMs - sinceMs);
      return answer;
    });
    reply.catch(() => {});
    replies.push({ reply });
  };

  const decodeAll = async (): Promise<void> => {
    const loading = context.analyses?.load(segment) ?? Promise.resolve(null);
    const analysis = await untilAborted(loading, stop.signal);
    analysisWasGiven = analysis !== null;
    const beginning = worker.beginSegment(
      {
        format: video.format,
        frameRate: video.frameRate,
        decode: segment.decode,
        render: segment.render,
        sceneCuts: segmentCuts(plan, segment),
        selection: segment.selection,
      },
      analysis,
    );
    await untilAborted(count(beginning), stop.signal);
    for await (const frame of decoder.frames()) {
      const decodedMs = performance.now();
      decodes.add(acquiredAtMs, decodedMs);
      times.add('decode', decodedMs - acquiredAtMs);
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
      const writeMs = performance.now();
      encoderIs = 'writing';
      for (let time = 0; time < repeats; time += 1) {
        await encoder.write(buffer);
        writtenFrames += 1;
      }
      encoderIs = 'waiting';
      const writtenMs = performance.now();
      encodes.add(writeMs, writtenMs);
      times.add('encode', writtenMs - writeMs);
      context.onRow(row);
    }
    framesToEncode -= 1;
    lane.release(buffer);
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
    const endMs = performance.now();
    encoderIs = 'finishing';
    await encoder.finish();
    encoderIs = 'waiting';
    finishMs = performance.now() - endMs;
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

  const nextFrame = (): number => segment.render.start + rows.length;
  const stopWatching = watchSegment(patience, {
    isEnding: () => stop.signal.aborted,
    nextFrame,
    // Children that were told to end are waited for elsewhere.
    stages: (isEnding) => ({
      decode: {
        isBusy: !isEnding && framesInDecoder > 0,
        passed: decodes.count + framesSkipped,
        isSlowPart: decodes.count === 0,
      },
      swap: {
        isBusy: asked > answered,
        passed: answered,
        isSlowPart: rows.length === 0 || framesInWorker === 0,
      },
      encode: {
        isBusy: !isEnding && encoderIs !== 'waiting',
        passed: writtenFrames + (encoderIs === 'finishing' ? 1 : 0),
        isSlowPart: writtenFrames === 0 || encoderIs === 'finishing',
      },
    }),
    onStall: (stage, error) => {
      if (stage === 'swap') {
        // Whatever failed first, this is what keeps the worker from being used again.
        failure = error;
        worker.abandon(error);
      }
      fail(error);
    },
    onTimeout: fail,
  });

  try {
    const loops = Promise.all([guarded(decodeAll), guarded(encodeAll)]);
    await untilAborted(loops, stop.signal).catch(() => {});
    if (failure !== undefined) {
      const areGone = await Promise.all([decoder.close(), encoder.abort()]);
      if (areGone.includes(false)) failure = unendableFailure();
      else await loops;
    }
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
    await decoder.close();
    if (failure !== undefined) {
      await encoder.abort();
      await rm(partName(file), { force: true });
      onTrace?.({ decoder: decoder.trace, encoder: encoder.trace, frame: nextFrame() });
      if (signal?.aborted !== true && !halt.aborted) {
        await lastAsked;
        lane.reclaim();
      }
    }
    signal?.removeEventListener('abort', onInterrupt);
    halt.removeEventListener('abort', onHalt);
    stopWatching();
  }
  throwIfInterrupted(signal);
  if (failure !== undefined) throw FaceswapError.from(failure, 'render');
  if (endReply === undefined) throw new FaceswapError('bug', 'A segment ended without its last frames');

  const { analysis } = endReply;
  if (analysis !== null) context.analyses?.save(segment, analysis);
  const stageTimes = {
    ...endReply.stageTimes,
    decode: decodes.totalMs(),
    encode: encodes.totalMs() + finishMs,
  };
  logSegment(logger, {
    segment,
    lane,
    stageTimes,
    stageSamples: endReply.stageSamples,
    decodes,
    works,
    encodes,
  });
  const record: SegmentRecord = {
    index: segment.index,
    rows,
    stageTimes,
    stageSamples: {
      ...endReply.stageSamples,
      decode: decodes.durations(),
      encode: encodes.durations(),
    },
    modelMs: endReply.modelMs,
    halvings: endReply.halvings,
    // A chain that could not read what it was given has computed it anew.
    analysisIsCached: analysisWasGiven && analysis === null,
  };
  const recordSha256 = await writeSegmentRecord(recordFile, record);
  const { sha256, bytes } = await finishFile(file, signal);
  await context.journal.append({ index: segment.index, frames: writtenFrames, bytes, sha256, recordSha256 });
  return {
    ...record,
    file,
    slotCount: segmentSlots(context, segment),
    sha256,
    bytes,
    clock: {
      firstAskedMs: decodes.startMs(0),
      firstEncodedMs: encodes.endMs(0),
      encoderEndedMs: encodes.endMs(encodes.count - 1) + finishMs,
    },
  };
}

const unendableFailure = (): FaceswapError =>
  new FaceswapError(
    'resources',
    'ffmpeg cannot be ended: it waits for a disk or share that does not answer',
    {
      stage: 'render',
      hint: 'Check the disk or the network share; the process goes when that answers',
    },
  );

const finishFile = async (
  file: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly sha256: string; readonly bytes: number }> => {
  const part = partName(file);
  await syncFile(part);
  const sha256 = await contentHash(part, { signal });
  try {
    await rename(part, file);
  } catch (error) {
    throw fileFailure(error, file, 'encode');
  }
  await syncFolder(dirname(file));
  return { sha256, bytes: (await regularFileBytes(file)) ?? 0 };
};
