import type { ModelContract, ModelRole } from './model-contracts.js';

const roles: Readonly<Record<ModelContract['kind'], ModelRole>> = {
  'anchor-distances': 'detector',
  'yolo-face': 'detector',
  yunet: 'detector',
  'heatmap-68': 'landmarker',
  'points-68': 'landmarker',
  'five-to-68': 'landmarker',
  arcface: 'recognizer',
  fairface: 'classifier',
  swapper: 'swapper',
  dfm: 'deep-swapper',
  'embedding-converter': 'converter',
  enhancer: 'enhancer',
  xseg: 'occluder',
  bisenet: 'parser',
  'content-analyser': 'content-analyser',
};

/** What a model of this kind is used for. */
export const roleOf = ({ kind }: ModelContract): ModelRole => roles[kind];

/** The models that one with this contract cannot do without. */
export const needsOf = (contract: ModelContract): readonly string[] => {
  switch (contract.kind) {
    case 'heatmap-68':
    case 'points-68':
      return ['fan_68_5'];
    case 'swapper': {
      const { source } = contract;
      if (source.kind === 'image') return [];
      return ['arcface_w600k_r50', ...(source.converter === undefined ? [] : [source.converter])];
    }
    default:
      return [];
  }
};
