import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import sharp, { type Metadata } from 'sharp';
import { readBoundedFile } from '../bounded-file.js';
import { FaceswapError } from '../errors.js';
import { sniffMediaKind } from './media-kind.js';

/** The formats in which images are written. */
export type StillFormat = 'png' | 'jpeg' | 'webp';

/** A still picture, upright, 8 bits per channel. */
export type StillImage = {
  /** After EXIF orientation. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Interleaved R, G, B: 3 * widthPx * heightPx bytes. */
  readonly rgb: Uint8Array;
  /** One byte per pixel, straight (not premultiplied); undefined when the file has no alpha. */
  readonly alpha: Uint8Array | undefined;
  /** The profile that `rgb` is in; undefined means sRGB. */
  readonly iccProfile: Buffer | undefined;
  /** sharp's name of the format that was read: `png`, `jpeg`, `webp`, `heif`, `gif`, `tiff`. */
  readonly format: string;
  readonly densityDpi: number | undefined;
  /** True for formats that lose nothing: PNG, GIF, TIFF, lossless WebP. */
  readonly lossless: boolean;
};

/** `source`: anything, converted to sRGB. `target`: RGB pixels stay in the file's own profile; 16 bit is refused. */
export type StillPurpose = 'source' | 'target';

/** 16 384 squared, sharp's own default: above it a small file could ask for gigabytes. */
const maxPixels = 268_402_689;

/** Uncompressed 16-bit TIFF of that many pixels would be larger, but takes more memory than is sensible. */
const maxFileBytes = 2 ** 30;

const stage = 'image';

// libvips keeps what it has read and finds it again by file name or memory address; a rewritten file or a recycled
// buffer would then give another picture's pixels. Seen with WebP; nothing here reads a picture twice.
sharp.cache(false);

const unreadable = (file: string, cause: unknown): FaceswapError => {
  const message = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  const isTooLarge = /exceeds pixel limit/.test(message ?? '');
  return new FaceswapError(
    'media',
    isTooLarge ? 'The image has more than 268 million pixels' : `The image cannot be read: ${message}`,
    {
      file,
      stage,
      cause,
      hint: isTooLarge ? 'Reduce it first' : 'It is damaged or cut off; try another copy',
    },
  );
};

/**
 * A WebP file says in its first chunk how it is coded: `VP8L` is lossless, `VP8 ` is not, `VP8X` has the pictures in
 * later chunks, the first of which decides.
 */
const isLossless = (bytes: Buffer, format: string): boolean => {
  if (format === 'png' || format === 'gif' || format === 'tiff') return true;
  if (format !== 'webp') return false;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = bytes.toString('latin1', at, at + 4);
    if (name === 'VP8L') return true;
    if (name === 'VP8 ') return false;
    const size = bytes.readUInt32LE(at + 4);
    at += 8 + size + (size % 2);
  }
  return false;
};

const isSixteenBit = ({ depth }: Metadata): boolean =>
  depth !== undefined && depth !== 'uchar' && depth !== 'char';

/**
 * The profile to keep: that of an RGB picture whose pixels are left as they are. An ICC profile names its colour
 * space in bytes 16..20 (ICC.1 section 7.2.6).
 */
const rgbProfile = (metadata: Metadata): Buffer | undefined => {
  const { icc } = metadata;
  return icc !== undefined && icc.length > 128 && icc.toString('latin1', 16, 20) === 'RGB ' ? icc : undefined;
};

/**
 * Reads a picture and turns it upright by its EXIF orientation. Gray, palette and CMYK pictures become RGB; of
 * animated files the first frame counts. A `source` is converted to sRGB and reduced to 8 bits; a `target` keeps its
 * numbers and its profile when that is an RGB one, so that what is not touched does not change.
 *
 * @throws FaceswapError (media) when the file is missing, no image, damaged or cut off, too large, or (targets)
 * has 16 bits per channel.
 */
export async function readStill(file: string, purpose: StillPurpose = 'source'): Promise<StillImage> {
  if ((await sniffMediaKind(file, stage)) !== 'image') {
    throw new FaceswapError('media', 'The file is a video, not an image', { file, stage });
  }
  try {
    const options = { failOn: 'truncated', limitInputPixels: maxPixels } as const;
    const bytes = await readBoundedFile(file, maxFileBytes);
    const metadata = await sharp(bytes, options).metadata();
    if (purpose === 'target' && isSixteenBit(metadata)) {
      throw new FaceswapError('media', 'Images with 16 bits per channel are not supported yet as targets', {
        file,
        stage,
        hint: 'Convert it to 8 bits first',
      });
    }
    const iccProfile = purpose === 'target' ? rgbProfile(metadata) : undefined;
    const picture = sharp(bytes, {
      ...options,
      ...(iccProfile === undefined ? {} : { ignoreIcc: true }),
    })
      .autoOrient()
      .toColourspace('srgb');
    const { data, info } = await picture.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { rgb, alpha } = splitChannels(data, info.width * info.height, info.channels);
    return {
      widthPx: info.width,
      heightPx: info.height,
      rgb,
      alpha,
      iccProfile,
      format: metadata.format,
      densityDpi: metadata.density,
      lossless: isLossless(bytes, metadata.format),
    };
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    throw unreadable(file, error);
  }
}

const splitChannels = (
  data: Uint8Array,
  pixels: number,
  channels: number,
): { rgb: Uint8Array; alpha: Uint8Array | undefined } => {
  const rgb = new Uint8Array(3 * pixels);
  const hasAlpha = channels === 2 || channels === 4;
  const alpha = hasAlpha ? new Uint8Array(pixels) : undefined;
  const [green, blue] = channels >= 3 ? [1, 2] : [0, 0];
  for (let k = 0; k < pixels; k++) {
    const from = k * channels;
    rgb[3 * k] = data[from] ?? 0;
    rgb[3 * k + 1] = data[from + green] ?? 0;
    rgb[3 * k + 2] = data[from + blue] ?? 0;
    if (alpha !== undefined) alpha[k] = data[from + channels - 1] ?? 0;
  }
  return { rgb, alpha };
};

const extensionFormats: Readonly<Record<string, StillFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
};

/**
 * The format that an output file's extension asks for.
 *
 * @throws FaceswapError (usage) that lists the extensions faceswap can write.
 */
export function stillFormatOf(file: string): StillFormat {
  const extension = extname(file).toLowerCase();
  const format = Object.hasOwn(extensionFormats, extension) ? extensionFormats[extension] : undefined;
  if (format !== undefined) return format;
  throw new FaceswapError(
    'usage',
    extension === '' ? 'The output has no extension' : `Cannot write ${extension} images`,
    { file, hint: `An image output ends in one of ${Object.keys(extensionFormats).join(', ')}` },
  );
}

/** JPEG and WebP quality when none is given. */
const defaultStillQuality = 95;

/**
 * Writes a picture: PNG loses nothing, JPEG at quality 95 without chroma subsampling, WebP lossless when the
 * picture came from a lossless file, else at quality 95. The profile, the density and (PNG, WebP) the alpha are
 * written back; EXIF is not, since its orientation is already applied. JPEG has no alpha: it is left out, which
 * shows the colours that lay under it.
 *
 * @param options.quality 1..100 for JPEG and lossy WebP.
 * @param options.note goes into EXIF ImageDescription, so that a result says what was done to it.
 * @param options.format the extension's format by default; give it for temporary names.
 * @throws FaceswapError (usage) for an unknown extension, (resources) when the file cannot be written.
 */
export async function writeStill(
  file: string,
  image: StillImage,
  options: { quality?: number | undefined; format?: StillFormat | undefined; note?: string | undefined } = {},
): Promise<void> {
  const format = options.format ?? stillFormatOf(file);
  const { widthPx, heightPx, alpha, iccProfile, densityDpi } = image;
  const withAlpha = alpha !== undefined && format !== 'jpeg';
  const data = withAlpha ? joinChannels(image.rgb, alpha) : image.rgb;
  const channels = withAlpha ? 4 : 3;
  let picture =
    iccProfile === undefined
      ? sharp(data, { raw: { width: widthPx, height: heightPx, channels }, limitInputPixels: maxPixels })
      : sharp(tiffWithProfile(data, { widthPx, heightPx, channels }, iccProfile), {
          ignoreIcc: true,
          limitInputPixels: maxPixels,
        }).keepIccProfile();
  const quality = options.quality ?? defaultStillQuality;
  if (format === 'png') picture = picture.png({ compressionLevel: 6 });
  else if (format === 'jpeg') picture = picture.jpeg({ quality, chromaSubsampling: '4:4:4', mozjpeg: false });
  else if (image.lossless) picture = picture.webp({ lossless: true, exact: true });
  else picture = picture.webp({ quality, smartSubsample: true });
  if (densityDpi !== undefined) picture = picture.withDensity(densityDpi);
  if (options.note !== undefined) {
    picture = picture.withExif({ IFD0: { ImageDescription: options.note } });
  }
  try {
    await writeFile(file, await picture.toBuffer());
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FaceswapError('resources', `The image cannot be written: ${message}`, { file, stage, cause });
  }
}

/**
 * Wraps raw pixels and a profile as an uncompressed TIFF in memory. sharp attaches a profile to raw pixels only by
 * converting them into it; what it reads together with a profile it can write back as it is.
 */
const tiffWithProfile = (
  data: Uint8Array,
  size: { widthPx: number; heightPx: number; channels: 3 | 4 },
  iccProfile: Buffer,
): Buffer => {
  const { widthPx, heightPx, channels } = size;
  const [short, long, undefinedBytes] = [3, 4, 7];
  const entryCount = channels === 4 ? 11 : 10;
  const bitsOffset = 8 + 2 + 12 * entryCount + 4;
  const profileOffset = bitsOffset + 2 * channels;
  const pixelOffset = profileOffset + iccProfile.length + (iccProfile.length % 2);
  // Tag, type, count, value or offset; ascending by tag (TIFF 6.0 section 2; ICC.1 annex B.4 for tag 34675).
  const entries = [
    [256, long, 1, widthPx],
    [257, long, 1, heightPx],
    [258, short, channels, bitsOffset],
    [259, short, 1, 1],
    [262, short, 1, 2],
    [273, long, 1, pixelOffset],
    [277, short, 1, channels],
    [278, long, 1, heightPx],
    [279, long, 1, data.length],
    ...(channels === 4 ? [[338, short, 1, 2]] : []),
    [34675, undefinedBytes, iccProfile.length, profileOffset],
  ];
  const head = Buffer.alloc(pixelOffset);
  head.write('II', 0, 'latin1');
  head.writeUInt16LE(42, 2);
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag = 0, type = 0, count = 0, value = 0], k) => {
    const at = 10 + 12 * k;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(count, at + 4);
    head.writeUInt32LE(value, at + 8);
  });
  for (let k = 0; k < channels; k++) head.writeUInt16LE(8, bitsOffset + 2 * k);
  iccProfile.copy(head, profileOffset);
  return Buffer.concat([head, data]);
};

const joinChannels = (rgb: Uint8Array, alpha: Uint8Array): Uint8Array => {
  const data = new Uint8Array(4 * alpha.length);
  for (let k = 0; k < alpha.length; k++) {
    data[4 * k] = rgb[3 * k] ?? 0;
    data[4 * k + 1] = rgb[3 * k + 1] ?? 0;
    data[4 * k + 2] = rgb[3 * k + 2] ?? 0;
    data[4 * k + 3] = alpha[k] ?? 0;
  }
  return data;
};
