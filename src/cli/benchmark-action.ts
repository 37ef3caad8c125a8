import { ExitCode, FaceswapError } from '../errors.js';
import { benchmark } from '../index.js';
import type { BenchmarkOptions } from '../pipeline/benchmark/benchmark-options.js';
import type { BenchmarkReport } from '../pipeline/benchmark/benchmark-report.js';
import type { LogLevel } from '../pipeline/run-options.js';
import { formatBenchmark, regressionText } from '../report/benchmark-table.js';
import { benchmarkOptionEntries } from './benchmark-option-table.js';
import { createCommandLog } from './command-log.js';
import { failureLine, reportFailure } from './failure.js';
import { listenForInterruption } from './interruption.js';
import { readCommandLine } from './option-values.js';
import { writeError, writeResult } from './output.js';

/** One call: the options of the library and the switches of the command. */
export type BenchmarkRequest = {
  readonly options: BenchmarkOptions;
  readonly json: boolean;
  readonly logLevel: LogLevel;
};

/** `1080p,2160p` as one word and as several. */
const splitNames = (words: unknown): readonly string[] | undefined =>
  Array.isArray(words)
    ? words.flatMap((word) => String(word).split(',')).filter((name) => name !== '')
    : undefined;

/**
 * Reads what commander collected; ranges are the library's to check.
 *
 * @throws FaceswapError (usage) for a bad value.
 */
export const readBenchmarkRequest = (collected: Readonly<Record<string, unknown>>): BenchmarkRequest => {
  const { json, logLevel, resolutions, ...rest } = readCommandLine(collected, benchmarkOptionEntries);
  const names = splitNames(resolutions);
  // The table fixes each field's type, and `benchmarkTableIsComplete` its names; the library checks the values again.
  const options = { ...rest, ...(names === undefined ? {} : { resolutions: names }) } as BenchmarkOptions;
  return { options, json: json === true, logLevel: (logLevel ?? 'info') as LogLevel };
};

/** A regression as the failure that it ends the command with; undefined when there is none. */
const regressionOf = ({ comparison }: BenchmarkReport): FaceswapError | undefined => {
  const text = comparison === null ? undefined : regressionText(comparison);
  return text === undefined ? undefined : new FaceswapError('qualityGate', text, { stage: 'benchmark' });
};

const writeReport = (report: BenchmarkReport, regression: FaceswapError | undefined, json: boolean): void => {
  if (!json) return writeResult(formatBenchmark(report));
  const answer =
    regression === undefined
      ? { ok: true, benchmark: report }
      : { ok: false, error: regression.toRecord(), benchmark: report };
  writeResult(`${JSON.stringify(answer)}\n`);
};

/**
 * What `faceswap benchmark` does: measures, prints the result on stdout, tells everything else on stderr. A regression is told after the
 * result that shows it.
 *
 * @param collected what commander collected from the command line.
 * @returns the exit code; never throws.
 */
export const benchmarkAction = async (collected: Readonly<Record<string, unknown>>): Promise<ExitCode> => {
  const style = { json: collected['json'] === true, debug: collected['logLevel'] === 'debug' };
  let tellStop: (text: string) => void = () => {};
  const interruption = listenForInterruption({
    onStop: () => tellStop('stopping; once more ends it at once'),
  });
  try {
    const { options, json, logLevel } = readBenchmarkRequest(collected);
    const log = createCommandLog(logLevel, 'text', (line) => writeError(`${line}\n`));
    tellStop = (text) => log.warn(text);
    const report = await benchmark(options, { signal: interruption.signal, logger: log });
    const regression = regressionOf(report);
    writeReport(report, regression, json);
    if (regression === undefined) return ExitCode.ok;
    writeError(`${failureLine(regression)}\n`);
    return regression.exitCode;
  } catch (error) {
    return reportFailure(error, style);
  } finally {
    interruption.dispose();
  }
};
