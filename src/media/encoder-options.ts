import { type HdrMetadata, masteringText } from './hdr-metadata.js';
import type { FramePixelFormat } from './pixel-formats.js';
import { type VideoPreset, videoPresets } from './video-presets.js';

/** Layouts of frames that come in; the range is a tag of its own. */
export type EncodedPixelFormat = FramePixelFormat;

/** What an encoder's own options follow from. */
export type EncoderSettings = {
  /** ffmpeg's encoder name. */
  readonly encoder: string;
  /** 0 (worst) .. 100 (best), FaceFusion's scale; ffv1 (lossless) and prores_ks (profile HQ) do not read it. */
  readonly quality: number;
  /** x264's preset names; translated for other encoders. */
  readonly preset: VideoPreset;
  /** Layout of the frames that come in. */
  readonly pixelFormat: EncodedPixelFormat;
  /** Mastering display and content light of a picture of high dynamic range. */
  readonly light?: HdrMetadata;
  /** False where the container stores no presentation times (AVI). */
  readonly mayReorder: boolean;
  /** Pinned: another number gives other bytes. */
  readonly threads: number;
};

/** FaceFusion's scale turned into a quantiser: 100 is 0, 0 is `worst`. */
export const quantiser = (quality: number, worst: number): string =>
  String(Math.round(worst - (worst * quality) / 100));

/** Picks from a list that has one entry per x264 preset. */
export const byPreset = (preset: VideoPreset, values: readonly (number | string)[]): string =>
  String(values[videoPresets.indexOf(preset)]);

/** No frames that refer to later ones where the container cannot say in which order all are shown. */
export const bFrames = ({ mayReorder }: EncoderSettings): readonly string[] =>
  mayReorder ? [] : ['-bf', '0'];

/**
 * Mastering display and content light as parameters of an encoder library.
 *
 * @param inUnits whether the library counts in the units of HEVC's message, or takes fractions
 */
export const lightParameters = (
  { light }: EncoderSettings,
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
export const lightOption = (
  option: string,
  own: readonly string[],
  light: readonly string[],
): readonly string[] => {
  const all = [...own, ...light];
  return all.length === 0 ? [] : [option, all.join(':')];
};

/** Options of NVIDIA's encoders. */
export const nvenc = (settings: EncoderSettings): readonly string[] => [
  ...[
    '-preset',
    byPreset(settings.preset, ['fast', 'fast', 'fast', 'fast', 'fast', 'medium', 'slow', 'slow', 'slow']),
  ],
  ...['-rc', 'vbr', '-cq', quantiser(settings.quality, 51), '-b:v', '0'],
  ...bFrames(settings),
];

/** Options of Intel's Quick Sync encoders. */
export const quickSync = (settings: EncoderSettings): readonly string[] => [
  ...['-preset', /^(ultra|super)fast$/.test(settings.preset) ? 'veryfast' : settings.preset],
  ...['-global_quality', quantiser(settings.quality, 51)],
  ...bFrames(settings),
];

/** Options of AMD's encoders. */
export const amf = (settings: EncoderSettings): readonly string[] => {
  const qp = quantiser(settings.quality, 51);
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
  return ['-quality', byPreset(settings.preset, speeds), '-rc', 'cqp', '-qp_i', qp, '-qp_p', qp];
};

/** FaceFusion's bit rates for Apple's encoders: 1024 to 50512 kbit/s. */
export const videoToolbox = ({ quality }: EncoderSettings): readonly string[] => [
  '-b:v',
  `${Math.round(1024 + ((50512 - 1024) * quality) / 100)}k`,
];

/** Options of VA-API's encoders, with a constant quantiser. */
export const vaapi = (settings: EncoderSettings): readonly string[] => [
  ...['-rc_mode', 'CQP', '-qp', quantiser(settings.quality, 51)],
  ...bFrames(settings),
];
