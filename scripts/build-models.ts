import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  embeddedModelEntries,
  type EmbeddedModelEntry,
  modelPath,
  sha256Hex,
} from '../src/inference/model-registry.js';
import { createSession } from '../src/inference/session.js';
import { packageRootUrl } from '../src/version.js';
import { embeddedModels } from './embedded-models.js';
import { compareWithGolden, type GoldenModel, readGoldenModels } from './golden-values.js';
import { readTfjsGraph } from './tfjs-graph.js';
import { convertToOnnx } from './tfjs-to-onnx.js';

/**
 * Builds `models/embedded/*.onnx` from the TensorFlow.js models of `@vladmandic/human`, checks each against recorded
 * reference values and against the hashes in `models/registry.json`. Takes about a second, so it never skips work.
 *
 *     npx tsx scripts/build-models.ts            build; a hash that differs from the registry is an error
 *     npx tsx scripts/build-models.ts --update   build and write the new hashes into the registry
 */

const goldenUrl = new URL('test/fixtures/embedded-golden-raw.json', packageRootUrl);
const registryUrl = new URL('models/registry.json', packageRootUrl);

type BuiltModel = { entry: EmbeddedModelEntry; bytes: Uint8Array; sha256: string };

/** Folder with `<id>.json` and `<id>.bin`; by path, because the package's `exports` does not list them. */
export function tfjsModelFolder(): string {
  const folder = fileURLToPath(new URL('node_modules/@vladmandic/human/models', packageRootUrl));
  if (!existsSync(folder)) throw new Error(`${folder} is missing: run npm ci`);
  return folder;
}

/** Converts the models in memory and pairs them with their registry entries. */
const buildAll = (): BuiltModel[] => {
  const folder = tfjsModelFolder();
  const entries = embeddedModelEntries();
  return embeddedModels.map(({ id, outputs, docString }) => {
    const entry = entries.find((candidate) => candidate.id === id);
    if (entry === undefined) throw new Error(`models/registry.json has no entry "${id}"`);
    const graph = readTfjsGraph(join(folder, `${id}.json`));
    const bytes = convertToOnnx(graph, { graphName: id, outputs, docString });
    return { entry, bytes, sha256: sha256Hex(bytes) };
  });
};

/** The file gets its name only after it gave the right values, so a half-built model is never found. */
const writeVerified = async (
  { entry, bytes }: BuiltModel,
  golden: GoldenModel | undefined,
): Promise<void> => {
  if (golden === undefined) throw new Error(`no reference values for "${entry.id}"`);
  const path = modelPath(entry);
  const partPath = `${path}.part`;
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(partPath, bytes);
    const session = await createSession(partPath, { providers: ['cpu'], intraOpThreads: 1 });
    const problems = await compareWithGolden(session, golden);
    await session.dispose();
    if (problems.length > 0) {
      const shown = problems.slice(0, 5).join('; ');
      throw new Error(`${entry.file} disagrees with its reference in ${problems.length} values: ${shown}`);
    }
    renameSync(partPath, path);
  } finally {
    if (existsSync(partPath)) rmSync(partPath);
  }
};

/** Replaces the hashes and sizes in the registry's text, so that its layout stays as people wrote it. */
const updateRegistry = (models: readonly BuiltModel[]): void => {
  let json = readFileSync(registryUrl, 'utf8');
  for (const { entry, bytes, sha256 } of models) {
    const fields = new RegExp(
      `("file": ${JSON.stringify(entry.file)},\\s*"sizeBytes": )\\d+(,\\s*"sha256": )"[0-9a-f]*"`,
    );
    if (!fields.test(json)) {
      throw new Error(`models/registry.json: "${entry.id}" needs file, sizeBytes, sha256 in this order`);
    }
    json = json.replace(fields, `$1${bytes.length}$2"${sha256}"`);
  }
  writeFileSync(registryUrl, json);
};

const main = async (flags: readonly string[]): Promise<void> => {
  const unknown = flags.find((flag) => flag !== '--update');
  if (unknown !== undefined) throw new Error(`unknown argument "${unknown}"; the only one is --update`);
  const models = buildAll();
  const changed = models.filter(({ entry, sha256 }) => entry.sha256 !== sha256);
  if (changed.length > 0 && !flags.includes('--update')) {
    const files = changed.map(
      ({ entry, sha256 }) => `${entry.file} is ${sha256}, registered ${entry.sha256}`,
    );
    throw new Error(
      `converted models differ from models/registry.json: ${files.join('; ')}. ` +
        'When the change is meant, run: npx tsx scripts/build-models.ts --update',
    );
  }
  const golden = readGoldenModels(goldenUrl);
  for (const model of models) {
    await writeVerified(model, golden[model.entry.id]);
    const path = relative(fileURLToPath(packageRootUrl), modelPath(model.entry));
    console.log(`${path}  ${model.bytes.length} bytes  sha256 ${model.sha256}`);
  }
  if (changed.length > 0) {
    updateRegistry(models);
    console.log(`models/registry.json: ${changed.length} hashes updated`);
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    console.error(`build-models: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
