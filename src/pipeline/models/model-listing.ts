import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { deepFaceLiveScopes, parseDeepFaceLive } from '../../inference/deep-face-live.js';
import type {
  EmbeddedModelEntry,
  ExternalModelEntry,
  ModelEntry,
  ModelRole,
} from '../../inference/model-contracts.js';
import { loadRegistry, modelPath, verifyModelFile } from '../../inference/model-registry.js';
import { checkSignature } from '../../inference/model-signature.js';
import {
  addedModels,
  deepFaceLiveModel,
  externalModel,
  isModelThere,
  modelFilePath,
  publishedModels,
} from '../../inference/model-store.js';
import { codeOf } from '../job-file.js';
import { forgetAddedModel } from './model-addition.js';
import { type LockWait, withModelLock } from './model-lock.js';
import {
  deleteRecord,
  type FileState,
  fileState,
  type ModelRecord,
  publishedCrc32Beside,
  recordFirstSight,
} from './model-record.js';

import { deletePart } from './part-file.js';

/**
 * `embedded`: comes with the package; `there`: what was seen first; `unverified`: there, and nobody has looked at it yet; `damaged`: not what was
 * seen first or was published.
 */
export type ModelState = 'embedded' | 'there' | 'unverified' | 'damaged' | 'missing';

/** One model and how it stands. */
export type ListedModel = {
  readonly id: string;
  readonly role: ModelRole;
  readonly state: ModelState;
  /** Null for a model that is not there. */
  readonly sizeBytes: number | null;
  readonly licence: string;
  readonly use: ModelEntry['use'];
  readonly vendor: string;
  /** Absolute path, whether it is there or not. */
  readonly file: string;
  /** Why it counts as damaged. */
  readonly reason?: string;
};

/** Everything that is known of a model. */
export type ModelDetails = ListedModel & {
  readonly entry: ModelEntry;
  readonly record: ModelRecord | null;
  /** Models without which it does not work, with their state. */
  readonly needs: readonly Pick<ListedModel, 'id' | 'state'>[];
  /** Other precisions of the same model. */
  readonly variants: readonly string[];
};

const listEmbedded = async (entry: EmbeddedModelEntry): Promise<ListedModel> => {
  const { id, role, licence, use, vendor, sizeBytes } = entry;
  const common = { id, role, sizeBytes, licence, use, vendor, file: modelPath(entry) };
  try {
    await verifyModelFile(entry);
    return { ...common, state: 'embedded' };
  } catch (error) {
    if (!(error instanceof FaceswapError)) throw error;
    return { ...common, state: 'damaged', reason: error.message };
  }
};

const listed = (entry: ExternalModelEntry, file: string, found: FileState): ListedModel => {
  const { id, role, licence, use, vendor } = entry;
  return {
    id,
    role,
    state: found.state,
    sizeBytes: found.state === 'missing' ? null : found.sizeBytes,
    licence,
    use,
    vendor,
    file,
    ...(found.state === 'damaged' ? { reason: found.reason } : {}),
  };
};

const listExternal = async (entry: ExternalModelEntry, folder: string): Promise<ListedModel> => {
  const file = modelFilePath(entry, folder);
  return listed(entry, file, await fileState(file, 'changed'));
};

/** DeepFaceLive models that lie in a folder, by author and name. */
const deepFaceLiveModels = async (folder: string): Promise<readonly ExternalModelEntry[]> => {
  const found = await Promise.all(
    deepFaceLiveScopes.map(async (scope) => {
      const names = await readdir(join(folder, 'deepfacelive', scope)).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
        throw error;
      });
      return names
        .filter((name) => name.endsWith('.dfm'))
        .sort()
        .flatMap((name) => parseDeepFaceLive(`${scope}/${name}`) ?? []);
    }),
  );
  return found.flat().map(deepFaceLiveModel);
};

/** All models that are known and can lie in a folder: published ones, added ones, DeepFaceLive models that are there. */
const externalModels = async (folder: string): Promise<readonly ExternalModelEntry[]> => [
  ...publishedModels(),
  ...addedModels(folder),
  ...(await deepFaceLiveModels(folder)),
];

/**
 * Every model that is known, with its state. Files that look as they did when they were seen first are not read.
 *
 * @throws FaceswapError (model) when a registry or record cannot be read.
 */
export async function listModels(folder: string): Promise<readonly ListedModel[]> {
  const models: ListedModel[] = [];
  for (const entry of loadRegistry().models) if (entry.embedded) models.push(await listEmbedded(entry));
  for (const entry of await externalModels(folder)) models.push(await listExternal(entry, folder));
  return models;
}

const registered = (id: string, folder: string): ModelEntry =>
  loadRegistry().models.find((entry) => entry.embedded && entry.id === id) ?? externalModel(id, folder);

const listOne = (entry: ModelEntry, folder: string): Promise<ListedModel> =>
  entry.embedded ? listEmbedded(entry) : listExternal(entry, folder);

/**
 * Everything about one model.
 *
 * @throws FaceswapError (model) where there is none of that name.
 */
export async function describeModel(name: string, folder: string): Promise<ModelDetails> {
  const entry = registered(name, folder);
  const model = await listOne(entry, folder);
  if (entry.embedded) return { ...model, entry, record: null, needs: [], variants: [] };
  const found = await fileState(model.file, 'changed');
  const needs = await Promise.all(
    entry.needs.map(async (need) => {
      const { id, state } = await listExternal(externalModel(need, folder), folder);
      return { id, state };
    }),
  );
  const family = entry.variantOf ?? entry.id;
  const variants = publishedModels()
    .filter(({ id, variantOf }) => id !== entry.id && (id === family || variantOf === family))
    .map(({ id }) => id);
  const record = found.state === 'there' || found.state === 'damaged' ? found.record : null;
  return { ...model, entry, record, needs, variants };
}

/** Reads a model file whole and compares it with all that is known of it. */
const verifyExternal = async (entry: ExternalModelEntry, folder: string): Promise<ListedModel> => {
  const file = modelFilePath(entry, folder);
  const found = await fileState(file, 'whole');
  if (found.state === 'missing' || found.state === 'damaged') return listed(entry, file, found);
  const { sizeBytes } = found;
  const damaged = (reason: string): ListedModel =>
    listed(entry, file, { state: 'damaged', sizeBytes, record: null, reason });
  try {
    checkSignature(file, entry.contract);
    if (found.state === 'unverified') await recordFirstSight(file, entry.id);
  } catch (error) {
    if (!(error instanceof FaceswapError) || error.kind !== 'model') throw error;
    return damaged(error.message);
  }
  if (found.state === 'there') {
    const published = await publishedCrc32Beside(file);
    if (published !== null && published !== found.record.crc32) {
      return damaged(`its CRC32 is ${found.record.crc32}, its .hash file says ${published}`);
    }
    return listed(entry, file, found);
  }
  return listed(entry, file, await fileState(file, 'changed'));
};

/**
 * Reads model files whole: are they what was seen first, what was published, and what their contracts say?
 *
 * @param ids models; empty: all that are there
 * @throws FaceswapError (model) for a name that nobody bears.
 */
export async function verifyModels(ids: readonly string[], folder: string): Promise<readonly ListedModel[]> {
  const models: ListedModel[] = [];
  const chosen: readonly ModelEntry[] =
    ids.length > 0
      ? ids.map((id) => registered(id, folder))
      : [...loadRegistry().models.filter((entry) => entry.embedded), ...(await externalModels(folder))];
  for (const entry of chosen) {
    const model = entry.embedded ? await listEmbedded(entry) : await verifyExternal(entry, folder);
    if (ids.length > 0 || model.state !== 'missing') models.push(model);
  }
  return models;
}

/** What was taken away. */
export type RemovedModel = { readonly id: string; readonly file: string; readonly wasThere: boolean };

/**
 * Deletes a model's file and what was fetched of it. What was seen of it is kept, so that another file of its name is noticed, unless `forget` is
 * set; an added model is also taken out of the folder's registry.
 *
 * @throws FaceswapError (usage) for a model that comes with the package, (model) for a name that nobody bears.
 */
export async function removeModel(
  name: string,
  folder: string,
  { forget, wait }: { readonly forget: boolean; readonly wait: LockWait },
): Promise<RemovedModel> {
  const entry = registered(name, folder);
  if (entry.embedded) {
    throw new FaceswapError('usage', `The model "${entry.id}" comes with the package and stays`);
  }
  const { id } = entry;
  const file = modelFilePath(entry, folder);
  const isAdded = addedModels(folder).some((added) => added.id === id);
  const wasThere = isModelThere(entry, folder);
  const take = async (): Promise<void> => {
    await rm(file, { force: true });
    await deletePart(`${file}.part`);
    if (forget || isAdded) await deleteRecord(file);
  };
  // Without its folder there is nothing to lock and nothing to delete.
  if (existsSync(dirname(file))) await withModelLock(file, wait, take);
  await forgetAddedModel(id, folder, wait);
  return { id, file, wasThere };
}

/**
 * Path of a model's file, which must be there.
 *
 * @throws FaceswapError (model) when it is not there or nobody bears the name.
 */
export async function pathOfModel(name: string, folder: string): Promise<string> {
  const { id, file, state } = await listOne(registered(name, folder), folder);
  if (state !== 'missing') return file;
  throw new FaceswapError('model', `The model "${id}" is not there`, {
    file,
    hint: `Fetch it with: faceswap models pull ${id}`,
  });
}
