import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { FaceTexture } from './source-face.js';

/** A texture in kernel memory: its levels and a table of them, as the drawing kernel reads it. */
export type StoredTexture = {
  /** Address of the table: per level its address and its side, 32 bits each, finest first. */
  readonly table: number;
  readonly levelCount: number;
};

/** Bytes of textures that are kept at once: six of the largest (1024 pixels with all levels), dozens of usual ones. */
const storedBytesLimit = 136 * 1024 * 1024;

type Entry = StoredTexture & { readonly bytes: number };

/**
 * Copies of source textures in the thread's kernel memory, made when they are first drawn; beyond a fixed number of bytes
 * the one that was not used for longest goes. Owned by one swapper.
 */
export class TextureStore {
  /** In the order of their last use. */
  readonly #entries = new Map<FaceTexture, Entry>();
  #bytes = 0;

  /**
   * The copy of a texture. May make the kernel memory grow, so it comes before any view of it.
   *
   * @throws FaceswapError (resources) when there is no room
   */
  get(texture: FaceTexture): StoredTexture {
    const known = this.#entries.get(texture);
    const entry = known ?? this.#store(texture);
    if (known !== undefined) this.#entries.delete(texture);
    this.#entries.set(texture, entry);
    return entry;
  }

  /** Gives all memory back. */
  dispose(): void {
    for (const { table } of this.#entries.values()) kernels().memory.release(table);
    this.#entries.clear();
    this.#bytes = 0;
  }

  #store({ sizePx, levels }: FaceTexture): Entry {
    const { memory } = kernels();
    const tableWords = 2 * levels.length;
    const begin = Math.ceil((4 * tableWords) / 16) * 16;
    let bytes = begin;
    for (const level of levels) bytes += level.byteLength;
    for (const [texture, entry] of this.#entries) {
      if (this.#bytes + bytes <= storedBytesLimit) break;
      memory.release(entry.table);
      this.#bytes -= entry.bytes;
      this.#entries.delete(texture);
    }
    const table = memory.allocate(bytes);
    const words = new Uint32Array(memory.buffer, table, tableWords);
    let address = table + begin;
    levels.forEach((level, i) => {
      words[2 * i] = address;
      words[2 * i + 1] = sizePx >> i;
      const copy = new Float32Array(memory.buffer, address, level.length);
      copy.set(level);
      address = addressOf(copy) + level.byteLength;
    });
    this.#bytes += bytes;
    return { table, levelCount: levels.length, bytes };
  }
}
