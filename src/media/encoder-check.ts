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
  segmentExtension,
  uploadDeviceOf,
  type VideoEncoding,
} from './video-encoding.js';

const stage = 'tools';

/** Software encoders of this build that take the frames, for messages. */
const othersHere = async (
  tools: FfmpegTools,
  { encoder, pixelFormat }: VideoEncoding,
  container: OutputContainer,
): Promise<string> => {
  const installed = (await listEncoders(tools)).map(({ name }) => name);
  const candidates = encodersTaking(pixelFormat, container).filter(
    (name) => name !== encoder && installed.includes(name),
  );
  const able: string[] = [];
  for (const name of candidates) {
    const formats = await encoderPixelFormats(tools, name);
    if (formats?.includes(encoderInputFormat(name, pixelFormat) ?? '') !== false) able.push(name);
  }
  return able.length === 0 ? 'no encoder of this ffmpeg' : able.join(', ');
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
        hint: `Into a .${container} file it goes with ${await othersHere(tools, encoding, container)}`,
      },
    );
  }
  if (!isHardwareEncoder(encoder)) return;
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-'));
  try {
    const file = join(folder, `trial${segmentExtension(encoder)}`);
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
        hint: `It needs its hardware and driver; without them there is ${await othersHere(tools, encoding, container)}`,
      },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
