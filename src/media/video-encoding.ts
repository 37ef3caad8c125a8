import { FaceswapError } from '../errors.js';
import { type ColourTags, colourArguments, needsColourAtom } from './colour-tags.js';
import { type FfmpegTools, passthroughArguments } from './ffmpeg-tools.js';
import { type HdrMetadata, masteringText } from './hdr-metadata.js';
import { containerFacts, extensionsFor, type OutputContainer, type VideoCodec } from './output-container.js';
import { formatRational, type Rational, sameRational } from './rational.js';
import type { SupportedPixelFormat, TargetMedia } from './target-media.js';
import { type VideoPreset, videoPresets } from './video-presets.js';

/** Planar formats of frames as ffmpeg names them; the range is a tag of its own. */
export type EncodedPixelFormat =
  | 'yuv420p'
  | 'yuv422p'
  | 'yuv444p'
  | 'yuv420p10le'
  | 'yuv422p10le'
  | 'yuv444p10le';

/** Everything that decides the bytes of an encoded segment. Plain data: hashed into the plan, sent to workers. */
export type VideoEncoding = {
  /** ffmpeg's encoder name. */
  readonly encoder: string;
  /** 0 (worst) .. 100 (best), FaceFusion's scale; ffv1 (lossless) and prores_ks (profile HQ) do not read it. */
  readonly quality: number;
  /** x264's preset names; translated for other encoders. */
  readonly preset: VideoPreset;
  /** Layout of the frames that come in. */
  readonly pixelFormat: EncodedPixelFormat;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameRate: Rational;
  readonly sampleAspectRatio: Rational;
  readonly colour: ColourTags;
  /** Mastering display and content light of a picture of high dynamic range. */
  readonly light?: HdrMetadata;
  /** Ticks per second of the segment's timestamps: keeps `frameRate`, and the source's own ticks, exact. */
  readonly timescale: number;
  /** False where the container stores no presentation times (AVI). */
  readonly mayReorder: boolean;
  /** Pinned: another number gives other bytes. */
  readonly threads: number;
};

/** FaceFusion's defaults: crf 10 for libx264. */
export const defaultQuality = 80;

export const defaultPreset: VideoPreset = 'veryfast';

/** Which of ffmpeg's pixel formats an encoder is given for each format of frames; the absent ones it cannot take. */
type EncoderFormats = Readonly<Partial<Record<EncodedPixelFormat, string>>>;

type EncoderFacts = {
  readonly codec: VideoCodec;
  /** What some build takes; what the build at hand takes is asked of it by `requireEncoding`. */
  readonly formats: EncoderFormats;
  /** Whether 4:2:0 and 4:2:2 pictures may have odd sizes. */
  readonly takesOddSizes: boolean;
  /** ffmpeg's name of the device that frames are uploaded to; encoders without it take frames from memory. */
  readonly uploadDevice?: 'vaapi';
  /** Whether the encoder needs hardware, so that being listed does not mean that it works. */
  readonly isHardware: boolean;
  /** Whether it writes mastering display and content light into the stream itself; containers hold them besides. */
  readonly writesLight?: true;
  readonly arguments: (encoding: VideoEncoding) => readonly string[];
};

const asTheyAre: EncoderFormats = {
  yuv420p: 'yuv420p',
  yuv422p: 'yuv422p',
  yuv444p: 'yuv444p',
  yuv420p10le: 'yuv420p10le',
  yuv422p10le: 'yuv422p10le',
  yuv444p10le: 'yuv444p10le',
};

/** FaceFusion's scale turned into a quantiser: 100 is 0, 0 is `worst`. */
const quantiser = (quality: number, worst: number): string =>
  String(Math.round(worst - (worst * quality) / 100));

/** Picks from a list that has one entry per x264 preset. */
const byPreset = (preset: VideoPreset, values: readonly (number | string)[]): string =>
  String(values[videoPresets.indexOf(preset)]);

const bFrames = ({ mayReorder }: VideoEncoding): readonly string[] => (mayReorder ? [] : ['-bf', '0']);

/**
 * Mastering display and content light as parameters of an encoder library.
 *
 * @param inUnits whether the library counts in the units of HEVC's message, or takes fractions
 */
const lightParameters = (
  { light }: VideoEncoding,
  masteringName: string,
  contentName: string,
  inUnits = true,
): readonly string[] => [
  ...(light?.mastering === undefined ? [] : [`${masteringName}=${masteringText(light.mastering, inUnits)}`]),
  ...(light?.contentLight === undefined
    ? []
    : [`${contentName}=${light.contentLight.maxContent},${light.contentLight.maxAverage}`]),
];

/** An option that takes a library's parameters; none without any. */
const lightOption = (option: string, own: readonly string[], light: readonly string[]): readonly string[] => {
  const all = [...own, ...light];
  return all.length === 0 ? [] : [option, all.join(':')];
};

const nvenc = (encoding: VideoEncoding): readonly string[] => [
  ...[
    '-preset',
    byPreset(encoding.preset, ['fast', 'fast', 'fast', 'fast', 'fast', 'medium', 'slow', 'slow', 'slow']),
  ],
  ...['-rc', 'vbr', '-cq', quantiser(encoding.quality, 51), '-b:v', '0'],
  ...bFrames(encoding),
];

const quickSync = (encoding: VideoEncoding): readonly string[] => [
  ...['-preset', /^(ultra|super)fast$/.test(encoding.preset) ? 'veryfast' : encoding.preset],
  ...['-global_quality', quantiser(encoding.quality, 51)],
  ...bFrames(encoding),
];

const amf = (encoding: VideoEncoding): readonly string[] => {
  const qp = quantiser(encoding.quality, 51);
  const speeds = [
    'speed',
    'speed',
    'speed',
    'speed',
    'balanced',
    'balanced',
    'quality',
    'quality',
    'quality',
  ];
  return ['-quality', byPreset(encoding.preset, speeds), '-rc', 'cqp', '-qp_i', qp, '-qp_p', qp];
};

/** FaceFusion's bit rates for Apple's encoders: 1024 to 50512 kbit/s. */
const videoToolbox = ({ quality }: VideoEncoding): readonly string[] => [
  '-b:v',
  `${Math.round(1024 + ((50512 - 1024) * quality) / 100)}k`,
];

const vaapi = (encoding: VideoEncoding): readonly string[] => [
  ...['-rc_mode', 'CQP', '-qp', quantiser(encoding.quality, 51)],
  ...bFrames(encoding),
];

/** An encoder of a graphics chip. Its presets, where it has any, are rough translations. */
const hardware = (
  codec: VideoCodec,
  formats: EncoderFormats,
  args: EncoderFacts['arguments'],
): EncoderFacts => ({ codec, formats, takesOddSizes: false, isHardware: true, arguments: args });

/** 10 bits in hardware are those of HEVC; H.264 is made with 8. */
const semiPlanar8: EncoderFormats = { yuv420p: 'nv12' };
const semiPlanar: EncoderFormats = { yuv420p: 'nv12', yuv420p10le: 'p010le' };

/** The encoders that faceswap drives. The hardware ones could not be tried where this was written. */
const encoders: Readonly<Record<string, EncoderFacts>> = {
  libx264: {
    codec: 'h264',
    formats: asTheyAre,
    takesOddSizes: false,
    isHardware: false,
    writesLight: true,
    arguments: (encoding) => [
      ...['-preset', encoding.preset, '-crf', quantiser(encoding.quality, 51), ...bFrames(encoding)],
      ...lightOption('-x264-params', [], lightParameters(encoding, 'mastering-display', 'cll')),
    ],
  },
  libx265: {
    codec: 'hevc',
    formats: asTheyAre,
    takesOddSizes: false,
    isHardware: false,
    writesLight: true,
    arguments: (encoding) => [
      ...['-preset', encoding.preset, '-crf', quantiser(encoding.quality, 51), '-tag:v', 'hvc1'],
      // x265 writes its processor's features into the stream unless told not to, and its thread pools change bits.
      ...lightOption(
        '-x265-params',
        [
          'info=0',
          'log-level=error',
          `pools=${encoding.threads}`,
          `frame-threads=${Math.min(encoding.threads, 4)}`,
        ],
        lightParameters(encoding, 'master-display', 'max-cll'),
      ),
    ],
  },
  'libvpx-vp9': {
    codec: 'vp9',
    formats: asTheyAre,
    takesOddSizes: true,
    isHardware: false,
    arguments: ({ preset, quality }) => [
      ...['-crf', quantiser(quality, 63), '-b:v', '0', '-deadline', 'good', '-row-mt', '1'],
      ...['-cpu-used', byPreset(preset, [5, 5, 5, 4, 3, 2, 1, 1, 0])],
    ],
  },
  libsvtav1: {
    codec: 'av1',
    formats: { yuv420p: 'yuv420p', yuv420p10le: 'yuv420p10le' },
    takesOddSizes: false,
    isHardware: false,
    writesLight: true,
    arguments: (encoding) => [
      ...['-crf', quantiser(encoding.quality, 63)],
      ...['-preset', byPreset(encoding.preset, [12, 11, 10, 9, 8, 7, 5, 4, 3])],
      ...lightOption(
        '-svtav1-params',
        [`lp=${encoding.threads}`],
        lightParameters(encoding, 'mastering-display', 'content-light', false),
      ),
    ],
  },
  'libaom-av1': {
    codec: 'av1',
    formats: asTheyAre,
    takesOddSizes: true,
    isHardware: false,
    arguments: ({ preset, quality }) => [
      ...['-crf', quantiser(quality, 63), '-b:v', '0', '-row-mt', '1'],
      ...['-cpu-used', byPreset(preset, [8, 8, 7, 6, 6, 5, 4, 3, 2])],
    ],
  },
  ffv1: {
    codec: 'ffv1',
    formats: asTheyAre,
    takesOddSizes: true,
    isHardware: false,
    // The default number of slices follows the number of threads.
    arguments: () => ['-level', '3', '-g', '1', '-slices', '4', '-slicecrc', '1'],
  },
  prores_ks: {
    codec: 'prores',
    // ProRes has 10 bits; 8-bit frames are widened.
    formats: {
      yuv422p: 'yuv422p10le',
      yuv444p: 'yuv444p10le',
      yuv422p10le: 'yuv422p10le',
      yuv444p10le: 'yuv444p10le',
    },
    takesOddSizes: false,
    isHardware: false,
    arguments: ({ pixelFormat }) => [
      ...['-profile:v', pixelFormat.startsWith('yuv444p') ? '4' : '3', '-vendor', 'apl0'],
    ],
  },
  h264_nvenc: hardware('h264', { yuv420p: 'yuv420p' }, nvenc),
  hevc_nvenc: hardware('hevc', { yuv420p: 'yuv420p', yuv420p10le: 'p010le' }, nvenc),
  h264_qsv: hardware('h264', semiPlanar8, quickSync),
  hevc_qsv: hardware('hevc', semiPlanar, quickSync),
  h264_vaapi: { ...hardware('h264', semiPlanar8, vaapi), uploadDevice: 'vaapi' },
  hevc_vaapi: { ...hardware('hevc', semiPlanar, vaapi), uploadDevice: 'vaapi' },
  h264_amf: hardware('h264', semiPlanar8, amf),
  hevc_amf: hardware('hevc', semiPlanar, amf),
  h264_videotoolbox: hardware('h264', { yuv420p: 'yuv420p' }, videoToolbox),
  hevc_videotoolbox: hardware('hevc', { yuv420p: 'yuv420p', yuv420p10le: 'p010le' }, videoToolbox),
};

/** The names that `--output-video-encoder` takes. */
export const supportedEncoders: readonly string[] = Object.keys(encoders);

const encoderFacts = (name: string): EncoderFacts => {
  const facts = Object.hasOwn(encoders, name) ? encoders[name] : undefined;
  if (facts !== undefined) return facts;
  throw new FaceswapError('usage', `Video encoder "${name}" is not supported`, {
    hint: `Supported are ${supportedEncoders.join(', ')}`,
  });
};

/** Whether an encoder needs hardware: then being listed does not mean that it works. */
export const isHardwareEncoder = (encoder: string): boolean => encoderFacts(encoder).isHardware;

/** The kind of device that an encoder takes its frames from; undefined where it takes them from memory. */
export const uploadDeviceOf = (encoder: string): string | undefined => encoderFacts(encoder).uploadDevice;

/** The pixel format that a build's encoder must list for frames of this one; undefined: no build takes them. */
export const encoderInputFormat = (encoder: string, pixelFormat: EncodedPixelFormat): string | undefined => {
  const { formats, uploadDevice } = encoderFacts(encoder);
  const format = formats[pixelFormat];
  return format === undefined ? undefined : (uploadDevice ?? format);
};

/** The software encoders that can take frames of a format and whose codec a container can hold. */
export const encodersTaking = (
  pixelFormat: EncodedPixelFormat,
  container: OutputContainer,
): readonly string[] =>
  Object.entries(encoders)
    .filter(
      ([, { codec, formats, isHardware }]) =>
        !isHardware &&
        formats[pixelFormat] !== undefined &&
        containerFacts[container].videoCodecs.includes(codec),
    )
    .map(([name]) => name);

/**
 * Whether mastering display and content light reach an output: in the container (see `light-atoms.ts`), or where that has no place for
 * them, in the stream.
 */
export const carriesLight = (encoder: string, container: OutputContainer): boolean =>
  containerFacts[container].holdsLight || encoderFacts(encoder).writesLight === true;

/** The codec that an encoder writes. */
export const encoderCodec = (encoder: string): VideoCodec => encoderFacts(encoder).codec;

export type VideoEncodingOptions = {
  readonly target: TargetMedia;
  readonly encoder: string;
  readonly container: OutputContainer;
  readonly quality?: number | undefined;
  readonly preset?: VideoPreset | undefined;
  /** Default: the target's own. */
  readonly frameRate?: Rational | undefined;
  readonly threads: number;
};

/** Doubles until the clock is as fine as ffmpeg's own mp4 muxer wants it; doubling keeps every time exact. */
const atLeastTenThousand = (ticksPerSecond: number): number => {
  let timescale = ticksPerSecond;
  while (timescale < 10_000) timescale *= 2;
  return timescale;
};

const segmentTimescale = (video: TargetMedia['video'], frameRate: Rational): number => {
  const { timeBase } = video;
  const ticksPerFrame = (timeBase.den * frameRate.den) / (timeBase.num * frameRate.num);
  const keepsSourceTicks =
    timeBase.num === 1 &&
    timeBase.den <= 1_000_000 &&
    Number.isInteger(ticksPerFrame) &&
    sameRational(frameRate, video.frameRate);
  return atLeastTenThousand(keepsSourceTicks ? timeBase.den : frameRate.num);
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
    throw new FaceswapError(
      'usage',
      `Encoder ${encoder} does not take the target's pixel format ${pixelFormat}`,
      { hint: `Into a .${container} file it goes with ${encodersTaking(pixelFormat, container).join(', ')}` },
    );
  }
  const isOdd = widthPx % (1 << chromaShiftX) !== 0 || heightPx % (1 << chromaShiftY) !== 0;
  if (isOdd && !facts.takesOddSizes) {
    throw new FaceswapError('usage', `Encoder ${encoder} does not take the odd size ${widthPx}x${heightPx}`, {
      hint: 'Choose --output-video-encoder libvpx-vp9 (mp4, mkv, webm) or ffv1 (mkv, mov)',
    });
  }
  const frameRate = options.frameRate ?? video.frameRate;
  return {
    encoder,
    quality: options.quality ?? defaultQuality,
    preset: options.preset ?? defaultPreset,
    pixelFormat,
    widthPx,
    heightPx,
    frameRate,
    sampleAspectRatio: video.sampleAspectRatio,
    colour: video.colour,
    ...(video.light === undefined ? {} : { light: video.light.metadata }),
    timescale: segmentTimescale(video, frameRate),
    mayReorder: container !== 'avi',
    threads,
  };
}

/**
 * `.mp4` or `.mov`: the container of this encoder's segments. Both count time in ticks of our choice, which makes
 * a join exact; MP4 has no code for FFV1 and ProRes. (Measured on ffmpeg 5.1.9 and a build of 2018: segments in
 * Matroska are up to 0.5 ms off after joining, in NUT a whole frame per joint.)
 */
export const segmentExtension = (encoder: string): string => `.${segmentMuxer(encoder)}`;

const segmentMuxer = (encoder: string): 'mp4' | 'mov' => {
  const codec = encoderCodec(encoder);
  return codec === 'ffv1' || codec === 'prores' ? 'mov' : 'mp4';
};

/**
 * A setpts expression that moves frames to their slots: `N` counts the frames, each gap adds what it skips.
 * The raw input's clock ticks once per frame, so the result is whole ticks.
 */
const slotExpression = (slots: ArrayLike<number>): string | undefined => {
  const terms: string[] = [];
  for (let k = 1; k < slots.length; k++) {
    const skipped = (slots[k] ?? 0) - (slots[k - 1] ?? 0) - 1;
    if (skipped > 0) terms.push(`${skipped}*gte(N,${k})`);
  }
  return terms.length === 0 ? undefined : `setpts='N+${terms.join('+')}'`;
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
  const filters = format === pixelFormat ? [] : relayFilters(range, format);
  if (uploadDevice === undefined) {
    return { globalArguments: [], filters, outputArguments: ['-pix_fmt:v:0', format] };
  }
  return {
    globalArguments: ['-init_hw_device', `${uploadDevice}=upload`, '-filter_hw_device', 'upload'],
    filters: [...filters, 'hwupload'],
    outputArguments: [],
  };
}

/** The whole ffmpeg command line of a segment, without the program. */
export function encoderArguments(
  tools: FfmpegTools,
  encoding: VideoEncoding,
  file: string,
  slots: ArrayLike<number> = [],
): string[] {
  const { encoder, pixelFormat, widthPx, heightPx, frameRate, sampleAspectRatio, colour } = encoding;
  // The tags stand on both sides: on the input so that nothing is converted, on the output so that they are written.
  const tags = colourArguments(colour);
  const { num, den } = sampleAspectRatio;
  const input = encoderInput(encoder, pixelFormat, colour.range);
  const filters = [
    `setsar=${num}/${den}:max=${Math.max(num, den, 100)}`,
    slotExpression(slots),
    ...input.filters,
  ];
  return [
    ...['-hide_banner', '-nostats', '-loglevel', 'repeat+level+warning', '-y'],
    ...input.globalArguments,
    ...['-f', 'rawvideo', '-pix_fmt', pixelFormat, '-s', `${widthPx}x${heightPx}`],
    ...['-framerate', formatRational(frameRate), ...tags, '-i', 'pipe:0'],
    ...['-vf', filters.filter((filter) => filter !== undefined).join(',')],
    ...passthroughArguments(tools),
    ...['-c:v', encoder, '-threads', String(encoding.threads), ...input.outputArguments],
    ...encoderFacts(encoder).arguments(encoding),
    ...tags,
    ...['-flags', '+bitexact', '-fflags', '+bitexact', '-map_metadata', '-1'],
    ...['-video_track_timescale', String(encoding.timescale)],
    ...(needsColourAtom(colour) ? ['-movflags', '+write_colr'] : []),
    ...['-f', segmentMuxer(encoder), file],
  ];
}
