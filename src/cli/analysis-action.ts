import { ExitCode, FaceswapError } from '../errors.js';
import { endAbandonedThreads } from '../pipeline/abandoned-threads.js';
import type { ProgressEvent } from '../pipeline/progress.js';
import type { RunContext } from '../pipeline/run.js';
import type { LogLevel } from '../pipeline/run-options.js';
import { createCommandLog } from './command-log.js';
import { reportFailure } from './failure.js';
import { listenForInterruption } from './interruption.js';
import { readCommandLine } from './option-values.js';
import { writeResult } from './output.js';
import { createProgressDisplay, resolveProgressMode } from './progress-display.js';
import type { ProgressMode, RunOptionEntry } from './run-option-table.js';

/** How long a thread that hung may take to end with the process. */
const abandonedThreadGraceMs = 5_000;

/** A command that looks at a target and renders nothing. */
export type AnalysisCommand<Options, Report> = {
  /** Its name, under which `--json` prints the report too. */
  readonly name: string;
  readonly entries: readonly RunOptionEntry[];
  readonly start: (
    options: Options,
    context: Omit<RunContext, 'drain'>,
  ) => Promise<Report> & { readonly progress: AsyncIterable<ProgressEvent> };
  readonly format: (report: Report) => string;
};

/** One call: the options of the library and the switches of the command. */
export type AnalysisRequest<Options> = {
  readonly options: Options;
  readonly json: boolean;
  readonly progress: ProgressMode;
  readonly logLevel: LogLevel;
};

/**
 * Reads what commander collected; ranges are the library's to check.
 *
 * @throws FaceswapError (usage) for a bad value, or without a target.
 */
export const readAnalysisRequest = <Options, Report>(
  { name, entries }: Pick<AnalysisCommand<Options, Report>, 'name' | 'entries'>,
  collected: Readonly<Record<string, unknown>>,
): AnalysisRequest<Options> => {
  const { json, progress, logLevel, ...options } = readCommandLine(collected, entries);
  if (options['target'] === undefined) {
    throw new FaceswapError('usage', 'Missing: --target', { hint: `See faceswap ${name} --help` });
  }
  return {
    // The command's table fixes each field's name and type; the library checks the values again.
    options: options as unknown as Options,
    json: json === true,
    progress: (progress ?? 'auto') as ProgressMode,
    logLevel: (logLevel ?? 'info') as LogLevel,
  };
};

/**
 * Carries such a command out: prints its report on stdout, tells everything else on stderr.
 *
 * @param collected what commander collected from the command line.
 * @returns the exit code; never throws.
 */
export const analysisAction = async <Options, Report>(
  command: AnalysisCommand<Options, Report>,
  collected: Readonly<Record<string, unknown>>,
): Promise<ExitCode> => {
  const style = { json: collected['json'] === true, debug: collected['logLevel'] === 'debug' };
  let tellStop: (text: string) => void = () => {};
  const interruption = listenForInterruption({
    onStop: () => tellStop('stopping; once more ends it at once'),
  });
  try {
    const { options, json, progress, logLevel } = readAnalysisRequest<Options, Report>(command, collected);
    const mode = resolveProgressMode(progress, process.stderr);
    const display = createProgressDisplay(mode, process.stderr);
    const log = createCommandLog(logLevel, mode === 'json' ? 'json' : 'text', (line) =>
      display.writeLine(line),
    );
    tellStop = (text) => log.warn(text);
    const handle = command.start(options, { signal: interruption.signal, logger: log });
    const showAll = async (): Promise<void> => {
      for await (const event of handle.progress) {
        if (event.type === 'warning' && mode !== 'json') log.warn(event.warning.message);
        display.show(event);
      }
    };
    let report: Report;
    try {
      [report] = await Promise.all([handle, showAll()]);
    } finally {
      display.stop();
    }
    writeResult(json ? `${JSON.stringify({ ok: true, [command.name]: report })}\n` : command.format(report));
    return ExitCode.ok;
  } catch (error) {
    return reportFailure(error, style);
  } finally {
    interruption.dispose();
    // Node would wait for ever for a thread that hangs in a driver.
    if (!(await endAbandonedThreads(abandonedThreadGraceMs))) process.kill(process.pid, 'SIGKILL');
  }
};
