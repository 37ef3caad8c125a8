import { statSync } from 'node:fs';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import type { ContractOf, ExternalModelEntry, ModelContract } from './model-contracts.js';
import { modelFolder } from './model-folder.js';
import { loadRegistry } from './model-registry.js';

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
};

/**
 * The entry with this id or alias.
 *
 * @throws FaceswapError `model` where there is none.
 */
export function externalModel(name: string): ExternalModelEntry {
  for (const entry of loadRegistry().models) {
    if (!entry.embedded && (entry.id === name || entry.aliases?.includes(name) === true)) return entry;
  }
  throw new FaceswapError('model', `There is no model "${name}"`, { hint: 'See: faceswap models list' });
}

/**
 * The file of a model, which must be there.
 *
 * @param folder where models lie; undefined: {@link modelFolder}
 * @throws FaceswapError `model` with the command that fetches it when it is not there.
 */
export function requireModel<Kind extends ModelContract['kind']>(
  entry: ExternalModelEntry,
  kinds: readonly Kind[],
  folder: string = modelFolder(),
): ModelFile<Kind> {
  const file = join(folder, entry.file);
  const { contract } = entry;
  const isKind = (kind: string): kind is Kind => (kinds as readonly string[]).includes(kind);
  if (!isKind(contract.kind)) {
    throw new FaceswapError('bug', `The model "${entry.id}" is of the kind ${contract.kind}`);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new FaceswapError('model', `The model "${entry.id}" is not there`, {
      file,
      hint: `Fetch it with: faceswap models pull ${entry.id}`,
    });
  }
  return { id: entry.id, file, contract: contract as ContractOf<Kind> };
}
