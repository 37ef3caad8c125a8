import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FaceswapError } from '../errors.js';

/**
 * SHA-256 of a model file in lower-case hex: the name under which everything learnt about a model is kept. Reads the whole
 * file in pieces of 1 MiB, about a second per 500 MB.
 *
 * @throws FaceswapError `model` when the file is missing or unreadable
 */
export async function modelHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  } catch (cause) {
    throw new FaceswapError('model', 'The model file is missing or unreadable', { file: path, cause });
  }
  return hash.digest('hex');
}
