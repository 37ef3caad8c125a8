import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { FaceswapError } from '../errors.js';
import type { ExternalModelEntry, ModelContract } from '../inference/model-contracts.js';
import {
  type AnyModelFile,
  externalModel,
  isModelThere,
  missingModels,
  modelInPrecision,
  type ModelFile,
  modelFileOf,
} from '../inference/model-store.js';
import { type ChainModelFiles, embeddedModelFiles, type NeuralModelFiles } from './chain-models.js';
import { modelCacheFolder } from './cache-folder.js';
import type { RunConfig } from './run-options.js';

/** The detectors that `many` stands for, as in FaceFusion. */
const manyDetectors = ['retinaface_10g', 'scrfd_2.5g', 'yoloface_8n'];
const manyLandmarkers = ['2dfan4', 'peppa_wutz'];
const manyOccluders = ['xseg_1', 'xseg_2', 'xseg_3'];

/**
 * The files of a run's models, or null where it needs none but those of the package. Each is the one that was seen first: see `assureModel`.
 *
 * @throws FaceswapError `model` when models are not there, all of them in one error with the command that fetches them, or when one has
 *   changed; `usage` for options that a model does not have.
 */
export async function chainModelFiles(config: RunConfig): Promise<ChainModelFiles | null> {
  const folder = config.modelDir;
  const missing = new Map<string, ExternalModelEntry>();
  const require = <Kind extends ModelContract['kind']>(
    id: string,
    ...kinds: readonly Kind[]
  ): ModelFile<Kind> => {
    const { entry, halve } = modelInPrecision(externalModel(id, folder), config.precision, folder);
    if (!isModelThere(entry, folder)) missing.set(entry.id, entry);
    const file = modelFileOf(entry, kinds, folder);
    return halve ? { ...file, halve } : file;
  };
  const listed = (name: string, own: string, many: readonly string[]): readonly string[] =>
    name === own ? [] : name === 'many' ? many : [name];
  const swaps = config.processors.includes('face_swapper');
  const enhances = config.processors.includes('face_enhancer');
  const deep = config.processors.includes('deep_swapper');

  const swapper =
    swaps && config.faceSwapperModel !== 'mesh' ? require(config.faceSwapperModel, 'swapper') : null;
  const source = swapper?.contract.source;
  checkSwapperOptions(config, swapper);
  const landmarkers = listed(config.faceLandmarkerModel, 'facemesh', manyLandmarkers);
  const masksFaces = swapper !== null || deep;
  const detectors = listed(config.faceDetectorModel, 'blazeface', manyDetectors).map((id) =>
    require(id, 'anchor-distances', 'yolo-face', 'yunet'),
  );
  checkDetectorSize(config, detectors);
  const enhancesByModel = enhances && config.faceEnhancerModel !== 'detail';
  if (swaps && swapper === null && config.faceMaskTypes.some((type) => type !== 'box')) {
    throw new FaceswapError('usage', '--face-mask-types must be box with --face-swapper-model mesh', {
      hint: 'The mesh swapper has masks of its own: see --occlusion; the others are for swappers that are models',
    });
  }
  const neural: NeuralModelFiles = {
    detectors,
    imageLandmarkers: landmarkers.map((id) => require(id, 'heatmap-68', 'points-68')),
    fiveToSixtyEight: landmarkers.length > 0 ? require('fan_68_5', 'five-to-68') : null,
    classifier:
      config.faceClassifierModel === 'faceres' ? null : require(config.faceClassifierModel, 'fairface'),
    recognizer: source?.kind === 'embedding' ? require('arcface_w600k_r50', 'arcface') : null,
    converter:
      source?.kind === 'embedding' && source.converter !== undefined
        ? require(source.converter, 'embedding-converter')
        : null,
    swapper,
    deepSwapper: deep ? deepSwapperFile(config, require) : null,
    enhancer: enhancesByModel ? require(config.faceEnhancerModel, 'enhancer') : null,
    occluders:
      (masksFaces || enhancesByModel) && config.faceMaskTypes.includes('occlusion')
        ? listed(config.faceOccluderModel, '', manyOccluders).map((id) => require(id, 'xseg'))
        : [],
    parser:
      masksFaces && config.faceMaskTypes.includes('region')
        ? require(config.faceParserModel, 'bisenet')
        : null,
  };
  if (missing.size > 0) throw missingModels([...missing.values()], folder);
  const files = neuralFilesOf(neural);
  if (files.length === 0) return null;
  const { assureModel } = await import('./models/model-record.js');
  // A file that was named by its path is none of the model folder's.
  for (const [, { id, file }] of files) if (file !== config.deepSwapperModel) await assureModel(id, file);
  return { ...embeddedModelFiles(), neural, cacheFolder: modelCacheFolder(config) };
}

/** @throws FaceswapError `usage` for a side that one of the detectors does not take. */
const checkDetectorSize = (
  { faceDetectorSizePx: sidePx, faceDetectorModel: name }: RunConfig,
  detectors: NeuralModelFiles['detectors'],
): void => {
  if (sidePx === undefined) return;
  if (detectors.length === 0) {
    throw new FaceswapError('usage', `--face-detector-size has no meaning for the detector ${name}`, {
      hint: 'Choose another --face-detector-model, or leave it out',
    });
  }
  for (const { id, contract } of detectors) {
    if (contract.sizesPx.includes(sidePx)) continue;
    throw new FaceswapError(
      'usage',
      `--face-detector-size must be one of ${contract.sizesPx.join(', ')} for ${id}, got ${sidePx}`,
    );
  }
};

/** @throws FaceswapError (usage) for what the chosen swapper cannot do. */
const checkSwapperOptions = (config: RunConfig, swapper: ModelFile<'swapper'> | null): void => {
  const { processors, faceSwapperPixelBoostPx: boostPx, faceSwapperWeight: weight } = config;
  const isDeep = processors.includes('deep_swapper');
  if (config.deepSwapperModel !== undefined && !isDeep) {
    throw new FaceswapError('usage', '--deep-swapper-model must come with --processors deep_swapper');
  }
  if (isDeep && config.compat === 'facefusion') {
    throw new FaceswapError('usage', '--compat facefusion must be left out with --processors deep_swapper', {
      hint: 'Its colours are matched in our own way, which leaves nothing to compare',
    });
  }
  const name = isDeep ? 'deep_swapper' : (swapper?.id ?? 'mesh');
  const boosts = swapper?.contract.pixelBoostsPx ?? [];
  const offered = boosts.filter((side) => Number.isInteger(side / (swapper?.contract.sizePx ?? 1)));
  if (boostPx !== undefined && !offered.includes(boostPx)) {
    const told =
      offered.length === 0
        ? `must be left out: ${name} has no fixed size to multiply`
        : `must be one of ${offered.map((side) => `${side}x${side}`).join(', ')} for ${name}, got ${boostPx}x${boostPx}`;
    throw new FaceswapError('usage', `--face-swapper-pixel-boost ${told}`);
  }
  if (weight !== 0.5 && swapper?.contract.source.kind !== 'embedding') {
    throw new FaceswapError(
      'usage',
      `--face-swapper-weight must be left out: ${name} takes no embedding that could be weighed`,
    );
  }
};

const deepSwapperFile = (
  { deepSwapperModel, precision }: RunConfig,
  require: (id: string, kind: 'dfm') => ModelFile<'dfm'>,
): ModelFile<'dfm'> => {
  if (deepSwapperModel === undefined) {
    throw new FaceswapError('usage', '--deep-swapper-model must come with the processor deep_swapper');
  }
  if (!deepSwapperModel.endsWith('.dfm')) return require(deepSwapperModel, 'dfm');
  if (statSync(deepSwapperModel, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new FaceswapError('model', 'The model of --deep-swapper-model is not there', {
      file: deepSwapperModel,
      hint: 'Give the path of a .dfm file, or a name such as iperov/somebody',
    });
  }
  const contract = { kind: 'dfm', template: 'dfl_whole_face' } as const;
  const model = { id: basename(deepSwapperModel, '.dfm'), file: deepSwapperModel, contract };
  return precision === 'fp16' ? { ...model, halve: true } : model;
};

/** Those that decide what is found in a target, whoever is swapped onto whom. */
export function analysisFilesOf(files: NeuralModelFiles): readonly AnyModelFile[] {
  const { detectors, imageLandmarkers, fiveToSixtyEight, classifier } = files;
  return [...detectors, ...imageLandmarkers, fiveToSixtyEight, classifier].filter((model) => model !== null);
}

/** All models of a set that are fetched, with what they are used for. */
export function neuralFilesOf(
  files: NeuralModelFiles,
): readonly (readonly [use: string, model: AnyModelFile])[] {
  return Object.entries(files).flatMap(([use, value]) => {
    const models: readonly AnyModelFile[] = value === null ? [] : 'id' in value ? [value] : [...value];
    return models.map((model) => [`${use} ${model.id}`, model] as const);
  });
}
