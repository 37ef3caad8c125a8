import { open } from 'node:fs/promises';
import { fileFailure } from './file-failure.js';

/** Proof that a segment is finished. */
export type JournalEntry = {
  readonly index: number;
  /** Output frames in the file. */
  readonly frames: number;
  /** sha256 of the segment's file, hex. */
  readonly sha256: string;
};

/** Puts file contents and length on the disk, so that a later rename or journal line never points at less. */
export async function syncFile(file: string): Promise<void> {
  try {
    const handle = await open(file, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileFailure(error, file, 'encode');
  }
}

/**
 * `journal.jsonl` of a job folder: one line per finished segment, only ever appended, each on the disk before
 * {@link append} resolves.
 */
export class Journal {
  readonly #file: string;
  #tail: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Adds a line; calls at the same time are written one after the other.
   *
   * @throws FaceswapError (resources) when the disk is full.
   */
  append(entry: JournalEntry): Promise<void> {
    const write = this.#tail.then(() => this.#write(entry));
    this.#tail = write.catch(() => {});
    return write;
  }

  async #write(entry: JournalEntry): Promise<void> {
    try {
      const handle = await open(this.#file, 'a');
      try {
        await handle.appendFile(`${JSON.stringify(entry)}\n`);
        await handle.datasync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw fileFailure(error, this.#file, 'encode');
    }
  }
}
