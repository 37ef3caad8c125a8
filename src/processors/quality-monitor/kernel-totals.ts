import { addressOf } from '../../imaging/kernels/kernels.js';
import { Scratch } from '../../imaging/scratch.js';

/** A few 64-bit floats in the thread's kernel memory, into which kernels write sums. */
export class KernelTotals {
  readonly #scratch = new Scratch();
  readonly #length: number;
  #view: Float64Array = new Float64Array(0);

  constructor(length: number) {
    this.#length = length;
  }

  /** Where they lie; good until the kernel memory grows. */
  get address(): number {
    return addressOf(this.#room());
  }

  /** What was written last. */
  get values(): Float64Array {
    const { buffer, byteOffset } = this.#room();
    if (this.#view.buffer !== buffer) this.#view = new Float64Array(buffer, byteOffset, this.#length);
    return this.#view;
  }

  /** Gives the memory back. */
  dispose(): void {
    this.#scratch.dispose();
    this.#view = new Float64Array(0);
  }

  #room(): Float32Array {
    return this.#scratch.floats('totals', 2 * this.#length);
  }
}
