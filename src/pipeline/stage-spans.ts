/** When something was done, once for each frame: pairs of start and end in milliseconds, in order. */
export class StageSpans {
  readonly #starts: Float64Array;
  readonly #ends: Float64Array;
  #count = 0;

  /** @param capacity spans that there may be; memory for them is taken at once, none while frames pass. */
  constructor(capacity: number) {
    this.#starts = new Float64Array(capacity);
    this.#ends = new Float64Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a span; those beyond the capacity are not kept. */
  add(startMs: number, endMs: number): void {
    if (this.#count === this.#starts.length) return;
    this.#starts[this.#count] = startMs;
    this.#ends[this.#count] = endMs;
    this.#count += 1;
  }

  /** Milliseconds of each span. */
  durations(): Float32Array {
    return Float32Array.from({ length: this.#count }, (_, at) => this.endMs(at) - this.startMs(at));
  }

  /** Milliseconds of all spans together. */
  totalMs(): number {
    let sum = 0;
    for (let at = 0; at < this.#count; at += 1) sum += this.endMs(at) - this.startMs(at);
    return sum;
  }

  startMs(at: number): number {
    return this.#starts[at] ?? Number.NaN;
  }

  endMs(at: number): number {
    return this.#ends[at] ?? Number.NaN;
  }
}
