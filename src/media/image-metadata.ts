import { deflateSync } from 'node:zlib';
import { crc32 } from './crc32.js';

/** What an image says about itself besides its pixels, made fit for a picture that was changed and stands upright. */
export type ImageMetadata = {
  /** The EXIF block from its TIFF header on: upright, without thumbnail and maker note. */
  readonly exif: Buffer | undefined;
  /** EXIF ImageDescription, the owner's own words. */
  readonly description: string | undefined;
  readonly xmp: string | undefined;
  /** IPTC records as JPEG keeps them: an APP13 body with this one Photoshop resource. */
  readonly iptc: Buffer | undefined;
};

/** Nothing is known about the picture. */
export const noMetadata: ImageMetadata = {
  exif: undefined,
  description: undefined,
  xmp: undefined,
  iptc: undefined,
};

/** Tags of EXIF 2.32 (CIPA DC-008) section 4.6. */
const exifTags = { description: 0x010e, orientation: 0x0112, exifFolder: 0x8769, makerNote: 0x927c } as const;

/** Fields of a TIFF directory (TIFF 6.0 section 2): a count, entries of 12 bytes, the place of the next directory. */
class ExifBlock {
  readonly #bytes: Buffer;
  readonly #isLittle: boolean;

  constructor(bytes: Buffer) {
    const order = bytes.toString('latin1', 0, 2);
    if (order !== 'II' && order !== 'MM') throw new RangeError('no TIFF header');
    this.#bytes = bytes;
    this.#isLittle = order === 'II';
    if (this.short(2) !== 42) throw new RangeError('no TIFF header');
  }

  short(at: number): number {
    return this.#isLittle ? this.#bytes.readUInt16LE(at) : this.#bytes.readUInt16BE(at);
  }

  long(at: number): number {
    return this.#isLittle ? this.#bytes.readUInt32LE(at) : this.#bytes.readUInt32BE(at);
  }

  setShort(at: number, value: number): void {
    if (this.#isLittle) this.#bytes.writeUInt16LE(value, at);
    else this.#bytes.writeUInt16BE(value, at);
  }

  /** Where the entry of a tag begins. */
  find(directory: number, tag: number): number | undefined {
    const count = this.short(directory);
    for (let k = 0; k < count; k++) {
      const at = directory + 2 + 12 * k;
      if (this.short(at) === tag) return at;
    }
    return undefined;
  }

  remove(directory: number, tag: number): void {
    const at = this.find(directory, tag);
    if (at === undefined) return;
    const count = this.short(directory);
    const end = directory + 2 + 12 * count;
    if (end > this.#bytes.length) throw new RangeError('a directory is cut off');
    this.#bytes.copyWithin(at, at + 12, end);
    this.#bytes.fill(0, end - 12, Math.min(end + 4, this.#bytes.length));
    this.setShort(directory, count - 1);
  }

  /** Leaves a directory the last of its chain. */
  endChain(directory: number): void {
    const at = directory + 2 + 12 * this.short(directory);
    if (at + 4 <= this.#bytes.length) this.#bytes.fill(0, at, at + 4);
  }

  text(entry: number): string | undefined {
    const length = this.long(entry + 4);
    const at = length <= 4 ? entry + 8 : this.long(entry + 8);
    const text = this.#bytes
      .subarray(at, at + length)
      .toString('utf8')
      .replace(/\0.*$/s, '')
      .trim();
    return text === '' ? undefined : text;
  }
}

/**
 * An EXIF block for the upright picture: orientation 1; the thumbnail, which shows the picture as it was, and the maker
 * note, which may hold another one and breaks when it is moved, are taken out.
 *
 * @returns undefined for a block that is damaged.
 */
export function uprightExif(
  block: Buffer,
): { readonly exif: Buffer; readonly description: string | undefined } | undefined {
  const exif = Buffer.from(block.toString('latin1', 0, 6) === 'Exif\0\0' ? block.subarray(6) : block);
  try {
    const fields = new ExifBlock(exif);
    const main = fields.long(4);
    if (main + 2 + 12 * fields.short(main) > exif.length) return undefined;
    const orientation = fields.find(main, exifTags.orientation);
    if (orientation !== undefined) fields.setShort(orientation + 8, 1);
    const described = fields.find(main, exifTags.description);
    const description = described === undefined ? undefined : fields.text(described);
    fields.endChain(main);
    const folder = fields.find(main, exifTags.exifFolder);
    if (folder !== undefined) fields.remove(fields.long(folder + 8), exifTags.makerNote);
    return { exif, description };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const thumbnailsStart = '<xmp:Thumbnails';
const thumbnailsEnd = '</xmp:Thumbnails>';

/** XMP without its thumbnails; undefined where they have no end. */
const withoutThumbnails = (xmp: string): string | undefined => {
  const kept: string[] = [];
  let from = 0;
  for (;;) {
    const start = xmp.indexOf(thumbnailsStart, from);
    if (start < 0) return [...kept, xmp.slice(from)].join('');
    kept.push(xmp.slice(from, start));
    const tagEnd = xmp.indexOf('>', start);
    const isEmpty = tagEnd > 0 && xmp[tagEnd - 1] === '/';
    const end = isEmpty ? tagEnd : xmp.indexOf(thumbnailsEnd, start);
    if (end < 0) return undefined;
    from = isEmpty ? end + 1 : end + thumbnailsEnd.length;
  }
};

/** An XMP packet for the upright picture: its orientation is 1, its thumbnails are taken out; undefined when it is damaged. */
export const uprightXmp = (xmp: string): string | undefined =>
  withoutThumbnails(xmp)
    ?.replace(/(<tiff:Orientation>)\d/g, (_, tag: string) => `${tag}1`)
    .replace(/(tiff:Orientation=["'])\d/g, (_, name: string) => `${name}1`);

/** An entry of a directory for an ASCII text; UTF-8 is what most programs write there. */
const textEntry = (isLittle: boolean, tag: number, length: number, offset: number): Buffer => {
  const entry = Buffer.alloc(12);
  const ascii = 2;
  if (isLittle) {
    entry.writeUInt16LE(tag, 0);
    entry.writeUInt16LE(ascii, 2);
    entry.writeUInt32LE(length, 4);
    entry.writeUInt32LE(offset, 8);
  } else {
    entry.writeUInt16BE(tag, 0);
    entry.writeUInt16BE(ascii, 2);
    entry.writeUInt32BE(length, 4);
    entry.writeUInt32BE(offset, 8);
  }
  return entry;
};

/** An EXIF block without anything in it. */
const emptyExif = Buffer.from('II*\0\x08\0\0\0\0\0\0\0\0\0', 'latin1');

/**
 * Adds a remark to ImageDescription behind what stands there, unless it is there already. The main directory is written anew
 * behind the block, so that nothing else moves.
 *
 * @param metadata its EXIF is a block of {@link uprightExif}.
 */
export function exifWithNote({ exif = emptyExif, description }: ImageMetadata, note: string): Buffer {
  if (description?.includes(note) === true) return exif;
  const text = Buffer.from(`${description === undefined ? note : `${description}; ${note}`}\0`, 'utf8');
  const isLittle = exif.toString('latin1', 0, 2) === 'II';
  const fields = new ExifBlock(exif);
  const main = fields.long(4);
  const count = fields.short(main);
  const entries = Array.from({ length: count }, (_, k) =>
    exif.subarray(main + 2 + 12 * k, main + 14 + 12 * k),
  );
  const tagOf = (entry: Buffer): number => (isLittle ? entry.readUInt16LE(0) : entry.readUInt16BE(0));
  const textAt = exif.length + (exif.length % 2);
  const directoryAt = textAt + text.length + (text.length % 2);
  const written = [
    ...entries.filter((entry) => tagOf(entry) !== exifTags.description),
    textEntry(isLittle, exifTags.description, text.length, textAt),
  ].sort((first, second) => tagOf(first) - tagOf(second));
  const result = Buffer.alloc(directoryAt + 2 + 12 * written.length + 4);
  exif.copy(result);
  text.copy(result, textAt);
  Buffer.concat(written).copy(result, directoryAt + 2);
  new ExifBlock(result).setShort(directoryAt, written.length);
  if (isLittle) result.writeUInt32LE(directoryAt, 4);
  else result.writeUInt32BE(directoryAt, 4);
  return result;
}

const photoshopMark = 'Photoshop 3.0\0';

/**
 * Takes the IPTC records out of Photoshop's resources (Adobe Photoshop File Formats, "Image Resource Blocks"), among which
 * there may be a thumbnail.
 */
export function iptcOnly(block: Buffer): Buffer | undefined {
  if (block.toString('latin1', 0, photoshopMark.length) !== photoshopMark) return undefined;
  for (let at = photoshopMark.length; at + 12 <= block.length; ) {
    if (block.toString('latin1', at, at + 4) !== '8BIM') return undefined;
    const nameBytes = 1 + (block[at + 6] ?? 0);
    const sizeAt = at + 6 + nameBytes + (nameBytes % 2);
    if (sizeAt + 4 > block.length) return undefined;
    const size = block.readUInt32BE(sizeAt);
    const end = sizeAt + 4 + size + (size % 2);
    const iptcResource = 0x0404;
    if (block.readUInt16BE(at + 4) === iptcResource) {
      return Buffer.concat([Buffer.from(photoshopMark, 'latin1'), block.subarray(at, end)]);
    }
    at = end;
  }
  return undefined;
}

const pngChunk = (name: string, data: Uint8Array): Buffer => {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(name, 4, 'latin1');
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
};

/** Signature and IHDR, after which other chunks may follow (PNG, third edition, section 5). */
const pngHeadBytes = 33;

/**
 * Adds a colour profile and EXIF to a PNG that has neither. sharp attaches both to raw pixels only by converting or
 * rewriting them; what it reads with a picture it can write back as it is.
 */
export const pngWith = (
  png: Buffer,
  { iccProfile, exif }: { readonly iccProfile: Buffer | undefined; readonly exif: Buffer | undefined },
): Buffer =>
  Buffer.concat([
    png.subarray(0, pngHeadBytes),
    ...(iccProfile === undefined
      ? []
      : [pngChunk('iCCP', Buffer.concat([Buffer.from('ICC\0\0', 'latin1'), deflateSync(iccProfile)]))]),
    ...(exif === undefined ? [] : [pngChunk('eXIf', exif)]),
    png.subarray(pngHeadBytes),
  ]);

/** Adds IPTC records to a JPEG, where they fit into one segment. */
export const jpegWithIptc = (jpeg: Buffer, iptc: Buffer): Buffer => {
  const head = Buffer.from([0xff, 0xed, 0, 0]);
  if (iptc.length + 2 > 0xffff) return jpeg;
  head.writeUInt16BE(iptc.length + 2, 2);
  // JFIF and EXIF want to be first: the segment goes behind all APP0 and APP1.
  let at = 2;
  while (jpeg[at] === 0xff && (jpeg[at + 1] === 0xe0 || jpeg[at + 1] === 0xe1)) {
    at += 2 + jpeg.readUInt16BE(at + 2);
  }
  return Buffer.concat([jpeg.subarray(0, at), head, iptc, jpeg.subarray(at)]);
};

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Adds a remark to an XMP packet, or makes a packet of it: for formats whose EXIF cannot be written. */
export const xmpWithNote = (xmp: string | undefined, note: string): string => {
  const description = `<rdf:Description rdf:about="" xmlns:faceswap="urn:faceswap:1"><faceswap:note>${escapeXml(note)}</faceswap:note></rdf:Description>`;
  const end = xmp?.lastIndexOf('</rdf:RDF>') ?? -1;
  if (xmp !== undefined && end >= 0) return `${xmp.slice(0, end)}${description}${xmp.slice(end)}`;
  return `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">${description}</rdf:RDF></x:xmpmeta>`;
};
