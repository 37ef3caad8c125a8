import { FaceswapError } from '../errors.js';
import { frameLayout } from '../imaging/planar-frame.js';
import { inputProtection, runTool } from './child-process.js';
import { FrameDecoder } from './decoder.js';
import { type FfmpegTools, hardwareReason, listHardwareMethods } from './ffmpeg-tools.js';
import type { TargetMedia } from './target-media.js';

/** A way to decode in hardware, by ffmpeg's name. */
export type HardwareMethod = 'cuda' | 'vaapi' | 'videotoolbox' | 'qsv';

/** Hardware that decodes a target, as {@link chooseDecoder} found it. */
export type HardwareDecoder = {
  readonly method: HardwareMethod;
  /**
   * The pixel format in which its frames reach memory, by which software that takes over silently is noticed (unless it
   * has the same: 4:4:4 of 8 bits). Undefined while it is being found out.
   */
  readonly pixelFormat: string | undefined;
};

/** Where a target is decoded. */
export type DecoderChoice = {
  /** `none` for software. */
  readonly hwaccel: HardwareMethod | 'none';
  /** Why, in words for people. */
  readonly reason: string;
  /** For {@link FrameDecoder}; undefined for software. */
  readonly hardware: HardwareDecoder | undefined;
};

/** The pixel format of frames that are still on the device. */
const devicePixelFormats: Readonly<Record<HardwareMethod, string>> = {
  cuda: 'cuda',
  videotoolbox: 'videotoolbox_vld',
  qsv: 'qsv',
  vaapi: 'vaapi',
};

/** In the order in which `auto` tries them: those made for one maker's hardware before the one that serves several. */
export const hardwareMethods: readonly HardwareMethod[] = ['cuda', 'videotoolbox', 'qsv', 'vaapi'];

/**
 * Formats of downloaded frames that ffmpeg turns into planar ones without changing a sample. Each was tried with random
 * samples (test/media/hardware-decoder.test.ts).
 */
export const exactDownloadFormats: readonly string[] = [
  ...['nv12', 'nv24', 'yuyv422', 'p010le', 'p210le', 'p410le'],
  ...['yuv420p', 'yuv422p', 'yuv444p', 'yuv420p10le', 'yuv422p10le', 'yuv444p10le'],
];

const stage = 'decode';

/** Lines of a trial that are kept; one frame makes about a hundred at most. */
const maxTrialLines = 1000;

/** The pixel format of the first frame that showinfo saw; undefined when there was none. */
export const shownPixelFormat = (lines: readonly string[]): string | undefined => {
  for (const line of lines) {
    const format = /\[Parsed_showinfo_\d+ @ [^\]]*\] .*\bn: *\d+ .* fmt:(\w+) /.exec(line)?.[1];
    if (format !== undefined) return format;
  }
  return undefined;
};

/**
 * The ffmpeg call that shows whether hardware decodes a file. Frames are told to stay on the device: those that software
 * decoded, to which ffmpeg changes over without a word, show another pixel format than the device's. (Measured on ffmpeg
 * 5.1.9: a missing device ends the call; a codec or profile that the device does not decode does not.)
 */
export const hardwareTrialArguments = (target: TargetMedia, method: HardwareMethod): readonly string[] => [
  ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+verbose'],
  ...inputProtection,
  '-noautorotate',
  ...['-hwaccel', method, '-hwaccel_output_format', devicePixelFormats[method]],
  ...['-i', target.file, '-map', `0:${target.video.streamIndex}`, '-frames:v', '1'],
  ...['-vf', 'showinfo=checksum=0', '-f', 'null', '-'],
];

/**
 * What a trial's output says.
 *
 * @param lines all that ffmpeg wrote to stderr.
 * @returns undefined when the hardware decoded the frame, else why not.
 */
export const judgeTrial = (
  method: HardwareMethod,
  exitCode: number | null,
  lines: readonly string[],
): string | undefined => {
  const format = shownPixelFormat(lines);
  if (exitCode === 0 && format === devicePixelFormats[method]) return undefined;
  if (exitCode === 0 && format !== undefined) {
    const reason = hardwareReason(lines);
    return `it leaves this video to software${/hwaccel|Failed setup/.test(reason) ? ` (${reason})` : ''}`;
  }
  return hardwareReason(lines);
};

/** The first frame, and the format in which it left ffmpeg's decoder. */
const firstFrame = async (
  tools: FfmpegTools,
  target: TargetMedia,
  hardware: HardwareDecoder | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly pixelFormat: string | undefined }> => {
  const { byteLength } = frameLayout(target.video.format);
  const decoder = new FrameDecoder({
    tools,
    target,
    range: { start: 0, end: 1 },
    acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
    threads: 1,
    hardware,
    signal,
  });
  for await (const { buffer } of decoder.frames()) {
    return { bytes: new Uint8Array(buffer), pixelFormat: decoder.decodedPixelFormat };
  }
  throw new FaceswapError('bug', 'The decoder ended without its only frame', { file: target.file, stage });
};

const sameBytes = (first: Uint8Array, second: Uint8Array): boolean => Buffer.compare(first, second) === 0;

/**
 * Decodes the target's first frame in hardware and compares it with what software makes of it.
 *
 * @returns the decoder to use, or why it cannot be used.
 */
const tryHardware = async (
  tools: FfmpegTools,
  target: TargetMedia,
  method: HardwareMethod,
  signal: AbortSignal | undefined,
): Promise<HardwareDecoder | string> => {
  const lines: string[] = [];
  const { exit } = await runTool(tools.ffmpegPath, hardwareTrialArguments(target, method), {
    stage,
    signal,
    onStderrLine: (line) => {
      if (lines.length < maxTrialLines) lines.push(line);
      return true;
    },
  });
  const reason = judgeTrial(method, exit.code, lines);
  if (reason !== undefined) return reason;
  try {
    const found = await firstFrame(tools, target, { method, pixelFormat: undefined }, signal);
    if (found.pixelFormat === undefined || !exactDownloadFormats.includes(found.pixelFormat)) {
      return `its frames come as ${found.pixelFormat ?? 'nothing known'}, which cannot be taken over exactly`;
    }
    const expected = await firstFrame(tools, target, undefined, signal);
    if (!sameBytes(found.bytes, expected.bytes)) {
      return 'its first frame differs from that of the software decoder';
    }
    return { method, pixelFormat: found.pixelFormat };
  } catch (error) {
    if (error instanceof FaceswapError && error.kind === 'unavailable') return error.message;
    throw error;
  }
};

/** Why a target is decoded in software whatever hardware there is; undefined where it need not be. */
const softwareReason = ({ video }: TargetMedia): string | undefined => {
  const { deinterlacer, decoder, layoutFilters = [] } = video.decoding ?? {};
  if (deinterlacer !== undefined) return `${deinterlacer} works on frames of the software decoder`;
  if (decoder !== undefined) return `its alpha needs the decoder ${decoder}`;
  return layoutFilters.length === 0 ? undefined : 'RGB comes from the software decoder';
};

/**
 * Decides where a target is decoded, by trying it with the target itself. A method that was asked for by name and does
 * not work is an error and never replaced; `auto` takes the first that works and else software.
 *
 * Decoding is fixed to the bit by the standards of H.264, HEVC, VP9 and AV1, so that hardware makes the same output as
 * software; the first frame is compared, the others are believed.
 *
 * @throws FaceswapError (unavailable) with the reason and what `ffmpeg -hwaccels` lists; (media) when the first frame
 * cannot be decoded at all; (interrupted).
 */
export async function chooseDecoder(
  tools: FfmpegTools,
  target: TargetMedia,
  requested: HardwareMethod | 'auto' | 'none',
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<DecoderChoice> {
  const { signal } = options;
  if (requested === 'none') {
    return { hwaccel: 'none', reason: 'software, as hardware was not asked for', hardware: undefined };
  }
  const needsSoftware = softwareReason(target);
  if (needsSoftware !== undefined && requested === 'auto') {
    return { hwaccel: 'none', reason: `software (${needsSoftware})`, hardware: undefined };
  }
  const listed = await listHardwareMethods(tools);
  if (requested !== 'auto') {
    const tried =
      needsSoftware ??
      (listed.includes(requested)
        ? await tryHardware(tools, target, requested, signal)
        : 'this ffmpeg was built without it');
    if (typeof tried !== 'string') {
      return { hwaccel: requested, reason: `${requested}, as asked for`, hardware: tried };
    }
    throw new FaceswapError('unavailable', `The target cannot be decoded with ${requested}: ${tried}`, {
      file: target.file,
      stage,
      hint: `This ffmpeg knows ${listed.join(', ') || 'no hardware'}; --hwaccel auto takes what works, none is software`,
    });
  }
  const refused: string[] = [];
  for (const method of hardwareMethods.filter((name) => listed.includes(name))) {
    const tried = await tryHardware(tools, target, method, signal);
    if (typeof tried !== 'string') {
      return { hwaccel: method, reason: `${method}, the first that decodes this target`, hardware: tried };
    }
    refused.push(`${method}: ${tried}`);
  }
  const why = refused.length === 0 ? 'this ffmpeg knows no hardware' : refused.join('; ');
  return { hwaccel: 'none', reason: `software (${why})`, hardware: undefined };
}
