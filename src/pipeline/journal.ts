import { open } from 'node:fs/promises';
import { z } from 'zod';
import { fileFailure } from './file-failure.js';
import { readOwnFile, regularFileBytes, writeWhole } from './job-file.js';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

const entrySchema = z.strictObject({
  index: z.int().nonnegative().max(1_000_000),
  frames: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  sha256: sha256Schema,
  recordSha256: sha256Schema,
});

/** Proof that a segment is finished. File names follow from the index and are never read from here. */
export type JournalEntry = {
  readonly index: number;
  /** Output frames in the file. */
  readonly frames: number;
  /** Length of the segment's file. */
  readonly bytes: number;
  /** sha256 of the segment's file, hex. */
  readonly sha256: string;
  /** sha256 of the segment's record, hex. */
  readonly recordSha256: string;
};

/** A line takes less than 300 bytes; a journal of a million segments fits. */
const largestJournalBytes = 512 * 2 ** 20;

/** Entries by their segment, and what was wrong with the rest, in words. */
export type JournalContents = {
  readonly entries: ReadonlyMap<number, JournalEntry>;
  readonly problems: readonly string[];
};

const parseLine = (line: string): JournalEntry | undefined => {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
};

/**
 * Reads a journal as hostile input: a line that is torn or of another form counts as not written, and a segment with several lines as not
 * finished. A journal that is not there has no entries.
 *
 * @throws FaceswapError when the file system refuses.
 */
export async function readJournal(file: string): Promise<JournalContents> {
  const text = await readOwnFile(file, largestJournalBytes);
  if (text === undefined) {
    const isThere = (await regularFileBytes(file)) !== undefined;
    return { entries: new Map(), problems: isThere ? ['the journal is too large to be one'] : [] };
  }
  const entries = new Map<number, JournalEntry>();
  const repeated = new Set<number>();
  const problems: string[] = [];
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  if (rest !== '') problems.push('the last line of the journal is torn');
  for (const [at, line] of lines.entries()) {
    const entry = parseLine(line);
    if (entry === undefined) problems.push(`line ${at + 1} of the journal is damaged`);
    else if (entries.has(entry.index)) repeated.add(entry.index);
    else entries.set(entry.index, entry);
  }
  for (const index of repeated) {
    entries.delete(index);
    problems.push(`segment ${index} stands in the journal more than once`);
  }
  return { entries, problems };
}

/**
 * `journal.jsonl` of a job folder: one line per finished segment, only ever appended, each on the disk before
 * {@link append} resolves.
 */
export class Journal {
  readonly #file: string;
  #count: number;
  #tail: Promise<void> = Promise.resolve();

  /** @param count entries that the file has already. */
  constructor(file: string, count = 0) {
    this.#file = file;
    this.#count = count;
  }

  /** Replaces what there is by these entries, whole or not at all, and goes on after them. */
  static async begin(file: string, entries: readonly JournalEntry[]): Promise<Journal> {
    await writeWhole(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    return new Journal(file, entries.length);
  }

  /** Segments that are proved to be finished. */
  get count(): number {
    return this.#count;
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
    this.#count += 1;
  }
}
