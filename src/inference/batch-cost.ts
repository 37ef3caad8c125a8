import { fillPseudoRandom } from './pseudo-random.js';
import { BatchRunner, type BatchSession, hasFreeBatch } from './batch-runner.js';

/** What one batch size costs. */
export type BatchTiming = {
  readonly size: number;
  readonly msPerItem: number;
  /**
   * Whether every item of the batch came out as it does alone, bit for bit. Processors share the sums of some layers out
   * among their threads by the size of the batch, and sums in another order round differently.
   */
  readonly exact: boolean;
};

/** What a model costs on one device. */
export type BatchCost = {
  /** In the order of their sizes; sizes that did not fit, or would have taken too long, are missing. */
  readonly timings: readonly BatchTiming[];
  /** Device memory that each further item of a batch takes, in bytes; null where it was not or could not be measured. */
  readonly bytesPerItem: number | null;
  /** Device memory that the loaded model and a batch of one take, in bytes; null as above. */
  readonly fixedBytes: number | null;
  /** The smallest size for which memory ran out; null when it never did. */
  readonly failedSize: number | null;
};

export type MeasureBatchesOptions = {
  /** Batch sizes to try, rising, the first of them 1. */
  readonly sizes: readonly number[];
  /**
   * Free memory of the device now, in bytes, or null when the device cannot tell. Without it memory is not measured, as on
   * the CPU, where the process's own memory says little about a model.
   */
  readonly freeMemory?: (() => Promise<number | null>) | undefined;
  /** Free device memory before the session was made, in bytes. */
  readonly freeBeforeBytes?: number | null | undefined;
  /**
   * About how long it may take; 2 seconds when it is not given, 20 where memory is measured, since a device's first run of a shape
   * takes seconds. A size is tried only if its runs fit into what is left.
   */
  readonly budgetMs?: number | undefined;
  /** The clock, in milliseconds. */
  readonly now?: (() => number) | undefined;
};

/** Timed runs of each size, after a first one that seldom counts: it reserves memory and chooses kernels. */
const timedRuns = 3;

/**
 * Measures what batches cost, on pseudo-random items, the same ones in every place of a batch. The sizes take turns, so that what else the
 * machine does meets all of them, and the best time of each counts.
 *
 * Memory is the fall of the device's free memory. onnxruntime keeps what it once reserved, so each size shows its peak.
 *
 * @throws FaceswapError as {@link BatchRunner.run}, but running out of memory above a batch of 1 is a result
 */
export async function measureBatches(
  session: BatchSession,
  options: MeasureBatchesOptions,
): Promise<BatchCost> {
  const { sizes, freeMemory, freeBeforeBytes = null, now = () => performance.now() } = options;
  const { budgetMs = freeMemory === undefined ? 2000 : 20_000 } = options;
  const started = now();
  const runners: BatchRunner[] = [];
  const freeBytes: (number | null)[] = [];
  const bestMs: number[] = [];
  const exact: boolean[] = [];
  let failedSize: number | null = null;
  const time = async (runner: BatchRunner): Promise<number> => {
    const before = now();
    await runner.run(runner.capacity);
    return now() - before;
  };
  try {
    for (const size of hasFreeBatch(session) ? sizes : [1]) {
      const lastMs = bestMs.at(-1);
      const lastSize = runners.at(-1)?.capacity ?? 1;
      // A batch of k is taken to cost k times one item. The first size is always run: its time is what others are judged by.
      const expectedMs = lastMs === undefined ? 0 : (lastMs / lastSize) * size * (1 + timedRuns);
      if (now() - started + expectedMs > budgetMs) break;
      const runner = new BatchRunner(session, { batchSize: size });
      session.inputs.forEach(({ name }, index) => {
        for (let item = 0; item < size; item++) fillPseudoRandom(runner.input(name, item), index + 1);
      });
      const firstMs = await time(runner);
      if (runner.halvings > 0) {
        failedSize = size;
        runner.dispose();
        break;
      }
      runners.push(runner);
      exact.push(isSameAsSingle(session, runner, runners[0] as BatchRunner));
      bestMs.push(now() - started > budgetMs ? firstMs : Math.min(firstMs, await time(runner)));
      freeBytes.push((await freeMemory?.()) ?? null);
    }
    for (let turn = 1; turn < timedRuns; turn++) {
      for (const [index, runner] of runners.entries()) {
        const best = bestMs[index] as number;
        if (now() - started + best > budgetMs) continue;
        bestMs[index] = Math.min(best, await time(runner));
      }
    }
  } finally {
    for (const runner of runners) runner.dispose();
  }
  const first = freeBytes[0] ?? null;
  const last = freeBytes.at(-1) ?? null;
  const lastSize = runners.at(-1)?.capacity ?? 1;
  return {
    timings: runners.map(({ capacity }, index) => ({
      size: capacity,
      msPerItem: (bestMs[index] as number) / capacity,
      exact: exact[index] as boolean,
    })),
    bytesPerItem:
      first === null || last === null || lastSize === 1 ? null : Math.max(0, (first - last) / (lastSize - 1)),
    fixedBytes: freeBeforeBytes === null || first === null ? null : Math.max(0, freeBeforeBytes - first),
    failedSize,
  };
}

const isSameAsSingle = (session: BatchSession, batch: BatchRunner, single: BatchRunner): boolean => {
  for (const { name } of session.outputs) {
    const expected = single.output(name, 0);
    for (let item = 0; item < batch.capacity; item++) {
      const actual = batch.output(name, item);
      for (let i = 0; i < expected.length; i++) if (!Object.is(actual[i], expected[i])) return false;
    }
  }
  return true;
};

/** Whether a value read back from a cache is a cost. */
export function isBatchCost(value: unknown): value is BatchCost {
  if (typeof value !== 'object' || value === null) return false;
  const { timings, bytesPerItem, fixedBytes, failedSize } = value as Record<string, unknown>;
  const isAmount = (amount: unknown): boolean =>
    amount === null || (typeof amount === 'number' && Number.isFinite(amount) && amount >= 0);
  const isTiming = (timing: unknown): boolean => {
    if (typeof timing !== 'object' || timing === null) return false;
    const { size, msPerItem, exact } = timing as Record<string, unknown>;
    if (typeof exact !== 'boolean') return false;
    return Number.isInteger(size) && (size as number) >= 1 && msPerItem !== null && isAmount(msPerItem);
  };
  return (
    Array.isArray(timings) &&
    timings.length > 0 &&
    timings.every(isTiming) &&
    [bytesPerItem, fixedBytes, failedSize].every(isAmount)
  );
}
