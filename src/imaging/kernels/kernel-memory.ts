import { FaceswapError } from '../../errors.js';

const pageBytes = 65536;
const alignment = 16;

/** What a thread starts with: address space, not memory; pages cost memory once they are written. */
const initialBytes = 256 * 1024 * 1024;

/** WebAssembly addresses have 32 bits. */
export const kernelMemoryLimitBytes = 65536 * pageBytes;

/**
 * Most that drawing and blending a face takes for each of its pixels, when the face fills the picture: some twenty-five planes of
 * floats in full or in chroma size, with the room that scratch memory leaves for growth.
 */
const bytesPerPixel = 140;

type Block = { address: number; bytes: number };

/**
 * The memory that one thread's kernels work in, with a plain first-fit allocator over it. Buffers that kernels read and
 * write must lie here; they are typed arrays over {@link buffer} and tell their own address (`byteOffset`).
 *
 * Growing the memory makes every view from before unusable (its length becomes 0), so it must not happen in the middle of
 * a frame: {@link reserve} is called first, with the most that the picture at hand can need. What is reserved and
 * never written costs address space only.
 */
export class KernelMemory {
  readonly memory: WebAssembly.Memory;
  readonly #free: Block[] = [];
  readonly #used = new Map<number, number>();
  #heapStart = 0;
  #end: number;

  constructor() {
    this.memory = new WebAssembly.Memory({
      initial: initialBytes / pageBytes,
      maximum: kernelMemoryLimitBytes / pageBytes,
    });
    this.#end = initialBytes;
  }

  /** Where the module's own constants end; called once, by the loader. */
  begin(heapStart: number): void {
    this.#heapStart = Math.ceil(heapStart / alignment) * alignment;
    this.#free.push({ address: this.#heapStart, bytes: this.#end - this.#heapStart });
  }

  /** The current buffer; another object after growth. */
  get buffer(): ArrayBuffer {
    return this.memory.buffer;
  }

  /** Bytes that are allocated now. */
  get usedBytes(): number {
    let sum = 0;
    for (const bytes of this.#used.values()) sum += bytes;
    return sum;
  }

  /**
   * Makes sure that `bytes` can be allocated without growing. Views from before may become unusable.
   *
   * @throws FaceswapError (resources) when that is more than WebAssembly can address or the system gives
   */
  reserve(bytes: number): void {
    const last = this.#free.at(-1);
    const room = last !== undefined && last.address + last.bytes === this.#end ? last.bytes : 0;
    if (room < bytes) this.#grow(bytes - room);
  }

  /**
   * As {@link reserve}, for work on a picture: so many bytes for each of its pixels, or as much as can be addressed.
   *
   * @throws FaceswapError (resources) when the system does not give it
   */
  reserveForPicture({ widthPx, heightPx }: { readonly widthPx: number; readonly heightPx: number }): void {
    this.reserve(
      Math.min(bytesPerPixel * widthPx * heightPx, kernelMemoryLimitBytes - this.usedBytes - initialBytes),
    );
  }

  /**
   * Takes memory with old contents, aligned to 16 bytes.
   *
   * @returns its address
   * @throws FaceswapError (resources) as {@link reserve}
   */
  allocate(bytes: number): number {
    const wanted = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    let at = this.#free.findIndex((block) => block.bytes >= wanted);
    if (at < 0) {
      this.reserve(wanted);
      at = this.#free.length - 1;
    }
    const block = this.#free[at] as Block;
    const { address } = block;
    if (block.bytes === wanted) {
      this.#free.splice(at, 1);
    } else {
      block.address += wanted;
      block.bytes -= wanted;
    }
    this.#used.set(address, wanted);
    return address;
  }

  /**
   * Gives memory back.
   *
   * @throws FaceswapError (bug) for an address that was not allocated
   */
  release(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new FaceswapError('bug', `Kernel memory at ${address} was not allocated`);
    this.#used.delete(address);
    let at = this.#free.findIndex((block) => block.address > address);
    if (at < 0) at = this.#free.length;
    this.#free.splice(at, 0, { address, bytes });
    const joinNext = (index: number): void => {
      const block = this.#free[index];
      const next = this.#free[index + 1];
      if (block === undefined || next === undefined || block.address + block.bytes !== next.address) return;
      block.bytes += next.bytes;
      this.#free.splice(index + 1, 1);
    };
    joinNext(at);
    joinNext(at - 1);
  }

  #grow(bytes: number): void {
    const pages = Math.ceil(bytes / pageBytes);
    try {
      this.memory.grow(pages);
    } catch (cause) {
      throw new FaceswapError('resources', `No room for ${bytes} more bytes of pixel memory`, {
        cause,
        hint: 'Use a smaller picture, or close other programs',
        retry: 'smaller',
      });
    }
    const start = this.#end;
    this.#end += pages * pageBytes;
    const last = this.#free.at(-1);
    if (last !== undefined && last.address + last.bytes === start) last.bytes += pages * pageBytes;
    else this.#free.push({ address: start, bytes: pages * pageBytes });
  }
}
