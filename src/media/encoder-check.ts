import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { FrameEncoder } from './encoder.js';
import { encoderPixelFormats, type FfmpegTools, listEncoders, tryHardwareDevice } from './ffmpeg-tools.js';
import type { OutputContainer } from './output-container.js';
import {
  encoderInputFormat,
  encodersTaking,
  isHardwareEncoder,
  supportedEncoders,
  uploadDeviceOf,
  whereItGoes,
} from './video-encoders.js';
import { segmentExtension, type VideoEncoding } from './video-encoding.js';

const stage = 'tools';

/** The software encoders of this build that take frames of a format. */
const encodersHere = async (
  tools: FfmpegTools,
  { encoder, pixelFormat }: VideoEncoding,
): Promise<readonly string[]> => {
  const installed = (await listEncoders(tools)).map(({ name }) => name);
  const able: string[] = [];
  for (const name of installed.filter((other) => other !== encoder && supportedEncoders.includes(other))) {
    const wanted = encoderInputFormat(name, pixelFormat);
    if (wanted === undefined || isHardwareEncoder(name)) continue;
    if ((await encoderPixelFormats(tools, name))?.includes(wanted) !== false) able.push(name);
  }
  return able;
};

/** Where the frames can go with the encoders of this build. */
const whereItGoesHere = async (
  tools: FfmpegTools,
  encoding: VideoEncoding,
  container: OutputContainer,
): Promise<string> => {
  const here = await encodersHere(tools, encoding);
  return whereItGoes(encoding.pixelFormat, container, (pixelFormat, name) =>
    encodersTaking(pixelFormat, name).filter((encoder) => here.includes(encoder)),
  );
};

/**
 * Checks before the run that this build's encoder takes the frames as they are, and for an encoder of hardware that it
 * works: one empty frame of the run's size is encoded with the run's own settings. Left alone, ffmpeg would choose another
 * pixel format and say so in a warning at most, and a missing device would show with the first segment.
 *
 * @param frameBytes bytes of one frame.
 * @throws FaceswapError (unavailable) with ffmpeg's last words and the encoders that can be used instead; (resources) without
 * room for the trial's file; (interrupted).
 */
export async function requireEncoding(
  tools: FfmpegTools,
  encoding: VideoEncoding,
  options: {
    readonly container: OutputContainer;
    readonly frameBytes: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const { encoder, pixelFormat } = encoding;
  const { container, frameBytes, signal } = options;
  const formats = await encoderPixelFormats(tools, encoder);
  const wanted = encoderInputFormat(encoder, pixelFormat);
  if (wanted === undefined || formats?.includes(wanted) === false) {
    throw new FaceswapError(
      'unavailable',
      `Encoder ${encoder} of this ffmpeg does not take the target's pixel format ${pixelFormat}`,
      {
        stage,
        hint: await whereItGoesHere(tools, encoding, container),
      },
    );
  }
  if (!isHardwareEncoder(encoder)) return;
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-'));
  try {
    const file = join(folder, `trial${segmentExtension(encoder, pixelFormat)}`);
    const trial = new FrameEncoder({ tools, encoding, file, signal });
    try {
      await trial.write(new ArrayBuffer(frameBytes));
      await trial.finish();
    } finally {
      await trial.abort();
    }
  } catch (error) {
    const failure = FaceswapError.from(error, stage);
    if (failure.kind !== 'media') throw failure;
    const device = uploadDeviceOf(encoder);
    // Of a device that cannot be opened the encoder's own output does not say why.
    const reason = device === undefined ? undefined : await tryHardwareDevice(tools, device);
    throw new FaceswapError(
      'unavailable',
      `Encoder ${encoder} does not work here: ${reason ?? failure.message}`,
      {
        stage,
        cause: error,
        hint: `It needs its hardware and driver. ${await whereItGoesHere(tools, encoding, container)}`,
      },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
