import { FaceswapError } from '../errors.js';
import { inputProtection } from './child-process.js';
import { decoderArguments } from './decoder.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import type { HardwareDecoder } from './hardware-decoder.js';
import type { TargetMedia } from './target-media.js';
import { encoderArguments, type VideoEncoding } from './video-encoding.js';

export type BareTranscodeOptions = {
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  /** The settings of the run that the transcode is measured against. */
  readonly encoding: VideoEncoding;
  readonly decoderThreads: number;
  /** Undefined: in software. */
  readonly hardware: HardwareDecoder | undefined;
  /** The file to write, in the container of a run's segments. */
  readonly file: string;
};

/**
 * The ffmpeg command line, without the program, that decodes a target and encodes it again in one process: the least work that any
 * program which changes frames must do. It is the command line of our own encoder, with the file in the place of the pipe, so that
 * codec, quality, threads and tags are the same on both sides.
 */
export function bareTranscodeArguments(options: BareTranscodeOptions): string[] {
  const { tools, target, encoding, decoderThreads, hardware, file } = options;
  const words = encoderArguments(tools, encoding, file);
  const inputStart = words.indexOf('rawvideo') - 1;
  const inputEnd = words.indexOf('pipe:0') + 1;
  if (inputStart < 0 || inputEnd <= inputStart) {
    throw new FaceswapError('bug', 'The command line of the encoder has no raw input', {
      stage: 'benchmark',
    });
  }
  const afterInput = words.slice(inputEnd);
  const chainAt = afterInput.indexOf('-vf') + 1;
  const { pictureFilters = [], layoutFilters = [] } = target.video.decoding ?? {};
  afterInput[chainAt] = [...pictureFilters, ...layoutFilters, afterInput[chainAt]].join(',');
  return [
    '-nostdin',
    ...words.slice(0, inputStart),
    ...(hardware === undefined ? [] : ['-hwaccel', hardware.method]),
    ...inputProtection,
    ...decoderArguments(target),
    ...['-threads', String(decoderThreads), '-i', target.file, '-map', `0:${target.video.streamIndex}`],
    ...afterInput,
  ];
}
