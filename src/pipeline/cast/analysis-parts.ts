import { FaceswapError } from '../../errors.js';
import { interruption } from '../interruption.js';
import type { ProgressChannel } from '../progress-channel.js';
import { defaultRetryPolicy } from '../retry.js';
import type { RunContext } from '../run.js';
import { silentLogger } from '../run-logger.js';
import { WarningList } from '../warning-list.js';
import { WorkerClient } from '../worker-client.js';
import { WorkerSet } from '../worker-set.js';
import type { VideoAnalysisParts } from './video-analysis.js';

/** With the warnings as the list that a report takes them from. */
export type AnalysisParts = VideoAnalysisParts & { readonly warnings: WarningList };

/**
 * Makes what an analysis works with, and takes it down.
 *
 * @throws FaceswapError: what the work throws; anything else becomes a bug of the stage; `interrupted` whenever the signal has aborted
 */
export const withAnalysisParts = async <Result>(
  { signal, logger = silentLogger }: Pick<RunContext, 'signal' | 'logger'>,
  { channel, stage }: { readonly channel: ProgressChannel; readonly stage: string },
  work: (parts: AnalysisParts) => Promise<Result>,
): Promise<Result> => {
  const workers = new WorkerSet(() => new WorkerClient({ logger }));
  try {
    return await work({
      progress: channel,
      warnings: new WarningList(channel),
      signal,
      logger,
      openWorker: (number = 0) => workers.open(number),
      replaceWorker: (number) => workers.replace(number),
      retryPolicy: defaultRetryPolicy,
    });
  } catch (error) {
    if (signal?.aborted === true) throw interruption();
    throw FaceswapError.from(error, stage);
  } finally {
    await workers.close();
  }
};
