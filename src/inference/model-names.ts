import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FaceswapError } from '../errors.js';
import { packageRootUrl } from '../version.js';
import type { ModelRole } from './model-contracts.js';

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
 * The models that can be fetched. Reads the registry without checking its contracts, which would load the library that does: options are
 * checked before anything heavy is there.
 *
 * @throws FaceswapError `model` when the registry is missing or malformed.
 */
export function externalModelNames(): readonly ModelName[] {
  known ??= readNames();
  return known;
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
  return parsed.models.filter(isObject).flatMap(({ id, role, aliases, embedded }) =>
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
};

/** The model with this id or alias; undefined where there is none. */
export const findModelName = (name: string): ModelName | undefined =>
  externalModelNames().find(({ id, aliases }) => id === name || aliases.includes(name));

/** Ids and aliases of all models of a role, as options take them. */
export const modelNames = (role: ModelRole): readonly string[] =>
  externalModelNames()
    .filter((model) => model.role === role)
    .flatMap(({ id, aliases }) => [...aliases, id]);
