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

/** Where a failure happened and what its reader can do about it. */
export type ErrorContext = {
  /** The file that was being read or written. */
  file?: string | undefined;
  /** Zero-based index of the target frame. */
  frame?: number | undefined;
  /** Pipeline stage: `probe`, `plan`, `decode`, `analyse`, `swap`, `encode`, `join`, `mux`, … */
  stage?: string | undefined;
  /** One sentence that tells the reader what to do. */
  hint?: string | undefined;
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
  hint?: string | undefined;
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

  /** One line: what, where (file, frame, stage), what to do. */
  override toString(): string {
    const { file, frame, stage, hint } = this.context;
    const where = [
      file === undefined ? undefined : JSON.stringify(file),
      frame === undefined ? undefined : `frame ${frame}`,
      stage === undefined ? undefined : `stage ${stage}`,
    ].filter((part) => part !== undefined);
    const place = where.length > 0 ? ` (${where.join(', ')})` : '';
    return `${this.message}${place}${hint === undefined ? '' : `. ${hint}`}`;
  }

  /** Plain data for `--json` and for the trip between threads. */
  toRecord(): ErrorRecord {
    const { file, frame, stage, hint } = this.context;
    return { kind: this.kind, exitCode: this.exitCode, message: this.message, file, frame, stage, hint };
  }

  /** The inverse of {@link FaceswapError.toRecord}. */
  static fromRecord(record: ErrorRecord): FaceswapError {
    const { file, frame, stage, hint } = record;
    return new FaceswapError(record.kind, record.message, { file, frame, stage, hint });
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
