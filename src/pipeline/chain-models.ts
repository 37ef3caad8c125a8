import type {
  DetectorContract,
  ImageLandmarkerContract,
  SwapperContract,
} from '../inference/model-contracts.js';
import { embeddedModelPath } from '../inference/model-registry.js';
import type { ModelFile } from '../inference/model-store.js';
import { createSession, type ModelSession } from '../inference/session.js';
import { FaceDetector } from '../processors/face-detector/face-detector.js';
import { FaceLandmarker } from '../processors/face-landmarker/face-landmarker.js';
import { FaceRecognizer } from '../processors/face-recognizer/face-recognizer.js';
import type { ChainSettings } from './face-chain.js';
import { type ProviderSettings, sessionOptions } from './session-options.js';

/** A benchmark's swapper: a model that was made, not trained, and gets the first numbers of the source's descriptor. */
export type SwapperFile = {
  readonly file: string;
  readonly contract: SwapperContract;
  /** Whether it is to be converted to half precision. */
  readonly halve?: true;
};

/** Files of the models of a chain; plain data. */
export type ChainModelFiles = {
  readonly detector: string;
  readonly landmarker: string;
  readonly recognizer: string;
  /** Null for the mesh swapper, which needs no model, and where {@link NeuralModelFiles} has one. */
  readonly swapper: SwapperFile | null;
  /** Null where all models are those of the package. */
  readonly neural: NeuralModelFiles | null;
};

/** Files of models that were fetched, by their use in the chain; plain data. */
export type NeuralModelFiles = {
  /** Empty: blazeface. */
  readonly detectors: readonly ModelFile<DetectorContract['kind']>[];
  /** Empty: the mesh is not fitted to points of another model. */
  readonly imageLandmarkers: readonly ModelFile<ImageLandmarkerContract['kind']>[];
  /** There whenever an image landmarker is. */
  readonly fiveToSixtyEight: ModelFile<'five-to-68'> | null;
  /** Null: faceres. */
  readonly classifier: ModelFile<'fairface'> | null;
  /** For the embedding that a swapper takes; identity in reports and selection is faceres's. */
  readonly recognizer: ModelFile<'arcface'> | null;
  readonly converter: ModelFile<'embedding-converter'> | null;
  readonly swapper: ModelFile<'swapper'> | null;
  readonly deepSwapper: ModelFile<'dfm'> | null;
  readonly enhancer: ModelFile<'enhancer'> | null;
  readonly occluders: readonly ModelFile<'xseg'>[];
  readonly parser: ModelFile<'bisenet'> | null;
};

/** The three models that come with the package, and the mesh swapper. */
export const embeddedModelFiles = (): ChainModelFiles => ({
  detector: embeddedModelPath('blazeface'),
  landmarker: embeddedModelPath('facemesh'),
  recognizer: embeddedModelPath('faceres'),
  swapper: null,
  neural: null,
});

/** Whether the chain's swapper is a model, through which faces go in batches. */
export const hasSwapperModel = (files: ChainModelFiles | null): boolean =>
  files !== null && (files.swapper ?? files.neural?.swapper ?? files.neural?.deepSwapper ?? null) !== null;

/** The models that sources and targets are looked at with, loaded; one set per worker thread. */
export type ChainModels = {
  readonly detector: FaceDetector;
  readonly landmarker: FaceLandmarker;
  readonly recognizer: FaceRecognizer;
  /** Frees the native memory; a later {@link loadChainModels} loads afresh. */
  dispose(): Promise<void>;
};

type ModelSettings = ProviderSettings & Pick<ChainSettings, 'faceDetectorScore'>;

let loaded: { readonly key: string; readonly models: Promise<ChainModels> } | null = null;

/**
 * The models for these settings, loaded once per thread: sources and chain use the same. Loading blocks the thread for
 * some tenths of a second, so call it in a worker.
 *
 * @throws FaceswapError `model` for a missing or damaged file, `unavailable` for a provider that is not there
 */
export async function loadChainModels(
  settings: ModelSettings,
  files: Omit<ChainModelFiles, 'swapper'> = embeddedModelFiles(),
): Promise<ChainModels> {
  const { executionProviders, deviceId, executionThreadCount, faceDetectorScore } = settings;
  const key = JSON.stringify([
    executionProviders,
    deviceId ?? null,
    executionThreadCount,
    faceDetectorScore,
    files.detector,
    files.neural,
  ]);
  if (loaded?.key === key) return loaded.models;
  await releaseChainModels();
  const models = open(settings, files);
  loaded = { key, models };
  models.catch(() => {
    if (loaded?.models === models) loaded = null;
  });
  return models;
}

/** Frees whatever {@link loadChainModels} has loaded in this thread; does nothing when there is nothing. */
export async function releaseChainModels(): Promise<void> {
  await loaded?.models.then((models) => models.dispose());
}

async function open(settings: ModelSettings, files: Omit<ChainModelFiles, 'swapper'>): Promise<ChainModels> {
  const options = sessionOptions(settings);
  const sessions: ModelSession[] = [];
  const session = async (file: string): Promise<ModelSession> => {
    const opened = await createSession(file, options);
    sessions.push(opened);
    return opened;
  };
  const dispose = async (): Promise<void> => {
    loaded = null;
    for (const session of sessions) await session.dispose();
  };
  try {
    return {
      detector: new FaceDetector(await session(files.detector), settings.faceDetectorScore),
      landmarker: new FaceLandmarker(await session(files.landmarker)),
      recognizer: new FaceRecognizer(await session(files.recognizer)),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
