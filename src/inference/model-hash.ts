import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FaceswapError } from '../errors.js';
import { keepVerdict, readVerdict } from './verdict-file.js';

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

/**
 * {@link modelHash}, remembered in a folder under what the file system says of the file (place, size, times of the last changes, number): a model
 * that nobody touched is not read again.
 *
 * @throws FaceswapError `model` when the file is missing or unreadable
 */
export async function rememberedModelHash(path: string, folder: string): Promise<string> {
  let identity: string;
  try {
    const place = await realpath(path);
    const { size, mtimeNs, ctimeNs, ino, dev } = await stat(place, { bigint: true });
    const parts = [place, size, mtimeNs, ctimeNs, ino, dev].map(String);
    identity = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  } catch (cause) {
    throw new FaceswapError('model', 'The model file is missing or unreadable', { file: path, cause });
  }
  const memoPath = join(folder, `${identity}.hash.json`);
  const known = await readVerdict(memoPath, isHashMemo);
  if (known !== null) return known.sha256;
  const sha256 = await modelHash(path);
  await keepVerdict(memoPath, { sha256 });
  return sha256;
}

const isHashMemo = (value: unknown): value is { readonly sha256: string } =>
  typeof value === 'object' &&
  value !== null &&
  'sha256' in value &&
  typeof value.sha256 === 'string' &&
  /^[0-9a-f]{64}$/.test(value.sha256);
