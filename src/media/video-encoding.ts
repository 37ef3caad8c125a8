import { FaceswapError } from '../errors.js';
import { type ColourTags, colourArguments, needsColourAtom } from './colour-tags.js';
import type { EncodedPixelFormat, EncoderSettings } from './encoder-options.js';
import { type FfmpegTools, filterFileOption, passthroughArguments } from './ffmpeg-tools.js';
import { slotExpression } from './frame-times.js';
import { containerFacts, extensionsFor, type OutputContainer } from './output-container.js';
import { leavingFilters, pixelLayout } from './pixel-formats.js';
import { formatRational, type Rational, sameRational } from './rational.js';
import type { SupportedPixelFormat, TargetMedia } from './target-media.js';
import { canHold, encoderCodec, encoderFacts, oddSizeEncoders, whereItGoes } from './video-encoders.js';
import type { VideoPreset } from './video-presets.js';

/** Everything that decides the bytes of an encoded segment. Plain data: hashed into the plan, sent to workers. */
export type VideoEncoding = EncoderSettings & {
  readonly widthPx: number;
  readonly heightPx: number;
  /** What rate control counts on; where the rate varies, the nominal one. */
  readonly frameRate: Rational;
  /** Slots per second of the frames' times: `frameRate` where it is constant. */
  readonly clock: Rational;
  readonly sampleAspectRatio: Rational;
  readonly colour: ColourTags;
  /** Ticks per second of the segment's timestamps: keeps `clock`, and the source's own ticks, exact. */
  readonly timescale: number;
};

/** FaceFusion's defaults: crf 10 for libx264. */
export const defaultQuality = 80;

export const defaultPreset: VideoPreset = 'veryfast';

export type VideoEncodingOptions = {
  readonly target: TargetMedia;
  readonly encoder: string;
  readonly container: OutputContainer;
  readonly quality?: number | undefined;
  readonly preset?: VideoPreset | undefined;
  /** A constant rate to which the target's is changed; without it every frame keeps its own time. */
  readonly frameRate?: Rational | undefined;
  readonly threads: number;
};

/** Doubles until the clock is as fine as ffmpeg's own mp4 muxer wants it; doubling keeps every time exact. */
const atLeastTenThousand = (ticksPerSecond: number): number => {
  let timescale = ticksPerSecond;
  while (timescale < 10_000) timescale *= 2;
  return timescale;
};

const segmentTimescale = (
  { timeBase }: TargetMedia['video'],
  clock: Rational,
  keepsTimes: boolean,
): number => {
  const ticksPerSlot = (timeBase.den * clock.den) / (timeBase.num * clock.num);
  const keepsSourceTicks =
    keepsTimes && timeBase.num === 1 && timeBase.den <= 1_000_000 && Number.isInteger(ticksPerSlot);
  return atLeastTenThousand(keepsSourceTicks ? timeBase.den : clock.num);
};

/** `yuvj420p` and `yuv420p` have the same bytes. */
const layoutName = (pixelFormat: SupportedPixelFormat): EncodedPixelFormat => {
  if (pixelFormat === 'yuvj420p') return 'yuv420p';
  if (pixelFormat === 'yuvj422p') return 'yuv422p';
  return pixelFormat === 'yuvj444p' ? 'yuv444p' : pixelFormat;
};

/**
 * The settings with which a target's frames are encoded: its size, aspect ratio, layout and colour tags, nothing
 * changed silently.
 *
 * @throws FaceswapError (usage) when the encoder is unknown, or cannot write this container, pixel format or size.
 */
export function videoEncodingFor(options: VideoEncodingOptions): VideoEncoding {
  const { target, encoder, container, threads } = options;
  const { video } = target;
  const facts = encoderFacts(encoder);
  const pixelFormat = layoutName(video.pixelFormat);
  const { widthPx, heightPx, chromaShiftX, chromaShiftY } = video.format;
  if (!containerFacts[container].videoCodecs.includes(facts.codec)) {
    throw new FaceswapError('usage', `A .${container} file cannot hold video from ${encoder}`, {
      hint: `Use an output that ends in one of ${extensionsFor(facts.codec)}, or leave the encoder out`,
    });
  }
  if (facts.formats[pixelFormat] === undefined) {
    const { alpha, isRgb } = pixelLayout(pixelFormat);
    const what = isRgb ? ' of RGB' : alpha ? ' with alpha' : '';
    throw new FaceswapError(
      'usage',
      `Encoder ${encoder} does not take the target's pixel format ${pixelFormat}${what}`,
      { hint: whereItGoes(pixelFormat, container) },
    );
  }
  if (!canHold(container, facts.codec, pixelFormat)) {
    throw new FaceswapError(
      'usage',
      `A .${container} file cannot hold the target's alpha (${pixelFormat}) from ${encoder}`,
      { hint: whereItGoes(pixelFormat, container) },
    );
  }
  const isOdd = widthPx % (1 << chromaShiftX) !== 0 || heightPx % (1 << chromaShiftY) !== 0;
  if (isOdd && !facts.takesOddSizes) {
    throw new FaceswapError('usage', `Encoder ${encoder} does not take the odd size ${widthPx}x${heightPx}`, {
      hint: `${whereItGoes(pixelFormat, container, oddSizeEncoders)}; the size is never changed`,
    });
  }
  const keepsTimes = options.frameRate === undefined;
  if (keepsTimes && video.isVariable && container === 'avi') {
    throw new FaceswapError('usage', 'An .avi file cannot hold a variable frame rate', {
      file: target.file,
      hint: 'Make the rate constant, for example --output-video-fps 30, or use an output that ends in .mp4 or .mkv',
    });
  }
  const clock = options.frameRate ?? video.clock;
  return {
    encoder,
    quality: options.quality ?? defaultQuality,
    preset: options.preset ?? defaultPreset,
    pixelFormat,
    widthPx,
    heightPx,
    frameRate: options.frameRate ?? video.frameRate,
    clock,
    sampleAspectRatio: video.sampleAspectRatio,
    colour: video.colour,
    ...(video.light === undefined ? {} : { light: video.light.metadata }),
    timescale: segmentTimescale(video, clock, keepsTimes),
    mayReorder: container !== 'avi',
    threads,
  };
}

/**
 * `.mp4`, `.mov` or `.mkv`: the container of this encoder's segments. The first two count time in ticks of our choice, which makes
 * a join exact; MP4 has no code for FFV1 and ProRes. Only Matroska holds the alpha of VP9. (Measured on ffmpeg 5.1.9 and a build of 2018: segments in
 * Matroska are up to 0.5 ms off after joining, in NUT a whole frame per joint.)
 */
export const segmentExtension = (encoder: string, pixelFormat?: EncodedPixelFormat): string => {
  const muxer = segmentMuxer(encoder, pixelFormat);
  return muxer === 'matroska' ? '.mkv' : `.${muxer}`;
};

const segmentMuxer = (encoder: string, pixelFormat?: EncodedPixelFormat): 'mp4' | 'mov' | 'matroska' => {
  const codec = encoderCodec(encoder);
  if (codec === 'vp9' && pixelFormat !== undefined && pixelLayout(pixelFormat).alpha) return 'matroska';
  return codec === 'ffv1' || codec === 'prores' ? 'mov' : 'mp4';
};

/**
 * Filters that lay samples out anew and change none. The range is named on both sides, because ffmpeg turns full into
 * limited range on the way to any format that is not called `yuvj`; a video that says nothing about its range goes on
 * saying nothing.
 *
 * @param range `pc` is full; the other tags, and none, are limited.
 */
export const relayFilters = (range: string | undefined, pixelFormat: string): readonly string[] => {
  const name = range === 'pc' ? 'full' : 'limited';
  return [
    `scale=in_range=${name}:out_range=${name}`,
    `format=${pixelFormat}`,
    ...(range === undefined ? ['setrange=unspecified'] : []),
  ];
};

/** What an encoder needs besides its own options, whatever the frames come from. */
export type EncoderInput = {
  /** Options before the first input. */
  readonly globalArguments: readonly string[];
  /** Filters at the end of the chain. */
  readonly filters: readonly string[];
  /** Options of the output. */
  readonly outputArguments: readonly string[];
};

/**
 * How frames get into an encoder: turned into its own pixel format and, where it takes them from a device only, uploaded
 * to the first such device that ffmpeg finds.
 *
 * @param range the frames' colour range as {@link ColourTags} has it.
 * @throws FaceswapError (usage) when the encoder cannot take the format.
 */
export function encoderInput(
  encoder: string,
  pixelFormat: EncodedPixelFormat,
  range: string | undefined,
): EncoderInput {
  const { formats, uploadDevice } = encoderFacts(encoder);
  const format = formats[pixelFormat];
  if (format === undefined) {
    throw new FaceswapError('usage', `Encoder ${encoder} does not take the pixel format ${pixelFormat}`);
  }
  const { isRgb } = pixelLayout(pixelFormat);
  const relay = isRgb ? [`format=${format}`] : relayFilters(range, format);
  const filters = [...leavingFilters(pixelFormat), ...(format === pixelFormat ? [] : relay)];
  if (uploadDevice === undefined) {
    return { globalArguments: [], filters, outputArguments: ['-pix_fmt:v:0', format] };
  }
  return {
    globalArguments: ['-init_hw_device', `${uploadDevice}=upload`, '-filter_hw_device', 'upload'],
    filters: [...filters, 'hwupload'],
    outputArguments: [],
  };
}

/** Whether the frames' times need a clock of their own, finer than the one that ticks once per frame. */
const hasOwnClock = ({ clock, frameRate }: VideoEncoding): boolean => !sameRational(clock, frameRate);

/** The filters between the frames that come in and the encoder. @param slots as {@link encoderArguments} has them. */
export function encoderFilters(encoding: VideoEncoding, slots: ArrayLike<number> = []): string {
  const { encoder, pixelFormat, sampleAspectRatio, colour, clock } = encoding;
  const { num, den } = sampleAspectRatio;
  // The raw input's clock ticks once per frame.
  const times = slotExpression(slots);
  return [
    `setsar=${num}/${den}:max=${Math.max(num, den, 100)}`,
    ...(hasOwnClock(encoding) ? [`settb=${clock.den}/${clock.num}`] : []),
    ...(times === undefined && !(hasOwnClock(encoding) && slots.length > 0)
      ? []
      : [`setpts='${times ?? 'N'}'`]),
    ...encoderInput(encoder, pixelFormat, colour.range).filters,
  ].join(',');
}

/**
 * The whole ffmpeg command line of a segment, without the program.
 *
 * @param slots slot of each frame on `encoding.clock`; without it the frames follow one another at the frame rate.
 * @param filterFile the file from which ffmpeg reads {@link encoderFilters} where they are too long for a command line.
 */
export function encoderArguments(
  tools: FfmpegTools,
  encoding: VideoEncoding,
  file: string,
  slots: ArrayLike<number> = [],
  filterFile?: string,
): string[] {
  const { encoder, pixelFormat, widthPx, heightPx, frameRate, colour, clock } = encoding;
  // The tags stand on both sides: on the input so that nothing is converted, on the output so that they are written.
  const tags = colourArguments(colour);
  const input = encoderInput(encoder, pixelFormat, colour.range);
  const muxer = segmentMuxer(encoder, pixelFormat);
  return [
    ...['-hide_banner', '-nostats', '-loglevel', 'repeat+level+warning', '-y'],
    ...input.globalArguments,
    ...['-f', 'rawvideo', '-pix_fmt', pixelFormat, '-s', `${widthPx}x${heightPx}`],
    ...['-framerate', formatRational(frameRate), ...tags, '-i', 'pipe:0'],
    ...(filterFile === undefined
      ? ['-vf', encoderFilters(encoding, slots)]
      : [filterFileOption(tools), filterFile]),
    ...passthroughArguments(tools),
    ...(hasOwnClock(encoding) ? ['-enc_time_base', `${clock.den}:${clock.num}`] : []),
    ...['-c:v', encoder, '-threads', String(encoding.threads), ...input.outputArguments],
    ...encoderFacts(encoder).arguments(encoding),
    ...tags,
    ...['-flags', '+bitexact', '-fflags', '+bitexact', '-map_metadata', '-1'],
    ...(muxer === 'matroska' ? [] : ['-video_track_timescale', String(encoding.timescale)]),
    ...(muxer !== 'matroska' && needsColourAtom(colour) ? ['-movflags', '+write_colr'] : []),
    ...['-f', muxer, file],
  ];
}
