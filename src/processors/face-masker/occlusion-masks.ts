import type { Affine } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import { PlaneResizer } from '../../imaging/plane-resizer.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { GrowingBatch } from '../../inference/growing-batch.js';
import { writeImageInput } from '../../inference/image-input.js';
import { imageSession } from '../../inference/image-session.js';
import type { ContractOf } from '../../inference/model-contracts.js';
import type { ModelSession } from '../../inference/session.js';

/** A model that tells what of a face is not covered, loaded. */
export type OpenedOccluder = {
  readonly session: ModelSession;
  readonly contract: ContractOf<'xseg'>;
  /** Faces per run of the model at most. */
  readonly batchSize: number;
};

/** Cuts square crops as planar RGB, 0..1. */
export type CropCutter = (frame: PlanarFrame, toFrame: Affine, sizePx: number, out: Float32Array) => void;

type Occluder = {
  readonly batch: GrowingBatch;
  readonly contract: ContractOf<'xseg'>;
  readonly output: string;
};

/**
 * How much of each place of a crop is the face itself and not something that lies over it: of several models the smallest answer counts.
 * Crops are cut when they are added, and go through the models together. One per thread; owns its buffers, not the sessions.
 */
export class OcclusionMasks {
  readonly #occluders: readonly Occluder[];
  readonly #sizePx: number;
  readonly #modelPx: number;
  readonly #enlarge: PlaneResizer;
  /** Null: crops are cut at the model's own size. */
  readonly #shrink: { readonly resizer: PlaneResizer; readonly cut: CropCutter } | null;
  readonly #cropper = new FrameCropper();
  readonly #crop: Float32Array;
  readonly #small: Float32Array;
  readonly #answer: Float32Array;
  #count = 0;

  /**
   * @param occluders at least one, all of one size
   * @param sizePx side of the masks
   * @param plainCut what crops of `sizePx` are cut with, to be shrunk for the models without a filter, as FaceFusion does;
   *   null: they are cut at the model's size, with one
   * @throws FaceswapError `model` for a model that does not fit its contract
   */
  constructor(occluders: readonly OpenedOccluder[], sizePx: number, plainCut: CropCutter | null) {
    this.#occluders = occluders.map(({ session, contract, batchSize }) => {
      const { sizePx: side } = contract;
      const known = imageSession(session, contract, [null, side, side, 1]);
      const batch = new GrowingBatch(known.session, batchSize, [known.output]);
      return { batch, contract, output: known.output };
    });
    this.#sizePx = sizePx;
    this.#modelPx = occluders[0]?.contract.sizePx ?? sizePx;
    const filter = plainCut === null ? 'smooth' : 'plain';
    this.#enlarge = new PlaneResizer(this.#modelPx, sizePx, filter);
    this.#shrink =
      plainCut === null ? null : { resizer: new PlaneResizer(sizePx, this.#modelPx, 'plain'), cut: plainCut };
    const area = this.#modelPx ** 2;
    this.#crop = new Float32Array(this.#shrink === null ? 0 : 3 * sizePx * sizePx);
    this.#small = new Float32Array(3 * area);
    this.#answer = new Float32Array(area);
  }

  /** Cuts out a face under a number; numbers run from 0. The frame may change afterwards. */
  add(index: number, frame: PlanarFrame, toFrame: Affine): void {
    this.#cut(frame, toFrame);
    for (const { batch, contract } of this.#occluders) {
      writeImageInput(this.#small, contract.sizePx, contract.image, batch.input(contract.image.name, index));
    }
    this.#count = Math.max(this.#count, index + 1);
  }

  async run(): Promise<void> {
    for (const { batch } of this.#occluders) await batch.run(this.#count);
  }

  /** The smallest of what the models say of a face. @param out sizePx × sizePx, 0..1 */
  read(index: number, out: Float32Array): void {
    const answer = this.#answer.fill(1);
    for (const { batch, output } of this.#occluders) {
      const said = batch.output(output, index);
      for (let i = 0; i < answer.length; i++) {
        const value = said[i] as number;
        const clipped = value > 0 ? Math.min(1, value) : 0;
        if (clipped < (answer[i] as number)) answer[i] = clipped;
      }
    }
    this.#enlarge.resize(answer, out);
  }

  clear(): void {
    this.#count = 0;
  }

  dispose(): void {
    for (const { batch } of this.#occluders) batch.dispose();
  }

  #cut(frame: PlanarFrame, toFrame: Affine): void {
    const side = this.#modelPx;
    if (this.#shrink === null) {
      const map = resizedMap(toFrame, this.#sizePx, side);
      this.#cropper.crop(frame, map, side, side, this.#small, { scale: 1, offset: 0 });
      return;
    }
    const { resizer, cut } = this.#shrink;
    cut(frame, toFrame, this.#sizePx, this.#crop);
    const [whole, area] = [this.#sizePx ** 2, side * side];
    for (let channel = 0; channel < 3; channel++) {
      resizer.resize(
        this.#crop.subarray(channel * whole, (channel + 1) * whole),
        this.#small.subarray(channel * area, (channel + 1) * area),
      );
    }
  }
}

/** The map of a crop that covers the same square with other pixels. */
function resizedMap({ a, b, c, d, e, f }: Affine, fromPx: number, toPx: number): Affine {
  const scale = fromPx / toPx;
  const shift = (scale - 1) / 2;
  return {
    a: a * scale,
    b: b * scale,
    c: c + (a + b) * shift,
    d: d * scale,
    e: e * scale,
    f: f + (d + e) * shift,
  };
}
