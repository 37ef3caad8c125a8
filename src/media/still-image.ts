import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { readBoundedFile } from '../bounded-file.js';
import { FaceswapError } from '../errors.js';
import { parseApng } from './apng.js';
import {
  exifWithNote,
  type ImageMetadata,
  iptcOnly,
  jpegWithIptc,
  noMetadata,
  pngWith,
  uprightExif,
  uprightXmp,
  xmpWithNote,
} from './image-metadata.js';
import { sniffMediaKind } from './media-kind.js';

/** The formats in which images are written. */
export type StillFormat = 'png' | 'jpeg' | 'webp' | 'tiff' | 'avif';

/** Samples of 8 bits, or of 16 in machine order. */
export type StillSamples = Uint8Array | Uint16Array;

/** A still picture, upright. */
export type StillImage<Samples extends StillSamples = StillSamples> = {
  /** After EXIF orientation. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Interleaved R, G, B: 3 * widthPx * heightPx samples. */
  readonly rgb: Samples;
  /** One sample per pixel, straight (not premultiplied); undefined when the file has no alpha. */
  readonly alpha: Samples | undefined;
  /** The profile that `rgb` is in; undefined means sRGB. */
  readonly iccProfile: Buffer | undefined;
  /** sharp's name of the format that was read: `png`, `jpeg`, `webp`, `heif`, `gif`, `tiff`. */
  readonly format: string;
  /** What the file's pixels were made of; all but `rgb` were converted. */
  readonly colourModel: 'rgb' | 'gray' | 'cmyk' | 'other';
  /** Pictures in the file: the frames of an animation, the pages of a TIFF. The first was read. */
  readonly pictureCount: number;
  readonly densityDpi: number | undefined;
  /** True for formats that lose nothing: PNG, GIF, TIFF, lossless WebP. */
  readonly lossless: boolean;
  readonly metadata: ImageMetadata;
};

/** `source`: anything, as 8-bit sRGB. `target`: 8 or 16 bits; RGB pixels stay in the file's own profile. */
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

/**
 * Bits of a target's samples. More than 8 come as 16 whatever the file holds, such as the 10 of an AVIF.
 *
 * @throws FaceswapError (media) for floating point and more than 16 bits.
 */
const targetBitDepth = ({ depth }: Metadata, file: string): 8 | 16 => {
  if (depth === 'uchar') return 8;
  if (depth === 'ushort') return 16;
  throw new FaceswapError(
    'media',
    `Images with samples of the kind "${depth}" are not supported as targets`,
    {
      file,
      stage,
      hint: 'Convert it to 8 or 16 bits first',
    },
  );
};

const colourModelOf = ({ space }: Metadata): StillImage['colourModel'] => {
  if (space === 'cmyk') return 'cmyk';
  if (space === 'b-w' || space === 'grey16') return 'gray';
  return /^(srgb|rgb|rgb16|scrgb)$/.test(space) ? 'rgb' : 'other';
};

/** What a target's file says about it, made fit for the upright result. */
const metadataOf = ({ exif, xmp, iptc }: Metadata): ImageMetadata => {
  const upright = exif === undefined ? undefined : uprightExif(exif);
  return {
    exif: upright?.exif,
    description: upright?.description,
    xmp: xmp === undefined ? undefined : uprightXmp(xmp.toString('utf8')),
    iptc: iptc === undefined ? undefined : iptcOnly(iptc),
  };
};

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
 * numbers, its bits and its profile when that is an RGB one, so that what is not touched does not change.
 *
 * @throws FaceswapError (media) when the file is missing, no image, damaged or cut off, too large, or (targets)
 * has samples other than 8 or 16 bits.
 */
export async function readStill(file: string, purpose?: 'source'): Promise<StillImage<Uint8Array>>;
export async function readStill(file: string, purpose: StillPurpose): Promise<StillImage>;
export async function readStill(file: string, purpose: StillPurpose = 'source'): Promise<StillImage> {
  if ((await sniffMediaKind(file, stage)) !== 'image') {
    throw new FaceswapError('media', 'The file is a video, not an image', { file, stage });
  }
  try {
    const options = { failOn: 'truncated', limitInputPixels: maxPixels } as const;
    const bytes = await readBoundedFile(file, maxFileBytes);
    const metadata = await sharp(bytes, options).metadata();
    const bitDepth = purpose === 'target' ? targetBitDepth(metadata, file) : 8;
    const iccProfile = purpose === 'target' ? rgbProfile(metadata) : undefined;
    const picture = sharp(bytes, {
      ...options,
      ...(iccProfile === undefined ? {} : { ignoreIcc: true }),
    })
      .autoOrient()
      .toColourspace(bitDepth === 16 ? 'rgb16' : 'srgb');
    const { data, info } = await picture
      .raw({ depth: bitDepth === 16 ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const samples = bitDepth === 16 ? wordsOf(data) : data;
    const { rgb, alpha } = splitChannels(samples, info.width * info.height, info.channels);
    return {
      widthPx: info.width,
      heightPx: info.height,
      rgb,
      alpha,
      iccProfile,
      format: metadata.format,
      colourModel: colourModelOf(metadata),
      pictureCount: metadata.pages ?? (purpose === 'target' ? parseApng(bytes)?.frames.length : 1) ?? 1,
      densityDpi: metadata.density,
      lossless: isLossless(bytes, metadata.format),
      metadata: purpose === 'target' ? metadataOf(metadata) : noMetadata,
    };
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    throw unreadable(file, error);
  }
}

/** 16-bit samples in machine order; copied where the buffer does not begin at an even address. */
const wordsOf = (data: Buffer): Uint16Array => {
  const aligned = data.byteOffset % 2 === 0 ? data : Uint8Array.from(data);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, data.length / 2);
};

/** New samples of the same depth. */
const samplesLike = (samples: StillSamples, count: number): StillSamples =>
  samples instanceof Uint16Array ? new Uint16Array(count) : new Uint8Array(count);

const splitChannels = (
  data: StillSamples,
  pixels: number,
  channels: number,
): { rgb: StillSamples; alpha: StillSamples | undefined } => {
  const rgb = samplesLike(data, 3 * pixels);
  const hasAlpha = channels === 2 || channels === 4;
  const alpha = hasAlpha ? samplesLike(data, pixels) : undefined;
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
  '.tif': 'tiff',
  '.tiff': 'tiff',
  '.avif': 'avif',
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

/** JPEG, WebP and AVIF quality when none is given. */
const defaultStillQuality = 95;

/** Bits of a sample that a format holds of a picture with 16. */
const deepBits: Readonly<Record<StillFormat, 8 | 10 | 16>> = {
  png: 16,
  tiff: 16,
  avif: 10,
  jpeg: 8,
  webp: 8,
};

/** Something of a picture that an output cannot hold. */
export type StillLoss = { readonly code: string; readonly message: string };

/** What a picture has and a file of this format cannot have, as warnings; none where it holds everything. */
export function stillLosses(image: StillImage, format: StillFormat): readonly StillLoss[] {
  const { rgb, alpha, colourModel, pictureCount, metadata } = image;
  const losses: StillLoss[] = [];
  if (pictureCount > 1) {
    losses.push({
      code: 'first-picture-only',
      message: `The file holds ${pictureCount} pictures, of which a .${format} output has only the first`,
    });
  }
  if (colourModel === 'gray') {
    losses.push({ code: 'colour-model', message: 'The target is gray; the output is RGB' });
  } else if (colourModel !== 'rgb') {
    const name = colourModel === 'cmyk' ? 'CMYK' : 'neither RGB nor gray';
    const message = `The target is ${name}; the output is RGB (sRGB), converted by the target's profile where it has one`;
    losses.push({ code: 'colour-model', message });
  }
  if (rgb instanceof Uint16Array && deepBits[format] < 16) {
    losses.push({
      code: 'bit-depth',
      message: `The target has more than 8 bits per channel; the .${format} output has ${deepBits[format]}. A .png or .tiff output keeps 16`,
    });
  }
  if (format === 'jpeg' && alpha?.some((value) => value !== (rgb instanceof Uint16Array ? 0xffff : 0xff))) {
    losses.push({
      code: 'alpha-flattened',
      message:
        'JPEG has no transparency: the output is laid on black. A .png, .webp or .tiff output keeps it',
    });
  }
  if (format === 'tiff' && metadata.exif !== undefined) {
    losses.push({
      code: 'exif-dropped',
      message: 'The EXIF tags are left out: they cannot be written to TIFF',
    });
  }
  if (format !== 'jpeg' && metadata.iptc !== undefined) {
    losses.push({ code: 'iptc-dropped', message: `The IPTC tags are left out: only JPEG outputs hold them` });
  }
  return losses;
}

/** 16 bits to 8: 65535 / 257 = 255. */
const narrowed = (samples: StillSamples): Uint8Array =>
  samples instanceof Uint16Array ? Uint8Array.from(samples, (value) => Math.round(value / 257)) : samples;

/** Samples as they are seen on black. */
const onBlack = (rgb: Uint8Array, alpha: Uint8Array): Uint8Array =>
  rgb.map((value, k) => Math.round((value * (alpha[Math.floor(k / 3)] ?? 0)) / 255));

/** The samples that an encoder is given for a format, interleaved. */
const encoderSamples = (
  { rgb, alpha }: StillImage,
  format: StillFormat,
): { readonly data: StillSamples; readonly channels: 3 | 4 } => {
  const keepsDepth = deepBits[format] > 8;
  const colours = keepsDepth ? rgb : narrowed(rgb);
  if (alpha === undefined) return { data: colours, channels: 3 };
  if (format === 'jpeg') return { data: onBlack(narrowed(rgb), narrowed(alpha)), channels: 3 };
  return { data: joinChannels(colours, keepsDepth ? alpha : narrowed(alpha)), channels: 4 };
};

const encoded = (
  picture: Sharp,
  format: StillFormat,
  { quality, lossless, isDeep }: { quality: number; lossless: boolean; isDeep: boolean },
): Sharp => {
  switch (format) {
    case 'png':
      return picture.png({ compressionLevel: 6 });
    case 'jpeg':
      return picture.jpeg({ quality, chromaSubsampling: '4:4:4', mozjpeg: false });
    case 'webp':
      return lossless
        ? picture.webp({ lossless: true, exact: true })
        : picture.webp({ quality, smartSubsample: true });
    case 'tiff':
      return picture.tiff({ compression: 'deflate', predictor: 'horizontal' });
    case 'avif':
      return picture.avif({
        ...(lossless ? { lossless: true } : { quality }),
        chromaSubsampling: '4:4:4',
        bitdepth: isDeep ? 10 : 8,
      });
  }
};

/**
 * Writes a picture: PNG and TIFF lose nothing, JPEG at quality 95 without chroma subsampling, WebP and AVIF lossless when
 * the picture came from a lossless file, else at quality 95. The profile, the density, the metadata and the alpha are
 * written back as far as the format holds them; {@link stillLosses} tells what it does not. 16-bit pictures keep their
 * samples in PNG and TIFF.
 *
 * @param options.quality 1..100 for JPEG and lossy WebP and AVIF.
 * @param options.note goes into EXIF ImageDescription behind what stands there (TIFF: into XMP), so that a result says
 * what was done to it.
 * @param options.format the extension's format by default; give it for temporary names.
 * @throws FaceswapError (usage) for an unknown extension, (resources) when the file cannot be written.
 */
export async function writeStill(
  file: string,
  image: StillImage,
  options: { quality?: number | undefined; format?: StillFormat | undefined; note?: string | undefined } = {},
): Promise<void> {
  const format = options.format ?? stillFormatOf(file);
  const { widthPx, heightPx, iccProfile, densityDpi, lossless, metadata } = image;
  const { note, quality = defaultStillQuality } = options;
  const { data, channels } = encoderSamples(image, format);
  const isDeep = data instanceof Uint16Array;
  const space = isDeep ? 'rgb16' : 'srgb';
  try {
    const raw = { width: widthPx, height: heightPx, channels };
    let picture = sharp(data, { raw, limitInputPixels: maxPixels }).toColourspace(space);
    const exif = note !== undefined && format !== 'tiff' ? exifWithNote(metadata, note) : metadata.exif;
    if (iccProfile !== undefined || exif !== undefined) {
      const png = await picture.png({ compressionLevel: 0 }).toBuffer();
      picture = sharp(pngWith(png, { iccProfile, exif }), {
        ignoreIcc: true,
        limitInputPixels: maxPixels,
      }).toColourspace(space);
    }
    if (iccProfile !== undefined) picture = picture.keepIccProfile();
    if (exif !== undefined) picture = picture.keepExif();
    picture = encoded(picture, format, { quality, lossless, isDeep });
    if (densityDpi !== undefined) picture = picture.withDensity(densityDpi);
    const xmp = note !== undefined && format === 'tiff' ? xmpWithNote(metadata.xmp, note) : metadata.xmp;
    if (xmp !== undefined) picture = picture.withXmp(xmp);
    const bytes = await picture.toBuffer();
    const isTagged = format === 'jpeg' && metadata.iptc !== undefined;
    await writeFile(file, isTagged ? jpegWithIptc(bytes, metadata.iptc) : bytes);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FaceswapError('resources', `The image cannot be written: ${message}`, { file, stage, cause });
  }
}

const joinChannels = (rgb: StillSamples, alpha: StillSamples): StillSamples => {
  const data = samplesLike(rgb, 4 * alpha.length);
  for (let k = 0; k < alpha.length; k++) {
    data[4 * k] = rgb[3 * k] ?? 0;
    data[4 * k + 1] = rgb[3 * k + 1] ?? 0;
    data[4 * k + 2] = rgb[3 * k + 2] ?? 0;
    data[4 * k + 3] = alpha[k] ?? 0;
  }
  return data;
};
