import { ProgressChannel } from '../progress-channel.js';
import type { ProgressEvent } from '../progress.js';
import type { RunContext } from '../run.js';
import type { FacesOptions } from './faces-options.js';
import type { FacesReport } from './faces-report.js';

/** A search that goes on: a promise of the report, and what happens until then. */
export type FacesHandle = Promise<FacesReport> & {
  /** For one reader. It ends with the search and never throws: failures come through the promise. */
  readonly progress: AsyncIterable<ProgressEvent>;
};

/**
 * Finds out who is in a video or image: every person with screen time, first and best frame, age and gender. What is found out about
 * the target is kept, so that a run on it finds its faces at once.
 *
 * @throws (rejects with) FaceswapError: `usage` for options and files to be written, `media` for the target, `noFace` when nobody is
 * in it, `interrupted` on abort, and what a run on it would fail with before its output.
 */
export const faces = (options: FacesOptions, context: Omit<RunContext, 'drain'> = {}): FacesHandle => {
  const progress = new ProgressChannel();
  const search = async (): Promise<FacesReport> => {
    const { runFaces } = await import('./run-faces.js');
    return runFaces(options, context, { channel: progress });
  };
  const report = search().finally(() => progress.close());
  // A caller may read all progress before it looks at the promise; a failure meanwhile must not end the process.
  report.catch(() => {});
  return Object.assign(report, { progress });
};
