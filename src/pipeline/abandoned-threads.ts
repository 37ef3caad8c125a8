/** The part of a worker thread that is needed to end it. */
export type EndableThread = { terminate(): Promise<unknown> };

const abandoned = new Set<EndableThread>();

/** Remembers a thread that hangs and that nobody waits for. */
export const noteAbandonedThread = (thread: EndableThread): void => {
  abandoned.add(thread);
};

/** Whether the thread was given up. */
export const isAbandonedThread = (thread: EndableThread): boolean => abandoned.has(thread);

/**
 * Tries to end all threads that were given up. Only for a process that is about to end anyway: one that was inside a model run
 * after all aborts the process when the run returns.
 *
 * @param graceMs how long to wait.
 * @returns false when one is still there; Node then waits for it for ever at its own exit.
 */
export async function endAbandonedThreads(graceMs: number): Promise<boolean> {
  if (abandoned.size === 0) return true;
  let grace: NodeJS.Timeout | undefined;
  const tooLong = new Promise<boolean>((resolve) => {
    grace = setTimeout(() => resolve(false), graceMs);
  });
  const ended = Promise.allSettled([...abandoned].map((thread) => thread.terminate())).then(() => true);
  try {
    return await Promise.race([ended, tooLong]);
  } finally {
    clearTimeout(grace);
  }
}
