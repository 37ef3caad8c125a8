import { embeddedModelPath } from '../inference/model-registry.js';
import { createSession, type ModelSession } from '../inference/session.js';
import { FaceDetector } from '../processors/face-detector/face-detector.js';
import { FaceLandmarker } from '../processors/face-landmarker/face-landmarker.js';
import { FaceRecognizer } from '../processors/face-recognizer/face-recognizer.js';
import type { ChainSettings } from './face-chain.js';

/** The three embedded models, loaded; one set per worker thread. */
export type EmbeddedModels = {
  readonly detector: FaceDetector;
  readonly landmarker: FaceLandmarker;
  readonly recognizer: FaceRecognizer;
  /** Frees the native memory; a later {@link loadEmbeddedModels} loads afresh. */
  dispose(): Promise<void>;
};

type ModelSettings = Pick<ChainSettings, 'executionProvider' | 'executionThreadCount' | 'faceDetectorScore'>;

let loaded: { readonly key: string; readonly models: Promise<EmbeddedModels> } | null = null;

/**
 * The embedded models for these settings, loaded once per thread: sources and chain use the same. Loading blocks the thread for
 * some tenths of a second, so call it in a worker.
 *
 * @throws FaceswapError `model` for a missing or damaged file, `unavailable` for a provider that is not there
 */
export async function loadEmbeddedModels(settings: ModelSettings): Promise<EmbeddedModels> {
  const { executionProvider, executionThreadCount, faceDetectorScore } = settings;
  const key = JSON.stringify([executionProvider, executionThreadCount, faceDetectorScore]);
  if (loaded?.key === key) return loaded.models;
  await loaded?.models.then((models) => models.dispose());
  const models = open(settings);
  loaded = { key, models };
  models.catch(() => {
    if (loaded?.models === models) loaded = null;
  });
  return models;
}

/** Frees whatever {@link loadEmbeddedModels} has loaded in this thread; does nothing when there is nothing. */
export async function releaseEmbeddedModels(): Promise<void> {
  await loaded?.models.then((models) => models.dispose());
}

async function open(settings: ModelSettings): Promise<EmbeddedModels> {
  const options = {
    providers: [settings.executionProvider],
    intraOpThreads: settings.executionThreadCount,
  };
  const sessions: ModelSession[] = [];
  const session = async (id: string): Promise<ModelSession> => {
    const opened = await createSession(embeddedModelPath(id), options);
    sessions.push(opened);
    return opened;
  };
  const dispose = async (): Promise<void> => {
    loaded = null;
    for (const session of sessions) await session.dispose();
  };
  try {
    return {
      detector: new FaceDetector(await session('blazeface'), settings.faceDetectorScore),
      landmarker: new FaceLandmarker(await session('facemesh')),
      recognizer: new FaceRecognizer(await session('faceres')),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
