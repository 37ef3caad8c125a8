import { join } from 'node:path';
import { hasFreeBatch } from '../inference/batch-runner.js';
import { batchableModel } from '../inference/free-batch-cache.js';
import type { ModelSession } from '../inference/session.js';
import type { ChainMachine } from './face-chain.js';
import { type FetchedFile, openFetchedModel } from './fetched-model.js';
import { type ProviderSettings, sessionOptions } from './session-options.js';

/** A model that faces go through one after the other or together, loaded. */
export type BatchedModel = {
  readonly session: ModelSession;
  /** Faces per run at most. */
  readonly batchSize: number;
};

/** Faces per run on a device where nothing was asked for; memory that does not suffice halves it. */
const deviceBatch = 8;

/** What the faces of one run may take of memory as the model's inputs and outputs. */
const mostBatchBytes = 256 * 2 ** 20;

const bytesPerFace = ({ inputs, outputs }: Pick<ModelSession, 'inputs' | 'outputs'>): number =>
  [...inputs, ...outputs].reduce(
    (sum, { dims }) =>
      sum + 4 * dims.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1),
    0,
  );

/**
 * Loads a model that makes something of each face besides swapping it: an enhancer, or one for masks. On the CPU one run takes one face unless a
 * batch was asked for, on devices up to eight. A model whose batch is fixed
 * is rewritten where there is a place to keep the copy.
 *
 * @throws FaceswapError `model` for a missing or damaged file, `unavailable` for a provider that is not there
 */
export async function openBatchedModel(
  model: FetchedFile,
  settings: ProviderSettings,
  { batchSize: request, cacheFolder }: Pick<ChainMachine, 'batchSize' | 'cacheFolder'>,
): Promise<BatchedModel> {
  const { file } = model;
  const options = sessionOptions(settings);
  const place = { settings, cacheFolder };
  const isOnDevice = options.providers.some((provider) => provider !== 'cpu');
  const wanted = request !== 'auto' ? request : isOnDevice ? deviceBatch : 1;
  let session = await openFetchedModel(model, place);
  const isRewritable = wanted > 1 && cacheFolder !== null && !hasFreeBatch(session) && isKnown(session);
  if (isRewritable) {
    // One after the other: both at once would need twice the memory for their weights.
    await session.dispose();
    const folder = join(cacheFolder, 'models');
    const { path } = await batchableModel(file, { folder, ...options });
    session = await openFetchedModel(model, path === file ? place : { ...place, rewrittenPath: path });
  }
  return { session, batchSize: hasFreeBatch(session) ? limited(session, wanted) : 1 };
}

/** Whether the file states all lengths: what leaves some open is not compared with a copy of itself. */
const isKnown = ({ inputs, outputs }: Pick<ModelSession, 'inputs' | 'outputs'>): boolean =>
  [...inputs, ...outputs].every(({ dims }) => dims.every((dim) => typeof dim === 'number'));

const limited = (session: ModelSession, wanted: number): number =>
  Math.max(1, Math.min(wanted, Math.floor(mostBatchBytes / bytesPerFace(session))));
