import { AlignedCropper, type CropArithmetic } from '../../imaging/aligned-cropper.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import type { BatchSession } from '../../inference/batch-runner.js';
import { GrowingBatch } from '../../inference/growing-batch.js';
import { imageDims, plainScaling, writeImageInput } from '../../inference/image-input.js';
import { withKnownDims } from '../../inference/known-dims.js';
import type { ContractOf } from '../../inference/model-contracts.js';
import { refuseOtherInputs, requireFirstOutput, requireInput } from '../../inference/session-signature.js';
import { fivePointLength, fivePointsOf } from '../face-landmarker/five-points.js';

const unscaled = { scale: 1, offset: 0 };

/**
 * Embeddings that swappers are trained with, of aligned crops; several faces go through the model together. They are not normalised: what
 * is made of them differs from swapper to swapper. One per thread; owns its buffers.
 */
export class ArcfaceRecognizer {
  readonly #contract: ContractOf<'arcface'>;
  readonly #batch: GrowingBatch;
  readonly #output: string;
  readonly #cropper: AlignedCropper;
  readonly #five = new Float32Array(fivePointLength);
  readonly #crop: Float32Array;
  #count = 0;

  /**
   * @param session is not disposed of
   * @param batchSize faces per run of the model
   * @throws FaceswapError `model` when the model is not as its contract says
   */
  constructor(
    session: BatchSession,
    contract: ContractOf<'arcface'>,
    {
      batchSize = 1,
      arithmetic = 'ours',
    }: { readonly batchSize?: number; readonly arithmetic?: CropArithmetic } = {},
  ) {
    const { image, sizePx, length } = contract;
    const pictureDims = imageDims(image.layout, sizePx);
    const first = session.outputs[0];
    const known = withKnownDims(session, {
      [image.name]: pictureDims,
      ...(first === undefined ? {} : { [first.name]: [null, length] }),
    });
    requireInput(known, image.name, pictureDims);
    refuseOtherInputs(known, [image.name]);
    this.#output = requireFirstOutput(known, [null, length]);
    this.#contract = contract;
    this.#batch = new GrowingBatch(known, batchSize, [this.#output]);
    this.#cropper = new AlignedCropper(arithmetic);
    this.#crop = new Float32Array(plainScaling(image) === null ? 3 * sizePx * sizePx : 0);
  }

  /** Numbers of an embedding. */
  get length(): number {
    return this.#contract.length;
  }

  /**
   * Cuts out a face for the next {@link run}.
   *
   * @param points 468 × (x, y, z) in frame pixels
   * @returns the number under which {@link embedding} gives its embedding
   */
  add(frame: PlanarFrame, points: Float32Array): number {
    const { template, sizePx, image } = this.#contract;
    const toFrame = this.#cropper.align(template, sizePx, fivePointsOf(points, this.#five));
    const slot = this.#batch.input(image.name, this.#count);
    const scaling = plainScaling(image);
    if (scaling !== null) {
      this.#cropper.cut(frame, toFrame, sizePx, slot, scaling);
    } else {
      this.#cropper.cut(frame, toFrame, sizePx, this.#crop, unscaled);
      writeImageInput(this.#crop, sizePx, image, slot);
    }
    return this.#count++;
  }

  /** Sends all added faces through the model. */
  async run(): Promise<void> {
    await this.#batch.run(this.#count);
  }

  /** The embedding as the model gives it, not normalised; valid until the next {@link run}. */
  embedding(index: number): Float32Array {
    return this.#batch.output(this.#output, index);
  }

  /** Forgets the faces; the next {@link add} starts at 0 again. */
  clear(): void {
    this.#count = 0;
  }
}

/** Length of a vector. */
export const norm = (vector: Float32Array): number => {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
};
