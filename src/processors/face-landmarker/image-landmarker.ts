import { applyAffine, type Affine, type Box, composeAffine, invertAffine } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { quarterTurn } from '../../imaging/quarter-turn.js';
import { UnfilteredCropper } from '../../imaging/unfiltered-crop.js';
import type { ImageLandmarkerContract } from '../../inference/model-contracts.js';
import { PositionalModel, type PositionalSignature } from '../../inference/positional-model.js';
import type { ModelSession } from '../../inference/session.js';
import { writePictureTensor } from '../picture-tensor.js';
import { DarkCropLighter } from './dark-crop.js';
import { sixtyEightCount, sixtyEightLength } from './sixty-eight-points.js';

/** The 68 points of a face that a model saw, in frame pixels, and how sure it was, 0..1. Its array is written anew by the next call. */
export type SeenPoints = { readonly points: Float32Array; readonly score: number };

/** Numbers of each point in the first output. */
const numbersPerPoint = 3;

/** One model that reads 68 points off a picture. One per thread; owns its buffers, not its session. */
export class ImageLandmarker {
  readonly #model: PositionalModel;
  readonly #contract: ImageLandmarkerContract;
  readonly #isCompatible: boolean;
  readonly #cropper = new FrameCropper();
  readonly #unfiltered = new UnfilteredCropper();
  readonly #lighter: DarkCropLighter;
  /** What the model is to see, planar RGB in levels. */
  readonly #picture: Float32Array;
  readonly #upright: Float32Array;
  readonly #points = new Float32Array(sixtyEightLength);

  /**
   * @param isCompatible cuts and lightens crops as FaceFusion does
   * @throws FaceswapError `model` for a model with another signature than its contract says
   */
  constructor(session: ModelSession, contract: ImageLandmarkerContract, isCompatible: boolean) {
    this.#model = new PositionalModel(session, signatureOf(contract));
    this.#contract = contract;
    this.#isCompatible = isCompatible;
    this.#lighter = new DarkCropLighter(contract.sizePx, isCompatible);
    this.#picture = new Float32Array(3 * contract.sizePx ** 2);
    this.#upright = new Float32Array(isCompatible ? this.#picture.length : 0);
  }

  /** @param angleDegrees by how much the face is turned clockwise: 0, 90, 180 or 270 */
  async read(frame: PlanarFrame, box: Box, angleDegrees: number): Promise<SeenPoints> {
    const { sizePx, faceSpanPx, gridPx, image } = this.#contract;
    const scale = faceSpanPx / Math.max(box.width, box.height, 1);
    const toCrop: Affine = {
      a: scale,
      b: 0,
      c: (sizePx - (2 * box.x + box.width) * scale) / 2,
      d: 0,
      e: scale,
      f: (sizePx - (2 * box.y + box.height) * scale) / 2,
    };
    const { toTurned } = quarterTurn(sizePx, sizePx, angleDegrees);
    const toFrame = invertAffine(composeAffine(toTurned, toCrop));
    if (this.#isCompatible) this.#cropAsFaceFusion(frame, toCrop, invertAffine(toTurned));
    else
      this.#cropper.crop(frame, toFrame, sizePx, sizePx, this.#picture, { scale: 255, offset: 0 }, 'black');
    this.#lighter.lighten(this.#picture);
    writePictureTensor(this.#picture, sizePx ** 2, image, this.#model.input);
    const outputs = await this.#model.run();
    const places = outputs[0] as Float32Array;
    for (let i = 0; i < sixtyEightCount; i++) {
      const { x, y } = applyAffine(
        toFrame,
        ((places[numbersPerPoint * i] as number) * sizePx) / gridPx,
        ((places[numbersPerPoint * i + 1] as number) * sizePx) / gridPx,
      );
      this.#points[2 * i] = x;
      this.#points[2 * i + 1] = y;
    }
    return { points: this.#points, score: this.#score(outputs) };
  }

  /** Cuts the crop without a filter and turns it afterwards, pixel by pixel. */
  #cropAsFaceFusion(frame: PlanarFrame, toCrop: Affine, toUpright: Affine): void {
    const { sizePx } = this.#contract;
    const { widthPx, heightPx } = frame.format;
    const view = { toFrame: { a: 1, b: 0, c: 0, d: 0, e: 1, f: 0 }, widthPx, heightPx };
    const map = {
      scaleX: 1 / toCrop.a,
      shiftX: -toCrop.c / toCrop.a,
      scaleY: 1 / toCrop.e,
      shiftY: -toCrop.f / toCrop.e,
    };
    const size = { widthPx: sizePx, heightPx: sizePx };
    this.#unfiltered.crop(frame, view, map, size, this.#upright, 'black');
    for (let y = 0; y < sizePx; y++) {
      for (let x = 0; x < sizePx; x++) {
        const from = applyAffine(toUpright, x, y);
        const isInside = from.x >= 0 && from.y >= 0 && from.x < sizePx && from.y < sizePx;
        for (let channel = 0; channel < 3; channel++) {
          this.#picture[(channel * sizePx + y) * sizePx + x] = isInside
            ? (this.#upright[(channel * sizePx + from.y) * sizePx + from.x] as number)
            : 0;
        }
      }
    }
  }

  /** The mean certainty of the points, as a share of the ceiling. */
  #score(outputs: readonly Float32Array[]): number {
    const { kind, scoreCeiling } = this.#contract;
    let sum = 0;
    if (kind === 'heatmap-68') {
      const heatmaps = outputs[1] as Float32Array;
      const length = heatmaps.length / sixtyEightCount;
      for (let i = 0; i < sixtyEightCount; i++) {
        let highest = -Infinity;
        for (let at = i * length; at < (i + 1) * length; at++) {
          highest = Math.max(highest, heatmaps[at] as number);
        }
        sum += highest;
      }
    } else {
      const places = outputs[0] as Float32Array;
      for (let i = 0; i < sixtyEightCount; i++) sum += places[numbersPerPoint * i + 2] as number;
    }
    return Math.min(1, Math.max(0, sum / sixtyEightCount / scoreCeiling));
  }
}

const signatureOf = ({ kind, image, sizePx }: ImageLandmarkerContract): PositionalSignature => {
  const points = { meaning: 'points', count: numbersPerPoint * sixtyEightCount };
  return {
    kind: 'landmarker',
    input: {
      name: image.name,
      dims: image.layout === 'NCHW' ? [1, 3, sizePx, sizePx] : [1, sizePx, sizePx, 3],
    },
    outputs: kind === 'points-68' ? [points] : [points, { meaning: 'heatmaps', count: null }],
  };
};
