import { FaceswapError } from '../errors.js';
import { AlignedCropper } from '../imaging/aligned-cropper.js';
import type { PlanarFrame } from '../imaging/planar-frame.js';
import { writeImageInput } from '../inference/image-input.js';
import { readLastInitializer } from '../inference/initializers.js';
import type { SwapperContract } from '../inference/model-contracts.js';
import { refuseOtherInputs, requireFirstOutput, requireInput } from '../inference/session-signature.js';
import type { ModelFile } from '../inference/model-store.js';
import { fivePointLength, fivePointsOf } from '../processors/face-landmarker/five-points.js';
import { ArcfaceRecognizer, norm } from '../processors/face-recognizer/arcface.js';
import { loadArcface } from './arcface-session.js';
import type { NeuralModelFiles } from './chain-models.js';
import { cropArithmetic } from './crop-arithmetic.js';
import type { ChainSettings } from './face-chain.js';
import { type FetchedModelPlace, openFetchedModel } from './fetched-model.js';

/** Reads who a person is, photo by photo, in the form that a swapper's model takes. */
export type SwapSourceReader = {
  /** @param points 468 × (x, y, z) in pixels of the photo */
  add(photo: PlanarFrame, points: Float32Array): Promise<void>;
  /** What each photo's face is swapped with, in their order. */
  finish(): Promise<readonly Float32Array[]>;
};

type EmbeddingSource = Extract<SwapperContract['source'], { kind: 'embedding' }>;
type ImageSource = Extract<SwapperContract['source'], { kind: 'image' }>;

/** The embeddings of a person's photos, averaged as FaceFusion does it. */
export type MeanEmbedding = {
  /** Mean of the embeddings as the recogniser gives them. */
  readonly raw: Float32Array;
  /** Mean of the embeddings divided by their norms; shorter than 1 where photos differ. */
  readonly normalised: Float32Array;
};

/**
 * @param embeddings at least one, all of one length
 */
export function meanEmbedding(embeddings: readonly Float32Array[]): MeanEmbedding {
  const length = embeddings[0]?.length ?? 0;
  const raw = new Float32Array(length);
  const normalised = new Float32Array(length);
  for (const embedding of embeddings) {
    const own = norm(embedding);
    for (let i = 0; i < length; i++) {
      const value = (embedding[i] as number) / embeddings.length;
      raw[i] = (raw[i] as number) + value;
      normalised[i] = (normalised[i] as number) + value / own;
    }
  }
  return { raw, normalised };
}

/**
 * `(row · matrix) / ‖row‖`, with no second normalisation.
 *
 * @param matrix row after row, `row.length` rows
 */
export function throughMatrix(row: Float32Array, matrix: Float32Array): Float32Array {
  const columns = matrix.length / row.length;
  const sums = new Float64Array(columns);
  for (let i = 0; i < row.length; i++) {
    const value = row[i] as number;
    for (let j = 0; j < columns; j++) {
      sums[j] = (sums[j] as number) + value * (matrix[i * columns + j] as number);
    }
  }
  const length = norm(row);
  return Float32Array.from(sums, (sum) => sum / length);
}

/**
 * What reads the sources of a swapper that is a model. The recogniser stays loaded for the next set of photos.
 *
 * @throws FaceswapError `model` for a file that is missing, damaged or not as its contract says
 */
export async function openSwapSources(
  swapper: ModelFile<'swapper'>,
  { neural, cacheFolder }: Pick<EmbeddingParts, 'neural' | 'cacheFolder'>,
  settings: ChainSettings,
): Promise<SwapSourceReader> {
  const { source } = swapper.contract;
  return source.kind === 'image'
    ? imageReader(source, settings)
    : embeddingReader({ swapper, source, neural, cacheFolder }, settings);
}

/** Each photo is its own source; FaceFusion takes the first of several for all. */
const imageReader = (
  { image, sizePx, template }: ImageSource,
  settings: Pick<ChainSettings, 'compat'>,
): SwapSourceReader => {
  const cropper = new AlignedCropper(cropArithmetic(settings));
  const five = new Float32Array(fivePointLength);
  const crop = new Float32Array(3 * sizePx * sizePx);
  const sources: Float32Array[] = [];
  return {
    add: async (photo, points) => {
      const toFrame = cropper.align(template, sizePx, fivePointsOf(points, five));
      cropper.cut(photo, toFrame, sizePx, crop, { scale: 1, offset: 0 });
      const input = new Float32Array(crop.length);
      writeImageInput(crop, sizePx, image, input);
      sources.push(input);
    },
    finish: async () => {
      const [first] = sources;
      return settings.compat === 'facefusion' && first !== undefined ? sources.map(() => first) : sources;
    },
  };
};

type EmbeddingParts = {
  readonly swapper: ModelFile<'swapper'>;
  readonly source: EmbeddingSource;
  readonly neural: NeuralModelFiles;
  readonly cacheFolder: string | null;
};

const embeddingReader = async (parts: EmbeddingParts, settings: ChainSettings): Promise<SwapSourceReader> => {
  const { recognizer } = parts.neural;
  if (recognizer === null)
    throw new FaceswapError('bug', 'A swapper of embeddings came without a recogniser');
  const session = await loadArcface(recognizer, { settings, cacheFolder: parts.cacheFolder });
  const arcface = new ArcfaceRecognizer(session, recognizer.contract, {
    arithmetic: cropArithmetic(settings),
  });
  const embeddings: Float32Array[] = [];
  return {
    add: async (photo, points) => {
      const index = arcface.add(photo, points);
      await arcface.run();
      embeddings.push(arcface.embedding(index).slice());
      arcface.clear();
    },
    finish: async () => {
      if (embeddings.length === 0) return [];
      const source = await sourceOf(meanEmbedding(embeddings), parts, settings);
      if (source.length !== parts.source.length) {
        throw new FaceswapError(
          'model',
          `The swapper takes ${parts.source.length} numbers of a source, and would get ${source.length}`,
          { file: parts.swapper.file },
        );
      }
      return embeddings.map(() => source);
    },
  };
};

const sourceOf = async (
  { raw, normalised }: MeanEmbedding,
  { swapper, source, neural, cacheFolder }: EmbeddingParts,
  settings: ChainSettings,
): Promise<Float32Array> => {
  const place = { settings, cacheFolder };
  switch (source.form) {
    case 'normalised':
      return normalised;
    case 'emap':
      return throughMatrix(raw, sourceMatrix(swapper.file, raw.length, source.length));
    case 'converted':
      return convert(raw, neural.converter, place);
    case 'converted-normalised': {
      const converted = await convert(raw, neural.converter, place);
      const length = norm(converted);
      return converted.map((value) => value / length);
    }
  }
};

/** The matrix that a swapper's file carries for embeddings: its graph's last initializer. */
const sourceMatrix = (file: string, rows: number, columns: number): Float32Array => {
  const { dims, data } = readLastInitializer(file);
  if (dims.length === 2 && dims[0] === rows && dims[1] === columns) return data;
  throw new FaceswapError(
    'model',
    `The last initializer should be the matrix [${rows}, ${columns}] for embeddings, but is [${dims.join(', ')}]`,
    {
      file,
      hint: 'Fetch the model again with "faceswap models pull", or give a file that fits its contract',
    },
  );
};

const convert = async (
  raw: Float32Array,
  converter: ModelFile<'embedding-converter'> | null,
  place: FetchedModelPlace,
): Promise<Float32Array> => {
  if (converter === null)
    throw new FaceswapError('bug', 'A swapper came without its converter of embeddings');
  const { input, length } = converter.contract;
  const session = await openFetchedModel(converter, place);
  try {
    requireInput(session, input, [null, length]);
    refuseOtherInputs(session, [input]);
    const output = requireFirstOutput(session, [null, length]);
    const outputs = await session.run({ [input]: { data: raw, dims: [1, raw.length] } });
    return outputs[output] as Float32Array;
  } finally {
    await session.dispose();
  }
};
