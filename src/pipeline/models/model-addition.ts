import { mkdir } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import type { z } from 'zod';
import { FileNotRead, readBoundedFile } from '../../bounded-file.js';
import { FaceswapError } from '../../errors.js';
import { needsOf, roleOf } from '../../inference/contract-role.js';
import {
  type ExternalModelEntry,
  externalContractSchema,
  externalEntrySchema,
} from '../../inference/model-contracts.js';
import { loadRegistry } from '../../inference/model-registry.js';
import { addedModels, publishedModels } from '../../inference/model-store.js';
import { userRegistryFile } from '../../inference/user-registry.js';
import { fileFailure } from '../file-failure.js';
import { writeWhole } from '../job-file.js';
import { type ImportedModel, placeModel } from './model-import.js';
import { type LockWait, withModelLock } from './model-lock.js';

/** What a user says of a model of their own. */
export type ModelAddition = {
  readonly source: string;
  /** JSON file: a contract, or an object with one under `contract` and any other field of a registry entry. */
  readonly contractFile: string;
  /** Undefined: the file's own name. */
  readonly id: string | undefined;
  readonly licence: string | undefined;
  readonly vendor: string | undefined;
  /** Take the place of a model that was added under the same id. */
  readonly force: boolean;
};

const maxContractBytes = 2 ** 20;

/** The fields of an entry that a contract file may have; what is left out has a default. */
const describedSchema = externalEntrySchema
  .omit({ id: true, file: true, embedded: true, base: true, role: true })
  .partial()
  .extend({ contract: externalContractSchema });

const readContract = async (file: string): Promise<z.infer<typeof describedSchema>> => {
  let value: unknown;
  try {
    value = JSON.parse((await readBoundedFile(file, maxContractBytes)).toString('utf8'));
  } catch (error) {
    const what =
      error instanceof FileNotRead
        ? `The contract cannot be read: ${error.message}`
        : 'The contract is no JSON';
    if (!(error instanceof FileNotRead) && !(error instanceof SyntaxError)) throw error;
    throw new FaceswapError('usage', what, { file, cause: error });
  }
  const isBare = typeof value === 'object' && value !== null && 'kind' in value;
  const checked = describedSchema.safeParse(isBare ? { contract: value } : value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new FaceswapError(
    'usage',
    `The contract is malformed: ${[issue?.path.join('.'), issue?.message].filter((text) => text !== '' && text !== undefined).join(': ')}`,
    {
      file,
      cause: checked.error,
      hint: 'For an example see: faceswap models info inswapper_128 --json',
    },
  );
};

const entryOf = (
  { source, id, licence, vendor }: ModelAddition,
  described: z.infer<typeof describedSchema>,
): ExternalModelEntry => {
  const { contract } = described;
  const extension = extname(source).toLowerCase() === '.dfm' ? '.dfm' : '.onnx';
  const name = id ?? basename(source, extname(source));
  const entry: ExternalModelEntry = {
    contract,
    licence: licence ?? described.licence ?? 'Unknown',
    use: described.use ?? 'unknown',
    vendor: vendor ?? described.vendor ?? 'the user',
    precision: described.precision ?? 'fp32',
    year: described.year ?? new Date().getUTCFullYear(),
    needs: [...(described.needs ?? needsOf(contract))],
    ...(described.aliases === undefined ? {} : { aliases: described.aliases }),
    ...(described.variantOf === undefined ? {} : { variantOf: described.variantOf }),
    id: name,
    role: roleOf(contract),
    embedded: false,
    file: `${name}${extension}`,
    base: null,
  };
  const checked = externalEntrySchema.safeParse(entry);
  if (checked.success) return checked.data;
  throw new FaceswapError(
    'usage',
    `A model cannot be called ${JSON.stringify(name)}: letters, digits, dots, dashes and underscores only`,
    { hint: 'Give another --id' },
  );
};

/**
 * Adds a model of the user's own to a folder: copies it there and puts what it is into the folder's own registry, so that options take its id.
 *
 * @throws FaceswapError (usage) for a contract that is none or a name that is taken, (model) when the file does not fit it.
 */
export async function addModel(
  addition: ModelAddition,
  folder: string,
  wait: LockWait,
): Promise<ImportedModel> {
  const entry = entryOf(addition, await readContract(addition.contractFile));
  const names = [entry.id, ...(entry.aliases ?? [])];
  const published = [
    ...publishedModels().flatMap(({ id, aliases = [] }) => [id, ...aliases]),
    ...loadRegistry().models.flatMap((model) => (model.embedded ? [model.id] : [])),
    'mesh',
    'detail',
    'many',
  ];
  const taken = (name: string, hint: string): FaceswapError =>
    new FaceswapError('usage', `There is a model called "${name}" already`, { hint });
  const clash = names.find((name) => published.includes(name));
  if (clash !== undefined) throw taken(clash, 'Give another --id');
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileFailure(error, folder, 'models');
  });
  const registry = userRegistryFile(folder);
  return withModelLock(registry, wait, async () => {
    const added = addedModels(folder);
    const others = added.filter(({ id }) => id !== entry.id);
    if (others.length < added.length && !addition.force) {
      throw taken(entry.id, 'Give another --id, or --force to take its place');
    }
    const used = others.flatMap(({ id, aliases = [] }) => [id, ...aliases]);
    const again = names.find((name) => used.includes(name));
    if (again !== undefined) throw taken(again, 'Give another --id');
    const placed = await placeModel(addition.source, entry, folder, wait);
    await writeRegistry(folder, [...others, entry]);
    return placed;
  });
}

const writeRegistry = (folder: string, models: readonly ExternalModelEntry[]): Promise<void> =>
  writeWhole(userRegistryFile(folder), `${JSON.stringify({ version: 1, models }, null, 2)}\n`);

/**
 * Takes a model out of the folder's own registry; does nothing for one that is not in it.
 *
 * @throws FaceswapError (model) when the registry is malformed.
 */
export async function forgetAddedModel(id: string, folder: string, wait: LockWait): Promise<void> {
  if (!addedModels(folder).some((entry) => entry.id === id)) return;
  await withModelLock(userRegistryFile(folder), wait, async () => {
    await writeRegistry(
      folder,
      addedModels(folder).filter((entry) => entry.id !== id),
    );
  });
}
