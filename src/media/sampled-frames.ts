import { silenceFailure, watchSilence } from './child-process.js';
import { type DecodedFrame, FrameDecoder, type FrameDecoderOptions } from './decoder.js';

/** The filter that chooses frames names each of them: so many make a command line of some ten kilobytes. */
const framesPerChild = 400;

/** As long as a tool may say nothing elsewhere: between two frames there may be many that are only decoded. */
const silenceMs = 600_000;

export type SampledFramesOptions = Pick<
  FrameDecoderOptions,
  'tools' | 'target' | 'acquire' | 'release' | 'signal'
> & {
  /** Frame indexes, ascending. */
  readonly frames: readonly number[];
};

/**
 * Decodes some frames of a video, each checked by its time stamp like those of a run. ffmpeg must decode those between them as well, but
 * neither converts nor writes them.
 *
 * @throws FaceswapError as {@link FrameDecoder.frames}; (resources) when no frame comes for ten minutes.
 */
export async function* sampledFrames({
  frames,
  ...options
}: SampledFramesOptions): AsyncGenerator<DecodedFrame, void, void> {
  for (let from = 0; from < frames.length; from += framesPerChild) {
    const only = frames.slice(from, from + framesPerChild);
    const range = { start: only[0] ?? 0, end: (only.at(-1) ?? 0) + 1 };
    const decoder = new FrameDecoder({ ...options, range, only, threads: 0 });
    let hangs = false;
    const { heard, stop } = watchSilence(silenceMs, () => {
      hangs = true;
      void decoder.close();
    });
    try {
      for await (const frame of decoder.frames()) {
        yield frame;
        heard();
      }
      if (hangs) throw silenceFailure('ffmpeg', silenceMs, 'decode');
    } finally {
      stop();
      await decoder.close();
    }
  }
}
