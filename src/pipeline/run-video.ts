import { copyFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import PQueue from 'p-queue';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { muxOutput, type SegmentFile } from '../media/muxer.js';
import { verifyOutput } from '../media/output-verification.js';
import { slotCount, type TargetMedia } from '../media/target-media.js';
import { slotsToSeconds } from '../media/timeline.js';
import { formatRational, rationalToNumber, sameRational } from '../media/rational.js';
import { fileFailure } from './file-failure.js';
import { FramePool } from './frame-pool.js';
import { throwIfInterrupted, untilInterrupted } from './interruption.js';
import { Journal } from './journal.js';
import { noFaceFailure, noFaceReason } from './no-face.js';
import { chainSettings, type RenderPlan } from './plan.js';
import { qualityTotals } from './quality-totals.js';
import { RenderProgress } from './render-progress.js';
import { framesInFlight, type RenderContext, type RenderedSegment, renderSegment } from './render-segment.js';
import { addStageTimes, noStageTimes, type RunParts, type RunResult } from './run-parts.js';
import type { Rational } from './run-options.js';
import type { QualityTotals, StageTimes } from './run-report.js';
import { loadSourceFaces } from './source-faces.js';
import { type PreparedVideo, prepareVideo } from './video-preparation.js';

/** Worker threads, each with a segment of its own. */
const workerCount = 1;

/** More decoder threads than this only buy memory. */
const decoderThreadLimit = 4;

/** Renders all segments through a queue; the first failure keeps the rest from starting. */
const renderSegments = async (
  parts: RunParts,
  prepared: PreparedVideo,
  context: RenderContext,
): Promise<readonly RenderedSegment[]> => {
  const { segments } = prepared.plan;
  const queue = new PQueue({ concurrency: workerCount });
  const halt = new AbortController();
  const tasks = segments.map((segment) =>
    queue.add(async () => {
      halt.signal.throwIfAborted();
      const announce = (state: 'started' | 'done'): void =>
        parts.progress.emit({ type: 'segment', index: segment.index, total: segments.length, state });
      announce('started');
      try {
        const rendered = await renderSegment(context, segment);
        announce('done');
        return rendered;
      } catch (error) {
        halt.abort(error);
        throw error;
      }
    }),
  );
  try {
    return await Promise.all(tasks);
  } finally {
    await Promise.allSettled(tasks);
  }
};

/** Whether a copy of the target's bytes is what was asked for, apart from the faces. */
const isPlainCopy = ({ config }: RunParts): boolean =>
  extname(config.target).toLowerCase() === extname(config.output).toLowerCase() &&
  config.trimStart === undefined &&
  config.trimEnd === undefined &&
  config.outputVideoFps === undefined;

const copyTarget = async (parts: RunParts, temporary: string, quality: QualityTotals): Promise<void> => {
  const { config } = parts;
  try {
    await copyFile(config.target, temporary);
  } catch (error) {
    throw fileFailure(error, config.output, 'mux');
  }
  parts.warnings.add({
    code: 'no-face-copied',
    message: `${noFaceReason(quality)}: the output is an untouched copy of it`,
    file: config.target,
  });
};

/** Length of the output's video: that of the source range, or of the new number of frames at a new rate. */
const outputDuration = (
  { video }: TargetMedia,
  { range, outputFrameRate, outputFrameCount }: RenderPlan,
): Rational =>
  slotsToSeconds(
    sameRational(video.frameRate, outputFrameRate) ? slotCount(video, range) : outputFrameCount,
    outputFrameRate,
  );

/** Where each output frame lies on the output's timeline, in frame periods. */
const outputSlots = (
  { video }: TargetMedia,
  { range, outputFrameRate, outputFrameCount }: RenderPlan,
): Int32Array =>
  sameRational(video.frameRate, outputFrameRate)
    ? video.slots.subarray(range.start, range.end)
    : Int32Array.from({ length: outputFrameCount }, (_, slot) => slot);

const muxSegments = async (
  parts: RunParts,
  { target, plan, encoding, mux }: PreparedVideo,
  output: {
    readonly tools: FfmpegTools;
    readonly segments: readonly SegmentFile[];
    readonly temporary: string;
    /** Whether any face was replaced: the file's metadata says so. */
    readonly edited: boolean;
  },
): Promise<void> => {
  const { progress, signal } = parts;
  progress.emit({ type: 'phase', phase: 'mux' });
  await muxOutput({
    tools: output.tools,
    target,
    plan: mux,
    segments: output.segments,
    range: plan.range,
    frameRate: encoding.frameRate,
    temporaryFile: output.temporary,
    edited: output.edited,
    signal,
  });
  progress.emit({ type: 'phase', phase: 'verify' });
  await verifyOutput(
    output.tools,
    output.temporary,
    {
      frameRate: encoding.frameRate,
      widthPx: encoding.widthPx,
      heightPx: encoding.heightPx,
      sampleAspectRatio: encoding.sampleAspectRatio,
      colour: encoding.colour,
      slots: outputSlots(target, plan),
      plan: mux,
      target,
      range: plan.range,
    },
    { signal },
  );
};

/**
 * Renders a video: plan, source faces, segments one after the other in the worker, then one file of them with the
 * target's other streams, checked against the target before it gets the output's name.
 *
 * A target without any face ends with `noFace`, or with `onNoFace: 'copy'` as a byte copy. Where a copy cannot be what
 * was asked for (another container, trims, another rate) the rendered segments are used, in which every picture is
 * the target's own, encoded once more; a warning says so.
 *
 * @throws FaceswapError of the stage that failed.
 */
export async function runVideo(parts: RunParts, tools: FfmpegTools): Promise<RunResult> {
  const { config, progress, signal, logger } = parts;
  const prepared = await prepareVideo({
    config,
    tools,
    signal,
    onPhase: (phase) => progress.emit({ type: 'phase', phase }),
  });
  const { target, plan, encoding, mux, frameBytes } = prepared;
  for (const warning of prepared.warnings) parts.warnings.add(warning, warning.message);
  throwIfInterrupted(signal);

  progress.emit({ type: 'phase', phase: 'sources' });
  const worker = parts.openWorker();
  const settings = chainSettings(config);
  const sources = await untilInterrupted(
    loadSourceFaces(config.sources, settings, { worker, signal }),
    signal,
  );
  for (const warning of sources.warnings) parts.warnings.add(warning);
  await untilInterrupted(worker.init(settings, sources.faces), signal);

  progress.emit({ type: 'phase', phase: 'render' });
  const jobFolder = await parts.openJobFolder();
  const planFile = join(jobFolder, 'plan.json');
  await writeFile(planFile, `${JSON.stringify(plan, null, 2)}\n`).catch((error: unknown) => {
    throw fileFailure(error, planFile, 'plan');
  });
  const pool = new FramePool({ count: workerCount * framesInFlight, frameBytes });
  logger.debug(
    { framesInFlight: pool.count, bytesPerFrame: frameBytes, bytesInFlight: pool.count * frameBytes },
    'frame pool',
  );
  const renderProgress = new RenderProgress(progress, plan.range.end - plan.range.start);
  const segments = await renderSegments(parts, prepared, {
    tools,
    target,
    plan,
    encoding,
    decoderThreads: Math.min(decoderThreadLimit, availableParallelism()),
    jobFolder,
    journal: new Journal(join(jobFolder, 'journal.jsonl')),
    worker,
    pool,
    logger,
    signal,
    onRow: (row) => renderProgress.add(row),
  });

  const rows = segments.flatMap((segment) => segment.rows);
  const quality = qualityTotals(rows);
  const swapped = quality.facesSwapped + quality.facesFilled > 0;
  if (!swapped && config.onNoFace === 'fail') throw noFaceFailure(config.target, quality);

  const copied = !swapped && isPlainCopy(parts);
  const temporary = join(jobFolder, `output${extname(config.output)}`);
  const muxStartMs = performance.now();
  if (copied) {
    await copyTarget(parts, temporary, quality);
  } else {
    await muxSegments(parts, prepared, { tools, segments, temporary, edited: swapped });
    if (!swapped) {
      parts.warnings.add({
        code: 'no-face-encoded',
        message: `${noFaceReason(quality)}: the output shows the same pictures, encoded once more because another container, range or frame rate was asked for`,
        file: config.target,
      });
    }
  }
  const renderMs = segments.reduce<StageTimes>(
    (sum, { stageTimes }) => addStageTimes(sum, stageTimes),
    noStageTimes,
  );
  return {
    status: swapped ? 'swapped' : 'copied',
    temporary,
    media: {
      kind: 'video',
      widthPx: target.video.format.widthPx,
      heightPx: target.video.format.heightPx,
      frameCount: plan.outputFrameCount,
      frameRate: formatRational(encoding.frameRate),
      durationSeconds: rationalToNumber(outputDuration(target, plan)),
      segments: segments.length,
      videoEncoder: copied ? null : encoding.encoder,
      streamsCopied: copied ? target.streams.length : mux.kept.length,
      streamsDropped: copied
        ? []
        : mux.dropped.map(({ streamIndex, type, reason }) => ({ index: streamIndex, type, reason })),
    },
    stageMs: addStageTimes(renderMs, { mux: performance.now() - muxStartMs }),
    quality,
    rows,
  };
}
