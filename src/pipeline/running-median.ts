/** Values that the median is taken of: enough to be steady, few enough to follow a scene that costs more. */
const windowLength = 101;

/** The median of the last values of a series. */
export class RunningMedian {
  readonly #values = new Float64Array(windowLength);
  #count = 0;

  add(value: number): void {
    this.#values[this.#count % windowLength] = value;
    this.#count += 1;
  }

  /** 0 before the first value. */
  get value(): number {
    const length = Math.min(this.#count, windowLength);
    return this.#values.slice(0, length).sort()[length >> 1] ?? 0;
  }
}
