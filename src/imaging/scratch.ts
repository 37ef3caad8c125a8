import { kernels } from './kernels/kernels.js';

type Region = { address: number; bytes: number; view: Float32Array | Uint8Array | Uint16Array };

/**
 * Named scratch memory that grows to the largest size asked for and is then reused: hot loops allocate nothing in steady
 * state. It lies in the thread's kernel memory, so that kernels and plain code can both work on it. A view stays valid
 * until the same name is asked for again or the kernel memory grows (`KernelMemory.reserve`); contents are left as they were.
 */
export class Scratch {
  readonly #regions = new Map<string, Region>();

  /** A view of exactly `length` floats. */
  floats(name: string, length: number): Float32Array {
    const region = this.#region(name, 4 * length);
    const { view } = region;
    if (view instanceof Float32Array && this.#fits(view, length)) return view;
    const fresh = new Float32Array(kernels().memory.buffer, region.address, length);
    region.view = fresh;
    return fresh;
  }

  /** A view of exactly `length` bytes. */
  bytes(name: string, length: number): Uint8Array {
    const region = this.#region(name, length);
    const { view } = region;
    if (view instanceof Uint8Array && this.#fits(view, length)) return view;
    const fresh = new Uint8Array(kernels().memory.buffer, region.address, length);
    region.view = fresh;
    return fresh;
  }

  /** A view of exactly `length` 16-bit words. */
  words(name: string, length: number): Uint16Array {
    const region = this.#region(name, 2 * length);
    const { view } = region;
    if (view instanceof Uint16Array && this.#fits(view, length)) return view;
    const fresh = new Uint16Array(kernels().memory.buffer, region.address, length);
    region.view = fresh;
    return fresh;
  }

  /** Gives all of it back to the kernel memory; views from before must not be used any more. */
  dispose(): void {
    for (const { address } of this.#regions.values()) kernels().memory.release(address);
    this.#regions.clear();
  }

  #fits(view: Region['view'], length: number): boolean {
    return view.length === length && view.buffer === kernels().memory.buffer;
  }

  #region(name: string, bytes: number): Region {
    const known = this.#regions.get(name);
    if (known !== undefined && known.bytes >= bytes) return known;
    const { memory } = kernels();
    if (known !== undefined) memory.release(known.address);
    const room = Math.ceil(bytes * 1.25);
    const region = { address: memory.allocate(room), bytes: room, view: new Uint8Array(0) };
    this.#regions.set(name, region);
    return region;
  }
}
