import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { FaceswapError } from '../errors.js';
import { nearestName } from '../pipeline/nearest-name.js';
import { checkOptionValue, type OptionValue, type OptionValues } from './option-values.js';
import { camelCase, type RunOptionEntry, runOptionEntries } from './run-option-table.js';

/** A config file cannot name another config file. */
const configEntries = runOptionEntries.filter((entry) => entry.name !== 'config');

/** Every accepted spelling of a key (kebab-case, camelCase, alias) with the option that it means. */
const entryByKey: ReadonlyMap<string, RunOptionEntry> = new Map(
  configEntries.flatMap((entry) =>
    [entry.name, ...(entry.alias === undefined ? [] : [entry.alias])].flatMap(
      (name): [string, RunOptionEntry][] => [
        [name, entry],
        [camelCase(name), entry],
      ],
    ),
  ),
);

const resolvePaths = (value: OptionValue, folder: string): OptionValue => {
  if (typeof value === 'string') return path.resolve(folder, value);
  if (Array.isArray(value)) return value.map((item) => path.resolve(folder, String(item)));
  return value;
};

const parseJson = (text: string, file: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FaceswapError('usage', `The config file is not valid JSON: ${reason}`, { file, cause });
  }
};

/**
 * Checks the text of a config file: one JSON object whose keys are option names. Relative paths in it count
 * from the file's own folder, so that a config can be kept beside its media and used from anywhere.
 *
 * @throws FaceswapError (usage) for bad JSON, an unknown key (with the nearest name), a key given twice or a bad value.
 */
export const parseConfigText = (text: string, file: string): OptionValues => {
  const data = parseJson(text, file);
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new FaceswapError('usage', 'The config file must hold one JSON object', { file });
  }
  const folder = path.dirname(path.resolve(file));
  const values: OptionValues = {};
  for (const [key, value] of Object.entries(data)) {
    const entry = entryByKey.get(key);
    if (entry === undefined) {
      const nearest = nearestName(
        key,
        configEntries.map(({ name }) => name),
      );
      throw new FaceswapError('usage', `Unknown key ${JSON.stringify(key)} in the config file`, {
        file,
        hint: nearest === undefined ? 'See faceswap run --help for the names' : `Did you mean "${nearest}"?`,
      });
    }
    const field = camelCase(entry.name);
    if (values[field] !== undefined) {
      throw new FaceswapError('usage', `"${entry.name}" stands twice in the config file`, { file });
    }
    const checked = checkOptionValue(entry, { label: `"${key}"`, file }, value);
    values[field] = entry.path === true ? resolvePaths(checked, folder) : checked;
  }
  return values;
};

/**
 * Reads and checks a config file.
 *
 * @throws FaceswapError (usage) as {@link parseConfigText}, or when the file cannot be read.
 */
export const readConfigFile = async (file: string): Promise<OptionValues> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new FaceswapError('usage', 'The config file cannot be read', {
      file,
      cause,
      hint: 'Check the path that --config names',
    });
  }
  return parseConfigText(text, file);
};
