import type { Logger } from 'pino';

/** The part of a pino logger that the pipeline writes to. */
export type RunLogger = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

const ignore = (): void => {};

/** The logger of a run that was given none. */
export const silentLogger: RunLogger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
