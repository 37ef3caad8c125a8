import { FaceswapError } from '../errors.js';

type Waiter = { readonly give: (buffer: ArrayBuffer) => void };

/**
 * A fixed number of equally large buffers that frames travel in. Whoever holds a buffer owns it; it goes to another
 * thread by transfer and comes back as another object over the same memory, so the pool counts buffers rather than
 * remembering which objects it gave out. Memory is taken when a buffer is first needed and kept until the pool goes.
 */
export class FramePool {
  readonly count: number;
  readonly frameBytes: number;
  readonly #free = new Set<ArrayBuffer>();
  readonly #waiters: Waiter[] = [];
  #allocated = 0;
  #lent = 0;
  #peakLent = 0;

  /**
   * @param count buffers in all: the limit of frames in flight.
   * @param frameBytes size of each.
   */
  constructor({ count, frameBytes }: { count: number; frameBytes: number }) {
    if (!Number.isInteger(count) || count < 1 || !Number.isInteger(frameBytes) || frameBytes < 1) {
      throw new FaceswapError('bug', `A frame pool of ${count} times ${frameBytes} bytes is impossible`);
    }
    this.count = count;
    this.frameBytes = frameBytes;
  }

  /** Buffers that are out now. */
  get lent(): number {
    return this.#lent;
  }

  /** Most buffers that were ever out at once. */
  get peakLent(): number {
    return this.#peakLent;
  }

  /**
   * A buffer with old contents; waits, first come first served, while all are out.
   *
   * @throws the signal's reason when it aborts before there is one; FaceswapError (resources) when memory is short.
   */
  async acquire(signal?: AbortSignal): Promise<ArrayBuffer> {
    signal?.throwIfAborted();
    const [free] = this.#free;
    if (free !== undefined) {
      this.#free.delete(free);
      return this.#lend(free);
    }
    if (this.#allocated < this.count) return this.#lend(this.#allocate());
    return new Promise<ArrayBuffer>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        give: (buffer) => {
          signal?.removeEventListener('abort', onAbort);
          resolve(buffer);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /**
   * Takes a buffer back.
   *
   * @throws FaceswapError (bug) for a buffer that cannot be one of the pool's: wrong size, transferred away, given
   * back already, or more buffers than were lent.
   */
  release(buffer: ArrayBuffer): void {
    if (buffer.byteLength !== this.frameBytes) {
      const what = buffer.byteLength === 0 ? 'A buffer that was transferred away' : 'A foreign buffer';
      throw new FaceswapError('bug', `${what} (${buffer.byteLength} bytes) came back to the frame pool`);
    }
    if (this.#free.has(buffer) || this.#lent === 0) {
      throw new FaceswapError('bug', 'A frame buffer came back to the pool twice');
    }
    const next = this.#waiters.shift();
    if (next !== undefined) {
      next.give(buffer);
      return;
    }
    this.#lent -= 1;
    this.#free.add(buffer);
  }

  #lend(buffer: ArrayBuffer): ArrayBuffer {
    this.#lent += 1;
    this.#peakLent = Math.max(this.#peakLent, this.#lent);
    return buffer;
  }

  #allocate(): ArrayBuffer {
    try {
      const buffer = new ArrayBuffer(this.frameBytes);
      this.#allocated += 1;
      return buffer;
    } catch (cause) {
      throw new FaceswapError('resources', `No memory for a frame of ${this.frameBytes} bytes`, {
        cause,
        hint: 'Close other programs or use a smaller target',
      });
    }
  }
}
