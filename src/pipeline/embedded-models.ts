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
  /** Frees the native memory. */
  dispose(): Promise<void>;
};

/**
 * Loads the embedded models. Blocks its thread for some tens of milliseconds, so call it in a worker.
 *
 * @throws FaceswapError `model` for a missing or damaged file, `unavailable` for a provider that is not there
 */
export async function loadEmbeddedModels(
  settings: Pick<ChainSettings, 'executionProvider' | 'executionThreadCount' | 'faceDetectorScore'>,
): Promise<EmbeddedModels> {
  const options = {
    providers: [settings.executionProvider],
    intraOpThreads: settings.executionThreadCount,
  };
  const sessions: ModelSession[] = [];
  const open = async (id: string): Promise<ModelSession> => {
    const session = await createSession(embeddedModelPath(id), options);
    sessions.push(session);
    return session;
  };
  const dispose = async (): Promise<void> => {
    for (const session of sessions) await session.dispose();
  };
  try {
    return {
      detector: new FaceDetector(await open('blazeface'), settings.faceDetectorScore),
      landmarker: new FaceLandmarker(await open('facemesh')),
      recognizer: new FaceRecognizer(await open('faceres')),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
