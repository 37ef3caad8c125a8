import { statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FaceswapError } from '../errors.js';
import { deepFaceLiveId, type DeepFaceLiveName, parseDeepFaceLive } from './deep-face-live.js';
import {
  type ContractOf,
  type ExternalModelEntry,
  externalEntrySchema,
  type ModelContract,
} from './model-contracts.js';
import { modelFolder } from './model-folder.js';
import { loadRegistry } from './model-registry.js';
import { readUserEntries, userRegistryFile } from './user-registry.js';

/** A model file that is there, with what it is; plain data. */
export type ModelFile<Kind extends ModelContract['kind']> = AnyModelFile & {
  readonly contract: ContractOf<Kind>;
};

/** A model file of whatever kind. */
export type AnyModelFile = {
  readonly id: string;
  /** Absolute path. */
  readonly file: string;
  readonly contract: ModelContract;
  /** Whether it is to be converted to half precision when it is loaded. */
  readonly halve?: true;
};

const answersTo = (entry: ExternalModelEntry, name: string): boolean =>
  entry.id === name || entry.aliases?.includes(name) === true;

/** The models that can be fetched or brought, in the order of the registry; without those that users have added. */
export const publishedModels = (): readonly ExternalModelEntry[] =>
  loadRegistry().models.filter((entry) => !entry.embedded);

/**
 * The models that a user has added to a folder.
 *
 * @throws FaceswapError `model` when their list is malformed, or has a name that another model bears.
 */
export function addedModels(folder: string = modelFolder()): readonly ExternalModelEntry[] {
  const entries = readUserEntries(folder);
  if (entries.length === 0) return [];
  const file = userRegistryFile(folder);
  const checked = z.array(externalEntrySchema).safeParse(entries);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new FaceswapError(
      'model',
      `The list of added models is malformed: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
      { file, cause: checked.error, hint: 'Correct it, or add the model anew with: faceswap models add' },
    );
  }
  const taken = new Set(publishedModels().flatMap(({ id, aliases = [] }) => [id, ...aliases]));
  for (const { id, aliases = [] } of checked.data) {
    for (const name of [id, ...aliases]) {
      if (taken.has(name)) {
        throw new FaceswapError('model', `Two models are called "${name}"`, {
          file,
          hint: 'Give the added one another id',
        });
      }
      taken.add(name);
    }
  }
  return checked.data;
}

/** What is known of a DeepFaceLive model before it is seen. */
export const deepFaceLiveModel = (model: DeepFaceLiveName): ExternalModelEntry => ({
  id: deepFaceLiveId(model),
  role: 'deep-swapper',
  embedded: false,
  contract: { kind: 'dfm', template: 'dfl_whole_face' },
  file: `${deepFaceLiveId(model)}.dfm`,
  base: model.scope === 'custom' ? null : `deepfacelive-models-${model.scope}`,
  precision: 'fp32',
  needs: [],
  licence: 'Unknown',
  use: 'unknown',
  vendor: model.scope === 'custom' ? 'the user' : `DeepFaceLive (${model.scope})`,
  year: 2023,
});

/**
 * The entry with this id or alias; DeepFaceLive models by `deepfacelive/<scope>/<name>`.
 *
 * @param folder where models lie; undefined: {@link modelFolder}
 * @throws FaceswapError `model` where there is none.
 */
export function externalModel(name: string, folder: string = modelFolder()): ExternalModelEntry {
  const entry =
    publishedModels().find((model) => answersTo(model, name)) ??
    addedModels(folder).find((model) => answersTo(model, name));
  if (entry !== undefined) return entry;
  const deep = parseDeepFaceLive(name);
  if (deep !== undefined) return deepFaceLiveModel(deep);
  throw new FaceswapError('model', `There is no model "${name}"`, { hint: 'See: faceswap models list' });
}

/** Absolute path of a model's file, whether it is there or not. */
export const modelFilePath = (entry: ExternalModelEntry, folder: string = modelFolder()): string =>
  join(folder, ...entry.file.split('/'));

/**
 * Whether the file of a model is there; nothing is said of its contents.
 *
 * @throws FaceswapError `model` where that cannot be seen, such as in a folder that may not be entered.
 */
export function isModelThere(entry: ExternalModelEntry, folder: string = modelFolder()): boolean {
  const file = modelFilePath(entry, folder);
  try {
    return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
  } catch (cause) {
    throw new FaceswapError('model', `The model "${entry.id}" cannot be looked for`, {
      file,
      cause,
      hint: 'Let this user read the model folder, or name another with --model-dir or FACESWAP_MODEL_DIR',
    });
  }
}

/**
 * A model's file as what it is, whether it is there or not.
 *
 * @throws FaceswapError `usage` for a model of another kind.
 */
export function modelFileOf<Kind extends ModelContract['kind']>(
  entry: ExternalModelEntry,
  kinds: readonly Kind[],
  folder: string = modelFolder(),
): ModelFile<Kind> {
  const { contract } = entry;
  const isKind = (kind: string): kind is Kind => (kinds as readonly string[]).includes(kind);
  if (!isKind(contract.kind)) {
    throw new FaceswapError(
      'usage',
      `The model "${entry.id}" is of the kind ${contract.kind}; here it takes ${kinds.join(' or ')}`,
      { hint: 'See: faceswap models list' },
    );
  }
  return { id: entry.id, file: modelFilePath(entry, folder), contract: contract as ContractOf<Kind> };
}

/** A word of a command line as a shell takes it. */
const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/**
 * The error for models that a run needs and that are not there, with the one command that brings all that can be fetched.
 *
 * @param folder the folder that was asked for; undefined: {@link modelFolder}
 */
export function missingModels(entries: readonly ExternalModelEntry[], folder?: string): FaceswapError {
  const [first] = entries;
  const option = folder === undefined ? '' : ` --model-dir ${shellWord(folder)}`;
  const fetched = entries.filter(({ base }) => base !== null).map(({ id }) => id);
  const brought = entries.filter(({ base }) => base === null);
  const hints = [
    ...(fetched.length === 0
      ? []
      : [
          `Fetch ${fetched.length === 1 ? 'it' : 'them'} with: faceswap models pull ${fetched.join(' ')}${option}`,
        ]),
    ...brought.map(({ id }) => `Bring it with: faceswap models import FILE --as ${id}${option}`),
  ];
  const named = entries.map(({ id }) => `"${id}"`).join(', ');
  const what =
    entries.length === 1 ? `The model ${named} is not there` : `These models are not there: ${named}`;
  return new FaceswapError('model', what, {
    file:
      first !== undefined && entries.length === 1 ? modelFilePath(first, folder) : (folder ?? modelFolder()),
    hint: hints.join('. '),
  });
}

/** In which precision a run wants its models; `auto` is that of the file. */
export type ModelPrecision = 'auto' | 'fp32' | 'fp16';

/**
 * The model that serves in a precision: the published form in half precision where its file is there, and whether it is to be converted when it is loaded.
 *
 * @throws FaceswapError `usage` for full precision of a model that was published in half precision only.
 */
export function modelInPrecision(
  entry: ExternalModelEntry,
  precision: ModelPrecision,
  folder: string = modelFolder(),
): { readonly entry: ExternalModelEntry; readonly halve: boolean } {
  if (precision === 'fp32' && entry.precision === 'fp16') {
    throw new FaceswapError(
      'usage',
      `--precision fp32 cannot serve the model "${entry.id}", which is in half precision`,
      {
        hint:
          entry.variantOf === undefined
            ? 'Leave --precision at auto: it was published in no other'
            : `Ask for ${entry.variantOf}`,
      },
    );
  }
  if (precision !== 'fp16' || entry.precision === 'fp16') return { entry, halve: false };
  const variant = publishedModels().find(
    (other) => other.variantOf === entry.id && other.precision === 'fp16' && isModelThere(other, folder),
  );
  return variant === undefined ? { entry, halve: true } : { entry: variant, halve: false };
}

/**
 * The file of a model, which must be there.
 *
 * @param folder where models lie; undefined: {@link modelFolder}
 * @param precision `auto`: as the file is. `fp16`: the published variant where its file is there, else the model, to be converted.
 * @throws FaceswapError `model` with the command that fetches it when it is not there, `usage` for `fp32` where the model was published in half
 *   precision only.
 */
export function requireModel<Kind extends ModelContract['kind']>(
  entry: ExternalModelEntry,
  kinds: readonly Kind[],
  folder?: string,
): ModelFile<Kind> {
  const file = modelFileOf(entry, kinds, folder);
  if (!isModelThere(entry, folder)) throw missingModels([entry], folder);
  return file;
}
