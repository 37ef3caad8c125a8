import { type ExitCode, FaceswapError } from '../errors.js';
import { printableLine } from '../printable-text.js';
import { writeError, writeResult } from './output.js';

/** How a failure is to be told. */
export type FailureStyle = {
  /** Also print the failure as one JSON object on stdout. */
  readonly json: boolean;
  /** Add stack and causes, for `--log-level debug`. */
  readonly debug: boolean;
};

const stackOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
};

/** The one line of a failure, free of line breaks and control characters whatever a tool below put into its message. */
export const failureLine = (error: FaceswapError): string => `error: ${printableLine(String(error))}`;

/**
 * Tells a failure: one line on stderr, the object of `--json` on stdout, the stack only at debug. Anything that
 * is not a FaceswapError counts as a bug of ours.
 *
 * @returns the exit code that goes with it.
 */
export const reportFailure = (thrown: unknown, style: FailureStyle): ExitCode => {
  const error = FaceswapError.from(thrown);
  if (style.json) writeResult(`${JSON.stringify({ ok: false, error: error.toRecord() })}\n`);
  writeError(`${failureLine(error)}\n`);
  if (style.debug) writeError(`${stackOf(error)}\n`);
  return error.exitCode;
};
