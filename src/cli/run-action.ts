import type { Logger } from 'pino';
import { ExitCode, FaceswapError } from '../errors.js';
import { dryRun, run, type RunContext, type RunHandle } from '../index.js';
import type { RunReport, RunWarning } from '../pipeline/run-report.js';
import { printableLine } from '../printable-text.js';
import { formatDryRun } from '../report/dry-run-table.js';
import { formatRunTable } from '../report/run-table.js';
import { createCommandLog } from './command-log.js';
import { readConfigFile } from './config-file.js';
import { reportFailure } from './failure.js';
import { listenForInterruption } from './interruption.js';
import { mergeOptionValues, type OptionValues, readCommandLine, type RunRequest } from './option-values.js';
import { writeResult } from './output.js';
import { createProgressDisplay, type ProgressDisplay, resolveProgressMode } from './progress-display.js';

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
  { options }: RunRequest,
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

const renderTarget = async (
  request: RunRequest,
  display: ProgressDisplay,
  log: Logger,
  { signal, benchmarkModels }: { readonly signal: AbortSignal; readonly benchmarkModels: unknown },
): Promise<RunReport> => {
  const tellWarning = createWarningTeller(log);
  // A handle is a promise of its own: wrapped, so that awaiting its start does not await its end.
  const { handle } = await startTarget(request, { signal, logger: log }, benchmarkModels);
  const showAll = async (): Promise<void> => {
    for await (const event of handle.progress) {
      // As an event it is a line of its own in JSON mode; there the log need not repeat it.
      if (event.type === 'warning' && request.switches.progress !== 'json') tellWarning(event.warning);
      display.show(event);
    }
  };
  try {
    const [report] = await Promise.all([handle, showAll()]);
    if (request.switches.progress !== 'json') report.warnings.forEach(tellWarning);
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
  const interruption = listenForInterruption(() => tellStop('stopping; once more ends it at once'));
  try {
    const commandLine = readCommandLine(collected);
    const config = await readConfig(commandLine);
    json = (commandLine['json'] ?? config['json']) === true;
    debug = (commandLine['logLevel'] ?? config['logLevel']) === 'debug';
    const request = mergeOptionValues(commandLine, config);
    const { options, switches } = request;
    const progress = switches.progress ?? 'auto';
    const mode = resolveProgressMode(progress, process.stderr);
    const display = createProgressDisplay(mode, process.stderr);
    const log = createCommandLog(
      options.logLevel ?? 'info',
      mode === 'json' ? 'json' : 'text',
      display.writeLine,
    );
    tellStop = (text) => log.warn(text);
    if (progress === 'bar' && mode !== 'bar') {
      log.warn('stderr is not a terminal, so there is no bar; --progress json gives events');
    }
    if (switches.dryRun === true) {
      const plan = await dryRun(options, { signal: interruption.signal });
      plan.warnings.forEach(createWarningTeller(log));
      writeResult(json ? `${JSON.stringify({ ok: true, dryRun: plan })}\n` : formatDryRun(plan));
      return ExitCode.ok;
    }
    const report = await renderTarget(request, display, log, {
      signal: interruption.signal,
      benchmarkModels: collected['benchmarkModels'],
    });
    finished = true;
    writeResult(
      json
        ? `${JSON.stringify({ ok: true, report })}\n`
        : `${formatRunTable(report)}Output: ${printableLine(report.output)}\n`,
    );
    return ExitCode.ok;
  } catch (error) {
    return reportFailure(interruption.signal.aborted && !finished ? interrupted(error) : error, {
      json,
      debug,
    });
  } finally {
    interruption.dispose();
  }
};
