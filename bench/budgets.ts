/**
 * The speed and memory that the project promises, measured: each figure beside its budget. Run on a built checkout and a quiet machine:
 * `npx tsx bench/budgets.ts [--keep FOLDER] [CASE...]`; without a case all of them, which takes hours on two cores. `--keep` writes the report
 * of each benchmark there. Exits 1 when a budget is missed.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchmark, type BenchmarkEntry, type BenchmarkOptions, type BenchmarkReport } from '../src/index.js';

/** A measured figure and the most that it may be (or the least, where `atLeast` is set); null when it was not taken. */
type Figure = {
  readonly name: string;
  readonly value: number | null;
  readonly budget: number;
  readonly atLeast?: boolean;
  readonly unit: string;
};

type Case = {
  readonly says: string;
  readonly measure: (run: Measure) => Promise<readonly Figure[]>;
};

type Measure = (name: string, options: BenchmarkOptions) => Promise<BenchmarkReport>;

const gigabytes = (bytes: number | null): number | null => (bytes === null ? null : bytes / 1e9);

/** Most memory of our own process, in GB. */
const ownBudget: Readonly<Partial<Record<string, number>>> = { '1080p': 0.35, '2160p': 0.6 };

const pipelineFigures = ({ resolution, summary }: BenchmarkEntry): readonly Figure[] => [
  { name: `${resolution} ratio`, value: summary.ratio.median, budget: 1.3, unit: '' },
  {
    name: `${resolution} own peak`,
    value: gigabytes(summary.ownPeakBytes),
    budget: ownBudget[resolution] ?? Number.POSITIVE_INFINITY,
    unit: 'GB',
  },
  { name: `${resolution} tree by ffmpeg`, value: summary.treePeakRatio, budget: 1.5, unit: '' },
  {
    name: `${resolution} first frame`,
    value: summary.firstFrameMs === null ? null : summary.firstFrameMs.median / 1000,
    budget: 1.5,
    unit: 's',
  },
];

const changePercent = (before: number | null, after: number | null): number | null =>
  before === null || after === null ? null : 100 * Math.abs(after / before - 1);

/** How far a long clip is from a short one. */
const lengthFigures = (short: BenchmarkEntry, long: BenchmarkEntry): readonly Figure[] => {
  const { resolution } = short;
  const change = (name: string, before: number | null, after: number | null): Figure => ({
    name: `${resolution} ${name}, 120 s by 10 s`,
    value: changePercent(before, after),
    budget: 10,
    unit: '% off',
  });
  return [
    change('ratio', short.summary.ratio.median, long.summary.ratio.median),
    change('own peak', short.summary.ownPeakBytes, long.summary.ownPeakBytes),
    change('tree peak', short.summary.treePeakBytes, long.summary.treePeakBytes),
  ];
};

const cases: Readonly<Record<string, Case>> = {
  pipeline: {
    says: 'models of no cost, 1080p and 2160p',
    measure: async (run) => {
      const { entries } = await run('pipeline', { models: 'null', resolutions: ['1080p', '2160p'] });
      return entries.flatMap(pipelineFigures);
    },
  },
  length: {
    says: 'models of no cost, 120 s against 10 s',
    measure: async (run) => {
      const options = { models: 'null', resolutions: ['1080p', '2160p'], cycles: 1 } as const;
      const short = await run('length-10', { ...options, duration: 10 });
      const long = await run('length-120', { ...options, duration: 120, warmup: 0 });
      return short.entries.flatMap((entry, index) => {
        const other = long.entries[index];
        return other === undefined ? [] : lengthFigures(entry, other);
      });
    },
  },
  embedded: {
    says: 'the embedded chain, one face at 1080p',
    measure: async (run) => {
      const { entries } = await run('embedded', { resolutions: ['1080p'] });
      return entries.map(({ resolution, summary }) => ({
        name: `${resolution} ratio`,
        value: summary.ratio.median,
        budget: 2,
        unit: '',
      }));
    },
  },
  bound: {
    says: 'a swapper with the compute of a 128-pixel network',
    measure: async (run) => {
      const { entries } = await run('bound', { models: 'bound', resolutions: ['1080p'], cycles: 3 });
      return entries.map(({ resolution, summary }) => ({
        name: `${resolution} in models`,
        value: summary.modelShareOfWall === null ? null : 100 * summary.modelShareOfWall.median,
        budget: 95,
        atLeast: true,
        unit: '% of wall time',
      }));
    },
  },
  '8k': {
    says: 'one second of 4320p',
    measure: async (run) => {
      const { entries } = await run('8k', { resolutions: ['4320p'], duration: 1, cycles: 1, warmup: 0 });
      return entries.map(({ resolution, summary }) => ({
        name: `${resolution} faces per frame`,
        value: summary.facesPerFrame,
        budget: 0.95,
        atLeast: true,
        unit: '',
      }));
    },
  },
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { keep: { type: 'string' } } });
const names = positionals.length === 0 ? Object.keys(cases) : positionals;
const logger = { debug: () => {}, info: console.error, warn: console.error, error: console.error };
const run: Measure = (name, options) => {
  const output =
    values.keep === undefined ? {} : { output: join(values.keep, `${name}.json`), overwrite: true };
  return benchmark({ ...options, ...output }, { logger });
};

let missed = 0;
for (const name of names) {
  const found = cases[name];
  if (found === undefined)
    throw new Error(`Unknown case ${name}; there are ${Object.keys(cases).join(', ')}`);
  console.log(`${name}: ${found.says}`);
  for (const { name: figure, value, budget, atLeast = false, unit } of await found.measure(run)) {
    const isMet = value !== null && (atLeast ? value >= budget : value <= budget);
    if (!isMet) missed++;
    const measured = value === null ? 'not taken' : `${value.toFixed(2)} ${unit}`.trimEnd();
    const limit = `${atLeast ? 'at least' : 'at most'} ${budget} ${unit}`.trimEnd();
    console.log(
      `  ${figure.padEnd(30)} ${measured.padEnd(22)} ${limit.padEnd(26)} ${isMet ? 'met' : 'MISSED'}`,
    );
  }
}
process.exitCode = missed === 0 ? 0 : 1;
