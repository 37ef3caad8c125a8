import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileFailure } from './file-failure.js';

/**
 * The folder of one run's unfinished files. It lies beside the output, so that the last step is a rename inside one
 * file system: the output appears whole or not at all.
 */
export type JobFolder = {
  readonly path: string;
  /** Deletes the folder with all that is in it; may be called twice. */
  readonly remove: () => Promise<void>;
};

/**
 * Makes `.faceswap-<8 hex>` beside the output. It is also deleted when the process exits without `remove`
 * (a second Ctrl-C); only a killed process leaves it behind.
 *
 * @throws FaceswapError (media, resources) when it cannot be made.
 */
export async function createJobFolder(output: string): Promise<JobFolder> {
  const path = join(dirname(output), `.faceswap-${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(path);
  } catch (error) {
    throw fileFailure(error, path, 'plan');
  }
  const onExit = (): void => rmSync(path, { recursive: true, force: true });
  process.once('exit', onExit);
  return {
    path,
    remove: async () => {
      process.off('exit', onExit);
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
