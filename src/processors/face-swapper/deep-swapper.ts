import { FaceswapError } from '../../errors.js';
import type { Affine } from '../../imaging/affine.js';
import { AlignedCropper } from '../../imaging/aligned-cropper.js';
import { GaussianBlur } from '../../imaging/gaussian-blur.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { warpTemplates } from '../../imaging/warp-templates.js';
import type { BatchSession } from '../../inference/batch-runner.js';
import { GrowingBatch } from '../../inference/growing-batch.js';
import { writeImageInput } from '../../inference/image-input.js';
import { withKnownDims } from '../../inference/known-dims.js';
import type { ContractOf, ImageInputContract } from '../../inference/model-contracts.js';
import type { TensorInfo } from '../../inference/session.js';
import { fivePointLength, fivePointsOf } from '../face-landmarker/five-points.js';
import type { CropMasks } from '../face-masker/crop-masks.js';
import type { SwappedCrop } from '../multiband-blender/crop-paster.js';
import { softBoxMask } from '../multiband-blender/soft-mask.js';
import { CropColours } from './crop-colours.js';
import { faceShareOf } from './crop-face-share.js';
import type { CropMaskPadding } from './crop-swapper.js';
import type { FaceCropSwapper } from './face-crop-swapper.js';

export type DeepSwapperSettings = {
  /** Faces per run of the model. */
  readonly batchSize: number;
  /** 0..1, for models that can morph. */
  readonly morph: number;
  /** Whether the new face takes the colours of the target's. */
  readonly matchesColour: boolean;
  /** Makes what else masks crops of the model's size; null: only its own mask and the soft box of `blur` (0..1) and `padding` (percent). */
  readonly makeMasks: ((sizePx: number) => CropMasks) | null;
  readonly blur: number;
  readonly padding: CropMaskPadding;
};

const faceInput = 'in_face:0';
const morphInput = 'morph_value:0';

/** Unsharp masking of what goes in: 1.75 times the crop less 0.75 times its blur, whose sigma is 2 pixels. */
const sharpening = { gain: 0.75, sigmaPx: 2, radius: 6 } as const;

/** The model's mask is eroded by a pixel twice, and blurred. */
const maskErosions = 2;
const maskBlur = { sigmaPx: 6.25, radius: 25 } as const;

const pictureInput: ImageInputContract = {
  name: faceInput,
  layout: 'NHWC',
  colourOrder: 'BGR',
  mean: [0, 0, 0],
  std: [255, 255, 255],
};

const shownDims = ({ name, dims }: TensorInfo): string => `"${name}" [${dims.join(', ')}]`;

/** Side of the square crops that a DeepFaceLive model takes; it says so itself. */
const sideOf = (session: BatchSession): number => {
  const dims = session.inputs.find(({ name }) => name === faceInput)?.dims ?? [];
  const [, height, width, channels] = dims;
  const isSquare = typeof height === 'number' && height === width && height >= 16 && height <= 4096;
  if (dims.length === 4 && isSquare && channels === 3) return height;
  throw new FaceswapError(
    'model',
    `A DeepFaceLive model should have an input "${faceInput}" [n, side, side, 3], but this one has ${session.inputs.map(shownDims).join(', ') || 'no input'}`,
    { file: session.modelPath },
  );
};

/**
 * The signature with all axes known but the batch: the converters of these files leave axes of outputs open that the input decides.
 *
 * @throws FaceswapError `model` for a file that is no DeepFaceLive model
 */
const knownSession = (session: BatchSession, sizePx: number): BatchSession => {
  const { modelPath } = session;
  const other = session.inputs.find(({ name }) => name !== faceInput && name !== morphInput);
  if (other !== undefined) {
    throw new FaceswapError('model', `A DeepFaceLive model has no input like ${shownDims(other)}`, {
      file: modelPath,
    });
  }
  const [targetMask, picture, sourceMask] = session.outputs;
  if (targetMask === undefined || picture === undefined || sourceMask === undefined) {
    throw new FaceswapError(
      'model',
      `A DeepFaceLive model should have three outputs (target mask, picture, source mask), but this one has ${session.outputs.map(shownDims).join(', ')}`,
      { file: modelPath },
    );
  }
  const wanted = {
    [targetMask.name]: [null, sizePx, sizePx, 1],
    [picture.name]: [null, sizePx, sizePx, 3],
    [sourceMask.name]: [null, sizePx, sizePx, 1],
  };
  const known = withKnownDims(session, wanted);
  for (const output of known.outputs.slice(0, 3)) {
    const dims = wanted[output.name] ?? [];
    const fits =
      output.dims.length === 4 && output.dims.every((dim, axis) => axis === 0 || dim === dims[axis]);
    if (fits) continue;
    throw new FaceswapError(
      'model',
      `A DeepFaceLive model of ${sizePx} px should have an output [n, ${dims.slice(1).join(', ')}], but this one has ${shownDims(output)}`,
      { file: modelPath },
    );
  }
  return known;
};

/**
 * A DeepFaceLive model (`.dfm`): it knows the face that it puts in and how to mask it. The crop is sharpened before, and the new face takes
 * the target's colours. One per thread; owns its buffers.
 */
export class DeepSwapper implements FaceCropSwapper {
  readonly #contract: ContractOf<'dfm'>;
  readonly #settings: DeepSwapperSettings;
  readonly #sizePx: number;
  readonly #batch: GrowingBatch;
  readonly #names: readonly [targetMask: string, picture: string, sourceMask: string];
  readonly #hasMorph: boolean;
  readonly #cropper = new AlignedCropper('ours');
  readonly #sharpener: GaussianBlur;
  readonly #softener: GaussianBlur;
  readonly #colours: CropColours;
  readonly #box: Float32Array;
  readonly #chosenMasks: CropMasks | null;
  readonly #faceShare: number;
  readonly #five = new Float32Array(fivePointLength);
  readonly #blurred: Float32Array;
  readonly #eroded: Float32Array;
  readonly #toFrame: Affine[] = [];
  /** By the number of the face: its crop as cut, the new one, and its mask; kept for later batches. */
  readonly #crops: Float32Array[] = [];
  readonly #faces: Float32Array[] = [];
  readonly #masks: Float32Array[] = [];

  /**
   * @param session is not disposed of
   * @throws FaceswapError `model` when the file is no DeepFaceLive model
   */
  constructor(session: BatchSession, contract: ContractOf<'dfm'>, settings: DeepSwapperSettings) {
    const sizePx = sideOf(session);
    const known = knownSession(session, sizePx);
    const [targetMask, picture, sourceMask] = known.outputs.map(({ name }) => name);
    this.#names = [targetMask as string, picture as string, sourceMask as string];
    this.#hasMorph = known.inputs.some(({ name }) => name === morphInput);
    this.#contract = contract;
    this.#settings = settings;
    this.#sizePx = sizePx;
    this.#batch = new GrowingBatch(known, settings.batchSize, this.#names);
    this.#sharpener = new GaussianBlur(sizePx, sharpening.sigmaPx, sharpening.radius);
    this.#softener = new GaussianBlur(sizePx, maskBlur.sigmaPx, maskBlur.radius);
    this.#colours = new CropColours(sizePx);
    this.#blurred = new Float32Array(3 * sizePx * sizePx);
    this.#eroded = new Float32Array(sizePx * sizePx);
    this.#chosenMasks = settings.makeMasks?.(sizePx) ?? null;
    this.#faceShare = faceShareOf(warpTemplates[contract.template]);
    const { top, right, bottom, left } = settings.padding;
    this.#box = softBoxMask(sizePx, settings.blur, [top, right, bottom, left]);
  }

  get halvings(): number {
    return this.#batch.halvings;
  }

  get count(): number {
    return this.#toFrame.length;
  }

  /** Side of the model's crops in pixels. */
  get sizePx(): number {
    return this.#sizePx;
  }

  add(frame: PlanarFrame, points: Float32Array): number {
    const size = this.#sizePx;
    const index = this.count;
    const toFrame = this.#cropper.align(this.#contract.template, size, fivePointsOf(points, this.#five));
    this.#toFrame.push(toFrame);
    this.#crops[index] ??= new Float32Array(3 * size * size);
    const crop = this.#crops[index] as Float32Array;
    this.#cropper.cut(frame, toFrame, size, crop, { scale: 1, offset: 0 });
    writeImageInput(this.#sharpened(crop), size, pictureInput, this.#batch.input(faceInput, index));
    if (this.#hasMorph) this.#batch.input(morphInput, index).fill(this.#settings.morph);
    this.#chosenMasks?.add(index, frame, { toFrame, points });
    return index;
  }

  async run(): Promise<void> {
    await this.#batch.run(this.count);
    for (let index = 0; index < this.count; index++) this.#finish(index);
    await this.#chosenMasks?.run((index) => this.#faces[index] as Float32Array);
  }

  swapped(index: number): SwappedCrop {
    const mask = this.#masks[index] as Float32Array;
    const chosen = this.#chosenMasks?.mask(index);
    if (chosen !== undefined) {
      for (let i = 0; i < mask.length; i++) mask[i] = Math.min(mask[i] as number, chosen[i] as number);
    }
    return {
      crop: this.#faces[index] as Float32Array,
      mask,
      sizePx: this.#sizePx,
      toFrame: this.#toFrame[index] as Affine,
      faceShare: this.#faceShare,
    };
  }

  clear(): void {
    this.#toFrame.length = 0;
    this.#chosenMasks?.clear();
  }

  async dispose(): Promise<void> {
    await this.#chosenMasks?.dispose();
  }

  #sharpened(crop: Float32Array): Float32Array {
    const area = this.#sizePx * this.#sizePx;
    const { gain } = sharpening;
    for (let channel = 0; channel < 3; channel++) {
      const part = [channel * area, (channel + 1) * area] as const;
      this.#sharpener.blur(crop.subarray(...part), this.#blurred.subarray(...part));
    }
    for (let i = 0; i < crop.length; i++) {
      const value = (crop[i] as number) * (1 + gain) - (this.#blurred[i] as number) * gain;
      this.#blurred[i] = Math.min(1, Math.max(0, value));
    }
    return this.#blurred;
  }

  /** The new face as planar RGB in the target's colours, and its mask. */
  #finish(index: number): void {
    const area = this.#sizePx * this.#sizePx;
    const [targetName, pictureName, sourceName] = this.#names;
    const picture = this.#batch.output(pictureName, index);
    const targetMask = this.#batch.output(targetName, index);
    const sourceMask = this.#batch.output(sourceName, index);
    this.#faces[index] ??= new Float32Array(3 * area);
    this.#masks[index] ??= new Float32Array(area);
    const face = this.#faces[index] as Float32Array;
    const mask = this.#masks[index] as Float32Array;
    for (let i = 0; i < area; i++) {
      for (let channel = 0; channel < 3; channel++) {
        face[channel * area + i] = Math.min(1, Math.max(0, picture[3 * i + 2 - channel] as number));
      }
      const least = Math.min(sourceMask[i] as number, targetMask[i] as number);
      mask[i] = Math.min(1, Math.max(0, least));
    }
    for (let time = 0; time < maskErosions; time++) this.#erode(mask);
    this.#softener.blur(mask, mask);
    if (this.#settings.matchesColour) this.#colours.match(face, this.#crops[index] as Float32Array, mask);
    for (let i = 0; i < area; i++) mask[i] = Math.min(mask[i] as number, this.#box[i] as number);
  }

  /** The least of each pixel and its four neighbours, in place: a 3 × 3 ellipse is a cross. Nothing lies outside. */
  #erode(mask: Float32Array): void {
    const size = this.#sizePx;
    const eroded = this.#eroded;
    for (let y = 0, i = 0; y < size; y++) {
      for (let x = 0; x < size; x++, i++) {
        const across = Math.min(
          mask[x > 0 ? i - 1 : i] as number,
          mask[i] as number,
          mask[x < size - 1 ? i + 1 : i] as number,
        );
        const down = Math.min(
          mask[y > 0 ? i - size : i] as number,
          mask[y < size - 1 ? i + size : i] as number,
        );
        eroded[i] = Math.min(across, down);
      }
    }
    mask.set(eroded);
  }
}
