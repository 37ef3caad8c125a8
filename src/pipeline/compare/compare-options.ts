import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { FaceswapError } from '../../errors.js';
import { resolveRunOptions } from '../resolve-run-options.js';
import type { RunConfig } from '../run-options.js';

/** What a comparison works on. */
export type CompareOptions = {
  /** The two videos, from whichever tool. */
  readonly videos: readonly [string, string];
  /** What both were made from: faces are measured at its places, and both are compared with it. */
  readonly reference?: string;
  /** Photos of the face that was put in: identity is taken to the nearest of them. */
  readonly source?: string | readonly string[];
  readonly executionProvider?: string | readonly string[];
  /** Threads that one model may use, 1..64. */
  readonly executionThreadCount?: number;
  /** Segments that are measured at the same time, 1..64. The figures do not depend on it. */
  readonly workers?: number | 'auto';
  /** False: neither use nor keep what was found out about the source photos. */
  readonly cache?: boolean;
};

/** The options with every default filled in and every value checked. */
export type CompareConfig = {
  /** Absolute paths. */
  readonly videos: readonly [string, string];
  readonly reference: string | undefined;
  readonly sources: readonly string[];
  readonly workers: number;
  /** A run with these settings finds faces as the comparison does. */
  readonly run: RunConfig;
};

/** Cores that one worker keeps busy together with its decoders. */
const coresPerWorker = 4;

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';

const known: ReadonlySet<string> = new Set([
  'videos',
  'reference',
  'source',
  'executionProvider',
  'executionThreadCount',
  'workers',
  'cache',
]);

/**
 * Checks the options.
 *
 * @throws FaceswapError (usage) in one sentence: which option, what it must be.
 */
export function resolveCompareOptions(options: CompareOptions): CompareConfig {
  const { videos, reference, source, executionProvider, executionThreadCount, workers, cache } = options;
  const unknown = Object.keys(options).find((name) => !known.has(name));
  if (unknown !== undefined) throw new FaceswapError('usage', `Unknown option ${JSON.stringify(unknown)}`);
  if (!Array.isArray(videos) || videos.length !== 2 || !videos.every(isName)) {
    throw new FaceswapError('usage', 'Two videos must be given to be compared');
  }
  if (reference !== undefined && !isName(reference)) {
    throw new FaceswapError('usage', '--reference must be a file name');
  }
  const sources: readonly unknown[] = source === undefined ? [] : Array.isArray(source) ? source : [source];
  if (!sources.every(isName)) throw new FaceswapError('usage', '--source must be one or more file names');
  const [first, second] = videos;
  const run = resolveRunOptions({
    source: sources.length === 0 ? first : sources,
    target: reference ?? first,
    output: `${resolve(first)}.mp4`,
    ...(executionProvider === undefined ? {} : { executionProvider }),
    ...(executionThreadCount === undefined ? {} : { executionThreadCount }),
    ...(workers === undefined ? {} : { workers }),
    ...(cache === undefined ? {} : { cache }),
  });
  return {
    videos: [resolve(first), resolve(second)],
    reference: reference === undefined ? undefined : resolve(reference),
    sources: sources.map((file) => resolve(file)),
    workers:
      run.workers === 'auto' ? Math.max(1, Math.floor(availableParallelism() / coresPerWorker)) : run.workers,
    run,
  };
}
