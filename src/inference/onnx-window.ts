import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FaceswapError } from '../errors.js';

/** What protobuf can hold in one message; larger models keep their weights in other files. */
export const maxModelBytes = 2 ** 31 - 1;

/** Longest path of a file with weights. */
const maxPathBytes = 4096;

/** Thrown by readers of {@link FileWindow} for bytes that are no protobuf message; {@link readOnnxFile} turns it into an error with a name. */
export class BrokenEncoding extends Error {
  override readonly name = 'BrokenEncoding';
}

/** Reads a file in windows, forwards mostly. */
export class FileWindow {
  readonly size: number;
  readonly #file: number;
  readonly #bytes = Buffer.alloc(64 * 1024);
  #start = 0;
  #length = 0;

  constructor(file: number, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** The byte at a place. */
  byte(at: number): number {
    if (at < this.#start || at >= this.#start + this.#length) {
      this.#start = at;
      this.#length = readSync(this.#file, this.#bytes, 0, this.#bytes.length, at);
      if (this.#length === 0) throw new BrokenEncoding('the file ends early');
    }
    return this.#bytes[at - this.#start] ?? 0;
  }

  /** A part of the file as a copy; more than `maxBytes`, which only hostile files have there, is refused. */
  bytes(start: number, end: number, maxBytes: number): Uint8Array {
    if (end - start > maxBytes) throw new BrokenEncoding('a part of its description is too long');
    const bytes = Buffer.alloc(end - start);
    if (readSync(this.#file, bytes, 0, bytes.length, start) < bytes.length) {
      throw new BrokenEncoding('the file ends early');
    }
    return bytes;
  }

  /** UTF-8, cut after the longest path that there is. */
  text(start: number, end: number): string {
    const bytes = Buffer.alloc(Math.min(end - start, maxPathBytes));
    const length = readSync(this.#file, bytes, 0, bytes.length, start);
    return bytes.toString('utf8', 0, length);
  }
}

export type Varint = { readonly value: number; readonly next: number };

/** A number of up to ten bytes, and where it ends. */
export const readVarint = (window: FileWindow, start: number, end: number): Varint => {
  let value = 0;
  for (let k = 0; k < 10; k += 1) {
    if (start + k >= end) throw new BrokenEncoding('a number is cut off');
    const byte = window.byte(start + k);
    // Beyond 2^53 it is rounded, which is larger than any length all the same.
    value += (byte & 0x7f) * 2 ** (7 * k);
    if (byte < 0x80) return { value, next: start + k + 1 };
  }
  throw new BrokenEncoding('a number is too long');
};

/**
 * Opens an ONNX file for somebody who reads its structure and no weights.
 *
 * @param name the file that errors name, where the one that is read is a copy.
 * @throws FaceswapError `model` when it is missing, empty, too large, or no whole message.
 */
export function readOnnxFile<Result>(
  path: string,
  name: string,
  read: (window: FileWindow) => Result,
): Result {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw new FaceswapError('model', 'The model file is missing or unreadable', { file: name, cause });
  }
  try {
    const info = fstatSync(file);
    const refuse = (what: string): FaceswapError => new FaceswapError('model', what, { file: name });
    if (!info.isFile()) throw refuse('The model cannot be loaded: it is not a regular file');
    if (info.size === 0) throw refuse('The model cannot be loaded: the file is empty');
    if (info.size > maxModelBytes) {
      throw refuse('The model file is larger than 2 GiB, the most that an ONNX file can be');
    }
    return read(new FileWindow(file, info.size));
  } catch (error) {
    if (!(error instanceof BrokenEncoding)) throw error;
    throw new FaceswapError(
      'model',
      `The model cannot be loaded: it is no whole ONNX file (${error.message})`,
      { file: name, cause: error },
    );
  } finally {
    closeSync(file);
  }
}
