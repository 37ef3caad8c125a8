import { type Affine, affineScale } from '../../imaging/affine.js';
import { AlignedCropper, type CropArithmetic } from '../../imaging/aligned-cropper.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { warpTemplates } from '../../imaging/warp-templates.js';
import { GrowingBatch } from '../../inference/growing-batch.js';
import { writeImageInput } from '../../inference/image-input.js';
import { imageSession } from '../../inference/image-session.js';
import type { EnhancerContract } from '../../inference/model-contracts.js';
import type { ModelSession } from '../../inference/session.js';
import { fivePointLength, fivePointsOf } from '../face-landmarker/five-points.js';
import type { CropMasks } from '../face-masker/crop-masks.js';
import { faceShareOf } from '../face-swapper/crop-face-share.js';
import { ByteFacePaster } from '../multiband-blender/byte-paster.js';
import { CropPaster } from '../multiband-blender/crop-paster.js';
import { roundHalfEven } from '../../imaging/round-half-even.js';
import { enhancementGain, eyeDistance } from './enhancement-gain.js';
import type { EnhancedFace, EnhancementBlend, FaceEnhancer } from './face-enhancer.js';

/** An enhancer's model, loaded. */
export type OpenedEnhancer = {
  readonly session: ModelSession;
  readonly contract: EnhancerContract;
  /** Faces per run of the model at most. */
  readonly batchSize: number;
};

export type CropEnhancerSettings = {
  /** For models that take one: 0 beautiful, 1 faithful. */
  readonly weight: number;
  /** Of the contract's size. */
  readonly masks: CropMasks;
  readonly arithmetic: CropArithmetic;
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
  readonly #faceShare: number;
  readonly #five = new Float32Array(fivePointLength);
  readonly #arithmetic: CropArithmetic;
  readonly #cropper: AlignedCropper;
  readonly #paster = new CropPaster();
  readonly #bytePaster = new ByteFacePaster();
  readonly #crop: Float32Array;
  readonly #toFrame: Affine[] = [];

  /**
   * @throws FaceswapError `model` for a model that does not fit its contract
   */
  constructor(
    { session, contract, batchSize }: OpenedEnhancer,
    { weight, masks, arithmetic }: CropEnhancerSettings,
  ) {
    const { sizePx, template } = contract;
    const others = contract.weight === undefined ? {} : { [contract.weight.name]: [null] };
    const known = imageSession(session, contract, [null, 3, sizePx, sizePx], others);
    this.#output = known.output;
    this.#session = session;
    this.#contract = contract;
    this.#weight = weight;
    this.#masks = masks;
    this.#batch = new GrowingBatch(known.session, batchSize, [this.#output]);
    this.#faceShare = faceShareOf(warpTemplates[template]);
    this.#arithmetic = arithmetic;
    this.#cropper = new AlignedCropper(arithmetic);
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
    const { template, sizePx } = this.#contract;
    const spacingPx = affineScale(this.#cropper.align(template, sizePx, five));
    return enhancementGain(eyeDistance(five), spacingPx, detailPx);
  }

  add(frame: PlanarFrame, { points }: EnhancedFace): number {
    const index = this.#toFrame.length;
    const { sizePx, image, template, weight } = this.#contract;
    const toFrame = this.#cropper.align(template, sizePx, fivePointsOf(points, this.#five));
    this.#cropper.cut(frame, toFrame, sizePx, this.#crop, { scale: 1, offset: 0 });
    writeImageInput(this.#crop, sizePx, image, this.#batch.input(image.name, index));
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
    const enhanced = {
      crop: this.#enhanced(index),
      mask: this.#masks.mask(index),
      sizePx: this.#contract.sizePx,
      toFrame: this.#toFrame[index] as Affine,
      faceShare: this.#faceShare,
    };
    const patch = this.#paster.patch(frame.format, enhanced);
    if (patch === null) return false;
    mark(patch);
    if (this.#arithmetic === 'facefusion') this.#bytePaster.paste(frame, enhanced, { blend: opacity });
    else blender.blend(frame, patch, { mode, detailGain: plainDetail, featureLift: 0, opacity });
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
    const isOfBytes = this.#arithmetic === 'facefusion';
    for (let i = 0; i < crop.length; i++) {
      const value = from[i] as number;
      const share = value > -1 ? (Math.min(1, value) + 1) / 2 : 0;
      crop[i] = isOfBytes ? roundHalfEven(255 * share) / 255 : share;
    }
    return crop;
  }
}
