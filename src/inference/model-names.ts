import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FaceswapError } from '../errors.js';
import { packageRootUrl } from '../version.js';
import type { ModelRole } from './model-contracts.js';
import { modelFolder } from './model-folder.js';
import { readUserEntries } from './user-registry.js';

/** What options need to know of a model. */
export type ModelName = {
  readonly id: string;
  readonly role: ModelRole;
  /** Other names that options take for it. */
  readonly aliases: readonly string[];
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

let known: readonly ModelName[] | undefined;

/**
 * The models that can be fetched, and those that a user has added to a folder. Reads the registries without checking their contracts, which
 * would load the library that does: options are checked before anything heavy is there.
 *
 * @param folder where models lie; undefined: {@link modelFolder}
 * @throws FaceswapError `model` when a registry is missing or malformed.
 */
export function externalModelNames(folder: string = modelFolder()): readonly ModelName[] {
  known ??= readNames();
  const added = namesOf(readUserEntries(folder));
  return added.length === 0 ? known : [...known, ...added];
}

const readNames = (): readonly ModelName[] => {
  const url = new URL('models/registry.json', packageRootUrl);
  const failure = (cause?: unknown): FaceswapError =>
    new FaceswapError('model', 'The model registry cannot be read', {
      file: fileURLToPath(url),
      cause,
      hint: 'Reinstall the package',
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(url, 'utf8'));
  } catch (error) {
    throw failure(error);
  }
  if (!isObject(parsed) || !Array.isArray(parsed.models)) throw failure();
  return namesOf(parsed.models.filter(isObject));
};

const namesOf = (entries: readonly Record<string, unknown>[]): readonly ModelName[] =>
  entries.flatMap(({ id, role, aliases, embedded }) =>
    typeof id === 'string' && typeof role === 'string' && embedded === false
      ? [
          {
            id,
            role: role as ModelRole,
            aliases: Array.isArray(aliases)
              ? aliases.filter((alias): alias is string => typeof alias === 'string')
              : [],
          },
        ]
      : [],
  );

/** The model with this id or alias; undefined where there is none. Folder and errors as for {@link externalModelNames}. */
export const findModelName = (name: string, folder?: string): ModelName | undefined =>
  externalModelNames(folder).find(({ id, aliases }) => id === name || aliases.includes(name));

/** Ids and aliases of all models of a role, as options take them. Folder and errors as for {@link externalModelNames}. */
export const modelNames = (role: ModelRole, folder?: string): readonly string[] =>
  externalModelNames(folder)
    .filter((model) => model.role === role)
    .flatMap(({ id, aliases }) => [...aliases, id]);
