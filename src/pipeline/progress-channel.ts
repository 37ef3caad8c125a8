import type { ProgressEvent } from './progress.js';

/**
 * Carries progress from a run to one reader without ever making the run wait. A `frames` event that nobody
 * has read is replaced by the next one; all others are kept, so that what waits for a reader that does not
 * come is bounded by phases, segments, retries and warnings.
 */
export class ProgressChannel<Event extends { readonly type: string } = ProgressEvent>
  implements AsyncIterable<Event>
{
  readonly #queue: Event[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  /** Adds an event; does nothing after {@link close}. */
  emit(event: Event): void {
    if (this.#closed) return;
    if (event.type === 'frames' && this.#queue.at(-1)?.type === 'frames') this.#queue.pop();
    this.#queue.push(event);
    this.#wake?.();
  }

  /** Ends the iteration once the queue is read. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, void> {
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
