import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { basename } from 'node:path';
import { FaceswapError } from '../errors.js';

/** How a child ended: one of the two is not null. */
export type ChildExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/**
 * Demuxers that may open a user's file: those of the formats that `media-kind.ts` knows, and nothing that only refers to other files or
 * addresses. Playlists and lists (hls, dash, concat, imf, sdp), patterns of names (image2) and scripts (avisynth) are not among them,
 * whatever a file is called and however its content begins. External tracks of QuickTime files are off by ffmpeg's own default.
 */
const containerDemuxers = ['mov', 'matroska', 'avi', 'mpegts', 'mpeg', 'flv', 'asf', 'ogg', 'mxf'];

/**
 * Decoders refuse larger pictures before they take memory: without it a file of 0.6 MB that announces 16384x12000 costs ffprobe 0.5 GB.
 * Twice what a target may have (`media-bounds.ts`), so that what is only a little too large is told by its size.
 */
const maxDecodedPixels = 2 * 8192 * 8192;

const boundInput = (demuxers: readonly string[]): readonly string[] => [
  ...['-protocol_whitelist', 'file'],
  ...['-format_whitelist', demuxers.join(',')],
  ...['-max_pixels', String(maxDecodedPixels)],
];

/**
 * Input options that stand before every file of a user's in every ffmpeg and ffprobe call. Media are hostile: without the lists a
 * playlist or a reference inside of a file could make ffmpeg open other files and network addresses. The file's path
 * must be absolute, so that no name (`concat:a|b`, `-i`) is taken for an address or an option.
 */
export const inputProtection: readonly string[] = boundInput(containerDemuxers);

/** {@link inputProtection} for a picture of our own. */
export const pictureProtection: readonly string[] = boundInput(['png_pipe', 'jpeg_pipe', 'image2']);

/** {@link inputProtection} for our own list of finished segments, which are MP4, QuickTime or Matroska files. */
export const segmentListProtection: readonly string[] = boundInput(['concat', 'mov', 'matroska']);

/**
 * Splits text that arrives in pieces into lines and keeps the last few: what a child said before it died.
 * Memory is bounded: at most `maxLines` lines of at most `maxLineChars` characters.
 */
export class LineTail {
  readonly #maxLines: number;
  readonly #maxLineChars = 4000;
  readonly #onLine: ((line: string) => boolean) | undefined;
  readonly #lines: string[] = [];
  #rest = '';

  /** `onLine` sees every full line first; lines for which it returns true are not kept. */
  constructor(onLine?: (line: string) => boolean, maxLines = 20) {
    this.#onLine = onLine;
    this.#maxLines = maxLines;
  }

  push(text: string): void {
    const parts = (this.#rest + text).split(/\r\n|\n|\r/);
    const rest = parts.pop() ?? '';
    for (const line of parts) this.#take(line);
    if (rest.length > this.#maxLineChars) {
      this.#take(rest);
      this.#rest = '';
    } else {
      this.#rest = rest;
    }
  }

  /** Takes what stands after the last line break as a line of its own; call it once at the end. */
  end(): void {
    if (this.#rest !== '') this.#take(this.#rest);
    this.#rest = '';
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  #take(line: string): void {
    if (this.#onLine?.(line) === true || line.trim() === '') return;
    this.#lines.push(line.slice(0, this.#maxLineChars));
    if (this.#lines.length > this.#maxLines) this.#lines.shift();
  }
}

/** A started child whose stderr is always drained and whose end is one promise. */
export type RunningTool = {
  readonly process: ChildProcess;
  /** Resolves after the process ended and its streams were read to their ends; rejects only when it could not start. */
  readonly exited: Promise<ChildExit>;
  readonly stderr: LineTail;
  /** The program and its arguments. */
  readonly commandLine: readonly string[];
  /**
   * SIGKILL to the child and its group, then waits for the end, ten seconds at most: a child that waits for a share that is gone
   * cannot be ended by anybody. False when it is still there. Safe to call at any time.
   */
  readonly kill: () => Promise<boolean>;
};

/** What a child was called with and the last that it said. */
export type ToolTrace = { readonly commandLine: readonly string[]; readonly stderr: readonly string[] };

/** How long a killed child may take to be gone. */
const killGraceMs = 10_000;

/** Errors of the system that go by: too many processes or files, or no memory, at this moment. */
const passingStartFailures: ReadonlySet<unknown> = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);

const startFailure = (path: string, stage: string, cause: unknown): FaceswapError => {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (passingStartFailures.has(code)) {
    return new FaceswapError('resources', `Cannot start ${path}: the system refused it (${String(code)})`, {
      stage,
      cause,
      hint: 'Close other programs, lower --workers, or raise the limits (ulimit -n, ulimit -u)',
      retry: 'again',
    });
  }
  return new FaceswapError('unavailable', `Cannot start ${path}`, {
    stage,
    cause,
    hint: 'Check that the file exists and may be executed',
  });
};

/** Sends a signal to a child and to all that it started itself: the program may be a script around ffmpeg. */
const signalGroup = (child: ChildProcess, signal: NodeJS.Signals): void => {
  if (process.platform === 'win32' || child.pid === undefined) {
    child.kill(signal);
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone, or not yet made.
    child.kill(signal);
  }
};

export type StartToolOptions = {
  readonly stdin: 'pipe' | 'ignore';
  /** A socket becomes the child's own stdout; the caller closes its copy. */
  readonly stdout: 'pipe' | 'ignore' | Socket;
  readonly stage: string;
  readonly signal?: AbortSignal | undefined;
  readonly onStderrLine?: ((line: string) => boolean) | undefined;
  /** What an abort sends; SIGTERM for a program that must end children of its own. Default: SIGKILL. */
  readonly abortSignal?: NodeJS.Signals | undefined;
};

/** The error that an aborted run ends with. */
export const interruptedError = (stage: string): FaceswapError =>
  new FaceswapError('interrupted', 'Interrupted', { stage });

/**
 * Starts ffmpeg or ffprobe. The child gets a process group of its own, so that Ctrl-C in a terminal reaches only
 * us and the order in which things stop is ours; an abort of `signal` kills it.
 */
export function startTool(path: string, args: readonly string[], options: StartToolOptions): RunningTool {
  const { signal, stage } = options;
  if (signal?.aborted === true) throw interruptedError(stage);
  let child: ChildProcess;
  try {
    child = spawn(path, args, {
      stdio: [options.stdin, options.stdout, 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
  } catch (error) {
    throw startFailure(path, stage, error);
  }
  const stderr = new LineTail(options.onStderrLine);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
  let hasEnded = false;
  const onAbort = (): void => {
    if (!hasEnded) signalGroup(child, options.abortSignal ?? 'SIGKILL');
  };
  // A dying parent must not leave a child that waits on a half-open pipe.
  process.once('exit', onAbort);
  signal?.addEventListener('abort', onAbort, { once: true });
  const exited = new Promise<ChildExit>((resolve, reject) => {
    child.once('error', (cause) => {
      if (child.pid === undefined) reject(startFailure(path, stage, cause));
    });
    child.once('close', (code, exitSignal) => {
      stderr.end();
      resolve({ code, signal: exitSignal });
    });
  }).finally(() => {
    hasEnded = true;
    process.removeListener('exit', onAbort);
    signal?.removeEventListener('abort', onAbort);
  });
  // Callers look at `exited` when they are ready; until then a failure to start must not count as unhandled.
  exited.catch(() => undefined);
  const kill = async (): Promise<boolean> => {
    child.stdout?.destroy();
    child.stdin?.destroy();
    if (!hasEnded) signalGroup(child, 'SIGKILL');
    let grace: NodeJS.Timeout | undefined;
    const tooLong = new Promise<boolean>((resolve) => {
      grace = setTimeout(() => resolve(false), killGraceMs);
    });
    const gone = exited.then(
      () => true,
      () => true,
    );
    try {
      return await Promise.race([gone, tooLong]);
    } finally {
      clearTimeout(grace);
    }
  };
  return { process: child, exited, stderr, commandLine: [path, ...args], kill };
}

/** `exit code 1` or `signal SIGKILL`. */
export const describeExit = ({ code, signal }: ChildExit): string =>
  signal === null ? `exit code ${code}` : `signal ${signal}`;

/** ffmpeg's last words in one line: errors first when there are any, without the addresses in its prefixes. */
export function lastWords(lines: readonly string[], count = 3): string {
  const clean = lines.map((line) => line.replace(/ @ 0x[0-9a-f]+/gi, '').trim());
  const errors = clean.filter((line) => /\[(error|fatal|panic)\]/.test(line));
  return (errors.length > 0 ? errors : clean).slice(-count).join(' | ').slice(0, 600);
}

/** How ffmpeg words a disk or share that does not answer (EIO, ESTALE, ETIMEDOUT, EREMOTEIO). */
const unreadable =
  /Input\/output error|Stale (NFS )?file handle|Connection timed out|Remote I\/O error|Resource temporarily unavailable/i;

/**
 * Whether ffmpeg's last words say that a disk or share did not answer. It takes that for the end of the file and may exit
 * with 0.
 */
export const saysUnreadable = (lines: readonly string[]): boolean => unreadable.test(lastWords(lines));

/**
 * Turns a child's bad end into an error. Killed from outside or out of disk are failures of the machine
 * (`resources`), an exit code is ffmpeg's verdict on the media (`media`). Transient: killed, out of memory, a disk or share
 * that did not answer.
 */
export function childFailure(
  tool: string,
  exit: ChildExit,
  lines: readonly string[],
  context: { stage: string; file?: string | undefined; frame?: number | undefined },
): FaceswapError {
  const words = lastWords(lines);
  const said = words === '' ? '' : `: ${words}`;
  if (/No space left on device|Disk quota exceeded/i.test(words)) {
    return new FaceswapError('resources', `${tool} ran out of disk space${said}`, {
      ...context,
      hint: 'Free some space or choose another folder',
    });
  }
  if (/Cannot allocate memory/i.test(words)) {
    return new FaceswapError('resources', `${tool} ran out of memory${said}`, {
      ...context,
      retry: 'smaller',
    });
  }
  if (exit.signal !== null) {
    return new FaceswapError('resources', `${tool} was killed by ${exit.signal}${said}`, {
      ...context,
      hint: 'Out of memory, or somebody ended it; run the command again',
      retry: 'again',
    });
  }
  if (/Too many open files/i.test(words)) {
    return new FaceswapError('resources', `${tool} could not open all its files${said}`, {
      ...context,
      hint: 'Raise the limit (ulimit -n) or lower --workers',
      retry: 'again',
    });
  }
  if (saysUnreadable(lines)) {
    return new FaceswapError('media', `${tool} could not read or write${said}`, {
      ...context,
      hint: 'Check the disk or the network share',
      retry: 'again',
    });
  }
  return new FaceswapError('media', `${tool} failed with ${describeExit(exit)}${said}`, context);
}

export type RunToolOptions = {
  readonly stage: string;
  readonly file?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sees stdout as it comes; without it stdout is returned, up to 16 MiB. */
  readonly onStdout?: ((text: string) => void) | undefined;
  /** Sees every line of stderr first; those for which it returns true are not kept. */
  readonly onStderrLine?: ((line: string) => boolean) | undefined;
  /** The tool is killed when it says nothing for so long; ten minutes when left out. */
  readonly silenceMs?: number | undefined;
};

/** A tool that answers a question says something long before; a stopped one never does. */
const defaultSilenceMs = 600_000;

/** The transient failure of a child that neither goes on nor ends. */
export const silenceFailure = (tool: string, silenceMs: number, stage: string): FaceswapError =>
  new FaceswapError('resources', `${tool} said nothing for ${Math.round(silenceMs / 1000)} s and was ended`, {
    stage,
    hint: 'The machine or a disk is overloaded, or somebody stopped it; run the command again',
    retry: 'again',
  });

/**
 * Calls back when nothing has happened for a while.
 *
 * @returns `heard` puts the time back to zero, `stop` ends the watch.
 */
export function watchSilence(
  silenceMs: number,
  onSilence: () => void,
): { readonly heard: () => void; readonly stop: () => void } {
  const timer = setTimeout(onSilence, silenceMs);
  return { heard: () => timer.refresh(), stop: () => clearTimeout(timer) };
}

/** What a finished child said. */
export type ToolResult = {
  readonly exit: ChildExit;
  readonly stdout: string;
  readonly stderr: readonly string[];
};

/**
 * Runs a tool to its end and returns what it said, whatever its exit code.
 *
 * @throws FaceswapError (unavailable, resources) when it cannot start, (resources) when it says nothing for too long,
 * (interrupted) on abort.
 */
export async function runTool(
  path: string,
  args: readonly string[],
  options: RunToolOptions,
): Promise<ToolResult> {
  const { stage, signal, onStderrLine } = options;
  const tool = startTool(path, args, { stdin: 'ignore', stdout: 'pipe', stage, signal, onStderrLine });
  const maxChars = 16 * 1024 * 1024;
  const parts: string[] = [];
  let chars = 0;
  const onStdout =
    options.onStdout ??
    ((text: string): void => {
      chars += text.length;
      if (chars <= maxChars) parts.push(text);
    });
  let failure: unknown;
  const silenceMs = options.silenceMs ?? defaultSilenceMs;
  const fail = (error: unknown): void => {
    failure ??= error;
    void tool.kill();
  };
  const { heard, stop } = watchSilence(silenceMs, () =>
    fail(silenceFailure(basename(path), silenceMs, stage)),
  );
  tool.process.stderr?.on('data', heard);
  tool.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
    heard();
    if (failure !== undefined) return;
    try {
      onStdout(text);
    } catch (error) {
      fail(error);
    }
  });
  const exit = await tool.exited.finally(stop);
  if (signal?.aborted === true) throw interruptedError(stage);
  if (failure !== undefined) throw failure;
  return { exit, stdout: parts.join(''), stderr: tool.stderr.lines };
}
