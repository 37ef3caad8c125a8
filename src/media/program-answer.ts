import { FaceswapError } from '../errors.js';
import { type ChildExit, interruptedError, startTool } from './child-process.js';

/** How a program that was asked something came to its end. */
export type ProgramAnswer =
  | {
      readonly outcome: 'ended';
      readonly exit: ChildExit;
      /** What it wrote, as UTF-8. */
      readonly stdout: string;
      /** Its last lines on stderr. */
      readonly stderr: readonly string[];
    }
  | { readonly outcome: 'not-started'; readonly reason: string }
  /** Killed with all that it had started. */
  | { readonly outcome: 'too-slow' | 'too-much-output' };

export type ProgramQuestion = {
  /** Written to its stdin, which is then closed. */
  readonly input: string;
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
  readonly stage: string;
  readonly signal?: AbortSignal | undefined;
  /** Sees every line of its stderr. */
  readonly onStderrLine: (line: string) => void;
};

/**
 * Runs a program of the user's own, without a shell, and waits for what it says. It is looked for in `PATH` unless its name has a
 * separator. An abort of `signal` kills it with all that it has started.
 *
 * @param words the program and its arguments, at least one.
 * @throws FaceswapError (interrupted) on abort.
 */
export async function askProgram(
  [program = '', ...args]: readonly string[],
  { input, timeoutMs, maxOutputBytes, stage, signal, onStderrLine }: ProgramQuestion,
): Promise<ProgramAnswer> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const child = startTool(program, args, {
      stdin: 'pipe',
      stdout: 'pipe',
      stage,
      signal,
      onStderrLine: (line) => {
        onStderrLine(line);
        return false;
      },
    });
    let stopped: 'too-slow' | 'too-much-output' | undefined;
    let giveUp = (): void => {};
    const ended = new Promise<ChildExit | null>((resolve, reject) => {
      child.exited.then(resolve, reject);
      // Also when the program cannot be ended.
      giveUp = () => void child.kill().then(() => resolve(null));
    });
    const stop = (why: 'too-slow' | 'too-much-output'): void => {
      stopped ??= why;
      giveUp();
    };
    timer = setTimeout(() => stop('too-slow'), timeoutMs);
    const parts: Buffer[] = [];
    let bytes = 0;
    child.process.stdout?.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > maxOutputBytes) stop('too-much-output');
      else parts.push(part);
    });
    // A program may answer without having read the question.
    child.process.stdin?.on('error', () => {});
    child.process.stdin?.end(input);
    const exit = await ended;
    if (signal?.aborted === true) throw interruptedError(stage);
    if (stopped !== undefined || exit === null) return { outcome: stopped ?? 'too-slow' };
    return {
      outcome: 'ended',
      exit,
      stdout: Buffer.concat(parts).toString('utf8'),
      stderr: child.stderr.lines,
    };
  } catch (error) {
    const failure = FaceswapError.from(error, stage);
    if (failure.kind !== 'unavailable' && failure.kind !== 'resources') throw error;
    return { outcome: 'not-started', reason: failure.message };
  } finally {
    clearTimeout(timer);
  }
}
