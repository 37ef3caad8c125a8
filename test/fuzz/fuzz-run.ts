import { type ChildProcess, fork } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CaseAnswer, CaseRequest } from './fuzz-worker.js';

/** What to fuzz and for how long. */
export type FuzzOptions = {
  readonly seed: number;
  /** Kinds of {@link fuzzKinds}, taken in turns. */
  readonly kinds: readonly string[];
  /** Ends after so many milliseconds … */
  readonly forMs: number;
  /** … or so many cases. */
  readonly maxCases?: number | undefined;
  /** First case. */
  readonly firstCase?: number | undefined;
  /** Share of the cases that run the whole command. */
  readonly commandShare: number;
  /** Failing inputs are copied here. Made when there is one. */
  readonly keepFolder: string;
  readonly log: (line: string) => void;
};

/** A failing case; its file lies in the folder for such. */
export type FuzzFailure = {
  readonly kind: string;
  readonly seed: number;
  readonly index: number;
  readonly finding: string;
};

/** What a fuzz run found. */
export type FuzzSummary = {
  readonly cases: number;
  readonly elapsedMs: number;
  /** Outcomes by kind and name. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly failures: readonly FuzzFailure[];
  /** Of one worker, after garbage collection: first measurement past the warm-up, and last. */
  readonly heapBytes: readonly [number, number] | null;
  readonly residentBytes: readonly [number, number] | null;
};

/** A case that takes longer counts as hanging; whole runs start a process and load models. */
const caseLimitMs = 240_000;

/** Cases between two measurements of memory. */
const measureEvery = 25;

/** Measurements after which caches are warm and modules loaded. */
const warmMeasurements = 4;

const mebibyte = 2 ** 20;

/** What the worker may grow by between warm-up and end. Native allocators keep what they had at their peak, so the second is generous. */
const growthLimits = { heapBytes: 24 * mebibyte, residentBytes: 300 * mebibyte } as const;

const workerFile = fileURLToPath(new URL('./fuzz-worker.ts', import.meta.url));

/** Mark of each worker in the environment of its descendants. */
let marks = 0;

class Worker {
  readonly #child: ChildProcess;
  #said = '';

  constructor(root: string) {
    const temporary = join(root, 'tmp');
    mkdirSync(temporary, { recursive: true });
    mkdirSync(join(root, 'case'), { recursive: true });
    mkdirSync(join(root, 'seeds'), { recursive: true });
    this.#child = fork(workerFile, [join(root, 'case'), join(root, 'seeds')], {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        TMPDIR: temporary,
        FACESWAP_CACHE_DIR: join(root, 'cache'),
        FACESWAP_FUZZ_MARK: `${process.pid}-${marks++}`,
        NODE_TEST_CONTEXT: undefined,
      },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-4000);
      });
    }
  }

  /** The worker's next message, or in words why none came. */
  answer(limitMs: number): Promise<unknown> {
    return new Promise((resolve) => {
      const settle = (value: unknown): void => {
        clearTimeout(timer);
        this.#child.off('message', settle);
        this.#child.off('exit', onExit);
        resolve(value);
      };
      const onExit = (code: number | null, signal: string | null): void =>
        settle(`the process ended with ${signal ?? `exit code ${code}`}: ${this.#said}`);
      const timer = setTimeout(() => settle(`no end after ${limitMs / 1000} s`), limitMs);
      this.#child.once('message', settle);
      this.#child.once('exit', onExit);
    });
  }

  ask(request: CaseRequest): Promise<unknown> {
    const answer = this.answer(caseLimitMs);
    this.#child.send(request);
    return answer;
  }

  kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.kill('SIGKILL');
    });
  }
}

const isAnswer = (value: unknown): value is CaseAnswer =>
  typeof value === 'object' && value !== null && 'outcome' in value;

/**
 * Feeds mutated files to our readers, one after another in a process of its own, which is started anew when it dies or hangs.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzSummary> {
  const { seed, kinds, forMs, maxCases = Number.POSITIVE_INFINITY, firstCase = 0, log } = options;
  const root = mkdtempSync(join(tmpdir(), 'faceswap-fuzz-'));
  const startMs = Date.now();
  const outcomes: Record<string, Record<string, number>> = {};
  const failures: FuzzFailure[] = [];
  let memory: { readonly heapBytes: number; readonly residentBytes: number }[] = [];
  let cases = 0;
  let worker: Worker | undefined;
  const keep = (kind: string, index: number, finding: string): void => {
    failures.push({ kind, seed, index, finding });
    mkdirSync(options.keepFolder, { recursive: true });
    const name = `${kind}-seed${seed}-case${index}`;
    for (const file of readdirSync(join(root, 'case'))) {
      if (file.startsWith('case.'))
        copyFileSync(join(root, 'case', file), join(options.keepFolder, `${name}${file.slice(4)}`));
    }
    writeFileSync(join(options.keepFolder, `${name}.txt`), `${finding}\n`);
    log(`${kind}, case ${index}: ${finding.split('\n')[0] ?? ''}`);
  };
  try {
    while (cases < maxCases && Date.now() - startMs < forMs) {
      if (worker === undefined) {
        worker = new Worker(root);
        const ready = await worker.answer(caseLimitMs);
        if (ready !== 'ready') throw new Error(`the fuzz worker does not start: ${String(ready)}`);
      }
      const index = firstCase + cases;
      const kind = kinds[index % kinds.length] ?? '';
      const measures = cases % measureEvery === 0;
      const { commandShare } = options;
      const answer = await worker.ask({ kind, seed, index, commandShare, measures });
      cases += 1;
      const counts = (outcomes[kind] ??= {});
      if (isAnswer(answer)) {
        counts[answer.outcome] = (counts[answer.outcome] ?? 0) + 1;
        const { heapBytes, residentBytes, finding } = answer;
        if (heapBytes !== null && residentBytes !== null) memory.push({ heapBytes, residentBytes });
        if (finding !== null) keep(kind, index, finding);
      } else {
        counts['finding'] = (counts['finding'] ?? 0) + 1;
        await worker.kill();
        worker = undefined;
        // What the next process takes cannot be compared with what this one did.
        memory = [];
        keep(kind, index, String(answer));
        rmSync(join(root, 'case'), { recursive: true, force: true });
      }
    }
  } finally {
    await worker?.kill();
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  }
  const [first, last] = [memory[warmMeasurements], memory.at(-1)];
  const isMeasured = first !== undefined && last !== undefined && memory.length > 2 * warmMeasurements;
  for (const figure of ['heapBytes', 'residentBytes'] as const) {
    if (!isMeasured || last[figure] - first[figure] <= growthLimits[figure]) continue;
    const [from, to] = [first[figure], last[figure]].map((bytes) => `${Math.round(bytes / mebibyte)} MiB`);
    failures.push({
      kind: 'memory',
      seed,
      index: firstCase,
      finding: `${figure} grew from ${from} to ${to}`,
    });
  }
  return {
    cases,
    elapsedMs: Date.now() - startMs,
    outcomes,
    failures,
    heapBytes: isMeasured ? [first.heapBytes, last.heapBytes] : null,
    residentBytes: isMeasured ? [first.residentBytes, last.residentBytes] : null,
  };
}
