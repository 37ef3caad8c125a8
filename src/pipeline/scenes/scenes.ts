import { ProgressChannel } from '../progress-channel.js';
import type { ProgressEvent } from '../progress.js';
import type { RunContext } from '../run.js';
import type { ScenesOptions } from './scenes-options.js';
import type { ScenesReport } from './scenes-report.js';

/** A search that goes on: a promise of the report, and what happens until then. */
export type ScenesHandle = Promise<ScenesReport> & {
  /** For one reader. It ends with the search and never throws: failures come through the promise. */
  readonly progress: AsyncIterable<ProgressEvent>;
};

/**
 * Finds the cuts of a video or animated image as a run with the same options would find them. What is found out about the target is kept,
 * so that the run needs neither detector nor landmark model.
 *
 * @throws (rejects with) FaceswapError: `usage` for options and files to be written, `media` for the target, `interrupted` on abort,
 * and what a run on it would fail with before its output.
 */
export const scenes = (options: ScenesOptions, context: Omit<RunContext, 'drain'> = {}): ScenesHandle => {
  const progress = new ProgressChannel();
  const search = async (): Promise<ScenesReport> => {
    const { runScenes } = await import('./run-scenes.js');
    return runScenes(options, context, { channel: progress });
  };
  const report = search().finally(() => progress.close());
  // A caller may read all progress before it looks at the promise; a failure meanwhile must not end the process.
  report.catch(() => {});
  return Object.assign(report, { progress });
};
