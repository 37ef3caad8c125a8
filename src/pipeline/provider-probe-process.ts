import { probeProvider } from '../inference/session.js';

// Started by provider-probe.ts: the provider's name is the only argument, the probe as JSON the only output.
process.stdout.write(JSON.stringify(await probeProvider(process.argv[2] ?? '')));
