import { FaceswapError } from '../errors.js';

/** What an aborted run ends with (exit 130). */
export const interruption = (): FaceswapError =>
  new FaceswapError('interrupted', 'Stopped on request: nothing was written');

/** The two ways to stop a run, as one signal: to stop now, or to stop once the segments in flight are finished. */
export class StopRequest {
  readonly #controller = new AbortController();
  readonly #signal: AbortSignal | undefined;
  readonly #drain: AbortSignal | undefined;
  #isRendering = false;
  readonly #onSignal = (): void => this.#controller.abort();
  readonly #onDrain = (): void => {
    if (!this.#isRendering) this.#controller.abort();
  };

  constructor({ signal, drain }: { signal?: AbortSignal | undefined; drain?: AbortSignal | undefined }) {
    this.#signal = signal;
    this.#drain = drain;
    signal?.addEventListener('abort', this.#onSignal, { once: true });
    drain?.addEventListener('abort', this.#onDrain, { once: true });
    if (signal?.aborted === true || drain?.aborted === true) this.#controller.abort();
  }

  /** Aborts when everything is to stop now. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether no more work may be begun. */
  get isDraining(): boolean {
    return this.#drain?.aborted === true;
  }

  /**
   * Does work that comes to an end by itself soon after {@link isDraining} is true. Outside of it a drain stops at once.
   *
   * @throws FaceswapError (interrupted) when the work was not to be finished; else what the work throws.
   */
  async finishing<Value>(work: () => Promise<Value>): Promise<Value> {
    this.#isRendering = true;
    try {
      const value = await work();
      if (this.isDraining) this.#controller.abort();
      throwIfInterrupted(this.signal);
      return value;
    } finally {
      this.#isRendering = false;
    }
  }

  /** Listens no more. */
  dispose(): void {
    this.#signal?.removeEventListener('abort', this.#onSignal);
    this.#drain?.removeEventListener('abort', this.#onDrain);
  }
}

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
