import { readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';

/** What a machine and the container that we may be in say about memory, in bytes. */
export type MemoryFigures = {
  readonly totalBytes: number;
  /** What programs can still get, file caches included. */
  readonly freeBytes: number;
  /** The most that this process may use, as the operating system tells it; 0 or more than `totalBytes` when there is no limit. */
  readonly constrainedBytes: number;
  /** The control groups that limit this process. */
  readonly groups: readonly MemoryGroup[];
};

/** Limit and use of one control group. */
export type MemoryGroup = { readonly limitBytes: number; readonly usedBytes: number };

/** Memory that this process can still take without pushing itself or others out, in bytes. */
export type SystemMemory = { readonly totalBytes: number; readonly freeBytes: number };

/** Files of one kind of control group: version 2, or the memory controller of version 1. */
const groupFiles = [
  { limit: 'memory.max', used: 'memory.current', folder: '/sys/fs/cgroup' },
  { limit: 'memory.limit_in_bytes', used: 'memory.usage_in_bytes', folder: '/sys/fs/cgroup/memory' },
] as const;

/** Reads the machine's memory and, on Linux, the limits of the container. Takes about a millisecond. */
export async function readSystemMemory(): Promise<SystemMemory> {
  const groups: MemoryGroup[] = [];
  for (const { folder, limit, used } of groupFiles) {
    const group = parseMemoryGroup(
      await textOf(`${folder}/${limit}`),
      await textOf(`${folder}/${used}`),
      await textOf(`${folder}/memory.stat`),
    );
    if (group !== null) groups.push(group);
  }
  return systemMemory({
    totalBytes: totalmem(),
    freeBytes: freemem(),
    constrainedBytes: process.constrainedMemory(),
    groups,
  });
}

/** The tightest of all figures. Where a limit's use is not known, a limit is taken as if nothing of it were used. */
export function systemMemory(figures: MemoryFigures): SystemMemory {
  const { totalBytes, freeBytes, constrainedBytes, groups } = figures;
  const limits = groups.map(({ limitBytes }) => limitBytes);
  if (constrainedBytes > 0) limits.push(constrainedBytes);
  const total = Math.min(totalBytes, ...limits);
  const left = groups.map(({ limitBytes, usedBytes }) => Math.max(0, limitBytes - usedBytes));
  return { totalBytes: total, freeBytes: Math.min(freeBytes, total, ...left) };
}

/**
 * Reads a control group out of its files. Pages of files that nobody uses at the moment (`inactive_file`) are counted as
 * used by the kernel, but given back when memory is asked for, so they do not count here.
 *
 * @param limit `max` (version 2) or a number near 2^63 (version 1) means none
 * @returns null when there is no limit
 */
export function parseMemoryGroup(
  limit: string | null,
  used: string | null,
  stat: string | null,
): MemoryGroup | null {
  const limitBytes = wholeNumber(limit);
  if (limitBytes === null || limitBytes >= 2 ** 60) return null;
  const inactive = /^(?:total_)?inactive_file (\d+)$/m.exec(stat ?? '')?.[1];
  const usedBytes = Math.max(0, (wholeNumber(used) ?? 0) - Number(inactive ?? 0));
  return { limitBytes, usedBytes };
}

const wholeNumber = (text: string | null): number | null => {
  const digits = text?.trim() ?? '';
  return /^\d+$/.test(digits) ? Number(digits) : null;
};

/** Files that are not there are normal: another system, or no container. */
const textOf = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
};
