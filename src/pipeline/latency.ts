import type { Latency } from './run-report.js';

/**
 * Percentiles of milliseconds by nearest rank: the smallest sample that at least that share of all samples does not exceed.
 *
 * @param parts samples of several segments, taken together; each in any order.
 * @returns undefined when there is no sample.
 */
export function latencyOf(parts: readonly Float32Array[]): Latency | undefined {
  const count = parts.reduce((sum, part) => sum + part.length, 0);
  if (count === 0) return undefined;
  const sorted = new Float32Array(count);
  let length = 0;
  for (const part of parts) {
    sorted.set(part, length);
    length += part.length;
  }
  sorted.sort();
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * count) - 1)] ?? Number.NaN;
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), count };
}
