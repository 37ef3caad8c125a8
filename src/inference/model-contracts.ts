import { z } from 'zod';

/**
 * What the registry says of each kind of model: how it is fed and what its outputs are. Inputs and outputs of the models that FaceFusion
 * publishes are positional unless named; the numbers are those of its release 3.8.1.
 */

const name = z.string().min(1).max(200);
const sizePx = z.int().min(16).max(4096);
const count = z.int().min(1).max(1_000_000);
const modelId = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/i);
const triple = z.tuple([z.number(), z.number(), z.number()]);

/** The places that eyes, nose and mouth corners get in a crop; see `warp-templates.ts`. */
export const warpTemplateNames = [
  'arcface_112_v1',
  'arcface_112_v2',
  'arcface_128',
  'dfl_whole_face',
  'ffhq_512',
  'mtcnn_512',
  'styleganex_384',
] as const;

const template = z.enum(warpTemplateNames);

/** A picture input, float32: `(sample − mean) / std` of 8-bit samples 0..255, one value per channel in the order of `colourOrder`. */
const imageInput = z.strictObject({
  name,
  layout: z.enum(['NCHW', 'NHWC']),
  colourOrder: z.enum(['RGB', 'BGR']),
  mean: triple,
  std: triple.refine((values) => values.every((value) => value > 0), 'must be above 0'),
});

const tensor = z.strictObject({
  name,
  /** A string is an axis that is free until the model runs. */
  dims: z.array(z.union([z.int().min(1), z.string()])),
  /** What the numbers are, in one sentence. */
  meaning: z.string(),
});

/** Prose contract of a model that comes with the package; its code knows the numbers. */
const embeddedContract = (kind: 'blazeface' | 'facemesh' | 'faceres') =>
  z.strictObject({
    kind: z.literal(kind),
    input: tensor.extend({
      layout: z.literal('NCHW'),
      colourOrder: z.enum(['RGB', 'BGR']),
      /** Lowest and highest value that a pixel takes. */
      valueRange: z.tuple([z.number(), z.number()]),
      /** How an 8-bit sample becomes an input value. */
      normalisation: z.string(),
      /** Which part of the picture goes in. */
      crop: z.string(),
    }),
    outputs: z.array(tensor),
    /** From outputs to boxes, points and scores, step by step. */
    decode: z.array(z.string()),
  });

/** Outputs: per stride scores, then boxes, then points. Sizes are those of the square input, the last one the default. */
const anchorDistances = z.strictObject({
  kind: z.literal('anchor-distances'),
  image: imageInput,
  sizesPx: z.array(sizePx).min(1),
  strides: z.array(count).min(1),
  anchorsPerCell: count,
});

/** Output 0: `[1, 20, candidates]` of centre, size, score and five points with their certainty. */
const yoloFace = z.strictObject({
  kind: z.literal('yolo-face'),
  image: imageInput,
  sizesPx: z.array(sizePx).min(1),
  candidates: count,
});

/** Outputs: per stride class scores, then object scores, then boxes, then points. */
const yunet = z.strictObject({
  kind: z.literal('yunet'),
  image: imageInput,
  sizesPx: z.array(sizePx).min(1),
  strides: z.array(count).min(1),
  anchorsPerCell: count,
});

const imageLandmarks = <Kind extends 'heatmap-68' | 'points-68'>(kind: Kind) =>
  z.strictObject({
    kind: z.literal(kind),
    image: imageInput,
    sizePx,
    /** Side of the grid in which the points are given. */
    gridPx: count,
    /** Length of the face box's longer side in the crop. */
    faceSpanPx: z.number().positive(),
    /** The mean certainty that counts as 1. */
    scoreCeiling: z.number().positive(),
  });

/** Input `[1, 5, 2]` on the unit square, output `[1, 68, 2]`. */
const fiveToSixtyEight = z.strictObject({ kind: z.literal('five-to-68'), input: name, template });

/** Output 0 is the embedding, not normalised. */
const arcface = z.strictObject({
  kind: z.literal('arcface'),
  image: imageInput,
  sizePx,
  template,
  length: count,
});

/** Outputs: ids of race, gender and age. */
const fairface = z.strictObject({ kind: z.literal('fairface'), image: imageInput, sizePx, template });

/**
 * Who the source is, as numbers: the embedding divided by its norm; that times the model's own matrix (its last initializer); run through a
 * converter; or that divided by its norm.
 */
const embeddingSource = z.strictObject({
  kind: z.literal('embedding'),
  name,
  length: count,
  form: z.enum(['normalised', 'emap', 'converted', 'converted-normalised']),
  converter: modelId.optional(),
  /** What of the target's own embedding is mixed in where the weight is not 0.5. */
  weightBy: z.enum(['raw', 'normalised']),
});

/** Who the source is, as an aligned crop of the photo. */
const imageSource = z.strictObject({
  kind: z.literal('image'),
  image: imageInput,
  sizePx,
  template,
});

/** Output 0: `[n, 3, sizePx, sizePx]` RGB 0..1, or normalised like the input where `denormalise` is set. */
const swapper = z.strictObject({
  kind: z.literal('swapper'),
  image: imageInput,
  sizePx,
  template,
  denormalise: z.boolean(),
  /** Sides of the crop that are offered, multiples of `sizePx`. */
  pixelBoostsPx: z.array(sizePx).min(1),
  source: z.discriminatedUnion('kind', [embeddingSource, imageSource]),
});

/** A DeepFaceLive model: BGR NHWC 0..1 in, masks and picture out; its size is in the file. */
const deepSwapper = z.strictObject({ kind: z.literal('dfm'), template });

/** `[1, length]` raw embedding → `[1, length]`. */
const embeddingConverter = z.strictObject({
  kind: z.literal('embedding-converter'),
  input: name,
  length: count,
});

/** Output 0: `[n, 3, sizePx, sizePx]` RGB −1..1. */
const enhancer = z.strictObject({
  kind: z.literal('enhancer'),
  image: imageInput,
  sizePx,
  template,
  /** An input `[1]`: faithful (1) or beautiful (0). */
  weight: z.strictObject({ name, elementType: z.enum(['float32', 'float64']) }).optional(),
});

/** Output 0: `[1, sizePx, sizePx, 1]`, 1 where the face is visible. */
const xseg = z.strictObject({ kind: z.literal('xseg'), image: imageInput, sizePx });

/** Output 0: `[1, classCount, sizePx, sizePx]`; the largest one wins. */
const bisenet = z.strictObject({ kind: z.literal('bisenet'), image: imageInput, sizePx, classCount: count });

const contentAnalyser = z.strictObject({
  kind: z.literal('content-analyser'),
  image: imageInput,
  sizePx,
  decision: z.discriminatedUnion('kind', [
    /** The largest value of output 0 from this row of its second axis on. */
    z.strictObject({ kind: z.literal('largest'), fromRow: z.int().min(0), above: z.number() }),
    /** Sum of some values of output 0 less the sum of others. */
    z.strictObject({
      kind: z.literal('difference'),
      plus: z.array(z.int().min(0)).min(1),
      minus: z.array(z.int().min(0)).min(1),
      above: z.number(),
    }),
  ]),
});

const embeddedContracts = z.discriminatedUnion('kind', [
  embeddedContract('blazeface'),
  embeddedContract('facemesh'),
  embeddedContract('faceres'),
]);

/** Contracts of models that users fetch or bring. */
export const externalContractSchema = z.discriminatedUnion('kind', [
  anchorDistances,
  yoloFace,
  yunet,
  imageLandmarks('heatmap-68'),
  imageLandmarks('points-68'),
  fiveToSixtyEight,
  arcface,
  fairface,
  swapper,
  deepSwapper,
  embeddingConverter,
  enhancer,
  xseg,
  bisenet,
  contentAnalyser,
]);

export const modelRoles = [
  'detector',
  'landmarker',
  'recognizer',
  'classifier',
  'swapper',
  'deep-swapper',
  'converter',
  'enhancer',
  'occluder',
  'parser',
  'content-analyser',
] as const;

export type ModelRole = (typeof modelRoles)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const common = {
  id: modelId,
  role: z.enum(modelRoles),
  licence: z.string().min(1),
  /** What the licence lets one do with it, in short. */
  use: z.enum(['any', 'copyleft', 'restricted', 'research', 'non-commercial', 'unknown']),
  vendor: z.string().min(1),
};

/** A model that comes with the package. */
const embeddedEntry = z.strictObject({
  ...common,
  embedded: z.literal(true),
  contract: embeddedContracts,
  /** Path below the package root, with forward slashes. */
  file: z.string().min(1),
  sizeBytes: z.int().min(1),
  sha256,
  /** Who trained it and who shipped the form that we convert. */
  origin: z.string(),
});

/** A model that users fetch or bring. Nothing is known of its bytes until they are first seen. */
const externalEntry = z.strictObject({
  ...common,
  embedded: z.literal(false),
  contract: externalContractSchema,
  /** Other names that options take for it. */
  aliases: z.array(modelId).optional(),
  /** Name of the file in the model folder. */
  file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.(onnx|dfm)$/),
  /** Release of FaceFusion's assets that has it; null: users bring it. */
  base: z
    .string()
    .regex(/^[a-z0-9.-]+$/)
    .nullable(),
  precision: z.enum(['fp32', 'fp16']),
  /** The model of which this is another precision. */
  variantOf: modelId.optional(),
  /** Models that must be there for it to work. */
  needs: z.array(modelId),
  year: z.int().min(2000).max(2100),
});

/** An entry of a registry file of the user's own. */
export const externalEntrySchema = externalEntry;

const modelEntrySchema = z.discriminatedUnion('embedded', [embeddedEntry, externalEntry]);

export const modelRegistrySchema = z.strictObject({
  version: z.literal(2),
  models: z.array(modelEntrySchema),
});

export type WarpTemplateName = z.infer<typeof template>;
export type ImageInputContract = z.infer<typeof imageInput>;
export type ModelContract = z.infer<typeof externalContractSchema>;
export type ContractOf<Kind extends ModelContract['kind']> = Extract<ModelContract, { kind: Kind }>;
export type DetectorContract = ContractOf<'anchor-distances' | 'yolo-face' | 'yunet'>;
export type ImageLandmarkerContract = ContractOf<'heatmap-68' | 'points-68'>;
export type SwapperContract = ContractOf<'swapper'>;
export type EnhancerContract = ContractOf<'enhancer'>;
export type ContentAnalyserContract = ContractOf<'content-analyser'>;
export type EmbeddedModelEntry = z.infer<typeof embeddedEntry>;
export type ExternalModelEntry = z.infer<typeof externalEntry>;
export type ModelEntry = z.infer<typeof modelEntrySchema>;
export type ModelRegistry = z.infer<typeof modelRegistrySchema>;
