import type { ProgressChannel } from './progress-channel.js';
import type { RunWarning } from './run-report.js';

/** The remarks of one run: each is told once, however many segments make it. */
export class WarningList {
  readonly #channel: ProgressChannel;
  readonly #warnings = new Map<string, RunWarning>();

  constructor(channel: ProgressChannel) {
    this.#channel = channel;
  }

  /**
   * Adds a remark unless the same code was already told about the same file.
   *
   * @param subject tells remarks with the same code and file apart, such as the index of a stream.
   */
  add(warning: RunWarning, subject = ''): void {
    const key = `${warning.code}\0${warning.file ?? ''}\0${subject}`;
    if (this.#warnings.has(key)) return;
    this.#warnings.set(key, warning);
    this.#channel.emit({ type: 'warning', warning });
  }

  get all(): readonly RunWarning[] {
    return [...this.#warnings.values()];
  }
}
