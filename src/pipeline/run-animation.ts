import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { frameLayout } from '../imaging/planar-frame.js';
import { rgbFromVideo } from '../imaging/rgb-video.js';
import {
  type Animation,
  animationFormatOf,
  animationPictures,
  checkWritable,
  constantAnimationRate,
  probeAnimation,
  shownTimesMs,
  writeAnimation,
} from '../media/animated-image.js';
import {
  type AnimationVideoFormat,
  animationVideoFormat,
  writeAnimationVideo,
} from '../media/animation-video.js';
import { FrameDecoder } from '../media/decoder.js';
import type { FfmpegTools } from '../media/ffmpeg-tools.js';
import { probeTarget } from '../media/probe.js';
import { formatRational } from '../media/rational.js';
import { fileFailure } from './file-failure.js';
import { throwIfInterrupted } from './interruption.js';
import { noFaceReason } from './no-face.js';
import { checkEncoder } from './preflight.js';
import type { PolicyHook } from './policy/policy-hook.js';
import type { ProgressChannel } from './progress-channel.js';
import type { RunConfig } from './run-options.js';
import { addStageTimes, noStageTimes, type RunParts, type RunResult } from './run-parts.js';
import type { FrameRow, RunWarning } from './run-report.js';
import { runVideo } from './run-video.js';
import { WarningList } from './warning-list.js';

/** The encoder that loses nothing, for animations that become animations again. */
const losslessEncoder = 'ffv1';

/** Name of the video that an animation is turned into. It has no extension of a container, so that no output is taken for its copy. */
const videoName = 'animation.ffv1';

/** An animation, turned into a video that the normal way takes. */
export type AnimationVideo = {
  readonly animation: Animation;
  /** Absolute path. */
  readonly file: string;
  /** The run with the video as its target. */
  readonly config: RunConfig;
  /** Remarks about what the output cannot hold; `file` is the animation. */
  readonly warnings: readonly RunWarning[];
};

/** A remark or failure about the video is one about the animation that it was made of. */
const renamed = (file: string | undefined, video: string, animation: string): string | undefined =>
  file === video ? animation : file;

/** Says what went wrong with the video as what is wrong with the animation. */
const aboutAnimation = (error: unknown, video: string, animation: string): unknown => {
  if (!(error instanceof FaceswapError) || error.context.file !== video) return error;
  return new FaceswapError(error.kind, error.message, { ...error.context, file: animation });
};

/** Remarks of the run on the video, told as remarks about the animation. */
class AnimationWarnings extends WarningList {
  readonly #outer: WarningList;
  readonly #rename: (warning: RunWarning) => RunWarning | undefined;

  constructor(
    channel: ProgressChannel,
    outer: WarningList,
    rename: (warning: RunWarning) => RunWarning | undefined,
  ) {
    super(channel);
    this.#outer = outer;
    this.#rename = rename;
  }

  override add(warning: RunWarning, subject = ''): void {
    const told = this.#rename(warning);
    if (told !== undefined) this.#outer.add(told, subject);
  }
}

/** Remarks about pictures of this format in a video. */
const videoWarnings = (
  { file, widthPx, heightPx }: Animation,
  pixelFormat: AnimationVideoFormat,
  wasTransparent: boolean,
): readonly RunWarning[] => [
  ...(wasTransparent
    ? [
        {
          code: 'alpha-flattened',
          message:
            'The animation is transparent in places, which are black in the video. A .gif or .webp output keeps them',
          file,
        },
      ]
    : []),
  ...(pixelFormat === 'yuv444p'
    ? [
        {
          code: 'odd-size',
          message: `A size of ${widthPx}x${heightPx} is only possible in 4:4:4, which many players do not show. A .webm output has it in 4:2:0`,
          file,
        },
      ]
    : []),
];

/**
 * Makes a folder beside the output, turns the animated target into a lossless video in it, and deletes the folder when `work` is
 * done, or the process ends.
 *
 * @throws FaceswapError: `media` for an unusable animation, `unavailable` for the encoder, `resources` for the disk; and what `work` throws.
 */
export async function withAnimationVideo<Result>(
  config: RunConfig,
  { tools, signal }: { readonly tools: FfmpegTools; readonly signal: AbortSignal | undefined },
  work: (video: AnimationVideo) => Promise<Result>,
): Promise<Result> {
  const animation = await probeAnimation(config.target);
  if (animation === undefined) {
    throw new FaceswapError('bug', 'A still image was taken for an animation', { file: config.target });
  }
  const isImageOutput = animationFormatOf(config.output) !== undefined;
  if (isImageOutput) checkWritable(animation, animation.frameCount);
  const folder = join(dirname(config.output), `.faceswap-animation-${randomBytes(4).toString('hex')}`);
  const file = join(folder, videoName);
  const videoConfig: RunConfig = isImageOutput
    ? { ...config, target: file, output: join(folder, 'output.mkv'), outputVideoEncoder: losslessEncoder }
    : { ...config, target: file };
  const pixelFormat = animationVideoFormat(await checkEncoder(tools, videoConfig), animation);
  try {
    await mkdir(folder);
  } catch (error) {
    throw fileFailure(error, folder, 'plan');
  }
  const onExit = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', onExit);
  try {
    const { wasTransparent } = await writeAnimationVideo({
      tools,
      animation,
      pixelFormat,
      onBlack: !isImageOutput,
      times: isImageOutput ? 'even' : 'real',
      file,
      signal,
    });
    const warnings = isImageOutput ? [] : videoWarnings(animation, pixelFormat, wasTransparent);
    return await work({ animation, file, config: videoConfig, warnings });
  } catch (error) {
    throw aboutAnimation(error, file, config.target);
  } finally {
    process.off('exit', onExit);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Puts the frames of the rendered video into the place of the animation's own; its transparency stays. */
const renderedPictures = async (
  { animation, rows, file }: { animation: Animation; rows: readonly FrameRow[]; file: string },
  { tools, signal }: { readonly tools: FfmpegTools; readonly signal: AbortSignal | undefined },
): Promise<Uint8Array> => {
  const target = await probeTarget(tools, file, { signal });
  const { byteLength } = frameLayout(target.video.format);
  const decoder = new FrameDecoder({
    tools,
    target,
    range: { start: 0, end: target.video.frameCount },
    acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
    threads: 1,
    signal,
  });
  const frameBytes = 4 * animation.widthPx * animation.heightPx;
  const pictures = new Uint8Array(frameBytes * rows.length);
  const wanted = new Set(rows.map(({ frame }) => frame));
  let filled = 0;
  let frame = 0;
  for await (const picture of animationPictures(animation)) {
    if (wanted.has(frame)) pictures.set(picture, filled++ * frameBytes);
    frame += 1;
  }
  for await (const { index, buffer } of decoder.frames()) {
    rgbFromVideo(new Uint16Array(buffer), pictures.subarray(index * frameBytes, (index + 1) * frameBytes));
  }
  return pictures;
};

/** An animated image as the output: written from the rendered video, or a copy of the target when there was no face. */
const finishAnimation = async (
  parts: RunParts,
  { animation }: AnimationVideo,
  { tools, rendered }: { readonly tools: FfmpegTools; readonly rendered: RunResult },
): Promise<RunResult> => {
  const { config, warnings, signal } = parts;
  const startMs = performance.now();
  const format = animationFormatOf(config.output) ?? 'webp';
  const { rows, quality } = rendered;
  const delaysMs = rows.map(({ frame }) => animation.delaysMs[frame] ?? 0);
  const temporary = join(await parts.openJobFolder(), `animation${extname(config.output)}`);
  const isWhole = rows.length === animation.frameCount;
  if (rendered.status === 'copied' && isWhole && format === animation.format) {
    await copyFile(config.target, temporary).catch((error: unknown) => {
      throw fileFailure(error, config.output, 'mux');
    });
    warnings.add({
      code: 'no-face-copied',
      message: `${noFaceReason(quality)}: the output is an untouched copy of it`,
      file: config.target,
    });
  } else {
    if (rendered.status === 'copied') {
      warnings.add({
        code: 'no-face-encoded',
        message: `${noFaceReason(quality)}: the output shows the same pictures, encoded once more because another format or a part was asked for`,
        file: config.target,
      });
    }
    const pictures = await renderedPictures({ animation, rows, file: rendered.temporary }, { tools, signal });
    throwIfInterrupted(signal);
    const { widthPx, heightPx, loopCount, lossless } = animation;
    const output = { format, widthPx, heightPx, delaysMs, loopCount, lossless };
    await writeAnimation(temporary, pictures, output);
  }
  const rate = constantAnimationRate({ ...animation, delaysMs });
  await rm(rendered.temporary, { force: true });
  const written = addStageTimes(noStageTimes, { mux: performance.now() - startMs });
  const timesMs = shownTimesMs(animation.delaysMs);
  return {
    ...rendered,
    rows: rows.map((row) => ({ ...row, timeSeconds: (timesMs[row.frame] ?? 0) / 1000 })),
    temporary,
    media: {
      ...rendered.media,
      kind: 'animation',
      frameRate: rate === undefined ? null : formatRational(rate),
      durationSeconds: (shownTimesMs(delaysMs).at(-1) ?? 0) / 1000,
      videoEncoder: null,
    },
    stageMs: addStageTimes(rendered.stageMs, written),
  };
};

/** Checks that are shown the video that an animation was made into, as the animation. */
const policyFor = (policy: PolicyHook, { file, delaysMs }: Animation): PolicyHook => ({
  before: (target) =>
    policy.before(async () => ({
      ...(await target()),
      file,
      kind: 'animation',
      timesSeconds: shownTimesMs(delaysMs).map((timeMs) => timeMs / 1000),
    })),
  after: (output, file) => policy.after(output, file),
  get report() {
    return policy.report;
  },
});

/**
 * Swaps faces in an animated image. Its pictures take the way of a video: into a lossless one with their own times, through
 * {@link runVideo}, and for a `.gif` or `.webp` output back into an animation with the target's delays, loops and transparency.
 *
 * @throws FaceswapError: as `runVideo`; `media` for an animation that is damaged or too large.
 */
export async function runAnimation(parts: RunParts, tools: FfmpegTools): Promise<RunResult> {
  const { config, progress, signal, warnings } = parts;
  progress.emit({ type: 'phase', phase: 'probe' });
  return withAnimationVideo(config, { tools, signal }, async (video) => {
    for (const warning of video.warnings) warnings.add(warning);
    throwIfInterrupted(signal);
    const isImageOutput = animationFormatOf(config.output) !== undefined;
    const told = new AnimationWarnings(progress, warnings, (warning) => {
      if (isImageOutput && warning.code === 'no-face-encoded') return undefined;
      const file = renamed(warning.file, video.file, config.target);
      return file === undefined ? warning : { ...warning, file };
    });
    const policy = policyFor(parts.policy, video.animation);
    const rendered = await runVideo({ ...parts, config: video.config, policy, warnings: told }, tools);
    if (!isImageOutput) return rendered;
    return finishAnimation(parts, video, { tools, rendered });
  });
}
