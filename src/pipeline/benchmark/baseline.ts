import { readBoundedFile } from '../../bounded-file.js';
import { FaceswapError } from '../../errors.js';
import { formatBytes } from '../byte-size.js';
import { fileFailure } from '../file-failure.js';
import type { ResolutionName } from './benchmark-options.js';
import type {
  BenchmarkComparison,
  BenchmarkEntry,
  BenchmarkMachine,
  BenchmarkReport,
  BenchmarkSettings,
  BenchmarkSummary,
  ComparedFigure,
} from './benchmark-report.js';

/** A report of all resolutions and models has some hundred kilobytes. */
const maxReportBytes = 16 * 2 ** 20;

/** Machines whose memory differs by less are alike: kernels keep different amounts for themselves. */
const memoryTolerance = 0.05;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isSummary = (value: unknown): boolean =>
  isRecord(value) &&
  [value['framesPerSecond'], value['ratio']].every(
    (range) => isRecord(range) && typeof range['median'] === 'number' && range['median'] > 0,
  );

/** Whether what a file holds has all that a comparison reads. */
const isReport = (value: unknown): value is BenchmarkReport =>
  isRecord(value) &&
  value['schema'] === 1 &&
  typeof value['version'] === 'string' &&
  isRecord(value['machine']) &&
  Array.isArray(value['machine']['gpus']) &&
  isRecord(value['settings']) &&
  Array.isArray(value['entries']) &&
  value['entries'].every(
    (entry: unknown) => isRecord(entry) && isRecord(entry['clip']) && isSummary(entry['summary']),
  );

/**
 * Reads the report of an earlier benchmark.
 *
 * @throws FaceswapError (usage) when it is none, (media) when the file is not there.
 */
export async function readBaseline(file: string): Promise<BenchmarkReport> {
  let text: string;
  try {
    text = (await readBoundedFile(file, maxReportBytes)).toString('utf8');
  } catch (error) {
    throw fileFailure(error, file, 'benchmark');
  }
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch (cause) {
    throw new FaceswapError('usage', '--baseline is not JSON', { file, cause });
  }
  if (isReport(report)) return report;
  throw new FaceswapError('usage', '--baseline is no report of a benchmark that this version understands', {
    file,
    hint: 'Give a file that "faceswap benchmark --output" wrote',
  });
}

const cardsText = ({ gpus }: BenchmarkMachine): string =>
  gpus.length === 0 ? 'none' : gpus.map(({ name }) => name).join(', ');

const alike = (first: number, second: number): boolean =>
  Math.abs(first - second) <= memoryTolerance * Math.max(first, second);

/** What makes two machines different ones, in words. */
const hardwareDifferences = (then: BenchmarkMachine, now: BenchmarkMachine): readonly string[] => {
  const memory = (machine: BenchmarkMachine): number => machine.memoryLimitBytes ?? machine.memoryBytes;
  const rows: readonly [name: string, then: string, now: string][] = [
    ['system', `${then.platform} ${then.arch}`, `${now.platform} ${now.arch}`],
    ['processor', then.cpuModel, now.cpuModel],
    ['cores', String(then.cores), String(now.cores)],
    ['graphics card', cardsText(then), cardsText(now)],
  ];
  const differences = rows.filter(([, before, after]) => before !== after);
  if (!alike(memory(then), memory(now))) {
    differences.push(['memory', formatBytes(memory(then)), formatBytes(memory(now))]);
  }
  return differences.map(([name, before, after]) => `${name} ${after} (baseline: ${before})`);
};

const settingDifferences = (then: BenchmarkSettings, now: BenchmarkSettings): readonly string[] => {
  const before: Readonly<Record<string, unknown>> = then;
  return Object.entries(now).flatMap(([name, value]) => {
    const [wanted, had] = [JSON.stringify(value), JSON.stringify(before[name])];
    return wanted === had ? [] : [`${name} ${wanted} (baseline: ${had ?? 'not given'})`];
  });
};

const programDifferences = (then: BenchmarkReport, now: BenchmarkReport): readonly string[] => {
  const drivers = ({ gpus }: BenchmarkMachine): string => gpus.map(({ driver }) => driver ?? '?').join(', ');
  const rows: readonly [name: string, then: string, now: string][] = [
    ['faceswap', then.version, now.version],
    ['ffmpeg', then.machine.ffmpegVersion, now.machine.ffmpegVersion],
    ['onnxruntime', then.machine.onnxruntimeVersion, now.machine.onnxruntimeVersion],
    ['Node', then.machine.nodeVersion, now.machine.nodeVersion],
    ['graphics driver', drivers(then.machine), drivers(now.machine)],
    ['kernel', then.machine.osRelease, now.machine.osRelease],
  ];
  return rows
    .filter(([, before, after]) => before !== after)
    .map(([name, before, after]) => `${name} ${after} (baseline: ${before})`);
};

/**
 * Refuses a baseline that nothing can be compared with, before any work: of another machine, with other settings, or without any of the
 * resolutions. A gate that compares nothing would always be open.
 *
 * @throws FaceswapError (usage) that names every mismatch.
 */
export function checkComparable(
  baseline: BenchmarkReport,
  now: {
    readonly file: string;
    readonly machine: BenchmarkMachine;
    readonly settings: BenchmarkSettings;
    readonly resolutions: readonly ResolutionName[];
  },
): void {
  const { file } = now;
  const machine = hardwareDifferences(baseline.machine, now.machine);
  if (machine.length > 0) {
    throw new FaceswapError('usage', `--baseline is of another machine: ${machine.join('; ')}`, {
      file,
      hint: 'Compare only figures of one machine',
    });
  }
  const settings = settingDifferences(baseline.settings, now.settings);
  if (settings.length > 0) {
    throw new FaceswapError('usage', `--baseline has other settings: ${settings.join('; ')}`, {
      file,
      hint: 'Give the same options as then',
    });
  }
  if (!now.resolutions.some((name) => baseline.entries.some(({ resolution }) => resolution === name))) {
    const there = baseline.entries.map(({ resolution }) => resolution).join(', ');
    throw new FaceswapError('usage', '--baseline has none of the resolutions that are measured', {
      file,
      hint: there === '' ? 'It has none at all' : `It has ${there}`,
    });
  }
}

const percentAbove = (value: number, reference: number): number => 100 * (value / reference - 1);

/**
 * How much slower a run has become: the smaller of what its own speed and its ratio to the bare transcode say. A machine that is slow
 * today is slow for both processes, which only lowers the first; a transcode that was lucky only raises the second; a slower program does
 * both.
 */
const slowdownPercent = (then: BenchmarkSummary, now: BenchmarkSummary): number =>
  Math.min(
    percentAbove(then.framesPerSecond.median, now.framesPerSecond.median),
    percentAbove(now.ratio.median, then.ratio.median),
  );

const compareSummaries = (
  then: BenchmarkSummary,
  now: BenchmarkSummary,
  limitPercent: number,
): readonly ComparedFigure[] => {
  const rows: readonly [name: ComparedFigure['name'], worsePercent: number | null][] = [
    ['speed', slowdownPercent(then, now)],
    ['own peak memory', memoryPercent(then.ownPeakBytes, now.ownPeakBytes)],
    ['tree peak memory', memoryPercent(then.treePeakBytes, now.treePeakBytes)],
  ];
  return rows.flatMap(([name, worsePercent]) =>
    worsePercent === null ? [] : [{ name, worsePercent, isRegression: worsePercent > limitPercent }],
  );
};

const memoryPercent = (then: number | null | undefined, now: number | null): number | null =>
  typeof then !== 'number' || then <= 0 || now === null ? null : percentAbove(now, then);

const sameClip = (then: BenchmarkEntry, now: BenchmarkEntry): boolean =>
  (['widthPx', 'heightPx', 'frames'] as const).every((side) => then.clip[side] === now.clip[side]);

/** Compares a report, still without its comparison, with a baseline that {@link checkComparable} let pass. */
export function compareWithBaseline(
  baseline: BenchmarkReport,
  now: BenchmarkReport,
  { file, maxRegressionPercent }: { readonly file: string; readonly maxRegressionPercent: number },
): BenchmarkComparison {
  const entries: BenchmarkComparison['entries'][number][] = [];
  const notCompared: BenchmarkComparison['notCompared'][number][] = [];
  for (const entry of now.entries) {
    const { resolution } = entry;
    const then = baseline.entries.find((other) => other.resolution === resolution);
    if (then === undefined) notCompared.push({ resolution, reason: 'the baseline does not have it' });
    else if (!sameClip(then, entry)) notCompared.push({ resolution, reason: 'its clip was another one' });
    else {
      entries.push({
        resolution,
        figures: compareSummaries(then.summary, entry.summary, maxRegressionPercent),
      });
    }
  }
  for (const { resolution } of baseline.entries) {
    if (now.entries.some((entry) => entry.resolution === resolution)) continue;
    notCompared.push({ resolution, reason: 'it was not measured now' });
  }
  return {
    baseline: file,
    baselineVersion: baseline.version,
    maxRegressionPercent,
    differences: programDifferences(baseline, now),
    entries,
    notCompared,
    hasRegression: entries.some(({ figures }) => figures.some(({ isRegression }) => isRegression)),
  };
}
