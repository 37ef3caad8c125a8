import { FaceswapError } from '../errors.js';

type Waiter = { readonly give: (buffer: ArrayBuffer) => void };

/** The buffers of a pool and what happened to them; its lanes share it. */
type PoolState = {
  readonly frameBytes: number;
  readonly free: ArrayBuffer[];
  allocated: number;
  acquired: number;
  lent: number;
  peakLent: number;
};

/**
 * One worker's share of a {@link FramePool}: as many buffers as it may have out at once. A share of its own keeps a
 * worker whose decoder is quick from taking the buffers that another one needs to go on.
 */
export class FrameLane {
  readonly #pool: PoolState;
  #count: number;
  readonly #waiters: Waiter[] = [];
  #lent = 0;
  #peakLent = 0;

  /** Use {@link FramePool.lane}. */
  constructor(pool: PoolState, count: number) {
    this.#pool = pool;
    this.#count = count;
  }

  /** Most buffers that may be out at once. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of each buffer. */
  get frameBytes(): number {
    return this.#pool.frameBytes;
  }

  /** Buffers of this lane that are out now. */
  get lent(): number {
    return this.#lent;
  }

  /** Most buffers of this lane that were ever out at once. */
  get peakLent(): number {
    return this.#peakLent;
  }

  /**
   * A buffer with old contents; waits, first come first served, while the whole lane is out.
   *
   * @throws the signal's reason when it aborts before there is one; FaceswapError (resources) when memory is short.
   */
  async acquire(signal?: AbortSignal): Promise<ArrayBuffer> {
    signal?.throwIfAborted();
    if (this.#lent < this.count) return this.#lend(this.#pool.free.pop() ?? this.#allocate());
    return new Promise<ArrayBuffer>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        give: (buffer) => {
          signal?.removeEventListener('abort', onAbort);
          this.#pool.acquired += 1;
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
    const pool = this.#pool;
    if (buffer.byteLength !== pool.frameBytes) {
      const what = buffer.byteLength === 0 ? 'A buffer that was transferred away' : 'A foreign buffer';
      throw new FaceswapError('bug', `${what} (${buffer.byteLength} bytes) came back to the frame pool`);
    }
    if (this.#lent === 0 || pool.free.includes(buffer)) {
      throw new FaceswapError('bug', 'A frame buffer came back to the pool twice');
    }
    const next = this.#waiters.shift();
    if (next !== undefined) {
      next.give(buffer);
      return;
    }
    this.#lent -= 1;
    pool.lent -= 1;
    pool.free.push(buffer);
  }

  /**
   * Makes the lane whole again when all that had its buffers are done and some were lost on the way, as in a worker that died.
   * A lost buffer must not be given back later.
   */
  reclaim(): void {
    this.#pool.lent -= this.#lent;
    this.#lent = 0;
  }

  /** From now on no more than `count` buffers may be out at once; call it while none is. Never makes the lane larger. */
  shrink(count: number): void {
    this.#count = Math.min(this.#count, Math.max(1, count));
  }

  #lend(buffer: ArrayBuffer): ArrayBuffer {
    const pool = this.#pool;
    this.#lent += 1;
    this.#peakLent = Math.max(this.#peakLent, this.#lent);
    pool.acquired += 1;
    pool.lent += 1;
    pool.peakLent = Math.max(pool.peakLent, pool.lent);
    return buffer;
  }

  #allocate(): ArrayBuffer {
    const pool = this.#pool;
    try {
      const buffer = new ArrayBuffer(pool.frameBytes);
      pool.allocated += 1;
      return buffer;
    } catch (cause) {
      throw new FaceswapError('resources', `No memory for a frame of ${pool.frameBytes} bytes`, {
        cause,
        hint: 'Close other programs, lower --max-memory or use a smaller target',
        retry: 'smaller',
      });
    }
  }
}

/**
 * The equally large buffers that the frames of one run travel in, divided into lanes, one for each worker. Whoever
 * holds a buffer owns it; it goes to another thread by transfer and comes back as another object over the same memory,
 * so the pool counts buffers rather than remembering which objects it gave out. Memory is taken when a buffer is first
 * needed, given on from lane to lane, and kept until the pool goes: never more than the lanes have together.
 */
export class FramePool {
  readonly lanes: readonly FrameLane[];
  readonly #state: PoolState;

  /**
   * @param lanes how many workers share the pool.
   * @param framesPerLane buffers that each of them may have out.
   * @param frameBytes size of each buffer.
   */
  constructor({
    lanes,
    framesPerLane,
    frameBytes,
  }: {
    lanes: number;
    framesPerLane: number;
    frameBytes: number;
  }) {
    const sizes = [lanes, framesPerLane, frameBytes];
    if (!sizes.every((size) => Number.isInteger(size) && size >= 1)) {
      throw new FaceswapError('bug', `A frame pool of ${sizes.join(' times ')} bytes is impossible`);
    }
    const state = { frameBytes, free: [], allocated: 0, acquired: 0, lent: 0, peakLent: 0 };
    this.#state = state;
    this.lanes = Array.from({ length: lanes }, () => new FrameLane(state, framesPerLane));
  }

  /** Bytes of each buffer. */
  get frameBytes(): number {
    return this.#state.frameBytes;
  }

  /** The limit of frames in flight, all lanes together. */
  get count(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.count, 0);
  }

  /** Buffers that were ever allocated. */
  get allocated(): number {
    return this.#state.allocated;
  }

  /** How often a buffer was handed out: all but {@link allocated} of them had been used before. */
  get acquired(): number {
    return this.#state.acquired;
  }

  /** Most buffers that were ever out at once, all lanes together. */
  get peakLent(): number {
    return this.#state.peakLent;
  }
}
