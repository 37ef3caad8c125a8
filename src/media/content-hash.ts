import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { FaceswapError } from '../errors.js';
import { interruptedError } from './child-process.js';

/**
 * SHA-256 of a file's bytes in lowercase hexadecimal, read in pieces of 1 MiB.
 *
 * @throws FaceswapError (media) when the file cannot be read, (interrupted) on abort.
 */
export async function contentHash(
  file: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const hash = createHash('sha256');
  try {
    const { signal } = options;
    const stream = createReadStream(file, { highWaterMark: 1024 * 1024 });
    await (signal === undefined ? pipeline(stream, hash) : pipeline(stream, hash, { signal }));
  } catch (cause) {
    if (options.signal?.aborted === true) throw interruptedError('hash');
    throw new FaceswapError('media', 'Cannot read the file', { file, stage: 'hash', cause });
  }
  return hash.digest('hex');
}
