import { ExitCode } from '../errors.js';

/** Ctrl-C and SIGTERM as AbortSignals. */
export type Interruption = {
  /** Aborts when everything is to stop now. */
  readonly signal: AbortSignal;
  /** Aborts when nothing more is to be begun; also when everything is to stop now. */
  readonly drain: AbortSignal;
  /** Gives the signals back to Node. */
  dispose(): void;
};

/** What a user is told when a signal was heard. */
export type InterruptionTeller = {
  /** At the first Ctrl-C; left out where there is nothing to finish, so that the first one stops now. */
  readonly onDrain?: (() => void) | undefined;
  /** When everything is to stop now. */
  readonly onStop: () => void;
};

/**
 * The first SIGINT lets what has begun come to an end, the next stops now, the one after that ends the process at once. SIGTERM stops now,
 * a second one ends the process at once. The exit code is 130 in each case. Child processes are ended by the exit hook of the library.
 */
export const listenForInterruption = ({ onDrain, onStop }: InterruptionTeller): Interruption => {
  const drain = new AbortController();
  const stop = new AbortController();
  const stopNow = (): void => {
    if (stop.signal.aborted) process.exit(ExitCode.interrupted);
    drain.abort();
    stop.abort();
    onStop();
  };
  const onInterrupt = (): void => {
    if (onDrain === undefined || drain.signal.aborted) return stopNow();
    // Said first: where there is nothing to finish, the abort ends the run.
    onDrain();
    drain.abort();
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', stopNow);
  return {
    signal: stop.signal,
    drain: drain.signal,
    dispose: () => {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', stopNow);
    },
  };
};
