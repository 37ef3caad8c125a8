import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FaceswapError } from '../errors.js';
import type { ToolTrace } from '../media/child-process.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { writeFramePicture } from '../media/frame-picture.js';
import type { TargetMedia } from '../media/target-media.js';
import { packageVersion } from '../version.js';
import type { PlanSegment } from './plan.js';
import type { SegmentTrace } from './render-segment.js';
import type { RunLogger } from './run-logger.js';

/** A segment that could not be rendered. */
export type FailedSegment = {
  readonly segment: PlanSegment;
  /** The last failure; its context tells segment and retries. */
  readonly failure: FaceswapError;
  /** Of the last try; undefined when that had not begun. */
  readonly trace: SegmentTrace | undefined;
};

export type BundleOptions = {
  readonly jobFolder: string;
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  readonly logger: RunLogger;
  readonly signal: AbortSignal | undefined;
};

const shownTool = (trace: ToolTrace | undefined): object | null =>
  trace === undefined ? null : { command: trace.commandLine, stderr: trace.stderr };

const causesOf = (error: unknown): readonly string[] => {
  if (!(error instanceof Error)) return [];
  return [error.stack ?? error.message, ...(error.cause === undefined ? [] : causesOf(error.cause))];
};

/** Everything about a failed segment that can be said in JSON. */
const bundleRecord = (
  { segment, failure, trace }: FailedSegment,
  { tools, target }: BundleOptions,
): object => ({
  schema: 1,
  version: packageVersion(),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  ffmpeg: tools.ffmpegVersion,
  error: failure.toRecord(),
  causes: causesOf(failure),
  segment,
  firstUnfinishedFrame: trace?.frame ?? segment.render.start,
  target: {
    file: target.file,
    sizeBytes: target.sizeBytes,
    format: target.formatName,
    codec: target.video.codecName,
    pixelFormat: target.video.pixelFormat,
  },
  decoder: shownTool(trace?.decoder),
  encoder: shownTool(trace?.encoder),
});

/**
 * Writes what is known about a failed segment to `failed/segment-0003/` in the job folder: `error.json` with the failure, the command
 * lines of decoder and encoder and the last that they said, and `frame.png`, the frame at which it failed, when that can be decoded.
 * The debug log gets the same record. A bundle that cannot be written is a line in the log, since the failure itself is
 * what counts.
 */
export async function writeFailureBundle(failed: FailedSegment, options: BundleOptions): Promise<void> {
  const { jobFolder, tools, target, logger, signal } = options;
  const { segment, failure, trace } = failed;
  const record = bundleRecord(failed, options);
  logger.debug(record, `segment ${segment.index} failed`);
  const folder = join(jobFolder, 'failed', `segment-${String(segment.index).padStart(4, '0')}`);
  const picture = join(folder, 'frame.png');
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'error.json'), `${JSON.stringify(record, null, 2)}\n`);
    const frame = Math.min(
      failure.context.frame ?? trace?.frame ?? segment.render.start,
      segment.decode.end - 1,
    );
    const isDecoded = await writeFramePicture(tools, target, { frame, file: picture, signal });
    if (!isDecoded || (await stat(picture)).size === 0) await rm(picture, { force: true });
  } catch (error) {
    logger.warn(
      { err: error },
      `What is known about segment ${segment.index} could not all be written to ${folder}`,
    );
  }
}
