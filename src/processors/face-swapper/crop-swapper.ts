import { type Affine, similarityBetween } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFormat, PlanarFrame } from '../../imaging/planar-frame.js';
import type { BatchRunner } from '../../inference/batch-runner.js';
import { fivePointLength, fivePointsOf } from '../face-landmarker/five-points.js';
import { CropPaster } from '../multiband-blender/crop-paster.js';
import { softBoxMask } from '../multiband-blender/soft-mask.js';
import type { FacePatch } from './mesh-swapper.js';

/** How a swapper that works on aligned crops is fed. Values go in as `(RGB 0..1 − mean) / std` and come out as RGB 0..1. */
export type CropSwapperContract = {
  /** Side of the square input and output in pixels. */
  readonly sizePx: number;
  readonly mean: number;
  readonly std: number;
  /** Names of the model's crop input and crop output: `[n, 3, sizePx, sizePx]`. */
  readonly input: string;
  readonly output: string;
  /** The model's other input: who the source is, `[n, length]`. Null for a model that knows. */
  readonly embedding: { readonly input: string; readonly length: number } | null;
};

/** A runner over the swapper's session with room for so many faces, sending so many through the model at once. */
export type SwapRunnerFactory = (batchSize: number, capacity: number) => BatchRunner;

/** Insets of the mask in percent of the crop's side. */
type MaskPadding = {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
};

/**
 * Where eyes, nose and mouth corners lie in an aligned crop, as shares of its side: the `arcface_128` template of InsightFace, which its
 * 128-pixel swapper was trained with.
 */
const arcfaceTemplate = [
  0.36167656, 0.40387734, 0.63696719, 0.40235469, 0.50019687, 0.56044219, 0.38710391, 0.72160547, 0.61507734,
  0.72034453,
] as const;

/**
 * A swapper that is a neural network on aligned face crops. Crops of several faces and frames are collected, go through the
 * model together, and come back as patches for the blender. One per thread; owns its buffers.
 *
 * All crops are cut before any of their frames is changed, so what a face becomes does not depend on how many go together.
 */
export class CropSwapper {
  readonly #makeRunner: SwapRunnerFactory;
  readonly #contract: CropSwapperContract;
  readonly #cropper = new FrameCropper();
  readonly #paster = new CropPaster();
  readonly #mask: Float32Array;
  readonly #five = new Float32Array(fivePointLength);
  readonly #template: Float32Array;
  readonly #toFrame: Affine[] = [];
  #runner: BatchRunner;
  #earlierHalvings = 0;

  /**
   * @param batchSize faces that go through the model in one run
   * @param blur width of the mask's soft edge, 0..1
   * @param padding insets of the mask in percent
   */
  constructor(
    makeRunner: SwapRunnerFactory,
    batchSize: number,
    contract: CropSwapperContract,
    { blur, padding }: { blur: number; padding: MaskPadding },
  ) {
    this.#makeRunner = makeRunner;
    this.#runner = makeRunner(batchSize, batchSize);
    this.#contract = contract;
    const { top, right, bottom, left } = padding;
    this.#mask = softBoxMask(contract.sizePx, blur, [top, right, bottom, left]);
    // The template speaks of edges (0..1), crops of pixel centres.
    this.#template = Float32Array.from(arcfaceTemplate, (share) => share * contract.sizePx - 0.5);
  }

  /** How often a batch was halved because memory ran out. */
  get halvings(): number {
    return this.#earlierHalvings + this.#runner.halvings;
  }

  /** Faces that were added since the last {@link clear}. */
  get count(): number {
    return this.#toFrame.length;
  }

  /**
   * Cuts out a face for the next run.
   *
   * @param points 468 × (x, y, z) in frame pixels
   * @param embedding who the source is; only as much as the model takes is read
   * @returns the number under which {@link patch} gives it back
   */
  add(frame: PlanarFrame, points: Float32Array, embedding: Float32Array): number {
    const index = this.#toFrame.length;
    if (index === this.#runner.capacity) this.#grow();
    const { sizePx, mean, std, input, embedding: who } = this.#contract;
    if (who !== null) {
      this.#runner.input(who.input, index).set(embedding.subarray(0, who.length));
    }
    const toFrame = similarityBetween(this.#template, fivePointsOf(points, this.#five));
    this.#toFrame.push(toFrame);
    const scaling = { scale: 1 / std, offset: -mean / std };
    this.#cropper.crop(frame, toFrame, sizePx, sizePx, this.#runner.input(input, index), scaling);
    return index;
  }

  /** Sends all added faces through the model. */
  async run(): Promise<void> {
    if (this.count > 0) await this.#runner.run(this.count);
  }

  /**
   * The swapped face as a patch, valid until the next call.
   *
   * @returns null when nothing of it lies inside the frame
   */
  patch(format: PlanarFormat, index: number): FacePatch | null {
    const { sizePx, output } = this.#contract;
    return this.#paster.patch(format, {
      crop: this.#runner.output(output, index),
      mask: this.#mask,
      sizePx,
      toFrame: this.#toFrame[index] as Affine,
    });
  }

  /** Forgets the faces; the next {@link add} starts at 0 again. */
  clear(): void {
    this.#toFrame.length = 0;
  }

  /** A frame may show more faces than a batch holds: doubles the room and takes along what is in it. */
  #grow(): void {
    const full = this.#runner;
    const { input, embedding } = this.#contract;
    this.#earlierHalvings += full.halvings;
    this.#runner = this.#makeRunner(full.batchSize, 2 * full.capacity);
    for (let index = 0; index < full.capacity; index++) {
      this.#runner.input(input, index).set(full.input(input, index));
      if (embedding !== null) {
        this.#runner.input(embedding.input, index).set(full.input(embedding.input, index));
      }
    }
    full.dispose();
  }
}
