import type { PlanarFormat } from '../../imaging/planar-frame.js';
import type { FrameRange } from '../../media/decoder.js';
import type { FfmpegTools } from '../../media/ffmpeg-tools.js';
import type { TargetMedia } from '../../media/target-media.js';

/** A picture to be looked at. Who has it may transfer the buffer, and gives one of that size back when it is needed no more. */
export type MediaSample = {
  readonly frame: number;
  readonly format: PlanarFormat;
  readonly buffer: ArrayBuffer;
  readonly giveBack: (buffer: ArrayBuffer) => void;
};

/** A target or an output of which some frames are looked at. */
export type SampledMedia = {
  /** What its user calls it: absolute path. */
  readonly file: string;
  readonly kind: 'video' | 'image' | 'animation';
  /** When each frame is shown, in seconds from the first, and as the last entry when the last one ends. */
  readonly timesSeconds: ArrayLike<number>;
  /** The frames that count. */
  readonly range: FrameRange;
  /** Reads frames, ascending. */
  readonly read: (
    frames: readonly number[],
    signal: AbortSignal | undefined,
  ) => AsyncGenerator<MediaSample, void, void>;
};

const keep = (): void => {};

/** A still picture, as the source photos are read: upright, sRGB, 8 bits. */
export const stillMedia = (file: string, shownName = file): SampledMedia => ({
  file: shownName,
  kind: 'image',
  timesSeconds: [0, 0],
  range: { start: 0, end: 1 },
  read: async function* () {
    const [{ readStill }, { frameFromRgb }] = await Promise.all([
      import('../../media/still-image.js'),
      import('../../imaging/rgb-frame.js'),
    ]);
    const { format, data } = frameFromRgb(await readStill(file, 'source'));
    yield { frame: 0, format, buffer: data.buffer as ArrayBuffer, giveBack: keep };
  },
});

/** A range of a video that was probed. */
export const videoMedia = async (
  tools: FfmpegTools,
  target: TargetMedia,
  range: FrameRange = { start: 0, end: target.video.frameCount },
  shownName = target.file,
): Promise<SampledMedia> => {
  const [{ sampledFrames }, { frameLayout }, { rationalToNumber }] = await Promise.all([
    import('../../media/sampled-frames.js'),
    import('../../imaging/planar-frame.js'),
    import('../../media/rational.js'),
  ]);
  const { format, slots, endSlot, clock, frameCount } = target.video;
  const first = slots[0] ?? 0;
  const perSecond = rationalToNumber(clock);
  const timesSeconds = Float64Array.from(
    { length: frameCount + 1 },
    (_, frame) => ((slots[frame] ?? endSlot) - first) / perSecond,
  );
  return {
    file: shownName,
    kind: 'video',
    timesSeconds,
    range,
    read: async function* (frames, signal) {
      const { byteLength } = frameLayout(format);
      const spare: ArrayBuffer[] = [];
      const giveBack = (buffer: ArrayBuffer): void => void spare.push(buffer);
      const acquire = (): Promise<ArrayBuffer> => Promise.resolve(spare.pop() ?? new ArrayBuffer(byteLength));
      for await (const { index, buffer } of sampledFrames({ tools, target, frames, acquire, signal })) {
        yield { frame: index, format, buffer, giveBack };
      }
    },
  };
};

/** An animated image; what its transparency hides is looked at as well. */
const animationMedia = async (file: string, shownName: string): Promise<SampledMedia> => {
  const { probeAnimation, animationPictures, shownTimesMs } = await import('../../media/animated-image.js');
  const animation = await probeAnimation(file);
  if (animation === undefined) return stillMedia(file, shownName);
  const { frameFromRgb } = await import('../../imaging/rgb-frame.js');
  const { widthPx, heightPx, frameCount, delaysMs } = animation;
  return {
    file: shownName,
    kind: 'animation',
    timesSeconds: shownTimesMs(delaysMs).map((timeMs) => timeMs / 1000),
    range: { start: 0, end: frameCount },
    read: async function* (frames) {
      const wanted = new Set(frames);
      let frame = 0;
      for await (const picture of animationPictures(animation)) {
        if (wanted.has(frame)) {
          const rgb = picture.filter((_, at) => at % 4 !== 3);
          const { format, data } = frameFromRgb({ widthPx, heightPx, rgb });
          yield { frame, format, buffer: data.buffer as ArrayBuffer, giveBack: keep };
        }
        frame += 1;
      }
    },
  };
};

/**
 * A finished output that has not got its name yet.
 *
 * @param file where it lies now.
 * @param shownName the name that it is to get.
 * @throws FaceswapError (media) when it cannot be read.
 */
export async function outputMedia(
  file: string,
  kind: SampledMedia['kind'],
  { shownName, signal }: { readonly shownName: string; readonly signal: AbortSignal | undefined },
): Promise<SampledMedia> {
  switch (kind) {
    case 'image':
      return stillMedia(file, shownName);
    case 'animation':
      return animationMedia(file, shownName);
    case 'video': {
      const [{ locateTools }, { probeTarget }] = await Promise.all([
        import('../../media/ffmpeg-tools.js'),
        import('../../media/probe.js'),
      ]);
      const tools = await locateTools();
      return videoMedia(tools, await probeTarget(tools, file, { signal }), undefined, shownName);
    }
  }
}
