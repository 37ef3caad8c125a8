/** Why a host did not give a file. */
export class HostFailure extends Error {
  override readonly name = 'HostFailure';
  /** Whether the same request may succeed later. */
  readonly again: boolean;

  constructor(message: string, again: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.again = again;
  }
}
