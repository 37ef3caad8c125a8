import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { fileFailure } from './file-failure.js';
import { placeFile } from './file-placement.js';
import { syncFile } from './job-file.js';

/** A file and how it is written under another name, at which nothing is yet. */
export type FileToWrite = { readonly file: string; readonly write: (temporary: string) => Promise<void> };

/** Writes a file under a temporary name beside its own. @returns that name. */
const writeBeside = async ({ file, write }: FileToWrite, stage: string): Promise<string> => {
  const temporary = join(dirname(file), `.${basename(file)}-${randomBytes(4).toString('hex')}.part`);
  try {
    await write(temporary);
    await syncFile(temporary);
    return temporary;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof FaceswapError ? error : fileFailure(error, file, stage);
  }
};

/**
 * Writes files of which all are whole and on the disk before the first gets its name.
 *
 * @throws FaceswapError as `placeFile`; nothing unfinished is left
 */
export const writeTogether = async (
  files: readonly FileToWrite[],
  { overwrite, stage }: { readonly overwrite: boolean; readonly stage: string },
): Promise<void> => {
  const written: { readonly temporary: string; readonly file: string }[] = [];
  try {
    for (const each of files) written.push({ temporary: await writeBeside(each, stage), file: each.file });
    for (const { temporary, file } of written) await placeFile(temporary, file, { overwrite, stage });
  } finally {
    for (const { temporary } of written) await rm(temporary, { force: true });
  }
};
