import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import type { Affine } from '../imaging/affine.js';
import { AlignedCropper, type CropArithmetic } from '../imaging/aligned-cropper.js';
import type { PlanarFrame } from '../imaging/planar-frame.js';
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
import type { ModelFile } from '../inference/model-store.js';
import { onnxruntimeVersion } from '../inference/onnxruntime-version.js';
import { openStaticBatch, wantsStaticBatch } from '../inference/static-batch.js';
import { readSystemMemory } from '../inference/system-memory.js';
import { runDeviceTool } from '../media/device-tools.js';
import type { CropMasks } from '../processors/face-masker/crop-masks.js';
import { ArcfaceRecognizer } from '../processors/face-recognizer/arcface.js';
import { CropSwapper, swapperSession } from '../processors/face-swapper/crop-swapper.js';
import { DeepSwapper } from '../processors/face-swapper/deep-swapper.js';
import type { FaceCropSwapper } from '../processors/face-swapper/face-crop-swapper.js';
import { targetShare } from '../processors/face-swapper/swapper-weight.js';
import { loadArcface, releaseArcface } from './arcface-session.js';
import type { ChainModelFiles, SwapperFile } from './chain-models.js';
import { cropArithmetic } from './crop-arithmetic.js';
import type { ChainMachine, ChainSettings } from './face-chain.js';
import { openFetchedModel } from './fetched-model.js';
import { mainProvider, sessionOptions } from './session-options.js';
import type { ChainBatch } from './worker-protocol.js';

/** A swapper that is a model, loaded, with the size of its batches decided. */
export type OpenedCropSwapper = {
  readonly cropSwapper: FaceCropSwapper;
  readonly batch: ChainBatch;
  /** Faces that fill a batch. */
  readonly facesPerBatch: number;
  readonly session: BatchSession & { dispose(): Promise<void> };
};

/**
 * Makes the masks of crops of this side. `plainCut` cuts such crops as FaceFusion does, as planar RGB 0..1; null: in our own way.
 */
export type MaskMaker = (
  sizePx: number,
  plainCut: ((frame: PlanarFrame, toFrame: Affine, sizePx: number, out: Float32Array) => void) | null,
) => CropMasks;

type OpenedModel = Pick<OpenedCropSwapper, 'session' | 'batch'> & {
  /** Notes that a batch of this size did not fit. */
  readonly rememberTooLarge: (size: number) => void;
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
const singleRunMs = async (session: BatchSession): Promise<number> => {
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
  session: BatchSession,
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
 * Opens the swapper of a chain, if that is a model.
 *
 * @param makeMasks for other masks than the box alone
 * @throws FaceswapError as {@link openSwapperModel}, and `model` for one that is not as its contract says
 */
export async function openCropSwapper(
  files: ChainModelFiles,
  settings: ChainSettings,
  machine: ChainMachine,
  makeMasks: MaskMaker,
): Promise<OpenedCropSwapper | null> {
  const { neural } = files;
  const swapper = files.swapper ?? neural?.swapper ?? null;
  const deepSwapper = neural?.deepSwapper ?? null;
  const asksForMasks = settings.faceMaskTypes.some((type) => type !== 'box');
  const masks = asksForMasks ? makeMasks : null;
  if (swapper !== null) {
    return openContractSwapper(swapper, { recognizer: neural?.recognizer ?? null, masks }, settings, machine);
  }
  await releaseArcface();
  return deepSwapper === null ? null : openDeepSwapper(deepSwapper, masks, settings, machine);
}

const maskOf = ({ faceMaskBlur: blur, faceMaskPadding: padding }: ChainSettings) => ({ blur, padding });

const openContractSwapper = async (
  swapper: SwapperFile,
  {
    recognizer,
    masks,
  }: { readonly recognizer: ModelFile<'arcface'> | null; readonly masks: MaskMaker | null },
  settings: ChainSettings,
  machine: ChainMachine,
): Promise<OpenedCropSwapper> => {
  const { contract } = swapper;
  const { faceSwapperWeight: weight, faceSwapperPixelBoostPx: boostPx = contract.sizePx } = settings;
  const partsPerFace = (boostPx / contract.sizePx) ** 2;
  const opened = await openSwapperModel({ ...swapper, partsPerFace }, settings, machine);
  const { session, batch, rememberTooLarge } = opened;
  try {
    const arithmetic = cropArithmetic(settings);
    let arcface: ArcfaceRecognizer | null = null;
    if (recognizer === null || targetShare(weight) === 0) {
      await releaseArcface();
    } else {
      const model = await loadArcface(recognizer, { settings, cacheFolder: machine.cacheFolder });
      const batchSize = hasFreeBatch(model) ? batch.size : 1;
      arcface = new ArcfaceRecognizer(model, recognizer.contract, { batchSize, arithmetic });
    }
    const cropSwapper = new CropSwapper(session, contract, {
      ...maskOf(settings),
      batchSize: batch.size,
      onTooLarge: rememberTooLarge,
      boostPx,
      arithmetic,
      weight: arcface === null ? 0.5 : weight,
      arcface,
      masks: masks?.(boostPx, arithmetic === 'ours' ? null : plainCutter(arithmetic)) ?? null,
    });
    const facesPerBatch = Math.max(1, Math.floor(batch.size / partsPerFace));
    return { session, batch, facesPerBatch, cropSwapper };
  } catch (error) {
    await session.dispose();
    throw error;
  }
};

const plainCutter = (arithmetic: CropArithmetic): Parameters<MaskMaker>[1] => {
  const cropper = new AlignedCropper(arithmetic);
  return (frame, toFrame, sizePx, out) => cropper.cut(frame, toFrame, sizePx, out, { scale: 1, offset: 0 });
};

/** These files are large and their graphs differ: faces go through one at a time unless a number is asked for. */
const openDeepSwapper = async (
  { file, contract, halve }: ModelFile<'dfm'>,
  masks: MaskMaker | null,
  settings: ChainSettings,
  { batchSize: request, cacheFolder }: ChainMachine,
): Promise<OpenedCropSwapper> => {
  const session = await openFetchedModel({ file, halve }, { settings, cacheFolder });
  try {
    const asked = typeof request === 'number' ? request : 1;
    const size = hasFreeBatch(session) ? asked : 1;
    const reason =
      size < asked
        ? 'the model takes one face at a time'
        : request === 'auto'
          ? 'a deep swapper takes one face at a time unless more are asked for'
          : 'as asked';
    const cropSwapper = new DeepSwapper(session, contract, {
      ...maskOf(settings),
      batchSize: size,
      morph: settings.deepSwapperMorph / 100,
      matchesColour: settings.colorMatch !== 'none',
      makeMasks: masks === null ? null : (sizePx) => masks(sizePx, null),
    });
    return { session, batch: { size, reason }, facesPerBatch: size, cropSwapper };
  } catch (error) {
    await session.dispose();
    throw error;
  }
};

/**
 * Loads a swapper's model and decides how many faces go through it at once: what was asked for, or with `auto` what
 * fits the device's memory, and on a CPU only what was measured to be faster. The measuring takes up to some seconds on the first run
 * with a model on a machine.
 *
 * @throws FaceswapError `model` for a file that is missing, damaged or not as its contract says, `unavailable` for a provider that is not
 *   there, `resources` when not even one face fits
 */
async function openSwapperModel(
  { file, contract, halve, partsPerFace }: SwapperFile & { readonly partsPerFace: number },
  settings: ChainSettings,
  machine: ChainMachine,
): Promise<OpenedModel> {
  const { batchSize: request, cacheFolder, vramLimitBytes } = machine;
  const provider = mainProvider(settings);
  const device = request === 1 ? null : await deviceOf(provider, settings.deviceId);
  const place = { settings, cacheFolder };
  let session = await openFetchedModel({ file, halve }, place);
  let model: BatchableModel | null = null;
  let remembered = Promise.resolve();
  const known = (): BatchSession => swapperSession(session, contract).session;
  try {
    known();
    if (request !== 1) {
      const singleMs =
        request === 'auto' && provider === 'cpu' && !hasFreeBatch(session) ? await singleRunMs(known()) : 0;
      if (singleMs > longRunMs) {
        const reason = `one run is long enough on its own (${Math.round(singleMs)} ms)`;
        model = { ok: false, path: file, hash: '', reason };
      } else {
        model = await findBatchable(file, settings, cacheFolder);
        if (model.path !== file) {
          await session.dispose();
          session = await openFetchedModel({ file, halve }, { ...place, rewrittenPath: model.path });
        }
      }
    }
    const batch = await decide();
    if (!(wantsStaticBatch(provider) && batch.size > 1 && cacheFolder !== null)) {
      return { session, batch, rememberTooLarge };
    }
    await session.dispose();
    const fixed = await openStaticBatch(file, {
      ...sessionOptions(settings),
      rewrittenPath: model?.path,
      folder: join(cacheFolder, 'models'),
      batchSize: batch.size,
    });
    return { session: fixed, batch, rememberTooLarge };
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
      ? await costOf(known(), costKey(model), {
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
      mostItems: Math.min(largestBatch, 4 * machine.batchFrames * partsPerFace),
    });
  }
}
