import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { crc32 } from '../../media/crc32.js';
import { fileFailure } from '../file-failure.js';

/** What the bytes of a file are known by. */
export type FileDigest = {
  /** Lower-case hex. */
  readonly sha256: string;
  /** Eight lower-case hex digits, as FaceFusion's `.hash` files have it. */
  readonly crc32: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
};

/** Bytes that are read at a time. */
const pieceBytes = 1024 * 1024;

/**
 * Reads a whole file once and gives both of its checksums, about three seconds per 500 MB.
 *
 * @throws FaceswapError (media) when it cannot be read.
 */
export async function digestFile(file: string): Promise<FileDigest> {
  try {
    const handle = await open(file, 'r');
    try {
      const sha256 = createHash('sha256');
      const piece = Buffer.alloc(pieceBytes);
      let sum = 0;
      let sizeBytes = 0;
      for (;;) {
        const { bytesRead } = await handle.read(piece, 0, piece.length, sizeBytes);
        if (bytesRead === 0) break;
        const bytes = piece.subarray(0, bytesRead);
        sha256.update(bytes);
        sum = crc32(bytes, sum);
        sizeBytes += bytesRead;
      }
      const { mtimeMs } = await handle.stat();
      return {
        sha256: sha256.digest('hex'),
        crc32: sum.toString(16).padStart(8, '0'),
        sizeBytes,
        mtimeMs,
      };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileFailure(error, file, 'models');
  }
}
