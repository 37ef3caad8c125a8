import { ExitCode, FaceswapError } from '../errors.js';
import { endAbandonedThreads } from '../pipeline/abandoned-threads.js';
import { printableLine } from '../printable-text.js';
import { compare, type CompareOptions } from '../report/compare.js';
import { formatComparison } from '../report/comparison-table.js';
import type { CompareSwitches } from './compare-command.js';
import { reportFailure } from './failure.js';
import { listenForInterruption } from './interruption.js';
import { writeResult } from './output.js';
import { createProgressDisplay, resolveProgressMode } from './progress-display.js';

/** How long a thread that hung may take to end with the process. */
const abandonedThreadGraceMs = 5_000;

const numberOf = (flag: string, word: string): number => {
  const value = Number(word);
  if (word.trim() !== '' && Number.isFinite(value)) return value;
  throw new FaceswapError('usage', `${flag} must be a number, got ${JSON.stringify(word.slice(0, 200))}`);
};

const optionsOf = (videos: readonly [string, string], switches: CompareSwitches): CompareOptions => {
  const { reference, source, output, overwrite, workers, executionProvider, executionThreadCount, cache } =
    switches;
  return {
    videos,
    ...(reference === undefined ? {} : { reference }),
    ...(source === undefined ? {} : { source }),
    ...(output === undefined ? {} : { output }),
    ...(overwrite === undefined ? {} : { overwrite }),
    ...(cache === undefined ? {} : { cache }),
    ...(executionProvider === undefined ? {} : { executionProvider }),
    ...(workers === undefined
      ? {}
      : { workers: workers === 'auto' ? workers : numberOf('--workers', workers) }),
    ...(executionThreadCount === undefined
      ? {}
      : { executionThreadCount: numberOf('--execution-thread-count', executionThreadCount) }),
  };
};

/**
 * What `faceswap compare` does: measures, prints the table on stdout, tells everything else on stderr.
 *
 * @returns the exit code; never throws.
 */
export const compareAction = async (
  videos: readonly [string, string],
  switches: CompareSwitches,
): Promise<ExitCode> => {
  const { json = false, progress = 'auto', output } = switches;
  const mode = resolveProgressMode(progress, process.stderr);
  const display = createProgressDisplay(mode, process.stderr);
  const interruption = listenForInterruption({
    onStop: () => display.writeLine('stopping; once more ends it at once'),
  });
  try {
    const handle = compare(optionsOf(videos, switches), { signal: interruption.signal });
    for await (const event of handle.progress) {
      if (event.type === 'warning' && mode !== 'json') {
        const { message, file } = event.warning;
        display.writeLine(printableLine(`warn: ${message}${file === undefined ? '' : ` (${file})`}`));
      }
      display.show(event);
    }
    display.stop();
    const report = await handle;
    const page = output === undefined ? '' : `Page: ${printableLine(output)}\n`;
    writeResult(
      json ? `${JSON.stringify({ ok: true, comparison: report })}\n` : `${formatComparison(report)}${page}`,
    );
    return ExitCode.ok;
  } catch (error) {
    display.stop();
    return reportFailure(error, { json, debug: false });
  } finally {
    interruption.dispose();
    if (!(await endAbandonedThreads(abandonedThreadGraceMs))) process.kill(process.pid, 'SIGKILL');
  }
};
