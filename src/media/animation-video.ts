import { once } from 'node:events';
import { FaceswapError } from '../errors.js';
import { videoFromRgb } from '../imaging/rgb-video.js';
import { type Animation, animationPictures, constantAnimationRate, shownTimesMs } from './animated-image.js';
import { childFailure, interruptedError, startTool } from './child-process.js';
import { colourArguments } from './colour-tags.js';
import { type FfmpegTools, passthroughArguments } from './ffmpeg-tools.js';
import { formatRational, type Rational, reduceRational } from './rational.js';
import { encoderInputFormat } from './video-encoders.js';

/** What the pictures of an animation become: 4:2:0 is what players open, the last keeps every byte. */
export type AnimationVideoFormat = 'yuv420p' | 'yuv444p' | 'yuv444p10le';

/** What video of sRGB pictures is tagged as: players take it for that anyway. */
const tags = {
  range: 'tv',
  space: 'bt709',
  transfer: 'bt709',
  primaries: 'bt709',
  chromaLocation: undefined,
} as const;

const stage = 'animation';

/** Encoders that take 4:2:0 of odd sizes. */
const takesOddSizes: ReadonlySet<string> = new Set(['libvpx-vp9', 'libaom-av1']);

/**
 * The pixel format in which an animation goes to a video encoder: 4:2:0 of 8 bits wherever the encoder and the size allow it.
 *
 * @throws FaceswapError (usage) for an unknown encoder.
 */
export function animationVideoFormat(
  encoder: string,
  { widthPx, heightPx }: Pick<Animation, 'widthPx' | 'heightPx'>,
): AnimationVideoFormat {
  const isOdd = widthPx % 2 !== 0 || heightPx % 2 !== 0;
  const takes = (format: AnimationVideoFormat): boolean => encoderInputFormat(encoder, format) !== undefined;
  if (encoder === 'ffv1' || !takes('yuv420p')) return 'yuv444p10le';
  return isOdd && !takesOddSizes.has(encoder) && takes('yuv444p') ? 'yuv444p' : 'yuv420p';
}

/** A rate near the mean of an animation whose rate varies. */
const meanRate = (timesMs: readonly number[]): Rational => {
  const frames = timesMs.length - 1;
  return reduceRational({ num: 1000, den: Math.max(1, Math.round((timesMs.at(-1) ?? 0) / frames)) });
};

/**
 * A setpts expression that gives every frame its time in milliseconds: runs of equal steps are lines, found by halving, so that
 * evaluating it stays cheap.
 */
export function timesExpression(timesMs: readonly number[]): string {
  const runs: { readonly start: number; readonly startMs: number; readonly stepMs: number }[] = [];
  for (let k = 0; k < timesMs.length; k++) {
    const startMs = timesMs[k] ?? 0;
    const last = runs.at(-1);
    if (last !== undefined && last.startMs + (k - last.start) * last.stepMs === startMs) continue;
    runs.push({ start: k, startMs, stepMs: (timesMs[k + 1] ?? startMs + 1) - startMs });
  }
  const search = (from: number, to: number): string => {
    const run = runs[from];
    if (run === undefined) return '0';
    if (to - from === 1) return `${run.startMs}+(N-${run.start})*${run.stepMs}`;
    const middle = (from + to) >> 1;
    return `if(lt(N,${runs[middle]?.start ?? 0}),${search(from, middle)},${search(middle, to)})`;
  };
  return search(0, runs.length);
}

/** Longer than any command line that systems take as one argument. */
const maxExpressionChars = 100_000;

/** Lays a picture on black in place. @returns whether anything of it was transparent. */
const layOnBlack = (picture: Uint8Array): boolean => {
  let wasTransparent = false;
  for (let at = 0; at < picture.length; at += 4) {
    const alpha = picture[at + 3] as number;
    if (alpha === 255) continue;
    wasTransparent = true;
    for (let k = at; k < at + 3; k++) picture[k] = Math.round(((picture[k] as number) * alpha) / 255);
  }
  return wasTransparent;
};

const rgbOnly = (picture: Uint8Array): Uint8Array => {
  const rgb = new Uint8Array((picture.length / 4) * 3);
  for (let from = 0, to = 0; from < picture.length; from += 4, to += 3) {
    rgb[to] = picture[from] as number;
    rgb[to + 1] = picture[from + 1] as number;
    rgb[to + 2] = picture[from + 2] as number;
  }
  return rgb;
};

export type AnimationVideoOptions = {
  readonly tools: FfmpegTools;
  readonly animation: Animation;
  readonly pixelFormat: AnimationVideoFormat;
  /** Whether transparent pixels become black; else their colours are kept, which nobody sees. */
  readonly onBlack: boolean;
  /** `real`: every picture at its own time. `even`: at a constant rate, which is all that its frames need to be rendered. */
  readonly times: 'real' | 'even';
  /** Absolute path. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
};

const stageArguments = (
  { tools, animation, pixelFormat, times, file }: AnimationVideoOptions,
  rate: Rational | undefined,
): string[] => {
  const { widthPx, heightPx, delaysMs } = animation;
  const timesMs = shownTimesMs(delaysMs);
  const expression =
    rate === undefined && times === 'real' ? timesExpression(timesMs.slice(0, -1)) : undefined;
  if (expression !== undefined && expression.length > maxExpressionChars) {
    throw new FaceswapError(
      'media',
      'The delays of this animation are too many and too different for a video',
      {
        file: animation.file,
        stage,
        hint: 'Choose .gif or .webp as the output',
      },
    );
  }
  const isExact = pixelFormat === 'yuv444p10le';
  const convert =
    'scale=out_color_matrix=bt709:out_range=limited:flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp';
  const filters = [
    ...(isExact ? [] : [convert, `format=${pixelFormat}`]),
    ...(expression === undefined ? [] : ['settb=1/1000', `setpts='${expression}'`]),
  ];
  const tagArguments = colourArguments(tags);
  return [
    ...['-hide_banner', '-nostats', '-loglevel', 'repeat+level+warning', '-y'],
    ...['-f', 'rawvideo', '-pix_fmt', isExact ? pixelFormat : 'rgb24', '-s', `${widthPx}x${heightPx}`],
    ...['-framerate', formatRational(rate ?? meanRate(timesMs)), ...(isExact ? tagArguments : [])],
    ...['-i', 'pipe:0', ...(filters.length === 0 ? [] : ['-vf', filters.join(',')])],
    ...passthroughArguments(tools),
    ...(expression === undefined ? [] : ['-enc_time_base', '1/1000']),
    // The number of slices is part of the bytes, and by default it follows the number of threads.
    ...['-c:v', 'ffv1', '-level', '3', '-g', '1', '-slices', '4', '-slicecrc', '1', '-pix_fmt', pixelFormat],
    ...tagArguments,
    ...['-flags', '+bitexact', '-fflags', '+bitexact', '-map_metadata', '-1', '-f', 'matroska', file],
  ];
};

/**
 * Writes an animation as a Matroska file of FFV1, so that it can take the way of every video. Times are exact to the millisecond,
 * GIFs of a usual frame rate get that rate.
 *
 * @returns whether any picture was transparent anywhere.
 * @throws FaceswapError (media) for a damaged picture, (resources) for a full disk, (unavailable), (interrupted).
 */
export async function writeAnimationVideo(
  options: AnimationVideoOptions,
): Promise<{ readonly wasTransparent: boolean }> {
  const { tools, animation, pixelFormat, onBlack, file, signal } = options;
  const rate = constantAnimationRate(animation);
  const child = startTool(tools.ffmpegPath, stageArguments(options, rate), {
    stdin: 'pipe',
    stdout: 'ignore',
    stage,
    signal,
  });
  const { stdin } = child.process;
  // A dead child shows as EPIPE here; its exit says why it died.
  stdin?.on('error', () => undefined);
  let wasTransparent = false;
  try {
    for await (const picture of animationPictures(animation)) {
      if (signal?.aborted === true) throw interruptedError(stage);
      if (onBlack) wasTransparent = layOnBlack(picture) || wasTransparent;
      const samples = pixelFormat === 'yuv444p10le' ? videoFromRgb(picture) : rgbOnly(picture);
      if (stdin === null || stdin.destroyed) break;
      const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
      if (!stdin.write(bytes)) await Promise.race([once(stdin, 'drain'), child.exited]);
    }
    stdin?.end();
    const exit = await child.exited;
    if (signal?.aborted === true) throw interruptedError(stage);
    if (exit.code !== 0) throw childFailure('ffmpeg', exit, child.stderr.lines, { stage, file });
    return { wasTransparent };
  } catch (error) {
    await child.kill();
    if (signal?.aborted === true) throw interruptedError(stage);
    throw error;
  }
}
