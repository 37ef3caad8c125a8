import type {
  DetectorContract,
  ImageLandmarkerContract,
  SwapperContract,
} from '../inference/model-contracts.js';
import { embeddedModelPath } from '../inference/model-registry.js';
import type { AnyModelFile, ModelFile } from '../inference/model-store.js';
import { createSession, type ModelSession } from '../inference/session.js';
import { FaceDetector } from '../processors/face-detector/face-detector.js';
import {
  commonSizePx,
  NetworkDetector,
  type OpenDetector,
} from '../processors/face-detector/network-detector.js';
import type { TargetDetector } from '../processors/face-detector/target-detector.js';
import { FaceLandmarker } from '../processors/face-landmarker/face-landmarker.js';
import { ImageLandmarker } from '../processors/face-landmarker/image-landmarker.js';
import { MeshFitter } from '../processors/face-landmarker/mesh-fitter.js';
import { SixtyEightEstimator } from '../processors/face-landmarker/sixty-eight-estimator.js';
import { FaceClassifier } from '../processors/face-recognizer/face-classifier.js';
import { FaceRecognizer } from '../processors/face-recognizer/face-recognizer.js';
import type { ChainSettings } from './face-chain.js';
import { openFetchedModel } from './fetched-model.js';
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
  /** Where copies of fetched models are kept between runs; null: nowhere. */
  readonly cacheFolder: string | null;
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
  cacheFolder: null,
});

/** Whether the chain's swapper is a model, through which faces go in batches. */
export const hasSwapperModel = (files: ChainModelFiles | null): boolean =>
  files !== null && (files.swapper ?? files.neural?.swapper ?? files.neural?.deepSwapper ?? null) !== null;

/** The models that sources and targets are looked at with, loaded; one set per worker thread. */
export type ChainModels = {
  readonly detector: TargetDetector;
  readonly landmarker: FaceLandmarker;
  /** Null: the mesh stays as the landmark model reads it. */
  readonly fitter: MeshFitter | null;
  readonly recognizer: FaceRecognizer;
  /** Null: the recogniser tells age and gender. */
  readonly classifier: FaceClassifier | null;
  /** Frees the native memory; a later {@link loadChainModels} loads afresh. */
  dispose(): Promise<void>;
};

/** What the models of {@link NeuralModelFiles} are used with. */
const neuralSettingNames = [
  'faceDetectorSizePx',
  'faceDetectorAngles',
  'faceDetectorMargin',
  'faceLandmarkerScore',
  'compat',
] as const satisfies readonly (keyof ChainSettings)[];

type NeuralModelSettings = Pick<ChainSettings, (typeof neuralSettingNames)[number]>;

type ModelSettings = ProviderSettings &
  Pick<ChainSettings, 'faceDetectorScore'> &
  Partial<NeuralModelSettings>;

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
    files.neural === null ? [] : neuralSettingNames.map((name) => settings[name]),
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
  const keep = (session: ModelSession): ModelSession => {
    sessions.push(session);
    return session;
  };
  const session = async (file: string): Promise<ModelSession> => keep(await createSession(file, options));
  const place = { settings, cacheFolder: files.cacheFolder };
  const fetched: OpenFetched = async (model) => keep(await openFetchedModel(model, place));
  const dispose = async (): Promise<void> => {
    loaded = null;
    for (const session of sessions) await session.dispose();
  };
  const { neural } = files;
  try {
    return {
      detector:
        neural === null || neural.detectors.length === 0
          ? new FaceDetector(await session(files.detector), settings.faceDetectorScore)
          : await openDetector(neural.detectors, settings, fetched),
      landmarker: new FaceLandmarker(await session(files.landmarker)),
      fitter: neural === null ? null : await openFitter(neural, settings, fetched),
      recognizer: new FaceRecognizer(await session(files.recognizer)),
      classifier:
        neural === null || neural.classifier === null
          ? null
          : new FaceClassifier(await fetched(neural.classifier), neural.classifier.contract),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

type OpenFetched = (model: AnyModelFile) => Promise<ModelSession>;

const isCompatible = ({ compat }: ModelSettings): boolean => compat === 'facefusion';

const openDetector = async (
  files: NeuralModelFiles['detectors'],
  settings: ModelSettings,
  fetched: OpenFetched,
): Promise<NetworkDetector> => {
  const models: OpenDetector[] = [];
  for (const model of files) models.push({ session: await fetched(model), contract: model.contract });
  return new NetworkDetector(models, {
    scoreThreshold: settings.faceDetectorScore,
    sizePx: settings.faceDetectorSizePx ?? commonSizePx(files.map(({ contract }) => contract)),
    anglesDegrees: settings.faceDetectorAngles ?? [0],
    marginPercent: settings.faceDetectorMargin ?? { top: 0, right: 0, bottom: 0, left: 0 },
    isCompatible: isCompatible(settings),
  });
};

const openFitter = async (
  { fiveToSixtyEight, imageLandmarkers }: NeuralModelFiles,
  settings: ModelSettings,
  fetched: OpenFetched,
): Promise<MeshFitter | null> => {
  if (fiveToSixtyEight === null || imageLandmarkers.length === 0) return null;
  const estimator = new SixtyEightEstimator(await fetched(fiveToSixtyEight), fiveToSixtyEight.contract);
  const landmarkers: ImageLandmarker[] = [];
  for (const model of imageLandmarkers) {
    landmarkers.push(new ImageLandmarker(await fetched(model), model.contract, isCompatible(settings)));
  }
  return new MeshFitter(estimator, landmarkers, settings.faceLandmarkerScore ?? 0.5);
};
