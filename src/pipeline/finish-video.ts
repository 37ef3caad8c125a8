import { FaceswapError } from '../errors.js';
import { copyFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { muxOutput, type SegmentFile } from '../media/muxer.js';
import { verifyOutput } from '../media/output-verification.js';
import { formatRational, rationalToNumber } from '../media/rational.js';
import { hasOwnLastDuration, slotCount, type TargetMedia } from '../media/target-media.js';
import { slotsToSeconds } from '../media/timeline.js';
import { carriesLight } from '../media/video-encoders.js';
import { fileFailure } from './file-failure.js';
import type { Job } from './job.js';
import { noFaceFailure, noFaceReason } from './no-face.js';
import type { RenderPlan } from './plan.js';
import { qualityTotals } from './quality-totals.js';
import type { RenderedSegment } from './render-segment.js';
import { withRetries } from './retry.js';
import { addStageTimes, noStageTimes, type RunParts, type RunResult } from './run-parts.js';
import { numberTracks } from './track-numbers.js';
import type { Rational } from './run-options.js';
import type { QualityTotals, RunPerformance, StageTimes } from './run-report.js';
import type { PreparedVideo } from './video-preparation.js';

/** Whether a copy of the target's bytes is what was asked for, apart from the faces. */
const isPlainCopy = ({ config }: RunParts): boolean =>
  config.deinterlace === 'off' &&
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
  { range, keepsTimes, outputFrameRate, outputFrameCount }: RenderPlan,
): Rational =>
  keepsTimes
    ? slotsToSeconds(slotCount(video, range), video.clock)
    : slotsToSeconds(outputFrameCount, outputFrameRate);

/** Where each output frame lies on the clock of the encoding. */
const outputSlots = (
  { video }: TargetMedia,
  { range, keepsTimes, outputFrameCount }: RenderPlan,
): Float64Array =>
  keepsTimes
    ? video.slots.subarray(range.start, range.end)
    : Float64Array.from({ length: outputFrameCount }, (_, slot) => slot);

/** When a frame is shown, in seconds from the target's first. */
const timeOf = ({ video }: TargetMedia, frame: number): number =>
  rationalToNumber(slotsToSeconds((video.slots[frame] ?? 0) - (video.slots[0] ?? 0), video.clock));

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
    clock: encoding.clock,
    keepsLastDuration: plan.keepsTimes && hasOwnLastDuration(target, plan.range),
    temporaryFile: output.temporary,
    edited: output.edited,
    signal,
  });
  progress.emit({ type: 'phase', phase: 'verify' });
  const { missingLight } = await verifyOutput(
    output.tools,
    output.temporary,
    {
      frameRate: encoding.frameRate,
      clock: encoding.clock,
      keepsTimes: plan.keepsTimes,
      widthPx: encoding.widthPx,
      heightPx: encoding.heightPx,
      sampleAspectRatio: encoding.sampleAspectRatio,
      colour: encoding.colour,
      light: carriesLight(encoding.encoder, mux.container) ? encoding.light : undefined,
      slots: outputSlots(target, plan),
      plan: mux,
      target,
      range: plan.range,
    },
    { signal },
  );
  if (missingLight.length > 0) {
    parts.warnings.add({
      code: 'hdr-metadata-missing',
      message: `This ffmpeg finds no ${missingLight.join(' and no ')} in the output, which the target has`,
      file: target.file,
    });
  }
};

/**
 * Makes one file of the rendered segments, or a copy of the target when there was no face, and the run's result.
 *
 * @throws FaceswapError when no face was found and that is to fail, or of the stage that failed.
 */
export const finishVideo = async (
  parts: RunParts,
  prepared: PreparedVideo,
  rendered: {
    readonly tools: FfmpegTools;
    readonly job: Job;
    readonly segments: readonly RenderedSegment[];
    readonly performance: RunPerformance;
  },
): Promise<RunResult> => {
  const { config } = parts;
  const { target, plan, encoding, mux } = prepared;
  const { tools, job, segments } = rendered;
  const rows = numberTracks(segments.map((segment) => segment.rows)).map((row) => ({
    ...row,
    timeSeconds: timeOf(target, row.frame),
  }));
  const quality = qualityTotals(rows);
  const swapped = quality.facesSwapped + quality.facesFilled > 0;
  if (!swapped && config.onNoFace === 'fail') {
    // The same command would come to the same end.
    job.abandon();
    throw noFaceFailure(config.target, quality);
  }

  const copied = !swapped && isPlainCopy(parts);
  const temporary = join(job.folder, `output${extname(config.output)}`);
  const muxStartMs = performance.now();
  let muxRetries = 0;
  if (copied) {
    await copyTarget(parts, temporary, quality);
  } else {
    await withRetries(() => muxSegments(parts, prepared, { tools, segments, temporary, edited: swapped }), {
      policy: parts.retryPolicy,
      clock: parts.clock,
      signal: parts.signal ?? new AbortController().signal,
      stage: 'mux',
      onRetry: ({ failure, ...retry }) => {
        muxRetries += 1;
        parts.progress.emit({ type: 'retry', segment: null, ...retry, error: failure.toRecord() });
        parts.warnings.add(
          {
            code: 'mux-retried',
            message: `The segments are joined again (try ${retry.attempt} of ${retry.tries}): ${failure.message}`,
          },
          String(retry.attempt),
        );
      },
    }).catch((error: unknown) => {
      // Segments that do not add up to the target must not be taken for finished by the next run.
      if (FaceswapError.from(error).kind === 'bug') job.abandon();
      throw error;
    });
    if (!swapped) {
      parts.warnings.add({
        code: 'no-face-encoded',
        message: `${noFaceReason(quality)}: the output shows the same pictures, encoded once more because another container, range, frame rate or deinterlacing was asked for`,
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
      variableFrameRate: plan.keepsTimes && target.video.isVariable,
      durationSeconds: rationalToNumber(outputDuration(target, plan)),
      segments: segments.length,
      videoEncoder: copied ? null : encoding.encoder,
      deinterlaced: copied ? null : (target.video.decoding?.deinterlacer ?? null),
      streamsCopied: copied ? target.streams.length : mux.kept.length,
      streamsDropped: copied
        ? []
        : mux.dropped.map(({ streamIndex, type, reason }) => ({ index: streamIndex, type, reason })),
    },
    stageMs: addStageTimes(renderMs, { mux: performance.now() - muxStartMs }),
    performance: { ...rendered.performance, retries: rendered.performance.retries + muxRetries },
    quality,
    rows,
  };
};
