import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { FaceswapError } from '../errors.js';
import { packageRootUrl } from '../version.js';

/** One input or output of a model; a string in `dims` is an axis that is free until the model runs. */
export type TensorContract = {
  name: string;
  dims: readonly (number | string)[];
  /** What the numbers are, in one sentence. */
  meaning: string;
};

/** How to feed a model and read what it gives. */
export type ModelContract = {
  input: TensorContract & {
    layout: 'NCHW';
    colourOrder: 'RGB' | 'BGR';
    /** Lowest and highest value that a pixel takes. */
    valueRange: readonly [low: number, high: number];
    /** How an 8-bit sample becomes an input value. */
    normalisation: string;
    /** Which part of the picture goes in. */
    crop: string;
  };
  outputs: readonly TensorContract[];
  /** From outputs to boxes, points and scores, step by step. */
  decode: readonly string[];
};

export type ModelEntry = {
  id: string;
  role: 'detector' | 'landmarker' | 'recognizer';
  /** Path below the package root, with forward slashes. */
  file: string;
  sizeBytes: number;
  /** Lower-case hex. */
  sha256: string;
  contract: ModelContract;
  licence: string;
  vendor: string;
  /** Who trained it and who shipped the form that we convert. */
  origin: string;
};

export type ModelRegistry = { version: number; models: readonly ModelEntry[] };

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
  if (!isRegistry(parsed)) {
    throw new FaceswapError('model', 'The model registry is malformed', {
      file,
      hint: 'Reinstall the package',
    });
  }
  return parsed;
}

/**
 * The registry entry of a model.
 *
 * @throws FaceswapError `model` for an unknown id.
 */
export function modelEntry(id: string): ModelEntry {
  const { models } = loadRegistry();
  const entry = models.find((model) => model.id === id);
  if (entry !== undefined) return entry;
  const known = models.map((model) => model.id).join(', ');
  throw new FaceswapError('model', `There is no model "${id}"; known are ${known}`, {
    file: fileURLToPath(registryUrl),
  });
}

/** Absolute path of an entry's file, whether it exists or not. */
export function modelPath(entry: ModelEntry): string {
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
export async function verifyModelFile(entry: ModelEntry, path = modelPath(entry)): Promise<void> {
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

/** Checks what the code relies on; the contract's prose is for readers. */
const isRegistry = (value: unknown): value is ModelRegistry =>
  isObject(value) && value.version === 1 && Array.isArray(value.models) && value.models.every(isEntry);

const isEntry = (value: unknown): boolean =>
  isObject(value) &&
  typeof value.id === 'string' &&
  typeof value.role === 'string' &&
  typeof value.file === 'string' &&
  typeof value.sizeBytes === 'number' &&
  typeof value.sha256 === 'string' &&
  isObject(value.contract) &&
  isObject(value.contract.input) &&
  Array.isArray(value.contract.outputs);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
