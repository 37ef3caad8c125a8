import { ExitCode, FaceswapError } from '../errors.js';
import { type FacesOptions, type FacesReport, faces } from '../index.js';
import { endAbandonedThreads } from '../pipeline/abandoned-threads.js';
import type { LogLevel } from '../pipeline/run-options.js';
import { formatFaces } from '../report/faces-table.js';
import { createCommandLog } from './command-log.js';
import { facesOptionEntries } from './faces-option-table.js';
import { reportFailure } from './failure.js';
import { listenForInterruption } from './interruption.js';
import { readCommandLine } from './option-values.js';
import { writeResult } from './output.js';
import { createProgressDisplay, resolveProgressMode } from './progress-display.js';
import type { ProgressMode } from './run-option-table.js';

/** How long a thread that hung may take to end with the process. */
const abandonedThreadGraceMs = 5_000;

/** One call: the options of the library and the switches of the command. */
export type FacesRequest = {
  readonly options: FacesOptions;
  readonly json: boolean;
  readonly progress: ProgressMode;
  readonly logLevel: LogLevel;
};

/**
 * Reads what commander collected; ranges are the library's to check.
 *
 * @throws FaceswapError (usage) for a bad value, or without a target.
 */
export const readFacesRequest = (collected: Readonly<Record<string, unknown>>): FacesRequest => {
  const { json, progress, logLevel, ...options } = readCommandLine(collected, facesOptionEntries);
  if (options['target'] === undefined) {
    throw new FaceswapError('usage', 'Missing: --target', { hint: 'See faceswap faces --help' });
  }
  return {
    // The table fixes each field's type, and `facesTableIsComplete` its names; the library checks the values again.
    options: options as unknown as FacesOptions,
    json: json === true,
    progress: (progress ?? 'auto') as ProgressMode,
    logLevel: (logLevel ?? 'info') as LogLevel,
  };
};

/**
 * What `faceswap faces` does: finds the cast, prints it on stdout, tells everything else on stderr.
 *
 * @param collected what commander collected from the command line.
 * @returns the exit code; never throws.
 */
export const facesAction = async (collected: Readonly<Record<string, unknown>>): Promise<ExitCode> => {
  const style = { json: collected['json'] === true, debug: collected['logLevel'] === 'debug' };
  let tellStop: (text: string) => void = () => {};
  const interruption = listenForInterruption({
    onStop: () => tellStop('stopping; once more ends it at once'),
  });
  try {
    const { options, json, progress, logLevel } = readFacesRequest(collected);
    const mode = resolveProgressMode(progress, process.stderr);
    const display = createProgressDisplay(mode, process.stderr);
    const log = createCommandLog(logLevel, mode === 'json' ? 'json' : 'text', (line) =>
      display.writeLine(line),
    );
    tellStop = (text) => log.warn(text);
    const handle = faces(options, { signal: interruption.signal, logger: log });
    const showAll = async (): Promise<void> => {
      for await (const event of handle.progress) {
        if (event.type === 'warning' && mode !== 'json') log.warn(event.warning.message);
        display.show(event);
      }
    };
    let report: FacesReport;
    try {
      [report] = await Promise.all([handle, showAll()]);
    } finally {
      display.stop();
    }
    writeResult(json ? `${JSON.stringify({ ok: true, faces: report })}\n` : formatFaces(report));
    return ExitCode.ok;
  } catch (error) {
    return reportFailure(error, style);
  } finally {
    interruption.dispose();
    // Node would wait for ever for a thread that hangs in a driver.
    if (!(await endAbandonedThreads(abandonedThreadGraceMs))) process.kill(process.pid, 'SIGKILL');
  }
};
