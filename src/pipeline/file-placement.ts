import { constants } from 'node:fs';
import { copyFile, link, lstat, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { fileFailure } from './file-failure.js';
import { syncFile, syncFolder } from './job-file.js';

/** What file systems and systems without hard links answer. */
const noLinkCodes: ReadonlySet<unknown> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EXDEV',
  'EMLINK',
]);

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

const isThere = async (file: string): Promise<boolean> => {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
};

const exists = (file: string): FaceswapError =>
  new FaceswapError('usage', 'The file to be written has appeared during the run and was left as it is', {
    file,
    hint: 'Give --overwrite to replace it',
  });

/**
 * Gives a finished file its second, final name and takes the first away. Linking fails where the name is
 * taken, which renaming does not.
 *
 * @returns false when the file system has no links.
 */
const linkInPlace = async (temporary: string, file: string): Promise<boolean> => {
  try {
    await link(temporary, file);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw exists(file);
    if (noLinkCodes.has(codeOf(error))) return false;
    throw error;
  }
  try {
    await unlink(temporary);
  } catch (error) {
    await unlink(file);
    throw error;
  }
  return true;
};

/**
 * Puts a finished file where {@link placeFile} can move it from: a copy of it beside its final name where that is in another file system,
 * else nothing is done. The copy's name follows from the two, so that the next attempt replaces one that a killed process has left.
 *
 * @returns where the file lies now. The caller deletes it when it is not placed.
 * @throws FaceswapError (resources, media) when the disk refuses; no copy is left then.
 */
export async function bringBeside(
  temporary: string,
  file: string,
  { stage }: { readonly stage: string },
): Promise<string> {
  const folder = dirname(file);
  try {
    if ((await stat(folder)).dev === (await stat(temporary)).dev) return temporary;
  } catch (error) {
    throw fileFailure(error, file, stage);
  }
  const mark = basename(dirname(temporary)).slice(-'.faceswap-'.length - 12);
  const copy = join(folder, `.${basename(file)}${mark}.part`);
  try {
    await rm(copy, { force: true });
    await copyFile(temporary, copy, constants.COPYFILE_EXCL);
    await syncFile(copy);
    return copy;
  } catch (error) {
    await rm(copy, { force: true });
    throw fileFailure(error, file, stage);
  }
}

/**
 * Moves a finished file to its final name in the same file system, so that it appears there whole. Without
 * `overwrite` a file that is there, also one that appeared after the preflight, is never replaced (where
 * there are no hard links, a moment between looking and renaming remains).
 *
 * @throws FaceswapError (usage) when the name is taken, (resources, media) when the disk refuses; nothing has
 * changed then.
 */
export async function placeFile(
  temporary: string,
  file: string,
  { overwrite, stage }: { readonly overwrite: boolean; readonly stage: string },
): Promise<void> {
  try {
    if (!overwrite) {
      if (await linkInPlace(temporary, file)) return await syncFolder(dirname(file));
      if (await isThere(file)) throw exists(file);
    }
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    throw fileFailure(error, file, stage);
  }
}
