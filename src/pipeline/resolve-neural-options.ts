import { resolve } from 'node:path';
import type { ModelRole } from '../inference/model-contracts.js';
import { findModelName, modelNames } from '../inference/model-names.js';
import { nearestName } from './nearest-name.js';
import type {
  Compatibility,
  EnhancedFaces,
  FaceMaskArea,
  FaceMaskRegion,
  FaceMaskType,
  NeuralConfig,
  NeuralOptions,
  Precision,
} from './neural-options.js';
import { choiceOption, numberOption, paddingOption, refuse, textOption } from './option-checks.js';

/** The values that each option with a fixed vocabulary takes. */
export const neuralChoices = {
  faceEnhancerFaces: ['auto', 'all'] satisfies EnhancedFaces[],
  faceMaskTypes: ['box', 'occlusion', 'area', 'region'] satisfies FaceMaskType[],
  faceMaskAreas: ['upper-face', 'lower-face', 'mouth'] satisfies FaceMaskArea[],
  faceMaskRegions: [
    'skin',
    'left-eyebrow',
    'right-eyebrow',
    'left-eye',
    'right-eye',
    'glasses',
    'nose',
    'mouth',
    'upper-lip',
    'lower-lip',
  ] satisfies FaceMaskRegion[],
  precision: ['auto', 'fp32', 'fp16'] satisfies Precision[],
  compat: ['none', 'facefusion'] satisfies Compatibility[],
} as const;

/** The defaults that do not depend on the machine. */
export const neuralDefaults = {
  faceSwapperModel: 'mesh',
  faceSwapperWeight: 0.5,
  deepSwapperMorph: 100,
  faceEnhancerModel: 'detail',
  faceEnhancerBlend: 80,
  faceEnhancerWeight: 0.5,
  faceEnhancerFaces: 'auto',
  faceDetectorModel: 'blazeface',
  faceDetectorAngles: [0],
  faceDetectorMargin: [0],
  faceLandmarkerModel: 'facemesh',
  faceLandmarkerScore: 0.5,
  faceClassifierModel: 'faceres',
  faceMaskTypes: ['box'],
  faceOccluderModel: 'xseg_1',
  faceParserModel: 'bisenet_resnet_34',
  precision: 'auto',
  compat: 'none',
} as const satisfies Partial<NeuralOptions>;

/** Every key of {@link NeuralOptions}, mapped so that the compiler notices a key that is missing here. */
export const neuralKeys: Readonly<Record<keyof NeuralOptions, true>> = {
  faceSwapperModel: true,
  faceSwapperWeight: true,
  faceSwapperPixelBoost: true,
  deepSwapperModel: true,
  deepSwapperMorph: true,
  faceEnhancerModel: true,
  faceEnhancerBlend: true,
  faceEnhancerWeight: true,
  faceEnhancerFaces: true,
  faceDetectorModel: true,
  faceDetectorSize: true,
  faceDetectorAngles: true,
  faceDetectorMargin: true,
  faceLandmarkerModel: true,
  faceLandmarkerScore: true,
  faceClassifierModel: true,
  faceMaskTypes: true,
  faceMaskAreas: true,
  faceMaskRegions: true,
  faceOccluderModel: true,
  faceParserModel: true,
  modelDir: true,
  precision: true,
  compat: true,
};

type ModelOption =
  | 'faceSwapperModel'
  | 'faceEnhancerModel'
  | 'faceDetectorModel'
  | 'faceLandmarkerModel'
  | 'faceClassifierModel'
  | 'faceOccluderModel'
  | 'faceParserModel';

/** Names that an option takes besides those of the models with its role. */
const ownNames: Readonly<
  Record<ModelOption, { readonly role: ModelRole; readonly names: readonly string[] }>
> = {
  faceSwapperModel: { role: 'swapper', names: ['mesh'] },
  faceEnhancerModel: { role: 'enhancer', names: ['detail'] },
  faceDetectorModel: { role: 'detector', names: ['blazeface', 'many'] },
  faceLandmarkerModel: { role: 'landmarker', names: ['facemesh', 'many'] },
  faceClassifierModel: { role: 'classifier', names: ['faceres'] },
  faceOccluderModel: { role: 'occluder', names: ['many'] },
  faceParserModel: { role: 'parser', names: [] },
};

/** A model's id, for its name in an option. */
const modelOption = (name: ModelOption, value: unknown): string => {
  const { role, names } = ownNames[name];
  const text = textOption(name, value, 'the name of a model');
  if (names.includes(text)) return text;
  const entry = findModelName(text);
  if (entry?.role === role) return entry.id;
  const known = [...names, ...modelNames(role)];
  const near = nearestName(text, known);
  throw refuse(
    name,
    `one of ${known.join(', ')}`,
    value,
    near === undefined ? undefined : `Did you mean ${near}?`,
  );
};

/** Pixels, or FaceFusion's way of writing them: `512x512`. */
const sideOption = (
  name: 'faceSwapperPixelBoost' | 'faceDetectorSize',
  value: unknown,
): number | undefined => {
  if (value === undefined) return undefined;
  const parts = typeof value === 'string' ? /^(\d{2,4})(?:x(\d{2,4}))?$/.exec(value) : null;
  const side = parts === null ? value : Number(parts[1]);
  const isSquare = parts?.[2] === undefined || parts[2] === parts[1];
  if (typeof side === 'number' && Number.isInteger(side) && side >= 16 && side <= 4096 && isSquare)
    return side;
  throw refuse(name, 'the side of a square in pixels such as 512 or 512x512', value);
};

const listOption = <Choice extends string>(
  name: 'faceMaskTypes' | 'faceMaskAreas' | 'faceMaskRegions',
  value: unknown,
  choices: readonly Choice[],
): readonly Choice[] => {
  if (!Array.isArray(value) || value.length === 0)
    throw refuse(name, `a list of ${choices.join(', ')}`, value);
  const list = value.map((item) => choiceOption(name, item, choices));
  if (new Set(list).size !== list.length) throw refuse(name, 'a list without repetitions', value);
  return list;
};

const anglesOption = (value: unknown): readonly number[] => {
  const expected = 'a list of 0, 90, 180, 270 without repetitions';
  if (!Array.isArray(value) || value.length === 0) throw refuse('faceDetectorAngles', expected, value);
  const fits = value.every((angle) => [0, 90, 180, 270].includes(angle as number));
  if (!fits || new Set(value).size !== value.length) throw refuse('faceDetectorAngles', expected, value);
  return value as readonly number[];
};

/** A registry id, or a file: whatever ends in `.dfm` or has a separator. */
const deepSwapperOption = (value: unknown): string | undefined => {
  if (value === undefined) return undefined;
  const text = textOption('deepSwapperModel', value, 'the name of a model or a .dfm file');
  if (findModelName(text)?.role === 'deep-swapper') return text;
  if (text.endsWith('.dfm')) return resolve(text);
  throw refuse('deepSwapperModel', 'the name of a model or a .dfm file', value);
};

/**
 * Checks the options of models that are fetched and fills in their defaults. Whether the models are there is asked later.
 *
 * @throws FaceswapError (usage) as `resolveRunOptions`.
 */
export function resolveNeuralOptions(options: NeuralOptions): NeuralConfig {
  const get = <Name extends keyof typeof neuralDefaults>(name: Name): unknown =>
    options[name] ?? neuralDefaults[name];
  const { faceMaskAreas: areas, faceMaskRegions: regions } = neuralChoices;
  const unit = { lowest: 0, highest: 1, integer: false };
  const percent = { lowest: 0, highest: 100, integer: true };
  return {
    faceSwapperModel: modelOption('faceSwapperModel', get('faceSwapperModel')),
    faceSwapperWeight: numberOption('faceSwapperWeight', get('faceSwapperWeight'), unit),
    faceSwapperPixelBoostPx: sideOption('faceSwapperPixelBoost', options.faceSwapperPixelBoost),
    deepSwapperModel: deepSwapperOption(options.deepSwapperModel),
    deepSwapperMorph: numberOption('deepSwapperMorph', get('deepSwapperMorph'), percent),
    faceEnhancerModel: modelOption('faceEnhancerModel', get('faceEnhancerModel')),
    faceEnhancerBlend: numberOption('faceEnhancerBlend', get('faceEnhancerBlend'), percent) / 100,
    faceEnhancerWeight: numberOption('faceEnhancerWeight', get('faceEnhancerWeight'), unit),
    faceEnhancerFaces: choiceOption(
      'faceEnhancerFaces',
      get('faceEnhancerFaces'),
      neuralChoices.faceEnhancerFaces,
    ),
    faceDetectorModel: modelOption('faceDetectorModel', get('faceDetectorModel')),
    faceDetectorSizePx: sideOption('faceDetectorSize', options.faceDetectorSize),
    faceDetectorAngles: anglesOption(get('faceDetectorAngles')),
    faceDetectorMargin: paddingOption('faceDetectorMargin', get('faceDetectorMargin')),
    faceLandmarkerModel: modelOption('faceLandmarkerModel', get('faceLandmarkerModel')),
    faceLandmarkerScore: numberOption('faceLandmarkerScore', get('faceLandmarkerScore'), unit),
    faceClassifierModel: modelOption('faceClassifierModel', get('faceClassifierModel')),
    faceMaskTypes: listOption('faceMaskTypes', get('faceMaskTypes'), neuralChoices.faceMaskTypes),
    faceMaskAreas: listOption('faceMaskAreas', options.faceMaskAreas ?? areas, areas),
    faceMaskRegions: listOption('faceMaskRegions', options.faceMaskRegions ?? regions, regions),
    faceOccluderModel: modelOption('faceOccluderModel', get('faceOccluderModel')),
    faceParserModel: modelOption('faceParserModel', get('faceParserModel')),
    modelDir:
      options.modelDir === undefined
        ? undefined
        : resolve(textOption('modelDir', options.modelDir, 'a folder')),
    precision: choiceOption('precision', get('precision'), neuralChoices.precision),
    compat: choiceOption('compat', get('compat'), neuralChoices.compat),
  };
}
