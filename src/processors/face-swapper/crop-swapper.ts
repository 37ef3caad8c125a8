import { AlignedCropper, type CropArithmetic } from '../../imaging/aligned-cropper.js';
import type { Affine } from '../../imaging/affine.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { warpTemplates } from '../../imaging/warp-templates.js';
import { FaceswapError } from '../../errors.js';
import { type BatchSession, hasFreeBatch } from '../../inference/batch-runner.js';
import { GrowingBatch } from '../../inference/growing-batch.js';
import { plainScaling, writeImageInput } from '../../inference/image-input.js';
import { withKnownDims } from '../../inference/known-dims.js';
import type { SwapperContract } from '../../inference/model-contracts.js';
import { refuseOtherInputs, requireFirstOutput, requireInput } from '../../inference/session-signature.js';
import { fivePointLength, fivePointsOf } from '../face-landmarker/five-points.js';
import type { CropMasks } from '../face-masker/crop-masks.js';
import { type ArcfaceRecognizer, norm } from '../face-recognizer/arcface.js';
import type { SwappedCrop } from '../multiband-blender/crop-paster.js';
import { softBoxMask } from '../multiband-blender/soft-mask.js';
import { faceShareOf } from './crop-face-share.js';
import type { FaceCropSwapper } from './face-crop-swapper.js';
import type { SourceFace } from './source-face.js';
import { mixTarget, targetShare } from './swapper-weight.js';

/** Insets of the mask in percent of the crop's side. */
export type CropMaskPadding = {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
};

export type CropSwapperSettings = {
  /** Model runs that go together: faces times the parts that each is taken apart into. */
  readonly batchSize: number;
  /** Told when a batch of so many did not fit into memory. */
  readonly onTooLarge?: (size: number) => void;
  /** Side of the crop that is swapped, a whole multiple of the model's. */
  readonly boostPx: number;
  readonly arithmetic: CropArithmetic;
  /** 0..1; 0.5 leaves the source as it is. Models whose source is no embedding do without. */
  readonly weight: number;
  /** What reads the targets' embeddings; needed where the weight is not 0.5. */
  readonly arcface: ArcfaceRecognizer | null;
  /** Null: the soft box of `blur` (0..1) and `padding` (percent). */
  readonly masks: CropMasks | null;
  readonly blur: number;
  readonly padding: CropMaskPadding;
};

const unscaled = { scale: 1, offset: 0 };

const inputDims = (layout: 'NCHW' | 'NHWC', sizePx: number): readonly (number | null)[] =>
  layout === 'NCHW' ? [null, 3, sizePx, sizePx] : [null, sizePx, sizePx, 3];

/**
 * A swapper's session with all lengths known but that of the batch, and the name of its output.
 *
 * @throws FaceswapError `model` when the model is not as its contract says
 */
export function swapperSession(
  session: BatchSession,
  { image, sizePx, source }: SwapperContract,
): { readonly session: BatchSession; readonly output: string } {
  const name = source.kind === 'embedding' ? source.name : source.image.name;
  const pictureDims = inputDims(image.layout, sizePx);
  const sourceDims =
    source.kind === 'embedding' ? [null, source.length] : inputDims(source.image.layout, source.sizePx);
  const outputDims = [null, 3, sizePx, sizePx];
  const first = session.outputs[0];
  const known = withKnownDims(session, {
    [image.name]: pictureDims,
    [name]: sourceDims,
    ...(first === undefined ? {} : { [first.name]: outputDims }),
  });
  requireInput(known, image.name, pictureDims);
  requireInput(known, name, sourceDims);
  refuseOtherInputs(known, [image.name, name]);
  const output = requireFirstOutput(known, outputDims);
  if (hasFreeBatch(known) && known.inputs.some(({ dims }) => typeof dims[0] !== 'string')) {
    throw new FaceswapError('model', 'The model takes several faces at once, but only one source', {
      file: session.modelPath,
      hint: 'The first axis must be free for all of its inputs, or for none',
    });
  }
  return { session: known, output };
}

/**
 * A neural network on aligned face crops, as its contract in the registry describes it. A crop larger than the model's is taken apart into
 * its polyphase parts (every k-th pixel across and down, from each of the k² first ones on), which go through the model like faces of
 * their own and are put together again. One per thread; owns its buffers.
 */
export class CropSwapper implements FaceCropSwapper {
  readonly #contract: SwapperContract;
  readonly #settings: CropSwapperSettings;
  readonly #batch: GrowingBatch;
  readonly #output: string;
  readonly #cropper: AlignedCropper;
  readonly #box: Float32Array;
  readonly #faceShare: number;
  readonly #five = new Float32Array(fivePointLength);
  /** Parts across and down of a crop. */
  readonly #every: number;
  readonly #share: number;
  /** A crop before it is laid into the model's input; empty where it is cut straight into that. */
  readonly #crop: Float32Array;
  /** Crops that were put together, by their number; kept for later batches. */
  readonly #whole: Float32Array[] = [];
  readonly #toFrame: Affine[] = [];
  readonly #sources: Float32Array[] = [];

  /**
   * @param session is not disposed of
   * @throws FaceswapError `model` when the model is not as its contract says
   */
  constructor(session: BatchSession, contract: SwapperContract, settings: CropSwapperSettings) {
    const { image, sizePx, source, template } = contract;
    const { boostPx, blur, padding, arithmetic, weight } = settings;
    if (!Number.isInteger(boostPx / sizePx)) {
      throw new FaceswapError('bug', `A crop of ${boostPx} px cannot be made of parts of ${sizePx} px`);
    }
    const known = swapperSession(session, contract);
    this.#output = known.output;
    this.#contract = contract;
    this.#settings = settings;
    this.#batch = new GrowingBatch(known.session, settings.batchSize, [this.#output], settings.onTooLarge);
    this.#cropper = new AlignedCropper(arithmetic);
    this.#every = boostPx / sizePx;
    this.#share = source.kind === 'embedding' ? targetShare(weight) : 0;
    const isDirect = this.#every === 1 && plainScaling(image) !== null;
    this.#crop = new Float32Array(isDirect ? 0 : 3 * boostPx * boostPx);
    this.#faceShare = faceShareOf(warpTemplates[template]);
    const { top, right, bottom, left } = padding;
    this.#box = softBoxMask(boostPx, blur, [top, right, bottom, left]);
  }

  get halvings(): number {
    return this.#batch.halvings;
  }

  get count(): number {
    return this.#toFrame.length;
  }

  add(frame: PlanarFrame, points: Float32Array, source: SourceFace | null): number {
    const who = source?.swapSource ?? null;
    if (who === null) throw new FaceswapError('bug', 'A swapper was asked for a face without a source');
    const { template, image, sizePx } = this.#contract;
    const { boostPx, arcface, masks } = this.#settings;
    const index = this.count;
    const toFrame = this.#cropper.align(template, boostPx, fivePointsOf(points, this.#five));
    const scaling = plainScaling(image);
    if (this.#every === 1 && scaling !== null) {
      this.#cropper.cut(frame, toFrame, sizePx, this.#batch.input(image.name, index), scaling);
    } else {
      this.#cropper.cut(frame, toFrame, boostPx, this.#crop, unscaled);
      this.#eachPart(index, (item, row, column) => {
        const phase = { every: this.#every, row, column };
        writeImageInput(this.#crop, boostPx, image, this.#batch.input(image.name, item), phase);
      });
    }
    this.#eachPart(index, (item) => this.#sourceSlot(item).set(who));
    this.#toFrame.push(toFrame);
    this.#sources.push(who);
    if (this.#share !== 0) arcface?.add(frame, points);
    masks?.add(index, frame, { toFrame, points });
    return index;
  }

  async run(): Promise<void> {
    if (this.count === 0) return;
    if (this.#share !== 0) await this.#mixTargets();
    await this.#batch.run(this.count * this.#every ** 2);
    for (let index = 0; index < this.count; index++) this.#putTogether(index);
    await this.#settings.masks?.run((index) => this.#swappedCrop(index));
  }

  swapped(index: number): SwappedCrop {
    return {
      crop: this.#swappedCrop(index),
      mask: this.#settings.masks?.mask(index) ?? this.#box,
      sizePx: this.#settings.boostPx,
      toFrame: this.#toFrame[index] as Affine,
      faceShare: this.#faceShare,
    };
  }

  clear(): void {
    this.#toFrame.length = 0;
    this.#sources.length = 0;
    this.#settings.arcface?.clear();
    this.#settings.masks?.clear();
  }

  async dispose(): Promise<void> {
    await this.#settings.masks?.dispose();
  }

  #eachPart(index: number, work: (item: number, row: number, column: number) => void): void {
    const every = this.#every;
    for (let row = 0; row < every; row++) {
      for (let column = 0; column < every; column++) {
        work((index * every + row) * every + column, row, column);
      }
    }
  }

  #sourceSlot(item: number): Float32Array {
    const { source } = this.#contract;
    return this.#batch.input(source.kind === 'embedding' ? source.name : source.image.name, item);
  }

  /** Lays the sources in again, with their share of each target. */
  async #mixTargets(): Promise<void> {
    const { source } = this.#contract;
    const { arcface } = this.#settings;
    if (arcface === null || source.kind !== 'embedding') {
      throw new FaceswapError('bug', 'A weight was asked for without a recogniser');
    }
    await arcface.run();
    for (let index = 0; index < this.count; index++) {
      const target = arcface.embedding(index);
      const targetNorm = source.weightBy === 'normalised' ? norm(target) : 1;
      const mix = { share: this.#share, targetNorm };
      this.#eachPart(index, (item) => {
        mixTarget(this.#sources[index] as Float32Array, target, mix, this.#sourceSlot(item));
      });
    }
  }

  #swappedCrop(index: number): Float32Array {
    return this.#every === 1 ? this.#batch.output(this.#output, index) : (this.#whole[index] as Float32Array);
  }

  /** Makes R'G'B' 0..1 of what the model gave, and one crop of its parts. */
  #putTogether(index: number): void {
    const { sizePx, image, denormalise } = this.#contract;
    const { boostPx, masks, arithmetic } = this.#settings;
    const isRgb = image.colourOrder === 'RGB' && !denormalise;
    // Our own paster clips, so that nothing is left to do.
    if (this.#every === 1 && isRgb && masks === null && arithmetic === 'ours') return;
    const area = sizePx * sizePx;
    if (this.#every > 1) this.#whole[index] ??= new Float32Array(3 * boostPx * boostPx);
    const whole = this.#swappedCrop(index);
    this.#eachPart(index, (item, row, column) => {
      const part = this.#batch.output(this.#output, item);
      for (let channel = 0; channel < 3; channel++) {
        const at = image.colourOrder === 'RGB' ? channel : 2 - channel;
        const gain = denormalise ? (image.std[at] as number) / 255 : 1;
        const lift = denormalise ? (image.mean[at] as number) / 255 : 0;
        for (let y = 0, from = at * area; y < sizePx; y++) {
          let to = (channel * boostPx + y * this.#every + row) * boostPx + column;
          for (let x = 0; x < sizePx; x++, from++, to += this.#every) {
            const value = (part[from] as number) * gain + lift;
            whole[to] = value > 0 ? Math.min(1, value) : 0;
          }
        }
      }
    });
  }
}
