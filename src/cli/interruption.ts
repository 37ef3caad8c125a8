import { ExitCode } from '../errors.js';

/** Ctrl-C and SIGTERM as an AbortSignal. */
export type Interruption = {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node. */
  dispose(): void;
};

const signalNames = ['SIGINT', 'SIGTERM'] as const;

/**
 * The first SIGINT or SIGTERM aborts the run, which then cleans up; the second ends the process at once, with
 * exit code 130 as well. Child processes are ended by the exit hook of the library.
 *
 * @param onFirst is called at the first signal, to tell the user that it was heard.
 */
export const listenForInterruption = (onFirst: () => void): Interruption => {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted);
    controller.abort();
    onFirst();
  };
  for (const name of signalNames) process.on(name, onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of signalNames) process.off(name, onSignal);
    },
  };
};
