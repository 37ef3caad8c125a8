import { libraryFailure } from '../inference/provider-library.js';
import { probeProvider } from '../inference/session.js';

// Started by provider-probe.ts: the provider's name and perhaps the number of a device are the arguments, the probe as JSON the
// only output.
const [name = '', deviceId] = process.argv.slice(2);
const probe = await probeProvider(name, deviceId === undefined ? undefined : Number(deviceId));
const failure = probe.ok ? undefined : libraryFailure(name);
process.stdout.write(JSON.stringify(failure === undefined ? probe : { name, ok: false, reason: failure }));
