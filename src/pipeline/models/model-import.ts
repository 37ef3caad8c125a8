import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { deepFaceLiveId, parseDeepFaceLive } from '../../inference/deep-face-live.js';
import type { ExternalModelEntry } from '../../inference/model-contracts.js';
import { checkSignature } from '../../inference/model-signature.js';
import { addedModels, externalModel, modelFilePath, publishedModels } from '../../inference/model-store.js';
import { fileFailure } from '../file-failure.js';
import { codeOf, syncFile, syncFolder } from '../job-file.js';
import { digestFile } from './file-digest.js';
import { type LockWait, withModelLock } from './model-lock.js';
import { publishedCrc32Beside, writeRecord } from './model-record.js';

/** A file that was taken into the model folder. */
export type ImportedModel = {
  readonly id: string;
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
};

/** Which model a file is, by the id that was given or by its own name. */
const modelOf = (source: string, id: string | undefined, folder: string): ExternalModelEntry => {
  if (id !== undefined) return externalModel(id, folder);
  const name = basename(source);
  const entry = [...publishedModels(), ...addedModels(folder)].find(({ file }) => file === name);
  if (entry !== undefined) return entry;
  const stem = basename(source, '.dfm');
  const deep = extname(name) === '.dfm' ? parseDeepFaceLive(`custom/${stem}`) : undefined;
  if (deep !== undefined) return externalModel(deepFaceLiveId(deep), folder);
  throw new FaceswapError('usage', `Which model this is does not follow from its name`, {
    file: source,
    hint: 'Say it with --as and an id of `faceswap models list`; for a model of your own: faceswap models add',
  });
};

/**
 * Copies a file to a place of the model folder, whole or not at all, and keeps what it is. A file that lies there already stays as it is.
 *
 * @throws FaceswapError (model) when the file is not what the entry says, (media, resources) when it cannot be copied.
 */
export async function placeModel(
  source: string,
  entry: ExternalModelEntry,
  folder: string,
  wait: LockWait,
): Promise<ImportedModel> {
  const { id, contract } = entry;
  const file = modelFilePath(entry, folder);
  await mkdir(dirname(file), { recursive: true }).catch((error: unknown) => {
    throw fileFailure(error, dirname(file), 'models');
  });
  return withModelLock(file, wait, async () => {
    const part = `${file}.${randomBytes(4).toString('hex')}.part`;
    try {
      const isThere = (await realpath(source)) === (await realpath(file).catch(() => undefined));
      if (!isThere) await copyFile(source, part, constants.COPYFILE_FICLONE);
      const whole = isThere ? file : part;
      checkSignature(whole, contract, source);
      const digest = await digestFile(whole);
      const published = await publishedCrc32Beside(resolve(source));
      if (published !== null && published !== digest.crc32) {
        throw new FaceswapError(
          'model',
          `The file is damaged: its CRC32 is ${digest.crc32}, the .hash file beside it says ${published}`,
          { file: source },
        );
      }
      if (!isThere) {
        await syncFile(part);
        await rename(part, file);
        await syncFolder(dirname(file));
      }
      const { mtimeMs } = await stat(file);
      await writeRecord(file, { ...digest, mtimeMs }, { id, source: null, publishedCrc32: published });
      return { id, file, sizeBytes: digest.sizeBytes, sha256: digest.sha256 };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw fileFailure(error, source, 'models');
      throw fileFailure(error, file, 'models');
    } finally {
      await rm(part, { force: true });
    }
  });
}

/**
 * Takes a file that the user has into the model folder, in place of what is there, and trusts it from now on.
 *
 * @param id the model that it is; undefined: by its name, a `.dfm` file as `custom/<name>`
 * @throws FaceswapError (usage, model) for an unknown model; as {@link placeModel}.
 */
export async function importModel(
  source: string,
  id: string | undefined,
  folder: string,
  wait: LockWait,
): Promise<ImportedModel> {
  return placeModel(source, modelOf(source, id, folder), folder, wait);
}
