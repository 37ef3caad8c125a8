import { type Affine, affineScale, similarityBetween } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { warpTemplatePoints } from '../../imaging/warp-templates.js';
import { GrowingBatch } from '../../inference/growing-batch.js';
import type { EnhancerContract } from '../../inference/model-contracts.js';
import { refuseOtherInputs, requireFirstOutput, requireInput } from '../../inference/model-signature.js';
import type { ModelSession } from '../../inference/session.js';
import { fivePointLength, fivePointsOf } from '../face-landmarker/five-points.js';
import type { CropMasks } from '../face-masker/crop-masks.js';
import { imageDims, writeImage } from '../face-masker/occlusion-masks.js';
import { CropPaster } from '../multiband-blender/crop-paster.js';
import { enhancementGain, eyeDistance } from './enhancement-gain.js';
import type { EnhancedFace, EnhancementBlend, FaceEnhancer } from './face-enhancer.js';

/** An enhancer's model, loaded. */
export type OpenedEnhancer = {
  readonly session: ModelSession;
  readonly contract: EnhancerContract;
  /** Faces per run of the model at most. */
  readonly batchSize: number;
};

/** More gains than a blend has octaves: details are taken as the model made them. */
const plainDetail = new Float32Array(8).fill(1);

/**
 * Enhances faces by a network on aligned crops: cut out, sent through the model together, and laid in by the blender, softly towards the
 * crop's edge. One per thread; owns its buffers, the session and the masks.
 */
export class CropEnhancer implements FaceEnhancer {
  readonly #session: ModelSession;
  readonly #contract: EnhancerContract;
  readonly #weight: number;
  readonly #masks: CropMasks;
  readonly #batch: GrowingBatch;
  readonly #output: string;
  readonly #template: Float32Array;
  readonly #five = new Float32Array(fivePointLength);
  readonly #cropper = new FrameCropper();
  readonly #paster = new CropPaster();
  readonly #crop: Float32Array;
  readonly #toFrame: Affine[] = [];

  /**
   * @param weight for models that take one: 0 beautiful, 1 faithful
   * @param masks of the contract's size
   * @throws FaceswapError `model` for a model that does not fit its contract
   */
  constructor({ session, contract, batchSize }: OpenedEnhancer, weight: number, masks: CropMasks) {
    const { image, sizePx, template } = contract;
    requireInput(session, image.name, imageDims(image.layout, sizePx));
    if (contract.weight !== undefined) requireInput(session, contract.weight.name, [null]);
    refuseOtherInputs(session, [
      image.name,
      ...(contract.weight === undefined ? [] : [contract.weight.name]),
    ]);
    this.#output = requireFirstOutput(session, [null, 3, sizePx, sizePx]);
    this.#session = session;
    this.#contract = contract;
    this.#weight = weight;
    this.#masks = masks;
    this.#batch = new GrowingBatch(session, batchSize, [this.#output]);
    this.#template = warpTemplatePoints(template, sizePx);
    this.#crop = new Float32Array(3 * sizePx * sizePx);
  }

  get count(): number {
    return this.#toFrame.length;
  }

  get halvings(): number {
    return this.#batch.halvings;
  }

  gain(points: Float32Array, detailPx: number): number {
    const five = fivePointsOf(points, this.#five);
    const spacingPx = affineScale(similarityBetween(this.#template, five));
    return enhancementGain(eyeDistance(five), spacingPx, detailPx);
  }

  add(frame: PlanarFrame, { points }: EnhancedFace): number {
    const index = this.#toFrame.length;
    const { sizePx, image, weight } = this.#contract;
    const toFrame = similarityBetween(this.#template, fivePointsOf(points, this.#five));
    this.#cropper.crop(frame, toFrame, sizePx, sizePx, this.#crop, { scale: 1, offset: 0 });
    writeImage(this.#crop, sizePx, image, this.#batch.input(image.name, index));
    if (weight !== undefined) this.#batch.input(weight.name, index).fill(this.#weight);
    this.#masks.add(index, frame, { toFrame, points });
    this.#toFrame.push(toFrame);
    return index;
  }

  async run(): Promise<void> {
    await this.#batch.run(this.count);
    await this.#masks.run((index) => this.#enhanced(index));
  }

  apply(frame: PlanarFrame, index: number, { blender, mode, opacity, mark }: EnhancementBlend): boolean {
    const patch = this.#paster.patch(frame.format, {
      crop: this.#enhanced(index),
      mask: this.#masks.mask(index),
      sizePx: this.#contract.sizePx,
      toFrame: this.#toFrame[index] as Affine,
    });
    if (patch === null) return false;
    mark(patch);
    blender.blend(frame, patch, { mode, detailGain: plainDetail, featureLift: 0, opacity });
    return true;
  }

  clear(): void {
    this.#toFrame.length = 0;
    this.#masks.clear();
  }

  async dispose(): Promise<void> {
    this.#batch.dispose();
    await this.#masks.dispose();
    await this.#session.dispose();
  }

  /** What the model made of a face, −1..1, as planar RGB 0..1; valid until the next call. */
  #enhanced(index: number): Float32Array {
    const from = this.#batch.output(this.#output, index);
    const crop = this.#crop;
    for (let i = 0; i < crop.length; i++) {
      const value = from[i] as number;
      crop[i] = value > -1 ? (Math.min(1, value) + 1) / 2 : 0;
    }
    return crop;
  }
}
