import { FaceswapError } from '../../errors.js';
import { fileFailure } from '../file-failure.js';
import { ownerState, readOwner, takeLock } from '../job-lock.js';
import type { Clock } from '../retry.js';

/** How often a process that waits looks whether the other has finished. */
const lookIntervalMs = 250;

/** How a process waits for another. */
export type LockWait = {
  readonly clock: Pick<Clock, 'wait'>;
  readonly signal: AbortSignal;
  /** Called once when there is somebody to wait for. */
  readonly onWait?: () => void;
};

/**
 * Works on a file of the model folder while nobody else does: `<file>.lock` says who it is. Waits for a process of this machine, and takes the
 * place of one that is gone.
 *
 * @throws FaceswapError (model) when a process of another machine has it, (media, resources) when the lock cannot be written.
 */
export async function withModelLock<Result>(
  file: string,
  { clock, signal, onWait }: LockWait,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = `${file}.lock`;
  let waits = false;
  for (;;) {
    signal.throwIfAborted();
    const lock = await takeLock(path).catch((error: unknown) => {
      if (error instanceof FaceswapError && error.kind === 'usage') return null;
      throw fileFailure(error, path, 'models');
    });
    if (lock !== null) {
      try {
        return await work();
      } finally {
        await lock.release();
      }
    }
    const owner = await readOwner(path);
    if (owner === null || (owner !== undefined && (await ownerState(owner)) === 'unknown')) {
      throw new FaceswapError(
        'model',
        `Another ${owner === null ? 'process' : `machine (${owner.host})`} is working on this model`,
        { file: path, hint: 'Wait for its end; if nothing runs there any more, delete this file' },
      );
    }
    if (!waits) onWait?.();
    waits = true;
    await clock.wait(lookIntervalMs, signal);
  }
}
