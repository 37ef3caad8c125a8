import type { ProgressEvent } from './progress.js';

/** Events kept for a reader that does not come; the oldest go first. */
const queueLimit = 256;

/**
 * Carries progress from a run to one reader without ever making the run wait. `frames` events that nobody has read
 * are replaced by the newer one; when the queue is full the oldest event is dropped (warnings stay in the report).
 */
export class ProgressChannel implements AsyncIterable<ProgressEvent> {
  readonly #queue: ProgressEvent[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  /** Adds an event; does nothing after {@link close}. */
  emit(event: ProgressEvent): void {
    if (this.#closed) return;
    if (event.type === 'frames' && this.#queue.at(-1)?.type === 'frames') this.#queue.pop();
    if (this.#queue.length >= queueLimit) this.#queue.shift();
    this.#queue.push(event);
    this.#wake?.();
  }

  /** Ends the iteration once the queue is read. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ProgressEvent, void, void> {
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) {
        yield event;
      } else if (this.#closed) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
