import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FaceswapError } from '../errors.js';
import { fileFailure } from './file-failure.js';

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

const notAFolder = (folder: string, cause: unknown): FaceswapError =>
  new FaceswapError('media', 'The place for the output is not a folder', {
    file: folder,
    stage: 'preflight',
    cause,
  });

/**
 * The folder itself, or the nearest one above it that is there.
 *
 * @throws FaceswapError (media) when one of them may not be looked at or is no folder.
 */
export async function nearestFolder(folder: string): Promise<string> {
  for (let place = folder; ; place = dirname(place)) {
    try {
      await stat(place);
      return place;
    } catch (error) {
      if (codeOf(error) === 'ENOTDIR') throw notAFolder(place, error);
      if (codeOf(error) !== 'ENOENT' || dirname(place) === place)
        throw fileFailure(error, place, 'preflight');
    }
  }
}

/** Takes folders away again that {@link makeFolder} has made, as far as they are empty. */
export type UndoFolder = () => Promise<void>;

/**
 * Makes a folder and those above it.
 *
 * @throws FaceswapError (media, resources) when one cannot be made.
 */
export async function makeFolder(folder: string): Promise<UndoFolder> {
  let first: string | undefined;
  try {
    first = await mkdir(folder, { recursive: true });
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTDIR') throw notAFolder(folder, error);
    throw fileFailure(error, folder, 'preflight');
  }
  return async () => {
    if (first === undefined) return;
    for (let place = folder; place.length >= first.length; place = dirname(place)) {
      try {
        await rmdir(place);
      } catch (error) {
        // Something lies in it by now, or it is gone already; whatever else may be wrong, it is the user's folder.
        if (codeOf(error) !== 'ENOENT') return;
      }
    }
  };
}
