import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileFailure } from './file-failure.js';

/** The code of a failure of the file system, such as `ENOENT`. */
export const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

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

/** Systems that cannot open or sync a folder answer one of these; there a rename is as lasting as it gets. */
const noFolderSync: ReadonlySet<unknown> = new Set(['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP', 'EACCES']);

/**
 * Puts the names in a folder on the disk: without it a rename may be lost although the file's contents are there.
 *
 * @throws FaceswapError (resources, bug) when the disk refuses.
 */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!noFolderSync.has(codeOf(error))) throw fileFailure(error, folder, 'encode');
  }
}

/** Name of an unfinished file. No two runs use the same, because a child of a killed run may still be writing to its own. */
const runToken = randomBytes(4).toString('hex');

/** `<file>.<8 hex>.part`: the name of a file of this process that is not whole yet. */
export const partName = (file: string): string => `${file}.${runToken}.part`;

/**
 * Writes a small file so that it is there whole, or not at all, whatever happens meanwhile; what had the name before is replaced.
 *
 * @throws FaceswapError (media, resources) when it cannot be written; nothing is left then.
 */
export async function writeWhole(file: string, text: string): Promise<void> {
  const part = partName(file);
  try {
    const handle = await open(part, 'w');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(part, { force: true });
    throw fileFailure(error, file, 'encode');
  }
}

/**
 * Reads a file that somebody else may have put there. A link, a pipe, a device, a folder or a file that is too large is not read.
 *
 * @returns its text, or undefined when it is not there or is none of ours.
 */
export async function readOwnFile(file: string, limitBytes: number): Promise<string | undefined> {
  try {
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
    const handle = await open(file, flags);
    try {
      const status = await handle.stat();
      if (!status.isFile() || status.size > limitBytes) return undefined;
      const text = await handle.readFile('utf8');
      return text.length > limitBytes ? undefined : text;
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') return undefined;
    throw fileFailure(error, file, 'plan');
  }
}

/** The JSON value in a file of {@link readOwnFile}, or undefined when there is none. */
export async function readOwnJson(file: string, limitBytes: number): Promise<unknown> {
  const text = await readOwnFile(file, limitBytes);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Length of a regular file in bytes; undefined for anything else under that name, and for nothing. */
export async function regularFileBytes(file: string): Promise<number | undefined> {
  try {
    const status = await lstat(file);
    return status.isFile() ? status.size : undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw fileFailure(error, file, 'plan');
  }
}
