import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from '../child-process.js';

/** One process of a tree at one moment. */
export type ProcessMemory = {
  readonly pid: number;
  /** Memory in use, shared pages included. */
  readonly residentBytes: number;
  /** The most that it ever used, as the kernel counts it; null where the system does not tell. */
  readonly peakBytes: number | null;
};

/** Gives the process and all its descendants; nothing when it has ended. */
export type TreeReader = (rootPid: number) => Promise<readonly ProcessMemory[]>;

/** The pids below a root, and the root itself, out of a table of parents. */
export function treeOf(rootPid: number, parents: ReadonlyMap<number, number>): readonly number[] {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of parents) {
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [pid]);
    else siblings.push(pid);
  }
  const pids = parents.has(rootPid) ? [rootPid] : [];
  // The list grows while it is walked.
  for (const pid of pids) pids.push(...(children.get(pid) ?? []));
  return pids;
}

/** A process may end between two looks at it: then its files are gone. Those of other users may be closed to us; they are none of ours. */
const readIfThere = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined;
    throw error;
  }
};

/** `VmRSS:  1234 kB` in bytes. */
const statusBytes = (status: string, field: string): number | undefined => {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return kilobytes === undefined ? undefined : 1024 * Number(kilobytes);
};

const linuxParents = async (procFolder: string): Promise<ReadonlyMap<number, number>> => {
  const names = await readdir(procFolder);
  const parents = new Map<number, number>();
  await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const stat = await readIfThere(join(procFolder, name, 'stat'));
        // The second field is the program's name, which may contain anything; the parent stands two after it.
        const parent = stat === undefined ? undefined : /^.*\) \S (\d+) /s.exec(stat)?.[1];
        if (parent !== undefined) parents.set(Number(name), Number(parent));
      }),
  );
  return parents;
};

/** Memory of one process of Linux; undefined when it has ended (a zombie has no memory either). */
const linuxMemory = async (procFolder: string, pid: number): Promise<ProcessMemory | undefined> => {
  const status = await readIfThere(join(procFolder, String(pid), 'status'));
  const residentBytes = status === undefined ? undefined : statusBytes(status, 'VmRSS');
  if (status === undefined || residentBytes === undefined) return undefined;
  return { pid, residentBytes, peakBytes: statusBytes(status, 'VmHWM') ?? null };
};

/** Looking for new processes reads a file of every process of the machine, so it is done at every fifth sample only. */
const samplesPerScan = 5;

/**
 * Reads a tree from `/proc` (Linux). Not every kernel lists the children of a process, so parents are looked up instead.
 *
 * @param procFolder another one for tests.
 */
export function linuxTreeReader(procFolder = '/proc'): TreeReader {
  let samples = 0;
  let pids: readonly number[] = [];
  return async (rootPid) => {
    if (samples % samplesPerScan === 0) pids = treeOf(rootPid, await linuxParents(procFolder));
    samples += 1;
    const found = await Promise.all(pids.map((pid) => linuxMemory(procFolder, pid)));
    return found.filter((memory) => memory !== undefined);
  };
}

/** Reads what `ps -axo pid=,ppid=,rss=` prints. */
export function parseProcessList(text: string, rootPid: number): readonly ProcessMemory[] {
  const parents = new Map<number, number>();
  const residentBytes = new Map<number, number>();
  for (const line of text.split('\n')) {
    const [, pid, parent, kilobytes] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line) ?? [];
    if (pid === undefined) continue;
    parents.set(Number(pid), Number(parent));
    residentBytes.set(Number(pid), 1024 * Number(kilobytes));
  }
  return treeOf(rootPid, parents).map((pid) => ({
    pid,
    residentBytes: residentBytes.get(pid) ?? 0,
    peakBytes: null,
  }));
}

const processListReader: TreeReader = async (rootPid) => {
  const { stdout } = await runTool('ps', ['-axo', 'pid=,ppid=,rss='], { stage: 'benchmark' });
  return parseProcessList(stdout, rootPid);
};

/** How this system's processes are read, and how often that is cheap enough; undefined where there is no way (Windows). */
export function systemTreeReader(): { readonly read: TreeReader; readonly intervalMs: number } | undefined {
  if (process.platform === 'linux') return { read: linuxTreeReader(), intervalMs: 50 };
  if (process.platform === 'win32') return undefined;
  return { read: processListReader, intervalMs: 500 };
}
