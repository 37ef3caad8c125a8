import { FaceswapError } from '../errors.js';

/** What an aborted run ends with (exit 130). */
export const interruption = (): FaceswapError =>
  new FaceswapError('interrupted', 'Stopped on request: nothing was written');

/** @throws FaceswapError (interrupted) when the signal has aborted. */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interruption();
}

/** A signal that aborts with either of two; `dispose` lets go of them. */
export function eitherSignal(
  first: AbortSignal,
  second: AbortSignal | undefined,
): { readonly signal: AbortSignal; readonly dispose: () => void } {
  const controller = new AbortController();
  const sources = second === undefined ? [first] : [first, second];
  const listeners = sources.map((source) => {
    const listener = (): void => controller.abort(source.reason);
    if (source.aborted) listener();
    else source.addEventListener('abort', listener, { once: true });
    return () => source.removeEventListener('abort', listener);
  });
  return { signal: controller.signal, dispose: () => listeners.forEach((remove) => remove()) };
}

/** The promise, or a rejection with the signal's reason as soon as that aborts; the promise itself runs on. */
export async function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  promise.catch(() => {});
  signal.throwIfAborted();
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Like {@link untilAborted} for the signal that a caller gave: an abort becomes the run's own error.
 *
 * @throws FaceswapError (interrupted) on abort; else what the promise rejects with.
 */
export async function untilInterrupted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (signal === undefined) return promise;
  try {
    return await untilAborted(promise, signal);
  } catch (error) {
    throwIfInterrupted(signal);
    throw error;
  }
}
