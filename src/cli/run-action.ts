import type { Logger } from 'pino';
import { ExitCode, FaceswapError } from '../errors.js';
import { dryRun, run, type RunContext, type RunHandle } from '../index.js';
import { endAbandonedThreads } from '../pipeline/abandoned-threads.js';
import { gateFailure, gateText, missedGates } from '../pipeline/quality-gates.js';
import { singleRunOptions } from '../pipeline/run-batch-options.js';
import type { RunOptions } from '../pipeline/run-options.js';
import type { RunReport, RunWarning } from '../pipeline/run-report.js';
import { printableLine } from '../printable-text.js';
import { formatDryRun } from '../report/dry-run-table.js';
import { formatRunTable } from '../report/run-table.js';
import { createCommandLog } from './command-log.js';
import { readConfigFile } from './config-file.js';
import { reportFailure } from './failure.js';
import { type Interruption, listenForInterruption } from './interruption.js';
import { mergeOptionValues, type OptionValues, readCommandLine } from './option-values.js';
import { writeError, writeResult } from './output.js';
import { createProgressDisplay, type ProgressDisplay, resolveProgressMode } from './progress-display.js';

/** How long a thread that hung may take to end with the process. */
const abandonedThreadGraceMs = 5_000;

/** The values of the config file that the command line names, if it names one. */
const readConfig = async ({ config }: OptionValues): Promise<OptionValues> =>
  typeof config === 'string' ? await readConfigFile(config) : {};

/** Tells each warning once, however often and on whichever way it arrives. */
const createWarningTeller = (log: Logger): ((warning: RunWarning) => void) => {
  const told = new Set<string>();
  return (warning) => {
    const { message, file, frame } = warning;
    const key = JSON.stringify([warning.code, message, file, frame]);
    if (told.has(key)) return;
    told.add(key);
    const place = [file, frame === undefined ? undefined : `frame ${frame}`].filter(
      (part) => part !== undefined,
    );
    log.warn(place.length === 0 ? message : `${message} (${place.join(', ')})`);
  };
};

/** A run as the library gives it, or with the generated models that `faceswap benchmark` names. */
const startTarget = async (
  options: RunOptions,
  context: RunContext,
  benchmarkModels: unknown,
): Promise<{ readonly handle: RunHandle }> => {
  if (typeof benchmarkModels !== 'string') return { handle: run(options, context) };
  const [{ startRun }, { generatedChainFiles }] = await Promise.all([
    import('../pipeline/run.js'),
    import('../pipeline/generated-chain.js'),
  ]);
  return { handle: startRun(options, context, { models: generatedChainFiles(benchmarkModels) }) };
};

type RenderSetting = {
  readonly display: ProgressDisplay;
  readonly log: Logger;
  readonly tellWarning: (warning: RunWarning) => void;
  /** Whether events are printed, so that the log need not say the same. */
  readonly printsEvents: boolean;
  readonly interruption: Interruption;
  readonly benchmarkModels: unknown;
};

const renderTarget = async (
  options: RunOptions,
  { display, log, tellWarning, printsEvents, interruption, benchmarkModels }: RenderSetting,
): Promise<RunReport> => {
  // A handle is a promise of its own: wrapped, so that awaiting its start does not await its end.
  const { signal, drain } = interruption;
  const { handle } = await startTarget(options, { signal, drain, logger: log }, benchmarkModels);
  const showAll = async (): Promise<void> => {
    for await (const event of handle.progress) {
      // As an event it is a line of its own in JSON mode; there the log need not repeat it.
      if (event.type === 'warning' && !printsEvents) tellWarning(event.warning);
      display.show(event);
    }
  };
  try {
    const [report] = await Promise.all([handle, showAll()]);
    if (!printsEvents) report.warnings.forEach(tellWarning);
    return report;
  } finally {
    display.stop();
  }
};

/** Whatever fell over because of the interruption, before the output was there, is no failure of its own. */
const interrupted = (error: unknown): FaceswapError =>
  error instanceof FaceswapError && error.kind === 'interrupted'
    ? error
    : new FaceswapError('interrupted', 'Stopped on request: nothing was written', { cause: error });

/**
 * Prints the report of a finished run on stdout, and on stderr a line for each quality gate that it misses.
 *
 * @returns the exit code.
 */
const tellReport = (report: RunReport, json: boolean): ExitCode => {
  const failure = gateFailure(report.gates, report.output);
  const answer =
    failure === undefined ? { ok: true, report } : { ok: false, error: failure.toRecord(), report };
  writeResult(
    json
      ? `${JSON.stringify(answer)}\n`
      : `${formatRunTable(report)}Output: ${printableLine(report.output)}\n`,
  );
  for (const gate of missedGates(report.gates)) writeError(`error: ${printableLine(gateText(gate))}\n`);
  return failure?.exitCode ?? ExitCode.ok;
};

/**
 * What `faceswap run` does: reads the options, renders or plans, prints the result on stdout, tells everything
 * else on stderr.
 *
 * @param collected what commander collected from the command line.
 * @returns the exit code; never throws.
 */
export const runAction = async (collected: Readonly<Record<string, unknown>>): Promise<ExitCode> => {
  let json = collected['json'] === true;
  let debug = collected['logLevel'] === 'debug';
  let finished = false;
  let tellStop: (text: string) => void = () => {};
  const interruption = listenForInterruption({
    onDrain: () =>
      tellStop('stopping: segments in flight are finished, no more are begun; Ctrl-C again stops now'),
    onStop: () => tellStop('stopping now; once more ends it at once'),
  });
  try {
    const commandLine = readCommandLine(collected);
    const config = await readConfig(commandLine);
    json = (commandLine['json'] ?? config['json']) === true;
    debug = (commandLine['logLevel'] ?? config['logLevel']) === 'debug';
    const request = mergeOptionValues(commandLine, config);
    const { options, switches } = request;
    const progress = switches.progress ?? 'auto';
    const mode = resolveProgressMode(progress, process.stderr);
    let display = createProgressDisplay(mode, process.stderr);
    const nextDisplay = (label: string): ProgressDisplay => {
      display = createProgressDisplay(mode, process.stderr, label);
      return display;
    };
    const log = createCommandLog(options.logLevel ?? 'info', mode === 'json' ? 'json' : 'text', (line) =>
      display.writeLine(line),
    );
    const tellWarning = createWarningTeller(log);
    const printsEvents = mode === 'json';
    tellStop = (text) => log.warn(text);
    if (progress === 'bar' && mode !== 'bar') {
      log.warn('stderr is not a terminal, so there is no bar; --progress json gives events');
    }
    const single = await singleRunOptions(options);
    if (single === undefined) {
      const { batchAction, batchDryRunAction } = await import('./batch-action.js');
      const act = switches.dryRun === true ? batchDryRunAction : batchAction;
      return await act(options, { log, tellWarning, nextDisplay, printsEvents, json, interruption });
    }
    if (switches.dryRun === true) {
      const plan = await dryRun(single, { signal: interruption.drain });
      plan.warnings.forEach(tellWarning);
      writeResult(json ? `${JSON.stringify({ ok: true, dryRun: plan })}\n` : formatDryRun(plan));
      return ExitCode.ok;
    }
    const report = await renderTarget(single, {
      display,
      log,
      tellWarning,
      printsEvents,
      interruption,
      benchmarkModels: collected['benchmarkModels'],
    });
    finished = true;
    return tellReport(report, json);
  } catch (error) {
    return reportFailure(interruption.signal.aborted && !finished ? interrupted(error) : error, {
      json,
      debug,
    });
  } finally {
    interruption.dispose();
    // Everything has been told and cleaned up. Node would wait for ever for a thread that hangs in a driver.
    if (!(await endAbandonedThreads(abandonedThreadGraceMs))) process.kill(process.pid, 'SIGKILL');
  }
};
