import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { type BatchCost, measureBatches } from '../inference/batch-cost.js';
import { type BatchPlanInput, largestBatch, measuredBatchSizes, planBatch } from '../inference/batch-plan.js';
import { BatchRunner, type BatchSession, hasFreeBatch } from '../inference/batch-runner.js';
import { CostCache, type CostKey } from '../inference/cost-cache.js';
import {
  type DeviceMemory,
  hasDeviceMemory,
  readDeviceMemory,
  visibleCudaDevice,
} from '../inference/device-memory.js';
import { type BatchableModel, batchableModel } from '../inference/free-batch-cache.js';
import { modelHash } from '../inference/model-hash.js';
import { onnxruntimeVersion } from '../inference/onnxruntime-version.js';
import { openModel } from '../inference/open-model.js';
import type { ModelSession } from '../inference/session.js';
import { openStaticBatch, wantsStaticBatch } from '../inference/static-batch.js';
import { readSystemMemory } from '../inference/system-memory.js';
import { runDeviceTool } from '../media/device-tools.js';
import { CropSwapper } from '../processors/face-swapper/crop-swapper.js';
import type { SwapperFile } from './chain-models.js';
import type { ChainMachine, ChainSettings } from './face-chain.js';
import { mainProvider, sessionOptions } from './session-options.js';
import type { ChainBatch } from './worker-protocol.js';

/** A swapper that is a model, loaded, with the size of its batches decided. */
export type OpenedCropSwapper = {
  readonly cropSwapper: CropSwapper;
  readonly batch: ChainBatch;
  readonly session: { dispose(): Promise<void> };
};

/** The device that the provider computes on, where the vendor's tool tells; null where there is none. */
const deviceOf = async (provider: string, deviceId: number | undefined): Promise<DeviceMemory | null> => {
  if (!hasDeviceMemory(provider)) return null;
  const reading = await readDeviceMemory(provider, runDeviceTool);
  return reading.ok ? visibleCudaDevice(reading.devices, process.env, deviceId) : null;
};

const deviceName = (device: DeviceMemory | null, settings: ChainSettings): string => {
  const { executionProviders, executionThreadCount } = settings;
  const providers = executionProviders.join('+');
  if (device !== null) return `${providers}: ${device.name}, driver ${device.driver ?? 'unknown'}`;
  const processor = `${cpus()[0]?.model ?? 'CPU'}, ${availableParallelism()} cores`;
  return `${providers}: ${processor}, ${executionThreadCount} threads`;
};

/** A run that takes this long on the CPU leaves nothing to gain by batches, and comparing a rewritten model would take many. */
const longRunMs = 100;

/** Time of one run, after a first one that reserves memory. */
const singleRunMs = async (session: ModelSession): Promise<number> => {
  const runner = new BatchRunner(session, { batchSize: 1 });
  await runner.run(1);
  const startMs = performance.now();
  await runner.run(1);
  runner.dispose();
  return performance.now() - startMs;
};

/** A model whose batch is fixed is rewritten where there is a place to keep the copy; without one it stays as it is. */
const findBatchable = async (
  file: string,
  settings: ChainSettings,
  cacheFolder: string | null,
): Promise<BatchableModel> => {
  if (cacheFolder === null) {
    return {
      ok: false,
      path: file,
      hash: await modelHash(file),
      reason: 'no cache to keep a rewritten model in',
    };
  }
  return batchableModel(file, {
    folder: join(cacheFolder, 'models'),
    ...sessionOptions(settings),
  });
};

/** The cost from an earlier run, or measured now and kept. */
const costOf = async (
  session: ModelSession,
  key: CostKey,
  {
    cacheFolder,
    freeMemory,
    freeBeforeBytes,
  }: {
    readonly cacheFolder: string | null;
    readonly freeMemory: (() => Promise<number | null>) | undefined;
    readonly freeBeforeBytes: number | null;
  },
): Promise<BatchCost> => {
  const cache = cacheFolder === null ? null : new CostCache(cacheFolder);
  const known = await cache?.find(key);
  if (known !== null && known !== undefined) return known;
  const sizes = freeMemory === undefined ? measuredBatchSizes : [...measuredBatchSizes, 16, 32, largestBatch];
  const cost = await measureBatches(session, { sizes, freeMemory, freeBeforeBytes });
  await cache?.keep(key, cost);
  return cost;
};

/**
 * Loads a crop swapper's model and decides how many faces go through it at once: what was asked for, or with `auto` what
 * fits the device's memory, and on a CPU only what was measured to be faster. The measuring takes up to some seconds on the first run
 * with a model on a machine.
 *
 * @throws FaceswapError `model` for a missing or damaged file, `unavailable` for a provider that is not there, `resources`
 *   when not even one face fits
 */
export async function openCropSwapper(
  { file, contract }: SwapperFile,
  settings: ChainSettings,
  machine: ChainMachine,
): Promise<OpenedCropSwapper> {
  const { batchSize: request, cacheFolder, vramLimitBytes } = machine;
  const provider = mainProvider(settings);
  const device = request === 1 ? null : await deviceOf(provider, settings.deviceId);
  const options = { ...sessionOptions(settings), cacheFolder };
  let session = await openModel(file, options);
  let model: BatchableModel | null = null;
  let remembered = Promise.resolve();
  try {
    if (request !== 1) {
      const singleMs =
        request === 'auto' && provider === 'cpu' && !hasFreeBatch(session) ? await singleRunMs(session) : 0;
      if (singleMs > longRunMs) {
        const reason = `one run is long enough on its own (${Math.round(singleMs)} ms)`;
        model = { ok: false, path: file, hash: '', reason };
      } else {
        model = await findBatchable(file, settings, cacheFolder);
        if (model.path !== file) {
          await session.dispose();
          session = await openModel(file, { ...options, rewrittenPath: model.path });
        }
      }
    }
    const batch = await decide();
    let used: BatchSession & { dispose(): Promise<void> } = session;
    if (wantsStaticBatch(provider) && batch.size > 1 && cacheFolder !== null) {
      await session.dispose();
      used = await openStaticBatch(file, {
        ...sessionOptions(settings),
        rewrittenPath: model?.path,
        folder: join(cacheFolder, 'models'),
        batchSize: batch.size,
      });
    }
    const makeRunner = (batchSize: number, capacity: number): BatchRunner =>
      new BatchRunner(used, { batchSize, capacity, onTooLarge: rememberTooLarge });
    const mask = { blur: settings.faceMaskBlur, padding: settings.faceMaskPadding };
    return { session: used, batch, cropSwapper: new CropSwapper(makeRunner, batch.size, contract, mask) };
  } catch (error) {
    await session.dispose();
    throw error;
  }

  function costKey({ hash }: BatchableModel): CostKey {
    const name = deviceName(device, settings);
    return { modelHash: hash, device: name, onnxruntimeVersion: onnxruntimeVersion() };
  }

  /** The next run begins with a batch that fits. */
  function rememberTooLarge(size: number): void {
    if (model === null || cacheFolder === null) return;
    const cache = new CostCache(cacheFolder);
    const key = costKey(model);
    remembered = remembered.then(async () => {
      await cache.keepFailure(key, size);
    });
  }

  async function decide(): Promise<ChainBatch> {
    if (model === null) return { size: 1, reason: 'as asked' };
    const batchable: BatchPlanInput['batchable'] = hasFreeBatch(session)
      ? { ok: true }
      : { ok: false, reason: model.ok ? 'the model takes one face at a time' : model.reason };
    const isOnDevice = provider !== 'cpu';
    const freeMemory =
      device === null
        ? undefined
        : async () => (await deviceOf(provider, settings.deviceId))?.freeBytes ?? null;
    const isMeasured = batchable.ok && (request === 'auto' || vramLimitBytes !== undefined);
    const cost = isMeasured
      ? await costOf(session, costKey(model), {
          cacheFolder,
          freeMemory,
          freeBeforeBytes: device?.freeBytes ?? null,
        })
      : null;
    const memory = isOnDevice ? device : await readSystemMemory();
    return planBatch({
      request,
      target: isOnDevice ? 'device' : 'cpu',
      batchable,
      freeBytes: memory?.freeBytes ?? null,
      totalBytes: memory?.totalBytes ?? null,
      limitBytes: vramLimitBytes,
      cost,
      mostItems: Math.min(largestBatch, 4 * machine.batchFrames),
    });
  }
}
