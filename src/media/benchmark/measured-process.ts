import { readFileSync } from 'node:fs';
import { type ChildExit, interruptedError, type RunningTool, startTool } from '../child-process.js';
import { systemTreeReader, type TreeReader } from './process-tree.js';

/** What a process cost, from its start to its end, children of its own included unless said otherwise. */
export type ProcessCost = {
  readonly wallMs: number;
  /** Processor time of all its threads and of the children that it waited for; null where the system does not tell (only Linux does). */
  readonly cpuMs: number | null;
  /** Peak memory of the process alone; null where the system does not tell. */
  readonly ownPeakBytes: number | null;
  /**
   * Peak of the sum over the whole tree. Pages that several processes share, such as libraries, count once for each: the kernel's fair
   * shares (PSS) would take 10 ms a look at an encoder of 4K, during which it cannot get memory, and would disturb what is measured.
   */
  readonly treePeakBytes: number | null;
};

/** A finished process: what it cost and what it said. */
export type MeasuredProcess = {
  readonly cost: ProcessCost;
  readonly exit: ChildExit;
  readonly stdout: string;
  /** The last lines. */
  readonly stderr: readonly string[];
};

export type MeasureOptions = {
  readonly stage: string;
  readonly signal?: AbortSignal | undefined;
  /** What an abort sends first: SIGTERM to a program that must end children of its own. */
  readonly abortSignal?: NodeJS.Signals | undefined;
};

/** A program that was asked to end and does not gets this long. */
const endGraceMs = 10_000;

/** Peaks of a process and its tree over all samples. */
export class MemoryPeaks {
  #own: number | null = null;
  #tree: number | null = null;

  /**
   * Takes one look at the tree. The kernel's own peak of a process is exact where samples may miss it, and a tree is never smaller than
   * the largest peak of one of its processes.
   */
  take(rootPid: number, processes: Awaited<ReturnType<TreeReader>>): void {
    if (processes.length === 0) return;
    let sum = 0;
    let largest = 0;
    for (const { pid, residentBytes, peakBytes } of processes) {
      const peak = Math.max(residentBytes, peakBytes ?? 0);
      sum += residentBytes;
      largest = Math.max(largest, peak);
      if (pid === rootPid) this.#own = Math.max(this.#own ?? 0, peak);
    }
    this.#tree = Math.max(this.#tree ?? 0, sum, largest);
  }

  get ownBytes(): number | null {
    return this.#own;
  }

  get treeBytes(): number | null {
    return this.#tree;
  }
}

/** Milliseconds of one tick of the times in `/proc`: 100 a second on every Linux that Node runs on. */
const tickMs = 10;

/**
 * Processor time of all children of this process that have ended, with theirs; null where the system does not tell. The difference of two
 * readings is what one child cost, as long as no other ends meanwhile.
 */
function endedChildrenMs(): number | null {
  if (process.platform !== 'linux') return null;
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  // Fields 16 and 17 of proc(5); the first two were cut off.
  const [userTicks, systemTicks] = [Number(fields[13]), Number(fields[14])];
  const ms = (userTicks + systemTicks) * tickMs;
  return Number.isFinite(ms) ? ms : null;
}

/** Looks at the memory of a tree again and again until `ended`; the first look is at once. */
const watchMemory = async (pid: number, ended: Promise<unknown>): Promise<MemoryPeaks> => {
  const peaks = new MemoryPeaks();
  const reader = systemTreeReader();
  if (reader === undefined) return peaks;
  let isRunning = true;
  let wake = (): void => {};
  const stop = (): void => {
    isRunning = false;
    wake();
  };
  void ended.then(stop, stop);
  while (isRunning) {
    peaks.take(pid, await reader.read(pid));
    if (!isRunning) break;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, reader.intervalMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  return peaks;
};

/** After an abort a program may need force to end. */
const forceEnd = (tool: RunningTool, signal: AbortSignal | undefined): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => void tool.kill(), endGraceMs);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
};

/**
 * Runs a program to its end and measures it as a whole, from the start of the process to its end. Only one at a time: the
 * processor time of a second one would count for the first.
 *
 * @throws FaceswapError (unavailable) when it cannot start, (interrupted) on abort, after the process has ended.
 */
export async function measureProcess(
  path: string,
  words: readonly string[],
  { stage, signal, abortSignal }: MeasureOptions,
): Promise<MeasuredProcess> {
  const cpuBeforeMs = endedChildrenMs();
  const startMs = performance.now();
  const tool = startTool(path, words, { stdin: 'ignore', stdout: 'pipe', stage, signal, abortSignal });
  const parts: string[] = [];
  tool.process.stdout?.setEncoding('utf8').on('data', (text: string) => parts.push(text));
  const disarm = forceEnd(tool, signal);
  const { pid } = tool.process;
  const ended = tool.exited.then((exit) => ({ exit, endMs: performance.now() }));
  try {
    const peaks = pid === undefined ? new MemoryPeaks() : await watchMemory(pid, ended);
    const { exit, endMs } = await ended;
    if (signal?.aborted === true) throw interruptedError(stage);
    const cpuAfterMs = endedChildrenMs();
    return {
      cost: {
        wallMs: endMs - startMs,
        cpuMs: cpuBeforeMs === null || cpuAfterMs === null ? null : cpuAfterMs - cpuBeforeMs,
        ownPeakBytes: peaks.ownBytes,
        treePeakBytes: peaks.treeBytes,
      },
      exit,
      stdout: parts.join(''),
      stderr: tool.stderr.lines,
    };
  } finally {
    disarm();
    // A failed look at the memory must not leave the program running.
    if (tool.process.exitCode === null && tool.process.signalCode === null) await tool.kill();
  }
}
