import { BatchRunner } from '../../inference/batch-runner.js';
import { writeImageInput } from '../../inference/image-input.js';
import { imageSession } from '../../inference/image-session.js';
import type { ContractOf } from '../../inference/model-contracts.js';
import type { ModelSession } from '../../inference/session.js';
import { PlaneResizer } from '../../imaging/plane-resizer.js';

/** Parts of a face that the parser tells apart. */
export type MaskRegion =
  | 'skin'
  | 'left-eyebrow'
  | 'right-eyebrow'
  | 'left-eye'
  | 'right-eye'
  | 'glasses'
  | 'nose'
  | 'mouth'
  | 'upper-lip'
  | 'lower-lip';

/** The parser's classes, as its training set CelebAMask-HQ counts them. */
const classOf: Readonly<Record<MaskRegion, number>> = {
  skin: 1,
  'left-eyebrow': 2,
  'right-eyebrow': 3,
  'left-eye': 4,
  'right-eye': 5,
  glasses: 6,
  nose: 10,
  mouth: 11,
  'upper-lip': 12,
  'lower-lip': 13,
};

/** A model that tells the parts of a face apart, loaded. */
export type OpenedParser = {
  readonly session: ModelSession;
  readonly contract: ContractOf<'bisenet'>;
  /** Faces per run of the model at most. */
  readonly batchSize: number;
};

/**
 * Which places of a crop belong to chosen parts of the face. One per thread; owns its buffers, not the session. Its answers are
 * large (20 MB a face), so only one batch of them is held.
 */
export class RegionMasks {
  readonly #contract: ContractOf<'bisenet'>;
  readonly #runner: BatchRunner;
  readonly #output: string;
  readonly #isChosen: readonly boolean[];
  readonly #shrink: PlaneResizer;
  readonly #enlarge: PlaneResizer;
  readonly #sizePx: number;
  readonly #small: Float32Array;
  readonly #chosen: Float32Array;
  readonly #mask: Float32Array;

  /**
   * @param sizePx side of the crops and of the masks
   * @param filter `plain` for FaceFusion's way of resizing
   * @throws FaceswapError `model` for a model that does not fit its contract
   */
  constructor(
    { session, contract, batchSize }: OpenedParser,
    regions: readonly MaskRegion[],
    sizePx: number,
    filter: 'smooth' | 'plain',
  ) {
    const { sizePx: side, classCount } = contract;
    const known = imageSession(session, contract, [null, classCount, side, side]);
    this.#output = known.output;
    this.#contract = contract;
    this.#runner = new BatchRunner(known.session, { batchSize, outputs: [this.#output] });
    this.#isChosen = Array.from({ length: classCount }, (_, id) =>
      regions.some((name) => classOf[name] === id),
    );
    this.#sizePx = sizePx;
    this.#shrink = new PlaneResizer(sizePx, side, filter);
    this.#enlarge = new PlaneResizer(side, sizePx, filter);
    this.#small = new Float32Array(3 * side * side);
    this.#chosen = new Float32Array(side * side);
    this.#mask = new Float32Array(sizePx * sizePx);
  }

  /**
   * Finds the parts of some crops.
   *
   * @param crop a crop by its number: planar RGB 0..1, sizePx × sizePx × 3
   * @param done is given each number and its mask (sizePx × sizePx, valid until the next)
   */
  async run(
    count: number,
    crop: (index: number) => Float32Array,
    done: (index: number, mask: Float32Array) => void,
  ): Promise<void> {
    const { image, sizePx: side } = this.#contract;
    const whole = this.#sizePx ** 2;
    const area = side * side;
    for (let start = 0; start < count; start += this.#runner.capacity) {
      const size = Math.min(this.#runner.capacity, count - start);
      for (let item = 0; item < size; item++) {
        const rgb = crop(start + item);
        for (let channel = 0; channel < 3; channel++) {
          this.#shrink.resize(
            rgb.subarray(channel * whole, (channel + 1) * whole),
            this.#small.subarray(channel * area, (channel + 1) * area),
          );
        }
        writeImageInput(this.#small, side, image, this.#runner.input(image.name, item));
      }
      await this.#runner.run(size);
      for (let item = 0; item < size; item++) {
        this.#choose(this.#runner.output(this.#output, item));
        this.#enlarge.resize(this.#chosen, this.#mask);
        done(start + item, this.#mask);
      }
    }
  }

  dispose(): void {
    this.#runner.dispose();
  }

  /** 1 where a chosen class has the largest value; of equal ones the first counts. */
  #choose(scores: Float32Array): void {
    const area = this.#chosen.length;
    const { classCount } = this.#contract;
    for (let i = 0; i < area; i++) {
      let best = 0;
      let highest = scores[i] as number;
      for (let id = 1, at = i + area; id < classCount; id++, at += area) {
        const score = scores[at] as number;
        if (score > highest) {
          highest = score;
          best = id;
        }
      }
      this.#chosen[i] = this.#isChosen[best] === true ? 1 : 0;
    }
  }
}
