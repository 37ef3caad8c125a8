import { fileURLToPath } from 'node:url';
import { takesDeviceId } from '../inference/provider-devices.js';
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

const probeInProcess = async (name: string, deviceId?: number): Promise<ProviderProbe> => {
  const entry = fileURLToPath(new URL('./provider-probe-process.js', import.meta.url));
  const signal = AbortSignal.timeout(probeTimeoutMs);
  try {
    const device = deviceId === undefined ? [] : [String(deviceId)];
    const { exit, stdout } = await runTool(process.execPath, [entry, name, ...device], {
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

/** What was found out about a provider. */
export type ProviderFinding = ProviderProbe & {
  /** Numbers of the devices that a model runs on, where the provider lets one choose. */
  readonly devices?: readonly number[];
};

/** More devices than this are not looked for. */
const mostDevices = 16;

/** Devices are counted without gaps, so the first that does not work is where they end. */
const probeDevices = async (name: string): Promise<ProviderFinding> => {
  const first = await probeInProcess(name);
  if (!first.ok || !takesDeviceId(name)) return first;
  const devices = [0];
  while (devices.length < mostDevices && (await probeInProcess(name, devices.length)).ok) {
    devices.push(devices.length);
  }
  return { ...first, devices };
};

/**
 * Runs a model of one node on every execution provider that this build of onnxruntime knows. Each has a process of
 * its own: a model blocks the thread that runs it, a broken driver may end or hang its process, and the native
 * libraries write to stderr as they like. Takes about a quarter of a second without a graphics card, and some seconds for each device.
 *
 * @throws FaceswapError (unavailable) when onnxruntime itself cannot be loaded.
 */
export const probeProviders = async (): Promise<readonly ProviderFinding[]> =>
  Promise.all((await availableProviders()).map(({ name }) => probeDevices(name)));
