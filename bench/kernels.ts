/**
 * Each SIMD kernel against its plain TypeScript twin, in interleaved rounds, so that both see the same machine.
 * Run: `npx tsx bench/kernels.ts [part of a name]`; prints the median of each in milliseconds and how many times faster the kernel is.
 */
import { readdir } from 'node:fs/promises';
import type { KernelEntry } from './kernels/kernel-entry.js';

/** Calls before anything is timed: V8 compiles a kernel well only once it has been called often. */
const warmUpCalls = { plain: 3, kernel: 200 };
const rounds = 15;

const folder = new URL('./kernels/', import.meta.url);
const entries: KernelEntry[] = [];
for (const file of (await readdir(folder)).sort()) {
  const lists = (await import(new URL(file, folder).href)) as Record<string, unknown>;
  for (const list of Object.values(lists)) {
    if (Array.isArray(list)) entries.push(...(list as KernelEntry[]));
  }
}

const timed = (work: () => unknown): number => {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
};

const median = (values: number[]): number =>
  values.sort((first, second) => first - second)[values.length >> 1] ?? Number.NaN;

const wanted = process.argv[2] ?? '';
for (const { name, prepare, plain, kernel } of entries) {
  if (!name.includes(wanted)) continue;
  prepare();
  const plainMs: number[] = [];
  const kernelMs: number[] = [];
  for (let call = 0; call < warmUpCalls.plain; call++) plain();
  for (let call = 0; call < warmUpCalls.kernel; call++) kernel();
  for (let round = 0; round < rounds; round++) {
    plainMs.push(timed(plain));
    kernelMs.push(timed(kernel));
  }
  const [slow, fast] = [median(plainMs), median(kernelMs)];
  console.log(
    `${name}: ${slow.toFixed(3)} ms plain, ${fast.toFixed(3)} ms kernel, ${(slow / fast).toFixed(1)}×`,
  );
}
