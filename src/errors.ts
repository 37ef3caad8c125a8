/**
 * Process exit codes of the `faceswap` command; the library carries the same number on every error.
 */
export const ExitCode = {
  ok: 0,
  usage: 2,
  media: 3,
  model: 4,
  noFace: 5,
  policy: 6,
  qualityGate: 7,
  resources: 8,
  unavailable: 9,
  partial: 10,
  bug: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Stable machine-readable name of each failure kind, as it appears in `--json` output. */
export type ErrorKind = Exclude<keyof typeof ExitCode, 'ok'>;

/**
 * Why the same work may succeed when it is done again: `again` as it is (a child was killed, a share did not answer),
 * `smaller` with less memory. Failures without it are the same every time.
 */
export type RetryAdvice = 'again' | 'smaller';

/** Where a failure happened and what its reader can do about it. */
export type ErrorContext = {
  /** The file that was being read or written. */
  file?: string | undefined;
  /** Zero-based index of the target frame. */
  frame?: number | undefined;
  /** Pipeline stage: `probe`, `plan`, `decode`, `analyse`, `swap`, `encode`, `join`, `mux`, … */
  stage?: string | undefined;
  /** Zero-based index of the segment, as in the names of its files. */
  segment?: number | undefined;
  /** One sentence that tells the reader what to do. */
  hint?: string | undefined;
  /** Set where the failure is transient. */
  retry?: RetryAdvice | undefined;
  /** How often the work had been tried again before this failure was final. */
  retries?: number | undefined;
  /** The lower-level failure, for the debug log. */
  cause?: unknown;
};

/** The JSON form of a failure: the `error` object of `--json` and of the worker protocol. */
export type ErrorRecord = {
  kind: ErrorKind;
  exitCode: number;
  message: string;
  file?: string | undefined;
  frame?: number | undefined;
  stage?: string | undefined;
  segment?: number | undefined;
  hint?: string | undefined;
  retry?: RetryAdvice | undefined;
  retries?: number | undefined;
};

/**
 * Every expected failure of faceswap. `message` says what went wrong; `context` says where and what to do.
 * `String(error)` is the one line that the command prints.
 */
export class FaceswapError extends Error {
  readonly kind: ErrorKind;
  readonly context: ErrorContext;

  constructor(kind: ErrorKind, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = 'FaceswapError';
    this.kind = kind;
    this.context = context;
  }

  /** The process exit code that goes with this failure. */
  get exitCode(): ExitCode {
    return ExitCode[this.kind];
  }

  /** Whether the same work may succeed when it is done again. */
  get isTransient(): boolean {
    return this.context.retry !== undefined;
  }

  /** The same failure with more told about it; its stack and cause stay. */
  with(more: ErrorContext): FaceswapError {
    const error = new FaceswapError(this.kind, this.message, { cause: this.cause, ...this.context, ...more });
    if (this.stack !== undefined) error.stack = this.stack;
    return error;
  }

  /** One line: what, where (file, segment, frame, stage), what to do. */
  override toString(): string {
    const { file, segment, frame, stage, hint } = this.context;
    const where = [
      file === undefined ? undefined : JSON.stringify(file),
      segment === undefined ? undefined : `segment ${segment}`,
      frame === undefined ? undefined : `frame ${frame}`,
      stage === undefined ? undefined : `stage ${stage}`,
    ].filter((part) => part !== undefined);
    const place = where.length > 0 ? ` (${where.join(', ')})` : '';
    return `${this.message}${place}${hint === undefined ? '' : `. ${hint}`}`;
  }

  /** Plain data for `--json` and for the trip between threads. */
  toRecord(): ErrorRecord {
    const { kind, exitCode, message } = this;
    const { file, frame, stage, segment, hint, retry, retries } = this.context;
    return { kind, exitCode, message, file, frame, stage, segment, hint, retry, retries };
  }

  /** The inverse of {@link FaceswapError.toRecord}. */
  static fromRecord(record: ErrorRecord): FaceswapError {
    const { file, frame, stage, segment, hint, retry, retries } = record;
    return new FaceswapError(record.kind, record.message, {
      file,
      frame,
      stage,
      segment,
      hint,
      retry,
      retries,
    });
  }

  /**
   * Gives a FaceswapError unchanged; anything else is a bug of ours and becomes one of kind `bug`, with its
   * original as the cause.
   */
  static from(error: unknown, stage?: string): FaceswapError {
    if (error instanceof FaceswapError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new FaceswapError('bug', `Unexpected failure: ${message}`, {
      stage,
      cause: error,
      hint: 'This is a bug: please report it with the output of --log-level debug',
    });
  }
}
