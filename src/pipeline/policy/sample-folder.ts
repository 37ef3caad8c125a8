import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileFailure } from '../file-failure.js';

/**
 * Makes a folder for pictures that nobody else may read, and deletes it when `work` is done, or the process ends.
 *
 * @throws FaceswapError (resources, media) when the disk refuses; and what `work` throws.
 */
export async function withSampleFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const prefix = join(tmpdir(), 'faceswap-policy-');
  // mkdtemp gives its folders to their owner alone (mode 0700).
  const folder = await mkdtemp(prefix).catch((error: unknown) => {
    throw fileFailure(error, prefix, 'policy');
  });
  const onExit = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', onExit);
  try {
    return await work(folder);
  } finally {
    process.off('exit', onExit);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
