import { FaceswapError } from '../../errors.js';
import { frameLayout } from '../../imaging/planar-frame.js';
import { type DecodedFrame, FrameDecoder } from '../../media/decoder.js';
import type { FfmpegTools } from '../../media/ffmpeg-tools.js';
import type { TargetMedia } from '../../media/target-media.js';
import { throwIfInterrupted, untilInterrupted } from '../interruption.js';
import type { PlanSegment } from '../plan.js';
import type { WorkerClient } from '../worker-client.js';
import type { ComparedRow, ComparisonOutputs, ComparisonSetup } from './compared-frame.js';

/** What all segments of a comparison share. */
export type SegmentComparison = {
  readonly tools: FfmpegTools;
  /** In the order of the setup's inputs. */
  readonly targets: readonly TargetMedia[];
  readonly setup: Omit<ComparisonSetup, 'render'>;
  readonly decoderThreads: number;
  readonly signal: AbortSignal | undefined;
  readonly onRow: (row: ComparedRow) => void;
};

/** Decodes one input; its buffers go round. */
const openInput = (
  target: TargetMedia,
  { render: _, decode }: PlanSegment,
  { tools, decoderThreads, signal }: SegmentComparison,
) => {
  const { byteLength } = frameLayout(target.video.format);
  const free: ArrayBuffer[] = [];
  const decoder = new FrameDecoder({
    tools,
    target,
    range: decode,
    acquire: () => Promise.resolve(free.pop() ?? new ArrayBuffer(byteLength)),
    release: (buffer) => free.push(buffer),
    threads: decoderThreads,
    signal,
  });
  return { decoder, frames: decoder.frames(), release: (buffer: ArrayBuffer) => free.push(buffer) };
};

type OpenInput = ReturnType<typeof openInput>;

/** The next frame of every input; null after the last. */
const nextFrames = async (inputs: readonly OpenInput[]): Promise<readonly DecodedFrame[] | null> => {
  const steps = await Promise.all(inputs.map(({ frames }) => frames.next()));
  const decoded = steps.flatMap((step) => (step.done === true ? [] : [step.value]));
  if (decoded.length === 0) return null;
  if (decoded.length < inputs.length || decoded.some(({ index }) => index !== decoded[0]?.index)) {
    throw new FaceswapError('bug', 'The videos of a comparison came out of step', { stage: 'decode' });
  }
  return decoded;
};

/**
 * Decodes a segment of all videos side by side and has a worker measure it. One frame of each is decoded while the one before is
 * measured; the worker holds no more than its look-ahead.
 *
 * @returns rows in frame order
 * @throws FaceswapError of what failed first; the decoders have ended then. (interrupted) on abort.
 */
export async function compareSegment(
  worker: WorkerClient,
  segment: PlanSegment,
  comparison: SegmentComparison,
): Promise<readonly ComparedRow[]> {
  const { targets, setup, signal, onRow } = comparison;
  throwIfInterrupted(signal);
  const inputs = targets.map((target) => openInput(target, segment, comparison));
  const rows: ComparedRow[] = [];
  const take = ({ rows: finished, spent }: ComparisonOutputs): void => {
    for (const buffers of spent) {
      for (const [at, buffer] of buffers.entries()) inputs[at]?.release(buffer);
    }
    for (const row of finished) {
      rows.push(row);
      onRow(row);
    }
  };
  try {
    await untilInterrupted(worker.beginComparison({ ...setup, render: segment.render }), signal);
    let measuring: Promise<ComparisonOutputs> | undefined;
    for (;;) {
      const decoding = nextFrames(inputs);
      decoding.catch(() => {});
      if (measuring !== undefined) take(await untilInterrupted(measuring, signal));
      const frames = await untilInterrupted(decoding, signal);
      const [first] = frames ?? [];
      if (frames === null || first === undefined) break;
      measuring = worker.compareFrames({ index: first.index, buffers: frames.map(({ buffer }) => buffer) });
      measuring.catch(() => {});
    }
    take(await untilInterrupted(worker.endComparison(), signal));
    return rows;
  } finally {
    await Promise.all(inputs.map(({ decoder }) => decoder.close()));
  }
}
