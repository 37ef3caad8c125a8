import { extname } from 'node:path';
import { FaceswapError } from '../errors.js';

/** An output container that faceswap writes. */
export type OutputContainer = 'mp4' | 'mov' | 'mkv' | 'webm' | 'avi' | 'ts';

/** Codec families that faceswap encodes video into. */
export type VideoCodec = 'h264' | 'hevc' | 'vp9' | 'av1' | 'ffv1' | 'prores';

type ContainerFacts = {
  /** ffmpeg's muxer name. */
  readonly muxer: string;
  readonly extensions: readonly string[];
  readonly defaultEncoder: string;
  /** What ffmpeg 5.1 muxes and common players open. */
  readonly videoCodecs: readonly VideoCodec[];
  /** The text subtitle codec to convert to; undefined: the container holds no text subtitles. */
  readonly textSubtitleEncoder: string | undefined;
  readonly holdsChapters: boolean;
  /** Whether the container itself holds mastering display and content light. */
  readonly holdsLight: boolean;
};

/** Facts about every container; which other streams it can hold is asked of ffmpeg itself. */
export const containerFacts: Readonly<Record<OutputContainer, ContainerFacts>> = {
  mp4: {
    muxer: 'mp4',
    extensions: ['.mp4', '.m4v'],
    defaultEncoder: 'libx264',
    videoCodecs: ['h264', 'hevc', 'vp9', 'av1'],
    textSubtitleEncoder: 'mov_text',
    holdsChapters: true,
    holdsLight: true,
  },
  mov: {
    muxer: 'mov',
    extensions: ['.mov'],
    defaultEncoder: 'libx264',
    videoCodecs: ['h264', 'hevc', 'prores', 'ffv1'],
    textSubtitleEncoder: 'mov_text',
    holdsChapters: true,
    holdsLight: true,
  },
  mkv: {
    muxer: 'matroska',
    extensions: ['.mkv'],
    defaultEncoder: 'libx264',
    videoCodecs: ['h264', 'hevc', 'vp9', 'av1', 'ffv1', 'prores'],
    textSubtitleEncoder: 'srt',
    holdsChapters: true,
    holdsLight: true,
  },
  webm: {
    muxer: 'webm',
    extensions: ['.webm'],
    defaultEncoder: 'libvpx-vp9',
    videoCodecs: ['vp9', 'av1'],
    textSubtitleEncoder: 'webvtt',
    holdsChapters: true,
    holdsLight: true,
  },
  avi: {
    muxer: 'avi',
    extensions: ['.avi'],
    defaultEncoder: 'libx264',
    // FFV1 is left out: AVI has no place for its colour tags.
    videoCodecs: ['h264'],
    textSubtitleEncoder: undefined,
    holdsChapters: false,
    holdsLight: false,
  },
  ts: {
    muxer: 'mpegts',
    extensions: ['.ts', '.m2ts', '.mts'],
    defaultEncoder: 'libx264',
    videoCodecs: ['h264', 'hevc'],
    textSubtitleEncoder: undefined,
    holdsChapters: false,
    holdsLight: false,
  },
};

const containers = ['mp4', 'mov', 'mkv', 'webm', 'avi', 'ts'] as const satisfies readonly OutputContainer[];

/** Whether a file's extension is that of a video container that faceswap writes. */
export const isVideoFile = (file: string): boolean =>
  containers.some((name) => containerFacts[name].extensions.includes(extname(file).toLowerCase()));

/**
 * The container that an output file's extension asks for.
 *
 * @throws FaceswapError (usage) that lists the extensions faceswap can write.
 */
export function outputContainer(file: string): OutputContainer {
  const extension = extname(file).toLowerCase();
  const found = containers.find((name) => containerFacts[name].extensions.includes(extension));
  if (found !== undefined) return found;
  const known = containers.flatMap((name) => containerFacts[name].extensions).join(', ');
  throw new FaceswapError(
    'usage',
    extension === '' ? 'The output has no extension' : `Cannot write ${extension} files`,
    { file, hint: `A video output ends in one of ${known}` },
  );
}

/** The encoder that a container gets when none is asked for: libx264, or libvpx-vp9 in WebM. */
export const defaultVideoEncoder = (container: OutputContainer): string =>
  containerFacts[container].defaultEncoder;

/**
 * The encoder that high dynamic range gets in a container when none is asked for: HEVC, which is what its players decode, where it can be
 * held.
 */
export const defaultHdrEncoder = (container: OutputContainer): string =>
  containerFacts[container].videoCodecs.includes('hevc') ? 'libx265' : defaultVideoEncoder(container);

/** The containers that can hold a codec, as extensions for messages. */
export const extensionsFor = (codec: VideoCodec): string =>
  containers
    .filter((name) => containerFacts[name].videoCodecs.includes(codec))
    .map((name) => `.${name}`)
    .join(', ');
