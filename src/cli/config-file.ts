import path from 'node:path';
import { FileNotRead, readBoundedFile } from '../bounded-file.js';
import { FaceswapError } from '../errors.js';
import { nearestName } from '../pipeline/nearest-name.js';
import { type FaceMapOption, resolveFaceMapPaths } from '../pipeline/selection/face-map.js';
import { checkOptionValue, describeValue, type OptionValue, type OptionValues } from './option-values.js';
import { camelCase, type RunOptionEntry, runOptionEntries } from './run-option-table.js';

/** Far more than all options with long lists of paths take. */
const maxConfigBytes = 2 ** 20;

const utf8 = new TextDecoder('utf-8', { fatal: true });

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
  if (Array.isArray(value)) {
    const items = value as readonly (string | number | FaceMapOption)[];
    const maps = items.filter((item) => typeof item === 'object');
    return maps.length > 0
      ? maps.map((map) => resolveFaceMapPaths(map, folder))
      : items.map((item) => path.resolve(folder, String(item)));
  }
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

/** A key that the outermost object of a valid JSON text holds twice: the parser would silently take the last. */
const repeatedKey = (text: string): string | undefined => {
  const seen = new Set<string>();
  let depth = 0;
  for (const match of text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{[\]}]/g)) {
    const [token, string, colon] = match;
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    if (string === undefined || colon === undefined || depth !== 1) continue;
    const key = String(JSON.parse(string));
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
};

/**
 * Checks the text of a config file: one JSON object whose keys are option names. Relative paths in it count
 * from the file's own folder, so that a config can be kept beside its media and used from anywhere.
 *
 * @throws FaceswapError (usage) for bad JSON, a key that stands twice, an unknown key (with the nearest name), an option given under two names or a bad value.
 */
export const parseConfigText = (text: string, file: string): OptionValues => {
  const data = parseJson(text, file);
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new FaceswapError('usage', 'The config file must hold one JSON object', { file });
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    throw new FaceswapError('usage', `${describeValue(repeated)} stands twice in the config file`, { file });
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
      throw new FaceswapError('usage', `Unknown key ${describeValue(key)} in the config file`, {
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
 * @throws FaceswapError (usage) as {@link parseConfigText}, or when the file cannot be read, is no regular file, no UTF-8 text or larger than 1 MiB.
 */
export const readConfigFile = async (file: string): Promise<OptionValues> => {
  let text: string;
  try {
    text = utf8.decode(await readBoundedFile(file, maxConfigBytes));
  } catch (cause) {
    const reason = cause instanceof FileNotRead ? cause.message : 'it is not UTF-8 text';
    throw new FaceswapError('usage', `The config file cannot be read: ${reason}`, {
      file,
      cause,
      hint: 'Check the path that --config names',
    });
  }
  return parseConfigText(text, file);
};
