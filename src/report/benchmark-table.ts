import { formatBytes } from '../pipeline/byte-size.js';
import type {
  BenchmarkComparison,
  BenchmarkEntry,
  BenchmarkReport,
  BenchmarkSummary,
} from '../pipeline/benchmark/benchmark-report.js';
import type { Range } from '../pipeline/benchmark/statistics.js';
import type { FrameStage } from '../pipeline/run-report.js';
import { formatRows, type TableRow } from './table-rows.js';

/** Stands for a figure that was not taken. */
const missing = '-';

/** Order in which a frame passes the stages. */
const stageOrder = [
  'decode',
  'detect',
  'landmarks',
  'identity',
  'smooth',
  'swap',
  'blend',
  'enhance',
  'monitor',
  'encode',
] as const satisfies readonly FrameStage[];

const pluralText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** `1.16 (1.12 to 1.19)`; the median alone where there is one value. */
const rangeText = (range: Range | null, digits: number): string => {
  if (range === null) return missing;
  const { median, min, max } = range;
  if (min === max) return median.toFixed(digits);
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
};

const medianText = (range: Range | null, digits: number): string =>
  range === null ? missing : range.median.toFixed(digits);

const percentText = (share: number | null | undefined): string =>
  share === null || share === undefined ? missing : `${(100 * share).toFixed(1)} %`;

const secondsText = (range: Range | null): string =>
  range === null ? missing : `${(range.median / 1000).toFixed(2)} s`;

const bytesText = (bytes: number | null): string => (bytes === null ? missing : formatBytes(bytes));

const countText = (choice: { readonly reason: string } | null, count: number | undefined): string =>
  choice === null || count === undefined ? missing : `${count}: ${choice.reason}`;

const batchText = ({ batch }: BenchmarkSummary): string => {
  const halved =
    batch === null || batch.halvings === 0 ? '' : `; halved ${pluralText(batch.halvings, 'time')}`;
  return `${countText(batch, batch?.size)}${halved}`;
};

const framesText = ({ frames, bufferReuse }: BenchmarkSummary): string => {
  if (frames === null) return missing;
  const { allocated, bytesPerFrame, peakInFlight, limitBytes } = frames;
  return (
    `${pluralText(allocated, 'buffer')} of ${formatBytes(bytesPerFrame)}, ${peakInFlight} in flight at most ` +
    `(limit ${formatBytes(limitBytes)}), ${percentText(bufferReuse)} of uses were reuses`
  );
};

const memoryText = (summary: BenchmarkSummary): string => {
  const { ownPeakBytes, treePeakBytes, barePeakBytes, treePeakRatio } = summary;
  const ratio = treePeakRatio === null ? missing : treePeakRatio.toFixed(2);
  return (
    `${bytesText(ownPeakBytes)} own process, ${bytesText(treePeakBytes)} with its children; ` +
    `ffmpeg ${bytesText(barePeakBytes)} (ratio ${ratio})`
  );
};

/** Percentiles per stage, with a head of their own; nothing where the run took none. */
const stageRows = ({ stageLatencyMs }: BenchmarkSummary): readonly TableRow[] => {
  const measured = stageOrder.flatMap((stage) => {
    const latency = stageLatencyMs[stage];
    return latency === undefined ? [] : [{ stage, latency }];
  });
  if (measured.length === 0) return [['ms per frame', missing]];
  const cells = (name: string, values: readonly string[]): string =>
    `${name.padEnd(10)}${values.map((value) => value.padStart(9)).join('')}`;
  return [
    ['ms per frame', cells('', ['p50', 'p95', 'p99'])],
    ...measured.map(
      ({ stage, latency }): TableRow => [
        '',
        cells(
          stage,
          [latency.p50, latency.p95, latency.p99].map((value) => value.toFixed(2)),
        ),
      ],
    ),
  ];
};

const entryText = ({ resolution, clip, summary }: BenchmarkEntry): string => {
  const rows: readonly TableRow[] = [
    [
      'speed',
      `${rangeText(summary.framesPerSecond, 1)} fps; ffmpeg ${medianText(summary.bareFramesPerSecond, 1)} fps`,
    ],
    ['ratio', `${rangeText(summary.ratio, 2)} times the wall time of bare ffmpeg`],
    [
      '',
      `${rangeText(summary.ratioOfRendering, 2)} of the rendering alone, ${rangeText(summary.cpuRatio, 2)} of processor time`,
    ],
    ['first frame', `${secondsText(summary.firstFrameMs)}; Node itself ${secondsText(summary.startupMs)}`],
    [
      'in models',
      `${percentText(summary.modelShareOfWall?.median)} of wall time, ` +
        `${percentText(summary.modelShareOfRendering?.median)} of the rendering`,
    ],
    ['peak memory', memoryText(summary)],
    ['workers', countText(summary.workers, summary.workers?.count)],
    ['batch', batchText(summary)],
    ['frames', framesText(summary)],
    ['decoding', summary.hwaccel === 'none' ? 'in software' : (summary.hwaccel ?? missing)],
    ['faces', `${summary.facesPerFrame.toFixed(2)} swapped per frame`],
    ...stageRows(summary),
  ];
  const head = `${resolution}  ${clip.widthPx}x${clip.heightPx}, ${pluralText(clip.frames, 'frame')}\n`;
  return `${head}${formatRows(rows)}`;
};

const settingsText = ({ settings, cycles, warmup }: BenchmarkReport): readonly string[] => [
  `${settings.models} models, ${pluralText(settings.faces, 'face')}, clips of ${settings.durationSeconds} s, ` +
    `${settings.outputVideoEncoder} ${settings.outputVideoPreset} at quality ${settings.outputVideoQuality}`,
  `${settings.executionProvider} with ${pluralText(settings.executionThreadCount, 'thread')}, ` +
    `workers ${settings.workers}, batch ${settings.batchSize}, hwaccel ${settings.hwaccel}`,
  `median (lowest to highest) of ${pluralText(cycles, 'cycle')} after ${warmup} to warm up`,
];

const machineText = ({ machine, version }: BenchmarkReport): readonly string[] => {
  const { gpus } = machine;
  const cards = gpus.length === 0 ? 'no graphics card' : gpus.map(({ name }) => name).join(', ');
  return [
    `${machine.cpuModel}, ${pluralText(machine.cores, 'core')}, ` +
      `${formatBytes(machine.memoryLimitBytes ?? machine.memoryBytes)}, ${cards}`,
    `faceswap ${version}, ffmpeg ${machine.ffmpegVersion}, onnxruntime ${machine.onnxruntimeVersion}, Node ${machine.nodeVersion}`,
  ];
};

const signedPercent = (percent: number): string => {
  const amount = Math.abs(percent).toFixed(1);
  return amount === '0.0' ? 'unchanged' : `${amount} % ${percent > 0 ? 'worse' : 'better'}`;
};

/** What a comparison found: a line per resolution, and what was not compared. */
export const formatComparison = (comparison: BenchmarkComparison): string => {
  const { baseline, baselineVersion, maxRegressionPercent, differences, entries, notCompared } = comparison;
  const rows: readonly TableRow[] = [
    ['baseline', `${baseline} (faceswap ${baselineVersion}), at most ${maxRegressionPercent} % worse`],
    ...differences.map((difference): TableRow => ['', `other now: ${difference}`]),
    ...entries.map(
      ({ resolution, figures }): TableRow => [
        resolution,
        figures
          .map(({ name, worsePercent, isRegression }) => {
            return `${name} ${signedPercent(worsePercent)}${isRegression ? ' (REGRESSION)' : ''}`;
          })
          .join(', '),
      ],
    ),
    ...notCompared.map(({ resolution, reason }): TableRow => [resolution, `not compared: ${reason}`]),
  ];
  return formatRows(rows);
};

const labelled = (label: string, lines: readonly string[]): readonly TableRow[] =>
  lines.map((line, index): TableRow => [index === 0 ? label : '', line]);

/**
 * The result of a benchmark: a head about machine and settings, a block per resolution, then the comparison with a baseline. Plain
 * ASCII, no colour, ends with a line break. Figures that were not taken read `-`.
 */
export const formatBenchmark = (report: BenchmarkReport): string => {
  const head = formatRows([
    ...labelled('machine', machineText(report)),
    ...labelled('settings', settingsText(report)),
  ]);
  const comparison = report.comparison === null ? [] : [formatComparison(report.comparison)];
  return [head, ...report.entries.map(entryText), ...comparison].join('\n');
};

/** The regressions of a comparison in one sentence; undefined when there is none. */
export const regressionText = ({
  entries,
  maxRegressionPercent,
}: BenchmarkComparison): string | undefined => {
  const found = entries.flatMap(({ resolution, figures }) =>
    figures
      .filter(({ isRegression }) => isRegression)
      .map(({ name, worsePercent }) => `${resolution} ${name} by ${worsePercent.toFixed(1)} %`),
  );
  if (found.length === 0) return undefined;
  return `Worse than the baseline by more than ${maxRegressionPercent} %: ${found.join(', ')}`;
};
