import { FaceswapError } from '../errors.js';
import {
  amf,
  bFrames,
  byPreset,
  type EncodedPixelFormat,
  type EncoderSettings,
  lightOption,
  lightParameters,
  nvenc,
  quantiser,
  quickSync,
  vaapi,
  videoToolbox,
} from './encoder-options.js';
import { containerFacts, type OutputContainer, type VideoCodec } from './output-container.js';
import { pixelLayout } from './pixel-formats.js';

/** Which of ffmpeg's pixel formats an encoder is given for each format of frames; the absent ones it cannot take. */
type EncoderFormats = Readonly<Partial<Record<EncodedPixelFormat, string>>>;

/** What is known of an encoder, apart from the build at hand. */
export type EncoderFacts = {
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
  readonly arguments: (settings: EncoderSettings) => readonly string[];
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
    arguments: (settings) => [
      ...['-preset', settings.preset, '-crf', quantiser(settings.quality, 51), ...bFrames(settings)],
      ...lightOption('-x264-params', [], lightParameters(settings, 'mastering-display', 'cll')),
    ],
  },
  libx264rgb: {
    codec: 'h264',
    formats: { gbrp: 'bgr0' },
    takesOddSizes: true,
    isHardware: false,
    arguments: (settings) => [
      ...['-preset', settings.preset, '-crf', quantiser(settings.quality, 51), ...bFrames(settings)],
    ],
  },
  libx265: {
    codec: 'hevc',
    formats: { ...withTwelveBits, ...planarRgb },
    takesOddSizes: false,
    isHardware: false,
    writesLight: true,
    arguments: (settings) => [
      ...['-preset', settings.preset, '-crf', quantiser(settings.quality, 51), '-tag:v', 'hvc1'],
      // x265 writes its processor's features into the stream unless told not to, and its thread pools change bits.
      ...lightOption(
        '-x265-params',
        [
          'info=0',
          'log-level=error',
          `pools=${settings.threads}`,
          `frame-threads=${Math.min(settings.threads, 4)}`,
        ],
        lightParameters(settings, 'master-display', 'max-cll'),
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
    arguments: (settings) => [
      ...['-crf', quantiser(settings.quality, 63)],
      ...['-preset', byPreset(settings.preset, [12, 11, 10, 9, 8, 7, 5, 4, 3])],
      ...lightOption(
        '-svtav1-params',
        [`lp=${settings.threads}`],
        lightParameters(settings, 'mastering-display', 'content-light', false),
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

/**
 * What is known of an encoder.
 *
 * @throws FaceswapError (usage) when it is not one that faceswap drives.
 */
export const encoderFacts = (name: string): EncoderFacts => {
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
export const canHold = (
  container: OutputContainer,
  codec: VideoCodec,
  pixelFormat: EncodedPixelFormat,
): boolean =>
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
export const oddSizeEncoders: typeof encodersTaking = (pixelFormat, container) =>
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
export const lostBits = ({
  encoder,
  pixelFormat,
}: Pick<EncoderSettings, 'encoder' | 'pixelFormat'>): number =>
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
