import { FaceswapError } from '../../errors.js';
import { FrameDecoder } from '../../media/decoder.js';
import { eitherSignal, interruption, throwIfInterrupted, untilAborted } from '../interruption.js';
import type { PlanSegment } from '../plan.js';
import type { RenderContext } from '../render-segment.js';
import { watchSegment } from '../segment-watch.js';
import type { TeamMember } from '../worker-team.js';
import type { WorkerResults } from '../worker-protocol.js';
import type { SegmentTrack } from './segment-tracks.js';

/** What of a run an analysis needs: neither encoder nor job. */
export type AnalysisContext = Pick<
  RenderContext,
  'tools' | 'target' | 'hardware' | 'decoderThreads' | 'analyses' | 'signal' | 'patience'
>;

/** Who analyses a segment. */
export type SegmentAnalysis = Pick<TeamMember, 'worker' | 'lane'> & {
  /** Aborts when the work is given up because of another segment. */
  readonly halt: AbortSignal;
  /** Called for each frame that the segment renders, once it is looked at. */
  readonly onFrames: (frames: number) => void;
};

/** What a worker answers to a frame or at the end. */
type Reply = WorkerResults['frame'] | WorkerResults['endSegment'];

/**
 * Finds the faces of a segment and of the frames around it, without rendering any: from the cache where that has them, else by
 * decoder and worker side by side, joined by the buffers of the lane. What was found goes into the cache.
 *
 * After a failure the children have ended. The worker has then answered all that it was asked and the lane is whole again, so that
 * both can be used once more; not so after an interruption or a halt.
 *
 * @throws FaceswapError: the first failure; `interrupted` whenever the signal has aborted.
 */
export async function analyseSegment(
  context: AnalysisContext,
  segment: PlanSegment,
  { worker, lane, halt, onFrames }: SegmentAnalysis,
): Promise<readonly SegmentTrack[]> {
  const { target, analyses, signal, patience } = context;
  const { decode, render } = segment;
  throwIfInterrupted(signal);
  halt.throwIfAborted();
  const outer = eitherSignal(halt, signal);
  const stop = new AbortController();
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    stop.abort(failure);
  };
  const onStop = (): void => fail(signal?.aborted === true ? interruption() : halt.reason);
  outer.signal.addEventListener('abort', onStop, { once: true });

  const knownTracks = async (): Promise<readonly SegmentTrack[] | null> => {
    const packed = (await analyses?.load(segment)) ?? null;
    return packed === null ? null : worker.readTracks(decode, packed);
  };

  const pending = new Set<Promise<unknown>>();
  let framesInDecoder = 0;
  let decoded = 0;
  let skipped = 0;
  let analysed = 0;
  let asked = 0;
  let answered = 0;
  let acquiredAtMs = 0;
  let workedUntilMs = 0;
  let end: WorkerResults['endSegment'] | undefined;

  /** Asks without waiting; the first refusal stops the segment. */
  const ask = <Answer>(request: Promise<Answer>, take: (answer: Answer) => void): void => {
    const askedMs = performance.now();
    asked += 1;
    const taken = request
      .then(
        (answer) => {
          // The worker does one thing after another, so it began with this when it had done all that came before.
          const sinceMs = Math.max(askedMs, workedUntilMs);
          workedUntilMs = performance.now();
          patience.times.add('swap', workedUntilMs - sinceMs);
          take(answer);
        },
        (error: unknown) => fail(error),
      )
      .finally(() => {
        answered += 1;
        pending.delete(taken);
      });
    pending.add(taken);
  };
  const takeBack = ({ outputs }: Reply): void => {
    for (const { index, buffer } of outputs) {
      analysed += 1;
      // After a failure the lane is made whole at once.
      if (!stop.signal.aborted) lane.release(buffer);
      if (index >= render.start && index < render.end) onFrames(1);
    }
  };

  const decoder = new FrameDecoder({
    tools: context.tools,
    target,
    range: decode,
    acquire: async () => {
      const buffer = await lane.acquire(stop.signal);
      framesInDecoder += 1;
      acquiredAtMs = performance.now();
      return buffer;
    },
    release: (buffer) => {
      framesInDecoder -= 1;
      lane.release(buffer);
    },
    onSkip: () => {
      skipped += 1;
    },
    threads: context.decoderThreads,
    hardware: context.hardware,
    signal: stop.signal,
  });
  const stopWatching = watchSegment(patience, {
    isEnding: () => stop.signal.aborted,
    nextFrame: () => decode.start + analysed,
    stages: (isEnding) => ({
      decode: {
        isBusy: !isEnding && framesInDecoder > 0,
        passed: decoded + skipped,
        isSlowPart: decoded === 0,
      },
      swap: { isBusy: asked > answered, passed: answered, isSlowPart: analysed === 0 },
      encode: { isBusy: false, passed: 0, isSlowPart: false },
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

  const analyse = async (): Promise<void> => {
    const { format, frameRate } = target.video;
    ask(
      worker.beginSegment({ format, frameRate, decode, render: { start: render.start, end: render.start } }),
      () => {},
    );
    for await (const frame of decoder.frames()) {
      stop.signal.throwIfAborted();
      framesInDecoder -= 1;
      decoded += 1;
      patience.times.add('decode', performance.now() - acquiredAtMs);
      ask(worker.push(frame), takeBack);
    }
    ask(worker.endSegment(), (reply) => {
      takeBack(reply);
      end = reply;
    });
    await untilAborted(Promise.all(pending), stop.signal);
    stop.signal.throwIfAborted();
  };

  try {
    const known = await untilAborted(knownTracks(), stop.signal);
    if (known !== null) {
      onFrames(render.end - render.start);
      return known;
    }
    await analyse();
  } catch (error) {
    fail(error);
  } finally {
    await decoder.close();
    stopWatching();
    outer.signal.removeEventListener('abort', onStop);
    outer.dispose();
    if (failure !== undefined && !outer.signal.aborted) {
      await Promise.all(pending);
      lane.reclaim();
    }
  }
  throwIfInterrupted(signal);
  if (failure !== undefined) throw FaceswapError.from(failure, 'cast');
  if (end === undefined || end.tracks === null) {
    throw new FaceswapError('bug', `Segment ${segment.index} was analysed without a result`, {
      stage: 'cast',
    });
  }
  if (end.analysis !== null) analyses?.save(segment, end.analysis);
  return end.tracks;
}
