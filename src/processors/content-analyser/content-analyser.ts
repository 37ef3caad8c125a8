import { FaceswapError } from '../../errors.js';
import { kernels } from '../../imaging/kernels/kernels.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import type { ContentAnalyserContract, ImageInputContract } from '../../inference/model-contracts.js';
import type { ModelSession } from '../../inference/session.js';
import { PictureFit, type Shrinking } from './picture-fit.js';

/** What one model says of a picture. */
export type ContentReading = {
  readonly model: string;
  readonly score: number;
  /** The score from which on the model objects, this one not included. */
  readonly above: number;
};

/** How many models must object. */
const objectingModels = 2;

/** Whether enough models object to a picture. */
export const isFlagged = (readings: readonly ContentReading[]): boolean =>
  readings.filter(({ score, above }) => score > above).length >= objectingModels;

/** A loaded model. */
export type AnalyserModel = {
  readonly id: string;
  readonly contract: ContentAnalyserContract;
  readonly session: ModelSession;
};

/** Kernel memory that cropping takes at most for each pixel of a picture: three planes of words, and the reduced ones. */
const croppingBytesPerPixel = 24;

/** Models that tell whether a picture may be worked on. One per thread; owns its buffers. */
export class ContentAnalyser {
  readonly #models: readonly (AnalyserModel & {
    readonly input: Float32Array;
    readonly levels: Float32Array;
  })[];
  readonly #fit = new PictureFit();
  readonly #shrinking: Shrinking;

  /** @throws FaceswapError (model) for a model whose input is another than its contract says. */
  constructor(models: readonly AnalyserModel[], shrinking: Shrinking) {
    this.#shrinking = shrinking;
    this.#models = models.map((model) => {
      checkInput(model);
      const length = 3 * model.contract.sizePx ** 2;
      return { ...model, input: new Float32Array(length), levels: new Float32Array(length) };
    });
  }

  /**
   * What each model says of a picture, in their order.
   *
   * @throws FaceswapError (model) for an output that does not fit the contract.
   */
  async read(frame: PlanarFrame): Promise<readonly ContentReading[]> {
    const { widthPx, heightPx } = frame.format;
    kernels().memory.reserve(croppingBytesPerPixel * widthPx * heightPx);
    const readings: ContentReading[] = [];
    for (const { id, contract, session, input, levels } of this.#models) {
      const { image, sizePx, decision } = contract;
      this.#fit.fit(frame, sizePx, levels, this.#shrinking);
      normalise(levels, image, input);
      const dims = inputDims(image, sizePx);
      const outputs = await session.run({ [image.name]: { data: input, dims } });
      readings.push({ model: id, score: scoreOf({ id, contract, session }, outputs), above: decision.above });
    }
    return readings;
  }
}

const inputDims = ({ layout }: ImageInputContract, sizePx: number): readonly number[] =>
  layout === 'NCHW' ? [1, 3, sizePx, sizePx] : [1, sizePx, sizePx, 3];

/** Planar RGB 0..255 → what the model takes. */
const normalise = (
  levels: Float32Array,
  { layout, colourOrder, mean, std }: ImageInputContract,
  input: Float32Array,
): void => {
  const area = levels.length / 3;
  for (let channel = 0; channel < 3; channel++) {
    const from = area * (colourOrder === 'RGB' ? channel : 2 - channel);
    const [first, step] = layout === 'NCHW' ? [area * channel, 1] : [channel, 3];
    const [offset, scale] = [mean[channel] ?? 0, 1 / (std[channel] ?? 1)];
    for (let at = 0; at < area; at++) {
      input[first + step * at] = ((levels[from + at] as number) - offset) * scale;
    }
  }
};

const shapeText = (dims: readonly (number | string)[]): string => `[${dims.join(', ')}]`;

const mismatch = ({ id, session }: AnalyserModel, what: string): FaceswapError =>
  new FaceswapError('model', `The model "${id}" does not fit its contract: ${what}`, {
    file: session.modelPath,
    hint: `Fetch it again with: faceswap models pull ${id}`,
  });

const checkInput = (model: AnalyserModel): void => {
  const { session, contract } = model;
  const { image, sizePx } = contract;
  const expected = inputDims(image, sizePx);
  const info = session.inputs.find(({ name }) => name === image.name);
  const wanted = `its input must be "${image.name}" ${shapeText(expected)}`;
  if (info === undefined || session.inputs.length !== 1) {
    const found = session.inputs.map(({ name, dims }) => `"${name}" ${shapeText(dims)}`).join(', ');
    throw mismatch(model, `${wanted}, it has ${found}`);
  }
  const fits =
    info.dims.length === expected.length &&
    info.dims.every((dim, axis) => typeof dim === 'string' || dim === expected[axis]);
  if (!fits) throw mismatch(model, `${wanted}, it is ${shapeText(info.dims)}`);
};

/** How many places a YOLO head looks at in a square picture: one for each cell of its three grids. */
const yoloCandidates = (sizePx: number): number =>
  [8, 16, 32].reduce((sum, stride) => sum + Math.floor(sizePx / stride) ** 2, 0);

/** The values of the first output from a row of its second axis on; its shape is `[1, rows, candidates]`. */
const rowsFrom = (model: AnalyserModel, values: Float32Array, fromRow: number): Float32Array => {
  const { dims = [], name = '' } = model.session.outputs[0] ?? {};
  const [, rows, candidates] = dims;
  const count =
    typeof rows === 'number'
      ? values.length / rows
      : typeof candidates === 'number'
        ? candidates
        : yoloCandidates(model.contract.sizePx);
  const isShape = dims.length === 3 && Number.isInteger(count) && values.length % count === 0;
  if (!isShape || values.length <= fromRow * count) {
    throw mismatch(
      model,
      `its output "${name}" must be [1, rows, candidates] with more than ${fromRow} rows, it is ${shapeText(dims)} of ${values.length} values`,
    );
  }
  return values.subarray(fromRow * count);
};

const scoreOf = (model: AnalyserModel, outputs: Readonly<Record<string, Float32Array>>): number => {
  const { decision } = model.contract;
  const values = outputs[model.session.outputs[0]?.name ?? ''];
  if (values === undefined) throw mismatch(model, 'it has no output');
  let score: number;
  if (decision.kind === 'largest') {
    score = Number.NEGATIVE_INFINITY;
    for (const value of rowsFrom(model, values, decision.fromRow)) {
      // NaN wins, so that it is noticed.
      if (!(value <= score)) score = value;
      if (Number.isNaN(score)) break;
    }
  } else {
    const sum = (places: readonly number[]): number =>
      places.reduce((total, place) => total + (values[place] ?? Number.NaN), 0);
    score = sum(decision.plus) - sum(decision.minus);
  }
  if (!Number.isFinite(score)) {
    throw mismatch(model, `it gives no number for a picture (${values.length} values)`);
  }
  return score;
};
