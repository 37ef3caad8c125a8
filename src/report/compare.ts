import type { CompareOptions as MeasureOptions } from '../pipeline/compare/compare-options.js';
import type { ComparisonReport } from '../pipeline/compare/comparison-report.js';
import type { CompareContext } from '../pipeline/compare/compare-videos.js';
import type { ProgressEvent } from '../pipeline/progress.js';
import { ProgressChannel } from '../pipeline/progress-channel.js';

/** What {@link compare} works on. */
export type CompareOptions = MeasureOptions & {
  /** An HTML file of the comparison; none by default. */
  readonly output?: string;
  readonly overwrite?: boolean;
};

/** A running comparison: a promise of the report, and what happens until then. */
export type CompareHandle = Promise<ComparisonReport> & {
  /** For one reader. It ends with the comparison and never throws: failures come through the promise. */
  readonly progress: AsyncIterable<ProgressEvent>;
};

const execute = async (
  { output, overwrite = false, ...options }: CompareOptions,
  context: CompareContext,
  channel: ProgressChannel,
): Promise<ComparisonReport> => {
  const [{ compareVideos }, { checkPageFile, writePage }, { comparisonPage }, { resolve }] =
    await Promise.all([
      import('../pipeline/compare/compare-videos.js'),
      import('./page-file.js'),
      import('./comparison-page.js'),
      import('node:path'),
    ]);
  const { resolveCompareOptions } = await import('../pipeline/compare/compare-options.js');
  const { videos, reference, sources } = resolveCompareOptions(options);
  const page = output === undefined ? undefined : resolve(output);
  if (page !== undefined) {
    const inputs = [...videos, ...sources, ...(reference === undefined ? [] : [reference])];
    await checkPageFile(page, { overwrite, inputs });
  }
  const comparison = await compareVideos(options, context, channel);
  if (page !== undefined) await writePage(page, comparisonPage(comparison), overwrite);
  channel.emit({ type: 'phase', phase: 'done' });
  return comparison.report;
};

/**
 * Measures two finished videos from whichever tools by the figures of our own reports, side by side: faces that are found, flicker,
 * jitter, identity, and with a reference how like they are to it inside and outside of the faces.
 *
 * @returns a promise of the report that also carries the progress events.
 * @throws (rejects with) FaceswapError: `usage` for options, `media` for a video that cannot be used, `noFace` for photos without a face,
 *   `unavailable` without ffmpeg, `interrupted` on abort.
 */
export const compare = (options: CompareOptions, context: CompareContext = {}): CompareHandle => {
  const channel = new ProgressChannel();
  const report = execute(options, context, channel).finally(() => channel.close());
  // A caller may read all progress before it looks at the promise; a failure meanwhile must not end the process.
  report.catch(() => {});
  return Object.assign(report, { progress: channel });
};
