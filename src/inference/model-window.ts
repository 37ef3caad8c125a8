import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FaceswapError } from '../errors.js';

/**
 * Looks into model files of any size without loading them: a file is read in windows, and what is not asked for is skipped by
 * its length.
 */

/** What protobuf can hold in one message; larger models keep their weights in other files. */
const maxModelBytes = 2 ** 31 - 1;

/** Thrown inside for bytes that are no protobuf message. */
export class BrokenEncoding extends Error {
  override readonly name = 'BrokenEncoding';
}

/** Reads a file in windows, forwards mostly. */
export class ModelWindow {
  readonly size: number;
  readonly #file: number;
  readonly #bytes = Buffer.alloc(64 * 1024);
  #start = 0;
  #length = 0;

  constructor(file: number, size: number) {
    this.#file = file;
    this.size = size;
  }

  byte(at: number): number {
    if (at < this.#start || at >= this.#start + this.#length) {
      this.#start = at;
      this.#length = readSync(this.#file, this.#bytes, 0, this.#bytes.length, at);
      if (this.#length === 0) throw new BrokenEncoding('the file ends early');
    }
    return this.#bytes[at - this.#start] ?? 0;
  }

  /** The bytes [start, end), copied; at most `maxBytes` of them. */
  bytes(start: number, end: number, maxBytes: number): Buffer {
    const bytes = Buffer.alloc(Math.min(end - start, maxBytes));
    let length = 0;
    while (length < bytes.length) {
      const got = readSync(this.#file, bytes, length, bytes.length - length, start + length);
      if (got === 0) throw new BrokenEncoding('the file ends early');
      length += got;
    }
    return bytes;
  }

  /**
   * Calls `visit` for each length-delimited field of the message at [start, end), in file order, with its number and where
   * its body lies. Fields of other kinds are checked and passed over.
   *
   * @throws BrokenEncoding for bytes that are no message.
   */
  eachField(
    start: number,
    end: number,
    visit: (field: number, bodyStart: number, bodyEnd: number) => void,
  ): void {
    for (let at = start; at < end; ) {
      const tag = this.#varint(at, end);
      const field = Math.floor(tag.value / 8);
      const wireType = tag.value % 8;
      if (field < 1) throw new BrokenEncoding('a field has no number');
      if (wireType === 2) {
        const length = this.#varint(tag.next, end);
        const next = length.next + length.value;
        if (next > end) throw new BrokenEncoding('a field is longer than its message');
        visit(field, length.next, next);
        at = next;
      } else {
        at = this.#afterNumber(wireType, tag.next, end);
      }
    }
  }

  #varint(start: number, end: number): { readonly value: number; readonly next: number } {
    let value = 0;
    for (let k = 0; k < 10; k += 1) {
      if (start + k >= end) throw new BrokenEncoding('a number is cut off');
      const byte = this.byte(start + k);
      // Beyond 2^53 it is rounded, which is larger than any length all the same.
      value += (byte & 0x7f) * 2 ** (7 * k);
      if (byte < 0x80) return { value, next: start + k + 1 };
    }
    throw new BrokenEncoding('a number is too long');
  }

  #afterNumber(wireType: number, at: number, end: number): number {
    if (wireType === 0) return this.#varint(at, end).next;
    const next = at + (wireType === 1 ? 8 : 4);
    // Groups (3 and 4) are older than ONNX; 6 and 7 mean nothing.
    if ((wireType !== 1 && wireType !== 5) || next > end) throw new BrokenEncoding('a field is broken');
    return next;
  }
}

/**
 * Opens a model file for a look into it.
 *
 * @param name the file that errors name, where the one that is read is a copy.
 * @throws FaceswapError `model` for what is no file, empty, too large, or broken where `use` throws {@link BrokenEncoding}.
 */
export function withModelWindow<T>(path: string, name: string, use: (window: ModelWindow) => T): T {
  const refuse = (message: string, cause?: unknown): FaceswapError =>
    new FaceswapError('model', message, { file: name, cause });
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw refuse('The model file is missing or unreadable', cause);
  }
  try {
    const info = fstatSync(file);
    if (!info.isFile()) throw refuse('The model cannot be loaded: it is not a regular file');
    if (info.size === 0) throw refuse('The model cannot be loaded: the file is empty');
    if (info.size > maxModelBytes) {
      throw refuse('The model file is larger than 2 GiB, the most that an ONNX file can be');
    }
    return use(new ModelWindow(file, info.size));
  } catch (error) {
    if (!(error instanceof BrokenEncoding)) throw error;
    throw refuse(`The model cannot be loaded: it is no whole ONNX file (${error.message})`, error);
  } finally {
    closeSync(file);
  }
}
