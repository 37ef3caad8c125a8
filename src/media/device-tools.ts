import { FaceswapError } from '../errors.js';
import { describeExit, interruptedError, lastWords, runTool } from './child-process.js';

/** What a tool of a device's vendor said, or in words for people why it said nothing. */
export type DeviceToolOutput =
  | { readonly ok: true; readonly stdout: string }
  | { readonly ok: false; readonly reason: string };

/** A driver that is not loaded yet takes a second or two; one that hangs must not hold up a run. */
const timeoutMs = 5000;

/**
 * Runs `nvidia-smi`, `rocm-smi` and the like, as found on PATH. A machine without the tool, a tool that fails and one that
 * hangs are answers, not errors: what to make of them is for the caller.
 *
 * @throws FaceswapError (interrupted) when `signal` is aborted
 */
export async function runDeviceTool(
  tool: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<DeviceToolOutput> {
  const stage = 'device';
  const timeout = AbortSignal.timeout(timeoutMs);
  const signals = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  try {
    const { exit, stdout, stderr } = await runTool(tool, args, { stage, signal: signals });
    if (exit.code === 0) return { ok: true, stdout };
    const words = lastWords([...stdout.split('\n'), ...stderr].filter((line) => line.trim() !== ''));
    return { ok: false, reason: `${tool} failed with ${describeExit(exit)}: ${words}` };
  } catch (error) {
    if (signal?.aborted === true) throw interruptedError(stage);
    if (timeout.aborted) return { ok: false, reason: `${tool} did not answer within ${timeoutMs} ms` };
    if (error instanceof FaceswapError && error.kind === 'unavailable')
      return { ok: false, reason: `${tool} is not installed` };
    throw error;
  }
}
