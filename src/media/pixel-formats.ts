import type { BitDepth } from '../imaging/planar-frame.js';

/**
 * Layouts of frames on their way through the pipeline, by ffmpeg's names: planar YUV and RGB of 8, 10 and 12 bits (words are
 * little-endian), with or without alpha. Planes of RGB lie in the order R, G, B here, while ffmpeg means G, B, R by these names:
 * {@link arrivingFilters} and {@link leavingFilters} change the order.
 */
export type FramePixelFormat =
  | 'yuv420p'
  | 'yuv422p'
  | 'yuv444p'
  | 'yuv420p10le'
  | 'yuv422p10le'
  | 'yuv444p10le'
  | 'yuv420p12le'
  | 'yuv422p12le'
  | 'yuv444p12le'
  | 'yuva420p'
  | 'yuva422p'
  | 'yuva444p'
  | 'yuva420p10le'
  | 'yuva422p10le'
  | 'yuva444p10le'
  | 'yuva422p12le'
  | 'yuva444p12le'
  | 'gbrp'
  | 'gbrp10le'
  | 'gbrp12le'
  | 'gbrap'
  | 'gbrap10le'
  | 'gbrap12le';

/** What a layout's name says. */
export type PixelLayout = {
  readonly chromaShiftX: 0 | 1;
  readonly chromaShiftY: 0 | 1;
  readonly bitDepth: BitDepth;
  readonly alpha: boolean;
  readonly isRgb: boolean;
};

const layout = (
  sampling: '420' | '422' | '444' | 'rgb',
  bitDepth: BitDepth,
  alpha: boolean,
): PixelLayout => ({
  chromaShiftX: sampling === '420' || sampling === '422' ? 1 : 0,
  chromaShiftY: sampling === '420' ? 1 : 0,
  bitDepth,
  alpha,
  isRgb: sampling === 'rgb',
});

const layouts: Readonly<Record<FramePixelFormat, PixelLayout>> = {
  yuv420p: layout('420', 8, false),
  yuv422p: layout('422', 8, false),
  yuv444p: layout('444', 8, false),
  yuv420p10le: layout('420', 10, false),
  yuv422p10le: layout('422', 10, false),
  yuv444p10le: layout('444', 10, false),
  yuv420p12le: layout('420', 12, false),
  yuv422p12le: layout('422', 12, false),
  yuv444p12le: layout('444', 12, false),
  yuva420p: layout('420', 8, true),
  yuva422p: layout('422', 8, true),
  yuva444p: layout('444', 8, true),
  yuva420p10le: layout('420', 10, true),
  yuva422p10le: layout('422', 10, true),
  yuva444p10le: layout('444', 10, true),
  yuva422p12le: layout('422', 12, true),
  yuva444p12le: layout('444', 12, true),
  gbrp: layout('rgb', 8, false),
  gbrp10le: layout('rgb', 10, false),
  gbrp12le: layout('rgb', 12, false),
  gbrap: layout('rgb', 8, true),
  gbrap10le: layout('rgb', 10, true),
  gbrap12le: layout('rgb', 12, true),
};

/** What a layout's name says. */
export const pixelLayout = (pixelFormat: FramePixelFormat): PixelLayout => layouts[pixelFormat];

/** Packed RGB of 8 bits, by the planar layout that holds the same samples. */
const packedFormats: Readonly<Record<string, FramePixelFormat>> = {
  rgb24: 'gbrp',
  bgr24: 'gbrp',
  rgb0: 'gbrp',
  bgr0: 'gbrp',
  '0rgb': 'gbrp',
  '0bgr': 'gbrp',
  rgba: 'gbrap',
  bgra: 'gbrap',
  argb: 'gbrap',
  abgr: 'gbrap',
};

/** The old names of full-range YUV: the same bytes as the names without the `j`. */
const fullRangeFormats: Readonly<Record<string, FramePixelFormat>> = {
  yuvj420p: 'yuv420p',
  yuvj422p: 'yuv422p',
  yuvj444p: 'yuv444p',
};

const isFramePixelFormat = (name: string): name is FramePixelFormat => Object.hasOwn(layouts, name);

/** The layout in which frames of a decoder's pixel format travel; undefined where none holds all their samples. */
export const framePixelFormat = (decoded: string): FramePixelFormat | undefined => {
  if (isFramePixelFormat(decoded)) return decoded;
  if (Object.hasOwn(fullRangeFormats, decoded)) return fullRangeFormats[decoded];
  return Object.hasOwn(packedFormats, decoded) ? packedFormats[decoded] : undefined;
};

/** Whether a decoder's pixel format means full range by its name alone. */
export const isFullRangeName = (decoded: string): boolean => Object.hasOwn(fullRangeFormats, decoded);

/**
 * Another order of the three planes; alpha stays. The filter wants a fourth number also where there is no fourth plane, and it must
 * name a plane that is there: else ffmpeg converts to a format with alpha and back.
 */
const shuffled = (order: string, pixelFormat: FramePixelFormat): string =>
  `shuffleplanes=${order}:${pixelLayout(pixelFormat).alpha ? 3 : 0}`;

/**
 * Filters that turn decoded RGB into planes R, G, B, and alpha, without changing a sample; nothing for YUV. ffmpeg's own way
 * from packed RGB with alpha to planes goes through other numbers and comes back with other alpha (measured on 5.1.9), so alpha
 * is taken out and put back.
 *
 * @param decoded the decoder's pixel format
 */
export const arrivingFilters = (decoded: string): readonly string[] => {
  const format = framePixelFormat(decoded);
  if (format === undefined || !pixelLayout(format).isRgb) return [];
  if (decoded !== format && format === 'gbrap') {
    return [
      'split[colour][opacity];[colour]format=gbrp[planes];[opacity]alphaextract[alpha];[planes][alpha]mergeplanes=0x02000110:gbrap',
    ];
  }
  return [`format=${format}`, shuffled('2:0:1', format)];
};

/** Filters that give planes R, G, B the order that ffmpeg expects; nothing for YUV. */
export const leavingFilters = (pixelFormat: FramePixelFormat): readonly string[] =>
  pixelLayout(pixelFormat).isRgb ? [shuffled('1:2:0', pixelFormat)] : [];
