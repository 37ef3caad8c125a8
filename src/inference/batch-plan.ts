import type { BatchCost, BatchTiming } from './batch-cost.js';

/** Everything that the choice of a batch size rests on. */
export type BatchPlanInput = {
  /** What was asked for. */
  readonly request: number | 'auto';
  /** `cpu`: batches must be worth it. `device`: memory of its own, where larger batches use it better. */
  readonly target: 'cpu' | 'device';
  /** Whether the model takes more than one item, and why not. */
  readonly batchable: { readonly ok: true } | { readonly ok: false; readonly reason: string };
  /** Memory of the device, or of the machine for `cpu`, before the model was loaded; null when nobody can tell. */
  readonly freeBytes: number | null;
  /** All memory of the device; null as above. */
  readonly totalBytes: number | null;
  /** What the user allows (`--vram-limit`). */
  readonly limitBytes?: number | undefined;
  /** What was measured, here or in an earlier run. */
  readonly cost: BatchCost | null;
  /** Items that can ever come together: a larger batch would only wait. */
  readonly mostItems?: number | undefined;
};

/** A batch size with the reason for it, in words for people. */
export type BatchPlan = { readonly size: number; readonly reason: string };

/** No batch is larger: beyond it, memory grows and speed does not. */
export const largestBatch = 64;

/** Sizes worth measuring before a choice, rising: what a batch saves shows by 8, and memory grows evenly. */
export const measuredBatchSizes: readonly number[] = [1, 2, 4, 8];

/** On a CPU a batch has to be this much faster per item than single items: less is noise, and it costs memory and latency. */
const worthwhileGain = 0.03;

/** A model that takes less for a face has nothing to gain, while every frame that waits for a batch takes memory. */
const leastMsPerItem = 1;

/** Sizes that are within this of the fastest one are as good; the smallest of them is taken. */
const sameSpeed = 0.01;

/** Memory that is left to others on the device: a desktop, the video encoder, what the driver itself needs when it loads kernels. */
const reserveShare = 0.05;
const leastReserveBytes = 256 * 2 ** 20;

/**
 * How many items go through a model in one run: a pure function of what is known.
 *
 * A fixed request is granted as far as the model and the user's own limit allow; whether it fits the memory is shown by the
 * run, which halves it when it does not. `auto` on a device is the largest power of two that fits into the
 * memory, at most {@link largestBatch}. On a CPU it is a batch only if one was measured to be at least 3 % faster per item
 * and to give the same bits as single items.
 */
export function planBatch(input: BatchPlanInput): BatchPlan {
  const { request, target, batchable, mostItems = largestBatch } = input;
  if (!batchable.ok) {
    const wish = request === 'auto' || request === 1 ? '' : `, not ${request} as asked`;
    return { size: 1, reason: `${batchable.reason}${wish}` };
  }
  if (request !== 'auto') return fixedBatch(input, request);
  const ceiling = Math.max(1, Math.min(largestBatch, mostItems));
  return target === 'cpu' ? cpuBatch(input, ceiling) : deviceBatch(input, ceiling);
}

const fixedBatch = ({ limitBytes, cost }: BatchPlanInput, request: number): BatchPlan => {
  const size = Math.min(request, largestBatch);
  if (size < request) return { size, reason: `${request} asked for, and no batch is larger than ${size}` };
  if (limitBytes !== undefined) {
    const fitting = fittingItems(limitBytes, cost);
    if (fitting !== null && fitting < size) {
      const least = Math.max(1, fitting);
      return { size: least, reason: `${size} asked for, but the limit is ${bytes(limitBytes)}` };
    }
  }
  return { size, reason: 'as asked' };
};

const cpuBatch = ({ cost, freeBytes }: BatchPlanInput, ceiling: number): BatchPlan => {
  const single = cost?.timings.find(({ size }) => size === 1);
  const fitting = freeBytes === null ? null : fittingItems(freeBytes, cost);
  const batches =
    cost?.timings.filter(({ size }) => size > 1 && size <= ceiling && size <= (fitting ?? ceiling)) ?? [];
  if (single === undefined) return { size: 1, reason: 'batches were not measured on this CPU' };
  if (single.msPerItem < leastMsPerItem) {
    return { size: 1, reason: `a face takes only ${ms(single.msPerItem)}` };
  }
  if (batches.length === 0) {
    if (ceiling === 1) return { size: 1, reason: 'no more than one face comes at a time' };
    const why = fitting !== null && fitting < 2 ? 'memory is short' : 'a run is long enough on its own';
    return { size: 1, reason: `${why} (${ms(single.msPerItem)} per face)` };
  }
  const fastest = batches.reduce((best, next) => (next.msPerItem < best.msPerItem ? next : best));
  const figures = ({ msPerItem }: BatchTiming): string =>
    `${ms(msPerItem)} against ${ms(single.msPerItem)} per face`;
  if (fastest.msPerItem > single.msPerItem * (1 - worthwhileGain)) {
    return { size: 1, reason: `batches are not faster on this CPU (${figures(fastest)})` };
  }
  // What a face becomes must not depend on how many happened to go together.
  const firstInexact = batches.find(({ exact }) => !exact)?.size ?? Infinity;
  const same = batches.filter(({ size }) => size < firstInexact);
  const best = same.reduce((least, { msPerItem }) => Math.min(least, msPerItem), Infinity);
  if (best > single.msPerItem * (1 - worthwhileGain)) {
    return { size: 1, reason: 'batches are faster on this CPU, but do not give the same bits' };
  }
  const chosen = same.find(({ msPerItem }) => msPerItem <= best * (1 + sameSpeed)) ?? fastest;
  return { size: chosen.size, reason: `faster on this CPU (${figures(chosen)})` };
};

const deviceBatch = (input: BatchPlanInput, ceiling: number): BatchPlan => {
  const { cost, freeBytes, totalBytes, limitBytes } = input;
  const reserve = Math.max(leastReserveBytes, reserveShare * (totalBytes ?? 0));
  const free = freeBytes === null ? null : Math.max(0, freeBytes - reserve);
  if (free === null && limitBytes === undefined) {
    return { size: 1, reason: 'the free memory of the device is not known; ask for a size or set a limit' };
  }
  const budget = Math.min(free ?? Infinity, limitBytes ?? Infinity);
  if (cost === null || cost.bytesPerItem === null) {
    return { size: 1, reason: 'what a face costs on this device could not be measured' };
  }
  const said =
    limitBytes !== undefined && limitBytes <= (free ?? Infinity)
      ? `limit ${bytes(limitBytes)}`
      : `${bytes(free as number)} free`;
  const fitting = fittingItems(budget, cost) ?? 1;
  const size = powerOfTwoBelow(Math.min(ceiling, fitting, (cost.failedSize ?? Infinity) - 1));
  const figures = `${said}, ${bytes(cost.bytesPerItem)} per face`;
  if (fitting < 1) return { size: 1, reason: `${figures}: hardly room for one` };
  if (cost.failedSize !== null && cost.failedSize <= fitting) {
    return { size, reason: `${figures}, and ${cost.failedSize} did not fit` };
  }
  return { size, reason: fitting >= ceiling ? `${figures}; no more than ${ceiling} at a time` : figures };
};

/** Items whose batch fits into so many bytes; null when their cost is not known. 0 when not even the model does. */
const fittingItems = (budgetBytes: number, cost: BatchCost | null): number | null => {
  if (cost === null || cost.bytesPerItem === null) return null;
  const left = budgetBytes - (cost.fixedBytes ?? 0);
  if (left < 0) return 0;
  // The fixed part was measured with one item.
  return cost.bytesPerItem === 0 ? largestBatch : Math.floor(left / cost.bytesPerItem) + 1;
};

const powerOfTwoBelow = (count: number): number => 2 ** Math.floor(Math.log2(Math.max(1, count)));

/** Two figures: measurements are no better. */
const ms = (value: number): string => {
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 100 ? Math.round(value) : value.toPrecision(2)} ms`;
};

const bytes = (value: number): string => {
  const gib = value / 2 ** 30;
  return gib >= 1 ? `${gib.toFixed(1)} GiB` : `${Math.round(value / 2 ** 20)} MiB`;
};
