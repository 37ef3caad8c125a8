import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaceswapError } from '../../src/errors.js';
import { seededRandom } from '../support/unit-random.js';
import { Finding, fuzzKinds, materialOf } from './fuzz-kinds.js';
import { type MutationMaterial, mutated } from './mutation.js';

/** What the harness asks for: case `index` of a seed, for one kind. */
export type CaseRequest = {
  readonly kind: string;
  readonly seed: number;
  readonly index: number;
  readonly commandShare: number;
  /** Measure memory after it. */
  readonly measures: boolean;
};

/** What became of a case. */
export type CaseAnswer = {
  /** How far it came, or the kind of the error that refused it. */
  readonly outcome: string;
  /** A complaint about the program; null: all is as it should be. */
  readonly finding: string | null;
  readonly heapBytes: number | null;
  readonly residentBytes: number | null;
};

const [folder = '', seedFolder = ''] = process.argv.slice(2);
const materials = new Map<string, MutationMaterial>();

/** Processes that were started by this one, directly or not, by a mark in the environment that they inherit. */
const descendants = (): readonly string[] => {
  if (!existsSync('/proc/self/environ')) return [];
  const mark = `FACESWAP_FUZZ_MARK=${process.env['FACESWAP_FUZZ_MARK'] ?? ''}`;
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark)) return [];
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      // The compiler behind tsx stays; a process that has ended and was not waited for has no words.
      return words === '' || words.includes('esbuild') ? [] : [words];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
};

/** Files of ours that a case left among the temporary ones; tsx keeps its own there. */
const leftovers = (): readonly string[] => readdirSync(tmpdir()).filter((name) => !name.startsWith('tsx-'));

const describe = (error: unknown): string =>
  error instanceof Error
    ? `${error.stack ?? error.message}${error.cause === undefined ? '' : `\ncaused by ${describe(error.cause)}`}`
    : String(error);

const judge = (error: unknown): Pick<CaseAnswer, 'outcome' | 'finding'> => {
  if (error instanceof FaceswapError && error.kind !== 'bug') {
    const line = String(error);
    return {
      outcome: `refused: ${error.kind}`,
      finding: line.trim() === '' ? 'an error without words' : null,
    };
  }
  if (error instanceof Finding) return { outcome: 'finding', finding: error.message };
  return { outcome: 'finding', finding: describe(error) };
};

const runCase = async (request: CaseRequest): Promise<CaseAnswer> => {
  const kind = fuzzKinds[request.kind];
  if (kind === undefined) throw new Error(`There is no kind ${request.kind}`);
  const material = materials.get(request.kind) ?? materialOf(kind, seedFolder);
  materials.set(request.kind, material);
  const random = seededRandom(request.seed * 1_000_003 + request.index);
  const bytes = mutated(random, material);
  const file = join(folder, `case.${kind.extension}`);
  writeFileSync(file, bytes);
  let judged: Pick<CaseAnswer, 'outcome' | 'finding'>;
  try {
    const { next } = random;
    const outcome = await kind.exercise({ bytes, file, folder, next, commandShare: request.commandShare });
    judged = { outcome, finding: null };
  } catch (error) {
    judged = judge(error);
  }
  const alive = descendants();
  const left = leftovers();
  if (judged.finding === null && alive.length > 0)
    judged = { ...judged, finding: `still alive: ${alive.join('; ')}` };
  if (judged.finding === null && left.length > 0)
    judged = { ...judged, finding: `left behind: ${left.join(', ')}` };
  if (judged.finding === null) {
    const others = readdirSync(folder).filter((name) => name.startsWith('.'));
    if (others.length > 0) judged = { ...judged, finding: `left behind: ${others.join(', ')}` };
  }
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  for (const name of left) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  if (request.measures) globalThis.gc?.();
  const memory = request.measures ? process.memoryUsage() : undefined;
  return { ...judged, heapBytes: memory?.heapUsed ?? null, residentBytes: memory?.rss ?? null };
};

process.on('message', (request: CaseRequest) => {
  void runCase(request).then((answer) => process.send?.(answer));
});
process.send?.('ready');
