import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { FaceswapError } from '../errors.js';
import { packageRootUrl } from '../version.js';
import {
  type EmbeddedModelEntry,
  type ModelEntry,
  type ModelRegistry,
  modelRegistrySchema,
} from './model-contracts.js';

export type { EmbeddedModelEntry, ModelEntry, ModelRegistry };

const registryUrl = new URL('models/registry.json', packageRootUrl);

const rebuildHint = 'Build the embedded models with: npm run build:models';

/**
 * Reads `models/registry.json` of this package.
 *
 * @throws FaceswapError `model` when it is missing or malformed.
 */
export function loadRegistry(): ModelRegistry {
  const file = fileURLToPath(registryUrl);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(registryUrl, 'utf8'));
  } catch (error) {
    throw new FaceswapError('model', 'The model registry cannot be read', {
      file,
      cause: error,
      hint: 'Reinstall the package',
    });
  }
  const checked = modelRegistrySchema.safeParse(parsed);
  if (!checked.success) {
    throw new FaceswapError('model', 'The model registry is malformed', {
      file,
      cause: checked.error,
      hint: 'Reinstall the package',
    });
  }
  return checked.data;
}

/** The models that come with the package, in the order of the registry. */
export const embeddedModelEntries = (): readonly EmbeddedModelEntry[] =>
  loadRegistry().models.filter((model) => model.embedded);

/**
 * The registry entry of a model that comes with the package.
 *
 * @throws FaceswapError `model` for an unknown id.
 */
export function modelEntry(id: string): EmbeddedModelEntry {
  const models = embeddedModelEntries();
  const entry = models.find((model) => model.id === id);
  if (entry !== undefined) return entry;
  const known = models.map((model) => model.id).join(', ');
  throw new FaceswapError('model', `No model "${id}" comes with the package; known are ${known}`, {
    file: fileURLToPath(registryUrl),
  });
}

/** Absolute path of an embedded model's file, whether it exists or not. */
export function modelPath(entry: EmbeddedModelEntry): string {
  return fileURLToPath(new URL(entry.file, packageRootUrl));
}

/**
 * Absolute path of an embedded model, whether it exists or not: {@link verifyModelFile} tells.
 *
 * @throws FaceswapError `model` for an unknown id.
 */
export function embeddedModelPath(id: string): string {
  return modelPath(modelEntry(id));
}

/**
 * Makes sure that a model file is there and is the one that the registry describes. Reads the whole file: about 10 ms
 * per 10 MB.
 *
 * @throws FaceswapError `model` when the file is missing or its content differs.
 */
export async function verifyModelFile(entry: EmbeddedModelEntry, path = modelPath(entry)): Promise<void> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new FaceswapError('model', `The model "${entry.id}" is missing or unreadable`, {
      file: path,
      cause: error,
      hint: rebuildHint,
    });
  }
  const sha256 = sha256Hex(bytes);
  if (sha256 !== entry.sha256) {
    throw new FaceswapError(
      'model',
      `The model "${entry.id}" is corrupt: ${bytes.length} bytes with sha256 ${sha256}, ` +
        `expected ${entry.sizeBytes} bytes with ${entry.sha256}`,
      { file: path, hint: rebuildHint },
    );
  }
}

/** Lower-case hex sha256. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
