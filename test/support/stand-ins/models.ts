import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadRegistry } from '../../../src/inference/model-registry.js';
import { encodeModel, type OnnxModel } from '../../../src/inference/onnx-file.js';

/**
 * Writes a generated model under the file name that the registry has for an id, so that `--model-dir` finds it.
 *
 * @returns the file
 */
export const writeStandIn = (folder: string, id: string, model: OnnxModel): string => {
  const entry = loadRegistry().models.find((known) => known.id === id);
  if (entry === undefined || entry.embedded) throw new Error(`There is no fetched model ${id}`);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, entry.file);
  writeFileSync(file, encodeModel(model));
  return file;
};
