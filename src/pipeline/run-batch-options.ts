import { FaceswapError } from '../errors.js';
import { resolveRunOptions } from './resolve-run-options.js';
import type { RunConfig, RunOptions } from './run-options.js';

/**
 * What a caller may ask of `runBatch()`: the options of `run()` for all targets together, with folders and patterns among
 * them. `output` and `report` are folders or templates with placeholders.
 */
export type BatchOptions = Omit<RunOptions, 'target'> & {
  /** Files, folders and patterns such as `clips/*.mp4`. */
  target: string | readonly string[];
  /** Leave out targets whose output is there already; excludes `overwrite`. */
  skipExisting?: boolean;
};

/** Batch options, checked as far as they do not depend on files. */
export type BatchConfig = {
  /** Values of `--target` as they were given. */
  readonly values: readonly string[];
  readonly output: string;
  readonly report: string | undefined;
  readonly skipExisting: boolean;
  readonly overwrite: boolean;
  /** Options that are the same for all targets. */
  readonly shared: Omit<RunOptions, 'target' | 'output' | 'report'>;
  /** What `shared` comes to, with the first value as the target. */
  readonly config: RunConfig;
};

/**
 * Checks the options of a batch before anything is looked for.
 *
 * @throws FaceswapError (usage) as `resolveRunOptions`.
 */
export function resolveBatchOptions(options: BatchOptions): BatchConfig {
  if (typeof options !== 'object' || options === null) {
    throw new FaceswapError('usage', `The options must be an object, got ${JSON.stringify(options)}`);
  }
  const { target, skipExisting, ...rest } = options;
  const given: unknown = target;
  const values = (Array.isArray(given) ? given : [given]) as readonly string[];
  const [first] = values;
  if (values.length === 0) {
    throw new FaceswapError('usage', '--target must be one or more files, folders or patterns, got []');
  }
  if (skipExisting !== undefined && typeof skipExisting !== 'boolean') {
    const message = `--skip-existing must be true or false, got ${JSON.stringify(skipExisting)}`;
    throw new FaceswapError('usage', message);
  }
  // What is no text is refused here, as the target of a single run would be.
  const config = resolveRunOptions({ ...rest, target: first as string });
  for (const value of values.slice(1)) resolveRunOptions({ ...rest, target: value });
  if (skipExisting === true && config.overwrite) {
    throw new FaceswapError('usage', '--skip-existing must be left out when --overwrite is given');
  }
  const { output, report, ...shared } = rest;
  return {
    values,
    output,
    report,
    skipExisting: skipExisting ?? false,
    overwrite: config.overwrite,
    shared,
    config,
  };
}

/**
 * Tells a run with one target from a batch. A batch has several targets, a folder or a pattern, an output with placeholders, or
 * `skipExisting`.
 *
 * @returns the options of a single run; undefined for a batch.
 * @throws FaceswapError (media) when the target's place may not be looked at.
 */
export async function singleRunOptions(options: BatchOptions): Promise<RunOptions | undefined> {
  const { target, skipExisting, ...rest } = options;
  const values: unknown = typeof target === 'string' ? [target] : target;
  if (!Array.isArray(values) || values.length !== 1 || skipExisting === true) return undefined;
  const value: unknown = values[0];
  if (typeof value !== 'string') return undefined;
  const [{ hasPlaceholder }, { targetMeaning }] = await Promise.all([
    import('./name-template.js'),
    import('./target-list.js'),
  ]);
  if (typeof rest.output === 'string' && hasPlaceholder(rest.output)) return undefined;
  const meaning = await targetMeaning(value);
  return meaning === 'file' || meaning === 'nothing' ? { ...rest, target: value } : undefined;
}
