import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { halvedModel } from './half-model-cache.js';
import { createOptimizedSession } from './optimized-session.js';
import { createSession, type ModelSession, type SessionOptions } from './session.js';

export type OpenModelOptions = SessionOptions & {
  /** Whether the model is converted to half precision; see {@link halvedModel}. */
  readonly halve?: boolean | undefined;
  /** Where converted and optimised copies are kept between runs; null: nowhere. */
  readonly cacheFolder: string | null;
};

/**
 * Loads a model as a run wants it: converted to half precision where that is asked for, and optimised only once where there is a place to
 * keep the result.
 *
 * @throws FaceswapError as {@link createSession} and {@link halvedModel}
 */
export async function openModel(modelPath: string, options: OpenModelOptions): Promise<ModelSession> {
  const { halve = false, cacheFolder, ...sessionOptions } = options;
  if (!halve) return open(modelPath, sessionOptions, cacheFolder);
  if (cacheFolder !== null) {
    const { path } = await halvedModel(modelPath, { ...sessionOptions, folder: join(cacheFolder, 'models') });
    return open(modelPath, { ...sessionOptions, rewrittenPath: path }, cacheFolder);
  }
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-fp16-'));
  try {
    const { path } = await halvedModel(modelPath, { ...sessionOptions, folder });
    return await createSession(modelPath, { ...sessionOptions, rewrittenPath: path });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const open = (
  modelPath: string,
  options: SessionOptions,
  cacheFolder: string | null,
): Promise<ModelSession> =>
  cacheFolder === null
    ? createSession(modelPath, options)
    : createOptimizedSession(modelPath, { ...options, folder: join(cacheFolder, 'optimized') });
