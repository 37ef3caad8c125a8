import { basename } from 'node:path';
import { FaceswapError } from '../errors.js';
import type { ModelContract } from '../inference/model-contracts.js';
import { type AnyModelFile, externalModel, type ModelFile, requireModel } from '../inference/model-store.js';
import { type ChainModelFiles, embeddedModelFiles, type NeuralModelFiles } from './chain-models.js';
import type { RunConfig } from './run-options.js';

/** The detectors that `many` stands for, as in FaceFusion. */
const manyDetectors = ['retinaface_10g', 'scrfd_2.5g', 'yoloface_8n'];
const manyLandmarkers = ['2dfan4', 'peppa_wutz'];
const manyOccluders = ['xseg_1', 'xseg_2', 'xseg_3'];

/**
 * The files of a run's models, or null where it needs none but those of the package.
 *
 * @throws FaceswapError `model` with the command that fetches it for one that is not there, `usage` for options that a model does not
 *   have.
 */
export async function chainModelFiles(config: RunConfig): Promise<ChainModelFiles | null> {
  const folder = config.modelDir;
  const require = <Kind extends ModelContract['kind']>(
    id: string,
    ...kinds: readonly Kind[]
  ): ModelFile<Kind> => requireModel(externalModel(id), kinds, folder, config.precision);
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
  const enhancesByModel = enhances && config.faceEnhancerModel !== 'detail';
  if (swaps && swapper === null && config.faceMaskTypes.some((type) => type !== 'box')) {
    throw new FaceswapError('usage', '--face-mask-types must be box with --face-swapper-model mesh', {
      hint: 'The mesh swapper has masks of its own: see --occlusion; the others are for swappers that are models',
    });
  }
  const neural: NeuralModelFiles = {
    detectors: listed(config.faceDetectorModel, 'blazeface', manyDetectors).map((id) =>
      require(id, 'anchor-distances', 'yolo-face', 'yunet'),
    ),
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
  return neuralFilesOf(neural).length === 0 ? null : { ...embeddedModelFiles(), neural };
}

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
  const contract = { kind: 'dfm', template: 'dfl_whole_face' } as const;
  const model = { id: basename(deepSwapperModel, '.dfm'), file: deepSwapperModel, contract };
  return precision === 'fp16' ? { ...model, halve: true } : model;
};

/** All models of a set that are fetched, with what they are used for. */
export function neuralFilesOf(
  files: NeuralModelFiles,
): readonly (readonly [use: string, model: AnyModelFile])[] {
  return Object.entries(files).flatMap(([use, value]) => {
    const models: readonly AnyModelFile[] = value === null ? [] : 'id' in value ? [value] : [...value];
    return models.map((model) => [`${use} ${model.id}`, model] as const);
  });
}
