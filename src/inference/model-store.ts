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
  /** Whether it is to be converted to half precision when it is loaded. */
  readonly halve?: true;
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

/** The published half-precision form of a model, where its file is there. */
const halfVariant = (entry: ExternalModelEntry, folder: string): ExternalModelEntry | undefined => {
  for (const other of loadRegistry().models) {
    if (other.embedded || other.variantOf !== entry.id || other.precision !== 'fp16') continue;
    if (isFile(join(folder, other.file))) return other;
  }
  return undefined;
};

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

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
  folder: string = modelFolder(),
  precision: 'auto' | 'fp32' | 'fp16' = 'auto',
): ModelFile<Kind> {
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
  if (precision === 'fp16' && entry.precision !== 'fp16') {
    const variant = halfVariant(entry, folder);
    if (variant !== undefined) return requireModel(variant, kinds, folder);
    return { ...requireModel(entry, kinds, folder), halve: true };
  }
  const file = join(folder, entry.file);
  const { contract } = entry;
  const isKind = (kind: string): kind is Kind => (kinds as readonly string[]).includes(kind);
  if (!isKind(contract.kind)) {
    throw new FaceswapError('bug', `The model "${entry.id}" is of the kind ${contract.kind}`);
  }
  if (!isFile(file)) {
    throw new FaceswapError('model', `The model "${entry.id}" is not there`, {
      file,
      hint: `Fetch it with: faceswap models pull ${entry.id}`,
    });
  }
  return { id: entry.id, file, contract: contract as ContractOf<Kind> };
}
