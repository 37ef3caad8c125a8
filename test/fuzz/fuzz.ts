import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzzKinds } from './fuzz-kinds.js';
import { fuzz } from './fuzz-run.js';

/**
 * npm run fuzz -- [--minutes 10] [--seed 1] [--kinds mp4,onnx] [--first 0] [--cases N] [--command-share 0.02] [--keep fuzz-failures]
 *
 * Needs a built checkout. Ends with exit code 1 when a case failed; case N of a seed is repeated with --first N --cases 1 and the
 * same --kinds.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    kinds: { type: 'string', default: Object.keys(fuzzKinds).join(',') },
    first: { type: 'string', default: '0' },
    cases: { type: 'string' },
    'command-share': { type: 'string', default: '0.02' },
    keep: { type: 'string', default: 'fuzz-failures' },
  },
});

const numberOf = (name: string, text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new Error(`--${name} must be a number`);
  return value;
};

const kinds = values.kinds.split(',');
const unknown = kinds.find((kind) => !Object.hasOwn(fuzzKinds, kind));
if (unknown !== undefined)
  throw new Error(`There is no kind "${unknown}"; known: ${Object.keys(fuzzKinds).join(', ')}`);

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const summary = await fuzz({
  seed: numberOf('seed', values.seed),
  kinds,
  forMs: 60_000 * numberOf('minutes', values.minutes),
  maxCases: values.cases === undefined ? undefined : numberOf('cases', values.cases),
  firstCase: numberOf('first', values.first),
  commandShare: numberOf('command-share', values['command-share']),
  keepFolder: resolve(values.keep),
  log: print,
});

const mebibytes = (figure: readonly [number, number] | null): string =>
  figure === null ? 'not measured' : figure.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(' -> ');

for (const [kind, counts] of Object.entries(summary.outcomes)) {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const parts = Object.entries(counts).map(([outcome, count]) => `${outcome} ${count}`);
  print(`${kind.padEnd(10)}${String(total).padStart(6)}  ${parts.join(', ')}`);
}
print(
  `${summary.cases} cases in ${(summary.elapsedMs / 60_000).toFixed(1)} minutes, ${summary.failures.length} failures`,
);
print(`heap ${mebibytes(summary.heapBytes)} MiB, resident ${mebibytes(summary.residentBytes)} MiB`);
process.exitCode = summary.failures.length === 0 ? 0 : 1;
