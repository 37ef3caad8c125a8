import { FaceswapError } from '../errors.js';
import { type ColourTags, colourArguments, needsColourAtom } from './colour-tags.js';
import { type FfmpegTools, filterFileOption, passthroughArguments } from './ffmpeg-tools.js';
import { slotExpression } from './frame-times.js';
import { type HdrMetadata, masteringText } from './hdr-metadata.js';
import { containerFacts, extensionsFor, type OutputContainer, type VideoCodec } from './output-container.js';
import { type FramePixelFormat, leavingFilters, pixelLayout } from './pixel-formats.js';
import { formatRational, type Rational, sameRational } from './rational.js';
import type { SupportedPixelFormat, TargetMedia } from './target-media.js';
import { type VideoPreset, videoPresets } from './video-presets.js';

/** Layouts of frames that come in; the range is a tag of its own. */
export type EncodedPixelFormat = FramePixelFormat;

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
  /** What rate control counts on; where the rate varies, the nominal one. */
  readonly frameRate: Rational;
  /** Slots per second of the frames' times: `frameRate` where it is constant. */
  readonly clock: Rational;
  readonly sampleAspectRatio: Rational;
  readonly colour: ColourTags;
  /** Mastering display and content light of a picture of high dynamic range. */
  readonly light?: HdrMetadata;
  /** Ticks per second of the segment's timestamps: keeps `clock`, and the source's own ticks, exact. */
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

const withTwelveBits: EncoderFormats = {
  ...asTheyAre,
  yuv420p12le: 'yuv420p12le',
  yuv422p12le: 'yuv422p12le',
  yuv444p12le: 'yuv444p12le',
};

const planarRgb: EncoderFormats = { gbrp: 'gbrp', gbrp10le: 'gbrp10le', gbrp12le: 'gbrp12le' };

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
  libx264rgb: {
    codec: 'h264',
    formats: { gbrp: 'bgr0' },
    takesOddSizes: true,
    isHardware: false,
    arguments: (encoding) => [
      ...['-preset', encoding.preset, '-crf', quantiser(encoding.quality, 51), ...bFrames(encoding)],
    ],
  },
  libx265: {
    codec: 'hevc',
    formats: { ...withTwelveBits, ...planarRgb },
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
    formats: { ...withTwelveBits, ...planarRgb, yuva420p: 'yuva420p' },
    takesOddSizes: true,
    isHardware: false,
    arguments: ({ preset, quality, pixelFormat }) => [
      ...['-crf', quantiser(quality, 63), '-b:v', '0', '-deadline', 'good', '-row-mt', '1'],
      ...['-cpu-used', byPreset(preset, [5, 5, 5, 4, 3, 2, 1, 1, 0])],
      // Pictures that are not shown have no alpha, and libvpx loses the order of the others with them.
      ...(pixelLayout(pixelFormat).alpha ? ['-auto-alt-ref', '0'] : []),
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
    formats: withTwelveBits,
    takesOddSizes: true,
    isHardware: false,
    arguments: ({ preset, quality }) => [
      ...['-crf', quantiser(quality, 63), '-b:v', '0', '-row-mt', '1'],
      ...['-cpu-used', byPreset(preset, [8, 8, 7, 6, 6, 5, 4, 3, 2])],
    ],
  },
  ffv1: {
    codec: 'ffv1',
    // Alpha of 12 bits goes into 16, from which each sample comes back as it was; RGB of 8 bits is packed.
    formats: {
      ...withTwelveBits,
      yuva420p: 'yuva420p',
      yuva422p: 'yuva422p',
      yuva444p: 'yuva444p',
      yuva420p10le: 'yuva420p10le',
      yuva422p10le: 'yuva422p10le',
      yuva444p10le: 'yuva444p10le',
      yuva422p12le: 'yuva422p16le',
      yuva444p12le: 'yuva444p16le',
      gbrp: 'bgr0',
      gbrp10le: 'gbrp10le',
      gbrp12le: 'gbrp12le',
      gbrap: 'bgra',
      gbrap10le: 'gbrap10le',
      gbrap12le: 'gbrap12le',
    },
    takesOddSizes: true,
    isHardware: false,
    // The default number of slices follows the number of threads.
    arguments: () => ['-level', '3', '-g', '1', '-slices', '4', '-slicecrc', '1'],
  },
  prores_ks: {
    codec: 'prores',
    // ffmpeg makes ProRes with 10 bits: 8 are widened, 12 rounded.
    formats: {
      yuv422p: 'yuv422p10le',
      yuv444p: 'yuv444p10le',
      yuv422p10le: 'yuv422p10le',
      yuv444p10le: 'yuv444p10le',
      yuv422p12le: 'yuv422p10le',
      yuv444p12le: 'yuv444p10le',
      yuva444p: 'yuva444p10le',
      yuva444p10le: 'yuva444p10le',
      yuva444p12le: 'yuva444p10le',
    },
    takesOddSizes: false,
    isHardware: false,
    arguments: ({ pixelFormat }) => [
      ...['-profile:v', pixelLayout(pixelFormat).chromaShiftX === 0 ? '4' : '3', '-vendor', 'apl0'],
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

/** Whether a container can hold what an encoder makes of frames of a format: VP9's alpha lies beside its pictures. */
const canHold = (container: OutputContainer, codec: VideoCodec, pixelFormat: EncodedPixelFormat): boolean =>
  containerFacts[container].videoCodecs.includes(codec) &&
  !(codec === 'vp9' && container === 'mp4' && pixelLayout(pixelFormat).alpha);

/** The software encoders that can take frames of a format and whose codec a container can hold. */
export const encodersTaking = (
  pixelFormat: EncodedPixelFormat,
  container: OutputContainer,
): readonly string[] =>
  Object.entries(encoders)
    .filter(
      ([, { codec, formats, isHardware }]) =>
        !isHardware && formats[pixelFormat] !== undefined && canHold(container, codec, pixelFormat),
    )
    .map(([name]) => name);

/** As {@link encodersTaking}, of pictures with odd sizes. */
const oddSizeEncoders: typeof encodersTaking = (pixelFormat, container) =>
  encodersTaking(pixelFormat, container).filter((name) => encoderFacts(name).takesOddSizes);

/** Containers that are named where the one that was asked for cannot hold the frames. */
const containersToName = ['mov', 'mkv', 'webm', 'mp4'] as const satisfies readonly OutputContainer[];

/**
 * Where frames of a format can go, for hints.
 *
 * @param takers which encoders a container offers for the format
 */
export const whereItGoes = (
  pixelFormat: EncodedPixelFormat,
  container: OutputContainer,
  takers: typeof encodersTaking = encodersTaking,
): string => {
  const able = takers(pixelFormat, container);
  if (able.length > 0) return `Into a .${container} file it goes with ${able.join(', ')}`;
  const others = containersToName
    .map((name) => ({ name, able: takers(pixelFormat, name) }))
    .filter((other) => other.able.length > 0)
    .map((other) => `.${other.name} (${other.able.join(', ')})`);
  if (others.length === 0) return 'No encoder that is there takes it';
  return `No encoder takes it into a .${container} file; it goes into ${others.join(' or ')}`;
};

/** Bits of a sample that an encoder does not keep: 2 where 12 bits become 10, else 0. */
export const lostBits = ({ encoder, pixelFormat }: Pick<VideoEncoding, 'encoder' | 'pixelFormat'>): number =>
  pixelLayout(pixelFormat).bitDepth === 12 && encoderFacts(encoder).codec === 'prores' ? 2 : 0;

/** A format of frames that an encoder takes, for trials of other things. */
export const anyFormatOf = (encoder: string): EncodedPixelFormat =>
  (Object.keys(encoderFacts(encoder).formats) as EncodedPixelFormat[])[0] ?? 'yuv420p';
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
