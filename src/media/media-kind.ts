import { open, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { FaceswapError } from '../errors.js';

/** What a file is, by its content. */
export type MediaKind = 'video' | 'image';

/** A recognised file format: its kind and the name that people use for it. */
export type MediaSignature = { readonly kind: MediaKind; readonly name: string };

const videoExtensions: ReadonlySet<string> = new Set(
  'mp4 m4v mov mkv webm avi ts m2ts mts mpg mpeg vob flv wmv asf ogv ogg 3gp 3g2 mxf'.split(' '),
);
const imageExtensions: ReadonlySet<string> = new Set(
  'png jpg jpeg jfif webp gif tif tiff avif heic heif bmp'.split(' '),
);

/** Whether a file's name says that it is a video or an image; its content may say otherwise. */
export const hasMediaExtension = (file: string): boolean => {
  const extension = extname(file).slice(1).toLowerCase();
  return videoExtensions.has(extension) || imageExtensions.has(extension);
};

const ascii = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end));

const startsWith = (bytes: Uint8Array, ...signature: readonly number[]): boolean =>
  signature.every((byte, index) => bytes[index] === byte);

/** MPEG transport stream: a sync byte every 188 bytes, or every 192 (Blu-ray) or 204 (with error correction). */
const isTransportStream = (bytes: Uint8Array): boolean =>
  [
    [188, 0],
    [192, 4],
    [204, 0],
  ].some(([packetBytes = 188, offset = 0]) => {
    const packets = Math.min(4, Math.floor((bytes.length - offset) / packetBytes));
    if (packets < 2) return false;
    return Array.from({ length: packets }, (_, k) => bytes[offset + k * packetBytes]).every(
      (b) => b === 0x47,
    );
  });

/**
 * Recognises a file by its first bytes (1 KiB is enough). Sources of the signatures: the formats' own
 * specifications (ISO/IEC 14496-12 boxes, EBML, RIFF, PNG, JFIF, TIFF 6, ISO/IEC 13818-1).
 */
export function recogniseSignature(bytes: Uint8Array): MediaSignature | undefined {
  const video = (name: string): MediaSignature => ({ kind: 'video', name });
  const image = (name: string): MediaSignature => ({ kind: 'image', name });
  if (startsWith(bytes, 0xff, 0xd8, 0xff)) return image('JPEG');
  if (startsWith(bytes, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return image('PNG');
  if (/^GIF8[79]a$/.test(ascii(bytes, 0, 6))) return image('GIF');
  if (startsWith(bytes, 0x49, 0x49, 0x2a, 0x00) || startsWith(bytes, 0x4d, 0x4d, 0x00, 0x2a)) {
    return image('TIFF');
  }
  if (ascii(bytes, 0, 2) === 'BM' && bytes[14] === 40) return image('BMP');
  if (ascii(bytes, 0, 4) === 'RIFF') {
    const form = ascii(bytes, 8, 12);
    if (form === 'WEBP') return image('WebP');
    if (form === 'AVI ') return video('AVI');
    return undefined;
  }
  const box = ascii(bytes, 4, 8);
  if (box === 'ftyp') {
    const brand = ascii(bytes, 8, 12);
    if (/^avi[fs]$/.test(brand)) return image('AVIF');
    if (/^(hei[cxms]|hev[cx]|mif1|msf1)$/.test(brand)) return image('HEIF');
    return video(brand === 'qt  ' ? 'QuickTime' : 'MP4');
  }
  if (['moov', 'mdat', 'wide', 'free', 'skip', 'pnot', 'styp', 'moof'].includes(box)) {
    return video('QuickTime');
  }
  if (startsWith(bytes, 0x1a, 0x45, 0xdf, 0xa3)) return video('Matroska');
  if (startsWith(bytes, 0x00, 0x00, 0x01, 0xba)) return video('MPEG program stream');
  if (startsWith(bytes, 0x30, 0x26, 0xb2, 0x75)) return video('ASF');
  if (startsWith(bytes, 0x06, 0x0e, 0x2b, 0x34)) return video('MXF');
  if (ascii(bytes, 0, 3) === 'FLV') return video('FLV');
  if (ascii(bytes, 0, 4) === 'OggS') return video('Ogg');
  if (isTransportStream(bytes)) return video('MPEG transport stream');
  return undefined;
}

const readHead = async (file: string, stage: string): Promise<Uint8Array> => {
  try {
    const info = await stat(file);
    if (info.isDirectory()) {
      throw new FaceswapError('media', 'This is a folder, not a file', { file, stage });
    }
    // A pipe or device could block for ever; everything here needs a file that can be read more than once.
    if (!info.isFile()) throw new FaceswapError('media', 'This is not a regular file', { file, stage });
    if (info.size === 0) throw new FaceswapError('media', 'The file is empty (0 bytes)', { file, stage });
    const handle = await open(file, 'r');
    try {
      const head = new Uint8Array(1024);
      const { bytesRead } = await handle.read(head, 0, head.length, 0);
      return head.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof FaceswapError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new FaceswapError('media', 'There is no such file', { file, stage, cause });
    }
    throw new FaceswapError('media', `Cannot read the file (${String(code)})`, { file, stage, cause });
  }
};

/**
 * Says whether a file is a video or a still image, by its first bytes. The extension only serves to catch files
 * that were renamed: a JPEG named `.mp4` is an error that says so. Animated GIF, WebP and AVIF count as images.
 *
 * @throws FaceswapError (media) when the file is missing, a folder, empty, unreadable, of no known format, or
 * when its content contradicts its extension.
 */
export async function sniffMediaKind(file: string, stage = 'probe'): Promise<MediaKind> {
  const signature = recogniseSignature(await readHead(file, stage));
  if (signature === undefined) {
    throw new FaceswapError('media', 'This is neither a video nor an image that faceswap knows', {
      file,
      stage,
      hint: 'Known are mp4, mov, mkv, webm, avi, ts, mpg, flv, wmv, ogv and png, jpeg, webp, avif, gif, tiff',
    });
  }
  const extension = extname(file).slice(1).toLowerCase();
  const { kind, name } = signature;
  if (
    (kind === 'image' && videoExtensions.has(extension)) ||
    (kind === 'video' && imageExtensions.has(extension))
  ) {
    throw new FaceswapError(
      'media',
      `The file is named .${extension} but its content is ${kind === 'image' ? 'an image' : 'a video'} (${name})`,
      { file, stage, hint: 'Give it the extension that fits its content' },
    );
  }
  return kind;
}
