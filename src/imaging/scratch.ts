/**
 * Named scratch memory that grows to the largest size asked for and is then reused: hot loops allocate nothing
 * in steady state. A view stays valid until the same name is asked for again; contents are left as they were.
 */
export class Scratch {
  readonly #floats = new Map<string, Float32Array>();

  /** A view of exactly `length` floats. */
  floats(name: string, length: number): Float32Array {
    let memory = this.#floats.get(name);
    if (memory === undefined || memory.length < length) {
      memory = new Float32Array(Math.ceil(length * 1.25));
      this.#floats.set(name, memory);
    }
    return memory.length === length ? memory : memory.subarray(0, length);
  }
}
