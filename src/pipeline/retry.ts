import { FaceswapError } from '../errors.js';

/** Time and chance; tests give their own, so that they neither wait nor depend on luck. */
export type Clock = {
  /** Milliseconds from any fixed moment; never goes back, whatever happens to the time of day. */
  readonly nowMs: () => number;
  /** Resolves after a time. @throws the signal's reason when it aborts before. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
  /** Calls `tick` again and again; the function that it gives ends that. */
  readonly every: (intervalMs: number, tick: () => void) => () => void;
  /** From 0 up to 1. */
  readonly random: () => number;
};

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wait: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop);
        resolve();
      }, delayMs);
      signal.addEventListener('abort', stop, { once: true });
    }),
  every: (intervalMs, tick) => {
    const timer = setInterval(tick, intervalMs);
    return () => clearInterval(timer);
  },
  random: () => Math.random(),
};

/** How often and after how long work is tried again. */
export type RetryPolicy = {
  /** Tries in all, the first included. */
  readonly tries: number;
  /** Longest wait after the first failure; it doubles with each further one. */
  readonly baseMs: number;
  /** No wait is longer. */
  readonly capMs: number;
};

/** Short enough not to be noticed where a child was killed, long enough for a share that comes back. */
export const defaultRetryPolicy: RetryPolicy = { tries: 3, baseMs: 2_000, capMs: 30_000 };

/**
 * How long to wait after failure number `failures` (1 is the first): any time up to a limit that doubles. Spread over the whole
 * range, so that segments that failed together do not come back together.
 */
export const backoffMs = (
  { baseMs, capMs }: RetryPolicy,
  failures: number,
  random: Clock['random'],
): number => Math.round(random() * Math.min(capMs, baseMs * 2 ** (failures - 1)));

/** A failure that is followed by another try. */
export type Retry = {
  readonly failure: FaceswapError;
  /** Number of the try that follows; 2 is the first. */
  readonly attempt: number;
  readonly tries: number;
  readonly delayMs: number;
};

export type RetryOptions = {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  /** Ends the waiting; nothing is tried again after it has aborted. */
  readonly signal: AbortSignal;
  /** Where a failure belongs that says nothing about it. */
  readonly stage: string;
  /** Called before the wait: says what happened, and makes ready for the next try. */
  readonly onRetry: (retry: Retry) => void | Promise<void>;
};

/**
 * Does the work, and does it again after transient failures ({@link FaceswapError.isTransient}).
 *
 * @param work is given the number of the try, from 1 on.
 * @throws the last failure, with the number of retries before it; the signal's reason when it aborts while waiting; what
 *   `onRetry` throws.
 */
export async function withRetries<Result>(
  work: (attempt: number) => Promise<Result>,
  { policy, clock, signal, stage, onRetry }: RetryOptions,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      const failure = FaceswapError.from(error, stage);
      const isFinal = !failure.isTransient || attempt >= policy.tries || signal.aborted;
      if (isFinal) throw attempt === 1 ? failure : failure.with({ retries: attempt - 1 });
      const delayMs = backoffMs(policy, attempt, clock.random);
      await onRetry({ failure, attempt: attempt + 1, tries: policy.tries, delayMs });
      await clock.wait(delayMs, signal);
    }
  }
}
