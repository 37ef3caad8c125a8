import { fileURLToPath } from 'node:url';
import { availableProviders, type ProviderProbe } from '../inference/session.js';
import { describeExit, runTool } from '../media/child-process.js';

/** A driver that hangs must not hang us; a first start of CUDA takes a few seconds. */
const probeTimeoutMs = 30_000;

/**
 * onnxruntime words a failed check as source file, function and condition before its message; only the message
 * says something to a reader.
 */
const withoutCheck = (reason: string): string => reason.replace(/^.* was false\. /s, '');

/** The probe that a process printed; undefined when it ended before it could. */
const parseProbe = (text: string): ProviderProbe | undefined => {
  if (!text.startsWith('{')) return undefined;
  return JSON.parse(text) as ProviderProbe;
};

const probeInProcess = async (name: string): Promise<ProviderProbe> => {
  const entry = fileURLToPath(new URL('./provider-probe-process.js', import.meta.url));
  const signal = AbortSignal.timeout(probeTimeoutMs);
  try {
    const { exit, stdout } = await runTool(process.execPath, [entry, name], {
      stage: 'provider probe',
      signal,
    });
    const probe = parseProbe(stdout) ?? {
      name,
      ok: false,
      reason: `its process ended with ${describeExit(exit)}`,
    };
    return probe.ok ? probe : { ...probe, reason: withoutCheck(probe.reason) };
  } catch (error) {
    if (!signal.aborted) throw error;
    return { name, ok: false, reason: `no answer within ${probeTimeoutMs / 1000} s` };
  }
};

/**
 * Runs a model of one node on every execution provider that this build of onnxruntime knows. Each has a process of
 * its own: a model blocks the thread that runs it, a broken driver may end or hang its process, and the native
 * libraries write to stderr as they like. Takes about a quarter of a second.
 *
 * @throws FaceswapError (unavailable) when onnxruntime itself cannot be loaded.
 */
export const probeProviders = async (): Promise<readonly ProviderProbe[]> =>
  Promise.all((await availableProviders()).map(({ name }) => probeInProcess(name)));
