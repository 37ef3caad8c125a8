/**
 * What a graphics card makes of models of the real ones' size: items per second and device memory by provider, precision and batch. The models
 * are generated, so that it needs no download; their compute is that of the real ones, their quality is none.
 * Run: `npx tsx bench/gpu.ts [--execution-provider cuda --execution-provider tensorrt] [--device-id 0] [--quick]`; ends with exit code 9 where
 * a provider is not there. `--quick` runs tiny models once, to see whether everything works.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ExitCode, FaceswapError } from '../src/errors.js';
import { BatchRunner, type BatchSession } from '../src/inference/batch-runner.js';
import { readDeviceMemory, visibleCudaDevice } from '../src/inference/device-memory.js';
import { boundSwapperGmac, writeGeneratedModels } from '../src/inference/generated-models.js';
import { halvedModel } from '../src/inference/half-model-cache.js';
import { encodeModel } from '../src/inference/onnx-file.js';
import { fillPseudoRandom } from '../src/inference/pseudo-random.js';
import { createSession, probeProvider } from '../src/inference/session.js';
import { openStaticBatch, wantsStaticBatch } from '../src/inference/static-batch.js';
import { runDeviceTool } from '../src/media/device-tools.js';
import { miniature, networkGmac, networkModel, networks } from './gpu/network.js';

const { values } = parseArgs({
  options: {
    'execution-provider': { type: 'string', multiple: true, default: ['cuda', 'tensorrt'] },
    'device-id': { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const providers = values['execution-provider'];
const deviceId = values['device-id'] === undefined ? undefined : Number(values['device-id']);
const { quick } = values;

const batchSizes = quick ? [1, 2] : [1, 4, 8, 16, 32];
const measuredMs = quick ? 0 : 2000;
const warmUpRuns = quick ? 1 : 3;

type Subject = { readonly name: string; readonly gmac: number; readonly file: string };

const writeSubjects = async (folder: string): Promise<Subject[]> => {
  const channels = quick ? 2 : 128;
  const mesh = Float32Array.from({ length: 468 * 3 }, (_, index) => index % 7);
  const { swapper } = await writeGeneratedModels(folder, { kind: 'bound', faces: 1, mesh, channels });
  const subjects = [{ name: 'inswapper', gmac: boundSwapperGmac(channels), file: swapper }];
  for (const network of quick ? networks.map(miniature) : networks) {
    const file = join(folder, `${network.name}.onnx`);
    await writeFile(file, encodeModel(networkModel(network)));
    subjects.push({ name: network.name, gmac: networkGmac(network), file });
  }
  return subjects;
};

/** Null where the vendor's tool does not tell. */
const freeBytes = async (provider: string): Promise<number | null> => {
  const reading = await readDeviceMemory(provider, runDeviceTool);
  return reading.ok ? (visibleCudaDevice(reading.devices, process.env, deviceId)?.freeBytes ?? null) : null;
};

const itemsPerSecond = async (session: BatchSession, batchSize: number): Promise<number> => {
  const runner = new BatchRunner(session, { batchSize });
  session.inputs.forEach(({ name }, index) => {
    for (let item = 0; item < batchSize; item++) fillPseudoRandom(runner.input(name, item), index + 1);
  });
  for (let run = 0; run < warmUpRuns; run++) await runner.run(batchSize);
  if (runner.halvings > 0) throw new FaceswapError('resources', 'out of memory');
  let items = 0;
  const startMs = performance.now();
  do {
    await runner.run(batchSize);
    items += batchSize;
  } while (performance.now() - startMs < measuredMs);
  const rate = (1000 * items) / (performance.now() - startMs);
  runner.dispose();
  return rate;
};

const measure = async (
  { name, file }: Subject,
  {
    provider,
    folder,
    precision,
  }: { readonly provider: string; readonly folder: string; readonly precision: 'fp32' | 'fp16' },
): Promise<void> => {
  const options = { providers: [provider], intraOpThreads: 1, deviceId };
  const start = `${provider.padEnd(9)} ${name.padEnd(11)} ${precision}`;
  try {
    const rewrittenPath =
      precision === 'fp32' ? file : (await halvedModel(file, { ...options, folder })).path;
    for (const batchSize of batchSizes) {
      const before = await freeBytes(provider);
      const loaded = { ...options, rewrittenPath };
      const session = wantsStaticBatch(provider)
        ? await openStaticBatch(file, { ...loaded, folder, batchSize })
        : await createSession(file, loaded);
      try {
        const rate = await itemsPerSecond(session, batchSize);
        const after = await freeBytes(provider);
        const memory =
          before === null || after === null ? '?' : `${((before - after) / 2 ** 20).toFixed(0)} MiB`;
        console.log(
          `${start}  batch ${String(batchSize).padStart(2)}  ${rate.toFixed(1).padStart(8)} per s  ${memory}`,
        );
      } finally {
        await session.dispose();
      }
    }
  } catch (error) {
    if (!(error instanceof FaceswapError)) throw error;
    console.log(`${start}  ${error.message}`);
  }
};

const folder = await mkdtemp(join(tmpdir(), 'faceswap-gpu-'));
try {
  for (const provider of providers) {
    const probe = await probeProvider(provider, deviceId);
    if (probe.ok) continue;
    throw new FaceswapError('unavailable', `Provider "${provider}" cannot be used here: ${probe.reason}`, {
      hint: 'This measures graphics cards. See "faceswap doctor"; --execution-provider cpu --quick only tries it out',
    });
  }
  const subjects = await writeSubjects(folder);
  for (const { name, gmac } of subjects) console.log(`${name}: ${gmac.toPrecision(3)} GMAC per item`);
  for (const provider of providers) {
    for (const subject of subjects) {
      for (const precision of ['fp32', 'fp16'] as const)
        await measure(subject, { provider, folder, precision });
    }
  }
} catch (error) {
  const failure = FaceswapError.from(error);
  console.error(`error: ${String(failure)}`);
  process.exitCode = ExitCode[failure.kind];
} finally {
  await rm(folder, { recursive: true, force: true });
}
