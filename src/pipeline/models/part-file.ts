import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { readOwnJson, regularFileBytes, writeWhole } from '../job-file.js';

/** What is kept beside a part file, so that a later process can go on. */
const noteSchema = z.strictObject({
  url: z.string().max(4096),
  /** ETag or date of the file, where it is one by which equal bytes are known. */
  validator: z.string().max(1000).nullable(),
  /** Length of the whole file; null where the host does not say. */
  totalBytes: z.int().min(0).nullable(),
});

export type ResumeNote = z.infer<typeof noteSchema>;

/** A file that is being fetched, as far as it is there. */
export type PartFile = {
  readonly haveBytes: number;
  /** Null exactly where nothing is there. */
  readonly note: ResumeNote | null;
};

const maxNoteBytes = 8192;

const noteFile = (part: string): string => `${part}.json`;

/** Deletes a part file and what is kept beside it. */
export async function deletePart(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(noteFile(part), { force: true });
}

/** A part file that a download can go on from. One of which nothing is known is deleted. */
export async function readPart(part: string): Promise<PartFile> {
  const haveBytes = (await regularFileBytes(part)) ?? 0;
  const note = noteSchema.safeParse(await readOwnJson(noteFile(part), maxNoteBytes)).data;
  if (haveBytes > 0 && note !== undefined) return { haveBytes, note };
  await deletePart(part);
  return { haveBytes: 0, note: null };
}

/** Keeps what is known of a part file. */
export const writeResumeNote = (part: string, note: ResumeNote): Promise<void> =>
  writeWhole(noteFile(part), `${JSON.stringify(note)}\n`);
