import { readFileSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';

/**
 * Models that users have added lie in this file of the model folder. It is not called as the package's own registry is, whose folder may be given
 * as well.
 */
export const userRegistryFile = (folder: string): string => join(folder, 'added-models.json');

/** Largest registry of a user's own: some thousand models. */
const maxRegistryBytes = 4 * 2 ** 20;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/**
 * The entries of the models that a user has added to a folder, unchecked: options read their names before the library that checks them is
 * loaded. Empty where nothing was added, and
 * where this user may not look.
 *
 * @throws FaceswapError `model` when the file is there and is no registry.
 */
export function readUserEntries(folder: string): readonly Record<string, unknown>[] {
  const file = userRegistryFile(folder);
  const broken = (cause?: unknown): FaceswapError =>
    new FaceswapError('model', 'The list of added models cannot be read', {
      file,
      cause,
      hint: 'Correct or delete it; `faceswap models add` writes it anew',
    });
  let info: Stats | undefined;
  try {
    info = statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    // Most runs need nothing of the folder; a model that one asks for from there is refused by its own name.
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') return [];
    throw broken(error);
  }
  if (info === undefined) return [];
  if (!info.isFile() || info.size > maxRegistryBytes) throw broken();
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw broken(cause);
  }
  if (!isObject(parsed) || parsed.version !== 1 || !Array.isArray(parsed.models)) throw broken();
  if (!parsed.models.every(isObject)) throw broken();
  return parsed.models;
}
