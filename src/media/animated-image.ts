import { readFile, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import sharp from 'sharp';
import { FaceswapError } from '../errors.js';
import { type Apng, apngPictures, parseApng } from './apng.js';
import { sniffMediaKind } from './media-kind.js';
import { type Rational, reduceRational } from './rational.js';

/** An animated image: pictures that are shown one after another, each for a time of its own. */
export type Animation = {
  readonly file: string;
  readonly format: 'gif' | 'webp' | 'apng';
  readonly widthPx: number;
  readonly heightPx: number;
  readonly frameCount: number;
  /** How long each picture is shown, as the file says; see {@link shownMs}. */
  readonly delaysMs: readonly number[];
  /** How often it is played; 0: for ever. */
  readonly loopCount: number;
  /** False for a WebP whose first picture is coded with loss. */
  readonly lossless: boolean;
};

/** The formats in which animations are written. */
export type AnimationFormat = 'gif' | 'webp';

const stage = 'animation';

/** As for a still picture. */
const maxFramePixels = 268_402_689;

/** Pixels of all pictures together: an hour of a small GIF, a minute and a half of 1080p. A small file can ask for more. */
const maxPixels = 10_000_000_000;

/** Pictures that sharp decodes in one go may take so many bytes. */
const groupBytes = 64 * 1024 * 1024;

/** Pixels of all pictures of an output together, which sharp encodes as one: 4 bytes each. */
const maxOutputPixels = 268_435_456;

const damaged = (file: string, cause: unknown): FaceswapError => {
  const message = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  return new FaceswapError('media', `The animation cannot be read: ${message}`, {
    file,
    stage,
    cause,
    hint: 'It is damaged or cut off; try another copy',
  });
};

/** A table of colours stands behind a byte of flags whose lowest bits are its size (GIF89a, sections 18 and 20). */
const gifTableBytes = (flags: number): number => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);

/**
 * Whether a GIF's blocks go to its end: of a file that is cut off, sharp shows in silence what is left.
 */
const isWholeGif = (bytes: Buffer): boolean => {
  let at = 13 + gifTableBytes(bytes[10] ?? 0);
  while (at < bytes.length) {
    const introducer = bytes[at];
    if (introducer === 0x3b) return true;
    if (introducer === 0x2c) at += 11 + gifTableBytes(bytes[at + 9] ?? 0);
    else if (introducer === 0x21) at += 2;
    // What is no block is behind the pictures; programs leave such things there.
    else return true;
    for (let size = bytes[at] ?? 0; size > 0; size = bytes[at] ?? 0) {
      at += 1 + size;
      if (at >= bytes.length) return false;
    }
    at += 1;
  }
  // Files that want only their last byte are common.
  return at === bytes.length;
};

const isLosslessWebp = (bytes: Buffer): boolean => {
  const [lossless, lossy] = [bytes.indexOf('VP8L', 0, 'latin1'), bytes.indexOf('VP8 ', 0, 'latin1')];
  return lossless >= 0 && (lossy < 0 || lossless < lossy);
};

const checkSize = ({ file, widthPx, heightPx, frameCount }: Animation): void => {
  const framePixels = widthPx * heightPx;
  if (framePixels <= maxFramePixels && framePixels * frameCount <= maxPixels) return;
  throw new FaceswapError(
    'media',
    `The animation is too large: ${frameCount} pictures of ${widthPx}x${heightPx}`,
    { file, stage, hint: 'Reduce it first, or make it a video' },
  );
};

const readBytes = async (file: string): Promise<Buffer> => {
  if ((await sniffMediaKind(file, stage)) !== 'image') {
    throw new FaceswapError('media', 'The file is a video, not an image', { file, stage });
  }
  return readFile(file);
};

const describeApng = (file: string, { widthPx, heightPx, loopCount, frames }: Apng): Animation => ({
  file,
  format: 'apng',
  widthPx,
  heightPx,
  frameCount: frames.length,
  delaysMs: frames.map(({ delayMs }) => delayMs),
  loopCount,
  lossless: true,
});

/**
 * Looks whether an image is animated. A GIF always counts as an animation, if only of one picture; a WebP or PNG with more
 * than one.
 *
 * @returns undefined for a still picture.
 * @throws FaceswapError (media) when the file is no image or too large, or when its animation is damaged.
 */
export async function probeAnimation(file: string): Promise<Animation | undefined> {
  const bytes = await readBytes(file);
  try {
    const apng = parseApng(bytes);
    if (apng !== undefined) {
      const animation = describeApng(file, apng);
      checkSize(animation);
      return animation;
    }
    const {
      format,
      width,
      pageHeight,
      height,
      pages = 1,
      delay,
      loop,
    } = await sharp(bytes, {
      pages: -1,
      limitInputPixels: false,
    }).metadata();
    if ((format !== 'gif' && format !== 'webp') || (format === 'webp' && pages < 2)) return undefined;
    const animation: Animation = {
      file,
      format,
      widthPx: width,
      heightPx: pageHeight ?? height,
      frameCount: pages,
      delaysMs: Array.from({ length: pages }, (_, k) => delay?.[k] ?? 0),
      loopCount: loop ?? 1,
      lossless: format === 'gif' || isLosslessWebp(bytes),
    };
    checkSize(animation);
    if (format === 'gif' && !isWholeGif(bytes)) throw new RangeError('the file ends inside of a picture');
    return animation;
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    throw damaged(file, error);
  }
}

/**
 * The pictures of an animation as they are seen: R, G, B (sRGB) and straight alpha, 8 bits each, 4 × widthPx × heightPx bytes. Each
 * belongs to the caller. Memory is that of the file and of a group of pictures.
 *
 * @throws FaceswapError (media) when a picture is damaged.
 */
export async function* animationPictures(animation: Animation): AsyncGenerator<Uint8Array, void, void> {
  const { file, widthPx, heightPx, frameCount } = animation;
  const bytes = await readBytes(file);
  try {
    const apng = parseApng(bytes);
    if (apng !== undefined) {
      yield* apngPictures(apng);
      return;
    }
    const frameBytes = 4 * widthPx * heightPx;
    const groupFrames = Math.max(1, Math.floor(groupBytes / frameBytes));
    for (let page = 0; page < frameCount; page += groupFrames) {
      const pages = Math.min(groupFrames, frameCount - page);
      const pictures = await sharp(bytes, { page, pages, failOn: 'truncated', limitInputPixels: false })
        .toColourspace('srgb')
        .ensureAlpha()
        .raw({ depth: 'uchar' })
        .toBuffer();
      if (pictures.length !== pages * frameBytes) throw new RangeError('pictures are missing');
      for (let k = 0; k < pages; k++) yield pictures.subarray(k * frameBytes, (k + 1) * frameBytes);
    }
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    throw damaged(file, error);
  }
}

/** For how long browsers show a picture whose delay is too short to be meant. */
const unsetDelayMs = 100;

/** How long a picture is really shown: browsers take 10 ms and less, most often 0, for "not set". */
export const shownMs = (delayMs: number): number => (delayMs <= 10 ? unsetDelayMs : delayMs);

/** When each picture appears, and as the last entry when the last one ends, in milliseconds. */
export function shownTimesMs(delaysMs: readonly number[]): readonly number[] {
  const timesMs = [0];
  for (const delayMs of delaysMs) timesMs.push((timesMs.at(-1) ?? 0) + shownMs(delayMs));
  return timesMs;
}

/** Rates of video that GIF's clock of 10 ms cannot say; a time is off by half of that at most. */
const gifRates: readonly Rational[] = [
  ...[6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 18, 24, 30, 40, 48, 60].map((num) => ({ num, den: 1 })),
  { num: 24000, den: 1001 },
  { num: 30000, den: 1001 },
];
const gifToleranceMs = 5.001;

/**
 * The one frame rate of an animation: that of equal delays, or the rate of the video that a GIF was made of, where every time
 * is that of the video rounded to the GIF's clock.
 *
 * @returns undefined when the rate varies.
 */
export function constantAnimationRate({ format, delaysMs }: Animation): Rational | undefined {
  const shown = delaysMs.map(shownMs);
  const first = shown[0] ?? unsetDelayMs;
  if (shown.every((delayMs) => delayMs === first)) return reduceRational({ num: 1000, den: first });
  if (format !== 'gif') return undefined;
  const timesMs = shownTimesMs(delaysMs);
  // Nothing follows the last picture that its end could be rounded with.
  const toleranceMs = (k: number): number => (k === delaysMs.length ? 2 : 1) * gifToleranceMs;
  return gifRates.find(({ num, den }) =>
    timesMs.every((timeMs, k) => Math.abs(timeMs - (1000 * k * den) / num) <= toleranceMs(k)),
  );
}

/** The animation format that an output's extension asks for; undefined for others. */
export function animationFormatOf(file: string): AnimationFormat | undefined {
  const extension = extname(file).toLowerCase();
  if (extension === '.gif') return 'gif';
  return extension === '.webp' ? 'webp' : undefined;
}

/** @throws FaceswapError (media) when an animation has more pixels than can be written as one. */
export function checkWritable({ file, widthPx, heightPx }: Animation, frameCount: number): void {
  if (widthPx * heightPx * frameCount <= maxOutputPixels) return;
  throw new FaceswapError(
    'media',
    `${frameCount} pictures of ${widthPx}x${heightPx} are too many for one animated image`,
    { file, stage, hint: 'Choose a video as the output: .mp4, .webm, .mkv or .mov' },
  );
}

/** Delays in whole steps of a format's clock, rounded so that the errors do not add up. */
const roundedDelays = (delaysMs: readonly number[], stepMs: number): number[] => {
  let wantedMs = 0;
  let writtenMs = 0;
  return delaysMs.map((delayMs) => {
    wantedMs += delayMs;
    const rounded = Math.max(delayMs > 0 ? stepMs : 0, Math.round((wantedMs - writtenMs) / stepMs) * stepMs);
    writtenMs += rounded;
    return rounded;
  });
};

/** The longest delay that sharp writes. */
const maxDelayMs = 65_535;

/** What is written. */
export type AnimationOutput = {
  readonly format: AnimationFormat;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly delaysMs: readonly number[];
  readonly loopCount: number;
  /** WebP: without loss, or at quality 95. */
  readonly lossless: boolean;
};

/**
 * Writes an animated image. GIF has one bit of transparency and 256 colours for each picture, which are chosen anew where those of
 * the picture before do not fit; WebP keeps every byte when `lossless`.
 *
 * @param pictures one after another, R, G, B and straight alpha: 4 × widthPx × heightPx bytes for each delay.
 * @throws FaceswapError (resources) when it cannot be written, (bug) when what was written is not as long as it must be.
 */
export async function writeAnimation(
  file: string,
  pictures: Uint8Array,
  { format, widthPx, heightPx, delaysMs, loopCount, lossless }: AnimationOutput,
): Promise<void> {
  const stepMs = format === 'gif' ? 10 : 1;
  const delay = roundedDelays(
    delaysMs.map((delayMs) => Math.min(delayMs, maxDelayMs)),
    stepMs,
  );
  const raw = {
    width: widthPx,
    height: heightPx * delaysMs.length,
    channels: 4,
    pageHeight: heightPx,
  } as const;
  const picture = sharp(pictures, { raw, limitInputPixels: false });
  const timing = { loop: loopCount, delay };
  try {
    const bytes = await (format === 'gif'
      ? picture.gif({ ...timing, effort: 7, interPaletteMaxError: 0 })
      : picture.webp({ ...timing, ...(lossless ? { lossless: true, exact: true } : { quality: 95 }) })
    ).toBuffer();
    await writeFile(file, bytes);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FaceswapError('resources', `The animation cannot be written: ${message}`, {
      file,
      stage,
      cause,
    });
  }
}
