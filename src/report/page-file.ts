import { constants } from 'node:fs';
import { access, lstat, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FaceswapError } from '../errors.js';
import { fileFailure } from '../pipeline/file-failure.js';
import { placeFile } from '../pipeline/file-placement.js';
import { codeOf, partName, syncFile } from '../pipeline/job-file.js';

const stage = 'report';

const realpathOf = async (file: string): Promise<string> => {
  try {
    return await realpath(file);
  } catch {
    // It is not there, so that it cannot be the other file; whoever reads it says what is wrong.
    return file;
  }
};

/**
 * Checks before the work that a page can be written: its folder is there and writable, the name is free or may be replaced, and it
 * is none of the files that are read.
 *
 * @throws FaceswapError (usage, media)
 */
export async function checkPageFile(
  file: string,
  { overwrite, inputs }: { readonly overwrite: boolean; readonly inputs: readonly string[] },
): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK | constants.X_OK);
  } catch (error) {
    throw fileFailure(error, dirname(file), stage);
  }
  try {
    if ((await lstat(file)).isDirectory()) {
      throw new FaceswapError('usage', '--output is a folder', { file, hint: 'Give a file name' });
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw fileFailure(error, file, stage);
  }
  const real = await realpathOf(file);
  for (const input of inputs) {
    if ((await realpathOf(input)) !== real) continue;
    throw new FaceswapError('usage', '--output is a file that is read', {
      file,
      hint: 'Inputs are never overwritten',
    });
  }
  if (overwrite) return;
  throw new FaceswapError('usage', '--output must be a new file, but it exists already', {
    file,
    hint: 'Give --overwrite to replace it',
  });
}

/**
 * Writes a page so that it appears whole.
 *
 * @throws FaceswapError (resources, media) when the disk refuses, (usage) when the name was taken meanwhile; nothing is left then.
 */
export async function writePage(file: string, page: string, overwrite: boolean): Promise<void> {
  const part = partName(file);
  try {
    await writeFile(part, page, { flag: 'wx' });
    await syncFile(part);
    await placeFile(part, file, { overwrite, stage });
  } catch (error) {
    await rm(part, { force: true });
    throw fileFailure(error, file, stage);
  }
}
