import { lstat, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FaceswapError } from '../errors.js';
import { type MediaKind, sniffMediaKind } from '../media/media-kind.js';
import { outputNames, reportNames } from './run-batch-names.js';
import { fileFailure } from './file-failure.js';
import { throwIfInterrupted } from './interruption.js';
import { checkOutputFolder, videoOptions } from './preflight.js';
import { optionFlag } from './option-checks.js';
import type { BatchConfig } from './run-batch-options.js';
import type { RunOptions } from './run-options.js';
import type { RunWarning } from './run-report.js';
import { photosOf } from './selection/run-photos.js';
import { findTargets, type TargetSearch } from './target-list.js';

/** A target with everything that its run needs. */
export type PlannedItem = {
  readonly index: number;
  /** Absolute path. */
  readonly target: string;
  /** Absolute path. */
  readonly output: string;
  /** Options of its own run. */
  readonly options: RunOptions;
  /** Undefined where the content is neither; its run will say so. */
  readonly kind: MediaKind | undefined;
  /** Its output is there already and is to be kept. */
  readonly isSkipped: boolean;
};

/** The work of a batch, in order. */
export type BatchPlan = {
  readonly items: readonly PlannedItem[];
  readonly notMediaCount: number;
  readonly earlierOutputCount: number;
  readonly warnings: readonly RunWarning[];
};

type Written = {
  readonly index: number;
  readonly target: string;
  readonly output: string;
  readonly report: string | undefined;
};

/** Most paths that one message lists. */
const mostListed = 5;

const listed = (paths: readonly string[]): string => {
  const shown = paths.slice(0, mostListed).map((path) => JSON.stringify(path));
  const more = paths.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
};

/** Two paths with one key are one file on the file systems that these systems mostly have. */
const pathKey = (path: string): string =>
  process.platform === 'win32' || process.platform === 'darwin' ? path.normalize('NFC').toLowerCase() : path;

const isThere = async (path: string): Promise<boolean> => {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw fileFailure(error, path, 'preflight');
  }
};

/** Device and inode of the file that a path leads to; undefined where there is none, or no inodes. */
const fileIdentity = async (path: string): Promise<string | undefined> => {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return ino === 0n ? undefined : `${dev}:${ino}`;
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw fileFailure(error, path, 'preflight');
  }
};

const pathsOf = ({ output, report }: Written): readonly string[] =>
  report === undefined ? [output] : [output, report];

/** @throws FaceswapError (usage) when two targets would be written to one file. */
const refuseCollisions = (written: readonly Written[]): void => {
  const owners = new Map<string, string>();
  for (const item of written) {
    for (const path of pathsOf(item)) {
      const owner = owners.get(pathKey(path));
      if (owner !== undefined) {
        const message =
          owner === item.target
            ? '--report must be another file than --output'
            : `Two targets would be written to one file: ${JSON.stringify(owner)} and ${JSON.stringify(item.target)}`;
        throw new FaceswapError('usage', message, {
          file: path,
          hint: 'A name with {index}, {target_name} and {target_extension} keeps them apart',
        });
      }
      owners.set(pathKey(path), item.target);
    }
  }
};

/** @throws FaceswapError (usage) when something would be written over a target of the batch or a photo. */
const refuseInputs = async (written: readonly Written[], photos: readonly string[]): Promise<void> => {
  const inputs = new Map<string, string>();
  for (const input of [...photos, ...written.map(({ target }) => target)]) {
    inputs.set(pathKey(input), input);
    const identity = await fileIdentity(input);
    if (identity !== undefined) inputs.set(identity, input);
  }
  for (const item of written) {
    for (const path of pathsOf(item)) {
      const identity = await fileIdentity(path);
      const input = inputs.get(pathKey(path)) ?? (identity === undefined ? undefined : inputs.get(identity));
      if (input === undefined) continue;
      const owner =
        input === item.target ? 'its own target' : `an input of this batch, ${JSON.stringify(input)}`;
      throw new FaceswapError('usage', `The output of ${JSON.stringify(item.target)} would be ${owner}`, {
        file: path,
        hint: 'Inputs are never overwritten: give another folder, or a name such as "{target_name}_swapped{target_extension}"',
      });
    }
  }
};

/** @throws FaceswapError (usage) that lists what is there already. */
const refuseExisting = (existing: readonly string[], skipsExisting: boolean): void => {
  if (existing.length === 0) return;
  const [what, verb] = existing.length === 1 ? ['file', 'exists'] : ['files', 'exist'];
  throw new FaceswapError(
    'usage',
    `${existing.length} ${what} to be written ${verb} already: ${listed(existing)}`,
    {
      hint: skipsExisting
        ? 'These are reports without their output: delete or rename them'
        : 'Give --skip-existing to do only what is missing, or --overwrite to replace them',
    },
  );
};

/** What a target is by its content; a file that is neither fails when its turn comes, with the reason. */
const kindOf = async (target: string): Promise<MediaKind | undefined> => {
  try {
    return await sniffMediaKind(target);
  } catch (error) {
    if (error instanceof FaceswapError) return undefined;
    throw error;
  }
};

/** Options that only videos have are for the videos among the targets. */
const optionsFor = (
  { shared }: BatchConfig,
  kind: MediaKind | undefined,
  { target, output, report }: Written,
): RunOptions => {
  const all: RunOptions = { ...shared, target, output, ...(report === undefined ? {} : { report }) };
  if (kind !== 'image') return all;
  const isForVideos = (name: string): boolean => videoOptions.some((option) => option === name);
  return Object.fromEntries(Object.entries(all).filter(([name]) => !isForVideos(name))) as RunOptions;
};

/** @throws FaceswapError (usage) when an option for videos was given and there is none. */
const refuseVideoOptions = ({ shared }: BatchConfig, items: readonly PlannedItem[]): void => {
  const given = videoOptions.find((name) => shared[name] !== undefined);
  if (given === undefined || items.some(({ kind }) => kind !== 'image')) return;
  throw new FaceswapError('usage', `${optionFlag(given)} must be left out when all targets are images`);
};

const earlierOutputWarning = (files: readonly string[]): RunWarning => ({
  code: 'earlier-outputs',
  message:
    files.length === 1
      ? `One file has the place and name of an output of this batch and is no target: ${listed(files)}`
      : `${files.length} files have the place and name of outputs of this batch and are no targets: ${listed(files)}`,
});

/** The files to work on: what was found without the outputs of an earlier batch. */
const chooseTargets = (
  searched: TargetSearch,
  earlier: ReadonlySet<string>,
): { readonly targets: readonly string[]; readonly warnings: readonly RunWarning[] } => {
  const targets = searched.found.map(({ file }) => file).filter((file) => !earlier.has(file));
  const warning = earlierOutputWarning([...earlier]);
  if (targets.length === 0) {
    throw new FaceswapError('usage', `No target is left. ${warning.message}`, {
      hint: 'Give another --output, or name the targets themselves',
    });
  }
  return { targets, warnings: earlier.size === 0 ? searched.warnings : [...searched.warnings, warning] };
};

/**
 * Finds the targets of a batch and decides what becomes of each, without changing anything. All that can be known before the
 * work is refused here: empty folders, outputs that would fall together, outputs over inputs, outputs that are there already,
 * folders that cannot be written to.
 *
 * @throws FaceswapError (usage, media), (interrupted).
 */
export async function planBatch(batch: BatchConfig, signal: AbortSignal | undefined): Promise<BatchPlan> {
  const [names, reports] = [await outputNames(batch), await reportNames(batch)];
  const searched = await findTargets(batch.values, { signal });
  const earlier = names.earlierOutputs(searched.found);
  const { targets, warnings } = chooseTargets(searched, earlier);
  const written = targets.map(
    (target, index): Written => ({
      index,
      target,
      output: names.pathOf(target, index),
      report: reports?.pathOf(target, index),
    }),
  );
  refuseCollisions(written);
  await refuseInputs(written, photosOf(batch.config));

  const items: PlannedItem[] = [];
  const existing: string[] = [];
  const folders = new Set<string>();
  for (const item of written) {
    throwIfInterrupted(signal);
    const isSkipped = batch.skipExisting && (await isThere(item.output));
    if (!isSkipped) {
      for (const path of pathsOf(item)) {
        folders.add(dirname(path));
        if (!batch.overwrite && (await isThere(path))) existing.push(path);
      }
    }
    const { index, target, output } = item;
    const kind = await kindOf(target);
    items.push({ index, target, output, options: optionsFor(batch, kind, item), kind, isSkipped });
  }
  refuseExisting(existing, batch.skipExisting);
  for (const folder of folders) await checkOutputFolder(folder);
  refuseVideoOptions(batch, items);
  return {
    items,
    notMediaCount: searched.notMediaCount,
    earlierOutputCount: earlier.size,
    warnings,
  };
}
