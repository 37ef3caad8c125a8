import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, parse, resolve } from 'node:path';
import picomatch from 'picomatch';
import { FaceswapError } from '../errors.js';
import { hasMediaExtension } from '../media/media-kind.js';
import { fileFailure } from './file-failure.js';
import { throwIfInterrupted } from './interruption.js';
import type { RunWarning } from './run-report.js';

/** A file to be changed. */
export type FoundTarget = {
  /** Absolute path. */
  readonly file: string;
  /** The folder in which the search began that found it; null for a file that was named itself. Absolute path. */
  readonly searchedFolder: string | null;
};

/** What `--target` comes to. */
export type TargetSearch = {
  /** In the order of the values, those of one value by their path; no file twice. */
  readonly found: readonly FoundTarget[];
  /** Files that a folder or pattern gave and that are no media by their extension. */
  readonly notMediaCount: number;
  readonly warnings: readonly RunWarning[];
};

/** Longer patterns are no patterns that somebody wrote. */
const longestPattern = 1024;

/**
 * Most wildcards and alternatives in one name of a pattern, and most `**` in all of it. Matching tries every way to divide a
 * name among them, so a pattern with many could keep the program busy for ever.
 */
const mostWildcards = 4;
const mostGlobstars = 2;

/** Patterns are written with forward slashes; on Windows, where no name holds a backslash, it serves as well. */
const withSlashes = (text: string): string =>
  process.platform === 'win32' ? text.replaceAll('\\', '/') : text;

/** Whether a text has a wildcard that no backslash takes the meaning from. */
export const isPattern = (text: string): boolean => /[*?[{]/.test(withSlashes(text).replace(/\\./gs, ''));

/** What lies at a path, links followed. */
type Place = 'file' | 'folder' | 'nothing';

const placeAt = async (path: string): Promise<Place> => {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    // A pattern may be longer than a path can be, and a text from a file may hold a zero byte.
    const absent = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'EINVAL', 'ELOOP', 'ERR_INVALID_ARG_VALUE'];
    if (typeof code === 'string' && absent.includes(code)) return 'nothing';
    throw fileFailure(error, path, 'preflight');
  }
};

/** What one value of `--target` means: a file or folder that is there counts as itself whatever its name looks like. */
export type TargetMeaning = Place | 'pattern';

/** @throws FaceswapError (media) when the path may not be looked at. */
export async function targetMeaning(value: string): Promise<TargetMeaning> {
  const place = await placeAt(resolve(value));
  return place === 'nothing' && isPattern(value) ? 'pattern' : place;
}

/** A pattern divided into the folder to search in and what is matched below it. */
type DividedPattern = { readonly folder: string; readonly rest: readonly string[] };

/** Names without wildcards at the front, and those that are there just as they are written, are plain folders. */
const dividePattern = async (pattern: string): Promise<DividedPattern> => {
  const { root } = parse(pattern);
  let folder = resolve(root);
  const names = withSlashes(pattern.slice(root.length))
    .split('/')
    .filter((name) => name !== '' && name !== '.');
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const plain = isPattern(name) ? name : name.replace(/\\(.)/gs, '$1');
    const isFolder = !isLast && (await placeAt(join(folder, plain))) === 'folder';
    if (isPattern(name) && !isFolder) return { folder, rest: names.slice(index) };
    if (isLast) return { folder, rest: [name] };
    folder = join(folder, plain);
  }
  return { folder, rest: ['*'] };
};

const refusePattern = (pattern: string, reason: string): FaceswapError =>
  new FaceswapError('usage', `--target ${JSON.stringify(pattern)} cannot be used: ${reason}`, {
    hint: 'Use * ? [a-z] {a,b} within a name, and ** for folders in folders',
  });

const checkPattern = (pattern: string): void => {
  if (pattern.length > longestPattern) {
    const start = `${pattern.slice(0, 60)}...`;
    throw refusePattern(start, `a pattern has at most ${longestPattern} characters`);
  }
  const names = withSlashes(pattern).replace(/\\./gs, '').split('/');
  if (names.filter((name) => name === '**').length > mostGlobstars) {
    throw refusePattern(pattern, `a pattern has at most ${mostGlobstars} **`);
  }
  if (names.some((name) => name.replace(/[^*{]/g, '').length > mostWildcards)) {
    throw refusePattern(pattern, `one name has at most ${mostWildcards} of * and {`);
  }
};

/** Tells whether a path below the searched folder, with forward slashes, matches. */
const matcherOf = (rest: readonly string[]): ((path: string) => boolean) => {
  // Round brackets, plus signs and bars are common in names; here they mean themselves.
  const pattern = rest
    .join('/')
    .replace(/\\.|[()|+^$!@]/gs, (text) => (text.length > 1 ? text : `\\${text}`));
  return picomatch(pattern, { dot: false, noextglob: true, nonegate: true });
};

type Walk = {
  readonly folder: string;
  /** How many folders deep files are looked for; 1: only in the folder itself. */
  readonly depth: number;
  readonly matches: (path: string) => boolean;
  readonly signal: AbortSignal | undefined;
};

type WalkResult = { readonly files: string[]; readonly warnings: RunWarning[] };

const readFolder = async (
  folder: string,
  isFirst: boolean,
  result: WalkResult,
): Promise<readonly Dirent[]> => {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const failure = fileFailure(error, folder, 'preflight');
    if (isFirst || failure.kind !== 'media') throw failure;
    const message = 'This folder cannot be read; what lies in it is left out';
    result.warnings.push({ code: 'folder-unreadable', message, file: folder });
    return [];
  }
};

/** Links to files are followed; links to folders are not, as they may lead out of the folder or in a circle. */
const isFile = async (entry: Dirent, path: string): Promise<boolean> =>
  entry.isFile() || (entry.isSymbolicLink() && (await placeAt(path)) === 'file');

const walk = async ({ folder, depth, matches, signal }: Walk): Promise<WalkResult> => {
  const result: WalkResult = { files: [], warnings: [] };
  const visit = async (below: string, depthLeft: number): Promise<void> => {
    throwIfInterrupted(signal);
    for (const entry of await readFolder(join(folder, below), below === '', result)) {
      if (entry.name.startsWith('.')) continue;
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        if (depthLeft > 1) await visit(path, depthLeft - 1);
      } else if (matches(path) && (await isFile(entry, join(folder, path)))) {
        result.files.push(path);
      }
    }
  };
  await visit('', depth);
  // Code units, so that the order is the same on every machine.
  result.files.sort((first, second) => (first < second ? -1 : Number(first > second)));
  return result;
};

const walkFor = async (
  value: string,
  meaning: 'folder' | 'pattern',
  signal: AbortSignal | undefined,
): Promise<Walk> => {
  if (meaning === 'folder') return { folder: resolve(value), depth: 1, matches: () => true, signal };
  checkPattern(value);
  const { folder, rest } = await dividePattern(resolve(value));
  const depth = rest.includes('**') ? Number.POSITIVE_INFINITY : rest.length;
  return { folder, depth, matches: matcherOf(rest), signal };
};

const nothingFound = (value: string, otherCount: number): FaceswapError =>
  new FaceswapError('usage', `No video or image was found for --target ${JSON.stringify(value)}`, {
    hint:
      otherCount === 0
        ? 'A folder counts without the folders in it; give folder/** for those as well'
        : `What was found has no extension of a video or an image: ${otherCount} ${otherCount === 1 ? 'file' : 'files'}`,
  });

/** Everything that one value of `--target` names. */
const search = async (value: string, signal: AbortSignal | undefined): Promise<TargetSearch> => {
  const meaning = await targetMeaning(value);
  if (meaning === 'file') {
    return { found: [{ file: resolve(value), searchedFolder: null }], notMediaCount: 0, warnings: [] };
  }
  if (meaning === 'nothing') {
    throw new FaceswapError('media', 'The file does not exist', { file: resolve(value), stage: 'preflight' });
  }
  const walked = await walkFor(value, meaning, signal);
  if ((await placeAt(walked.folder)) !== 'folder') throw nothingFound(value, 0);
  const { files, warnings } = await walk(walked);
  const media = files.filter(hasMediaExtension);
  if (media.length === 0) throw nothingFound(value, files.length);
  return {
    found: media.map((file) => ({ file: join(walked.folder, file), searchedFolder: walked.folder })),
    notMediaCount: files.length - media.length,
    warnings,
  };
};

/**
 * Finds the targets of a batch. A value is a file, a folder (its media files, without folders in it) or a pattern with `*`, `?`,
 * `[a-z]`, `{a,b}` and `**`. Hidden files and folders are left out. A value that is there as a file or folder is never a pattern.
 *
 * @throws FaceswapError (usage) for a pattern that cannot be used or a value that gives nothing, (media) for a file or folder that
 * is not there or may not be read, (interrupted).
 */
export async function findTargets(
  values: readonly string[],
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<TargetSearch> {
  const byFile = new Map<string, FoundTarget>();
  const warnings: RunWarning[] = [];
  let notMediaCount = 0;
  for (const value of values) {
    const searched = await search(value, signal);
    notMediaCount += searched.notMediaCount;
    warnings.push(...searched.warnings);
    for (const target of searched.found) {
      const known = byFile.get(target.file);
      // To be named counts more than to be found; the place in the order stays.
      if (known === undefined || target.searchedFolder === null) byFile.set(target.file, target);
    }
  }
  return { found: [...byFile.values()], notMediaCount, warnings };
}

/** The name of a file without folder and extension, and its extension with the dot in lower case. */
export const nameParts = (file: string): { readonly name: string; readonly extension: string } => {
  const { name, ext } = parse(file);
  return { name, extension: ext.toLowerCase() };
};
