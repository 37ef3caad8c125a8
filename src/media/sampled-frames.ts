import { type DecodedFrame, FrameDecoder, type FrameDecoderOptions } from './decoder.js';

/** The filter that chooses frames names each of them: so many make a command line of some ten kilobytes. */
const framesPerChild = 400;

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
 * @throws FaceswapError as {@link FrameDecoder.frames}
 */
export async function* sampledFrames({
  frames,
  ...options
}: SampledFramesOptions): AsyncGenerator<DecodedFrame, void, void> {
  for (let from = 0; from < frames.length; from += framesPerChild) {
    const only = frames.slice(from, from + framesPerChild);
    const range = { start: only[0] ?? 0, end: (only.at(-1) ?? 0) + 1 };
    const decoder = new FrameDecoder({ ...options, range, only, threads: 0 });
    try {
      yield* decoder.frames();
    } finally {
      await decoder.close();
    }
  }
}
