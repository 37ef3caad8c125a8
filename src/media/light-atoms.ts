import { type FileHandle, open } from 'node:fs/promises';
import { FaceswapError } from '../errors.js';
import { chromaticityUnits, type HdrMetadata, luminanceUnits } from './hdr-metadata.js';

/** An atom of a QuickTime or MP4 file: where it begins, and its length with its header. */
type Atom = { readonly type: string; readonly at: number; readonly length: number };

const headerLength = 8;

/** The header of an atom and the fixed fields of a picture's sample entry; its own atoms follow. */
const sampleEntryLength = 86;

const stage = 'encode';

const unexpected = (file: string, what: string): FaceswapError =>
  new FaceswapError('bug', `The segment is not as ffmpeg writes it: ${what}`, { file, stage });

const unwritable = (file: string, cause: unknown): FaceswapError =>
  new FaceswapError(
    'resources',
    `The segment cannot be completed: ${cause instanceof Error ? cause.message : String(cause)}`,
    { file, stage, cause },
  );

/** `mdcv` and `clli`, as ISO/IEC 23001-17 has them. */
function lightAtoms({ mastering, contentLight }: HdrMetadata): Buffer {
  const parts: Buffer[] = [];
  if (mastering !== undefined) {
    const atom = Buffer.alloc(headerLength + 24);
    atom.writeUInt32BE(atom.length);
    atom.write('mdcv', 4, 'latin1');
    const { green, blue, red, white } = mastering;
    [green, blue, red, white].flat().forEach((share, k) => {
      atom.writeUInt16BE(Math.round(share * chromaticityUnits), headerLength + 2 * k);
    });
    atom.writeUInt32BE(Math.round(mastering.maxLuminance * luminanceUnits), headerLength + 16);
    atom.writeUInt32BE(Math.round(mastering.minLuminance * luminanceUnits), headerLength + 20);
    parts.push(atom);
  }
  if (contentLight !== undefined) {
    const atom = Buffer.alloc(headerLength + 4);
    atom.writeUInt32BE(atom.length);
    atom.write('clli', 4, 'latin1');
    atom.writeUInt16BE(contentLight.maxContent, headerLength);
    atom.writeUInt16BE(contentLight.maxAverage, headerLength + 2);
    parts.push(atom);
  }
  return Buffer.concat(parts);
}

const readExactly = async (handle: FileHandle, file: string, at: number, length: number): Promise<Buffer> => {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead !== length) throw unexpected(file, 'it ends too soon');
  return buffer;
};

/** The last atom of the file. */
const lastAtom = async (handle: FileHandle, file: string): Promise<Atom> => {
  const { size } = await handle.stat();
  for (let at = 0; ; ) {
    const header = await readExactly(handle, file, at, headerLength);
    let length = header.readUInt32BE();
    if (length === 1) {
      length = Number((await readExactly(handle, file, at + headerLength, 8)).readBigUInt64BE());
    }
    if (length < headerLength || at + length > size) throw unexpected(file, 'an atom has a wrong length');
    if (at + length === size) return { type: header.toString('latin1', 4, 8), at, length };
    at += length;
  }
};

/** The first atom of a type between two places. */
const childOf = (bytes: Buffer, type: string, from: number, to: number, file: string): Atom => {
  for (let at = from; at + headerLength <= to; ) {
    const length = bytes.readUInt32BE(at);
    if (length < headerLength || at + length > to) break;
    if (bytes.toString('latin1', at + 4, at + 8) === type) return { type, at, length };
    at += length;
  }
  throw unexpected(file, `there is no ${type}`);
};

/**
 * Writes mastering display and content light into a finished segment, where ffmpeg's demuxer finds them and its muxers take them from
 * when the segments are joined; ffmpeg 5.1 itself has no option that says them to a muxer. The segment's index, which is its last atom,
 * grows by less than 50 bytes; no picture moves.
 *
 * @param file an MP4 or QuickTime file with one track, as `encoderArguments` has it written
 * @throws FaceswapError (bug) when the file is another, (resources) when it cannot be written
 */
export async function addLightAtoms(file: string, metadata: HdrMetadata): Promise<void> {
  const added = lightAtoms(metadata);
  if (added.length === 0) return;
  const handle = await open(file, 'r+').catch((error: unknown) => {
    throw unwritable(file, error);
  });
  try {
    const movie = await lastAtom(handle, file);
    if (movie.type !== 'moov') throw unexpected(file, `it ends with ${movie.type}`);
    const bytes = await readExactly(handle, file, movie.at, movie.length);
    const path: Atom[] = [{ ...movie, at: 0 }];
    for (const type of ['trak', 'mdia', 'minf', 'stbl', 'stsd']) {
      const { at, length } = path.at(-1) as Atom;
      path.push(childOf(bytes, type, at + headerLength, at + length, file));
    }
    const table = path.at(-1) as Atom;
    const entry = table.at + headerLength + 8;
    if (entry + sampleEntryLength > table.at + table.length)
      throw unexpected(file, 'it describes no picture');
    for (const at of [...path.map((atom) => atom.at), entry]) {
      bytes.writeUInt32BE(bytes.readUInt32BE(at) + added.length, at);
    }
    const place = entry + sampleEntryLength;
    const tail = Buffer.concat([added, bytes.subarray(place)]);
    await handle.write(tail, 0, tail.length, movie.at + place);
    await handle.write(bytes, 0, place, movie.at);
  } catch (error) {
    throw error instanceof FaceswapError ? error : unwritable(file, error);
  } finally {
    await handle.close();
  }
}
