import type { ColourMatrix } from '../imaging/planar-frame.js';
import { type RawStream, text } from './stream-probe.js';

/** The colour tags as ffprobe names them; undefined where the file says nothing. */
export type ColourTags = {
  readonly range: string | undefined;
  readonly space: string | undefined;
  readonly transfer: string | undefined;
  readonly primaries: string | undefined;
  readonly chromaLocation: string | undefined;
};

/** The colour tags of a stream; a `yuvj` pixel format counts as full range. */
export function colourTagsOf(record: RawStream): ColourTags {
  const isFullFormat = /^yuvj/.test(text(record, 'pix_fmt') ?? '');
  return {
    range: isFullFormat ? 'pc' : text(record, 'color_range'),
    space: text(record, 'color_space'),
    transfer: text(record, 'color_transfer'),
    primaries: text(record, 'color_primaries'),
    chromaLocation:
      text(record, 'chroma_location') === 'unspecified' ? undefined : text(record, 'chroma_location'),
  };
}

/** The matrix that a stream's colour space stands for; {@link ColourTags} keep what the file says. */
export const matrixOf = (space: string | undefined, storedHeightPx: number): ColourMatrix => {
  switch (space) {
    case 'bt709':
      return 'bt709';
    case 'bt470bg':
    case 'smpte170m':
    case 'fcc':
      return 'bt601';
    case 'bt2020nc':
    case 'bt2020c':
      return 'bt2020';
    default:
      // What players do with untagged files: standard definition is BT.601, the rest BT.709.
      return storedHeightPx < 720 ? 'bt601' : 'bt709';
  }
};

/** Where ffprobe's name of a tag is not what ffmpeg's options take. */
const transferNames: Readonly<Record<string, string>> = {
  bt470m: 'gamma22',
  bt470bg: 'gamma28',
  log100: 'log',
  log316: 'log_sqrt',
  bt1361e: 'bt1361',
};

/** As {@link transferNames}, of colour spaces. */
const spaceNames: Readonly<Record<string, string>> = { gbr: 'rgb' };

/**
 * The options that write colour tags.
 *
 * @param specifier stream specifier such as `:0`; without it the options count for all streams.
 */
export const colourArguments = (
  { range, space, transfer, primaries, chromaLocation }: ColourTags,
  specifier = '',
): string[] => [
  ...(range === undefined ? [] : [`-color_range${specifier}`, range]),
  ...(space === undefined ? [] : [`-colorspace${specifier}`, spaceNames[space] ?? space]),
  ...(primaries === undefined ? [] : [`-color_primaries${specifier}`, primaries]),
  ...(transfer === undefined ? [] : [`-color_trc${specifier}`, transferNames[transfer] ?? transfer]),
  ...(chromaLocation === undefined ? [] : [`-chroma_sample_location${specifier}`, chromaLocation]),
];

/**
 * Whether mp4 and mov need an atom for the colour tags. It cannot say "not known": written for an untagged video, it
 * would claim limited range.
 */
export const needsColourAtom = ({ range, space, transfer, primaries }: ColourTags): boolean =>
  [range, space, transfer, primaries].some((tag) => tag !== undefined);
