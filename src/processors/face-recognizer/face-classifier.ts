import { similarityBetween } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { warpTemplatePoints } from '../../imaging/warp-templates.js';
import { FaceswapError } from '../../errors.js';
import type { ContractOf } from '../../inference/model-contracts.js';
import { PositionalModel } from '../../inference/positional-model.js';
import type { ModelSession } from '../../inference/session.js';
import { fivePointLength, fivePointsOf } from '../face-landmarker/five-points.js';
import { writePictureTensor } from '../picture-tensor.js';
import type { FaceRace } from './face-races.js';

/** What a classifier says of a face. */
export type FaceClasses = {
  /** The middle of the age group. */
  readonly ageYears: number;
  /** 1 where the face reads as male, 0 where as female. */
  readonly male: number;
  readonly race: FaceRace;
};

/**
 * The middles of the age groups 0–2, 3–9, 10–19, 20–29, 30–39, 40–49, 50–59, 60–69 and 70 to 100 years (FairFace).
 */
const middleAges = [1, 6, 14.5, 24.5, 34.5, 44.5, 54.5, 64.5, 85] as const;

/** FairFace's seven classes: it tells East and South-East Asian faces apart. */
const raceClasses: readonly FaceRace[] = ['white', 'black', 'latino', 'asian', 'asian', 'indian', 'arabic'];

const femaleClass = 1;

/** FairFace on aligned crops. One per thread; owns its buffers, not its session. */
export class FaceClassifier {
  readonly #model: PositionalModel;
  readonly #contract: ContractOf<'fairface'>;
  readonly #file: string;
  readonly #template: Float32Array;
  readonly #cropper = new FrameCropper();
  readonly #five = new Float32Array(fivePointLength);
  readonly #picture: Float32Array;

  /** @throws FaceswapError `model` for a model with another signature than its contract says */
  constructor(session: ModelSession, contract: ContractOf<'fairface'>) {
    const { image, sizePx, template } = contract;
    this.#contract = contract;
    this.#file = session.modelPath;
    this.#model = new PositionalModel(session, {
      kind: 'face classifier',
      input: {
        name: image.name,
        dims: image.layout === 'NCHW' ? [1, 3, sizePx, sizePx] : [1, sizePx, sizePx, 3],
      },
      outputs: ['race', 'gender', 'age'].map((meaning) => ({ meaning, count: 1 })),
    });
    this.#template = warpTemplatePoints(template, sizePx);
    this.#picture = new Float32Array(3 * sizePx ** 2);
  }

  /**
   * @param points 468 × (x, y, z) in frame pixels
   * @throws FaceswapError `model` for classes that FairFace does not have
   */
  async classify(frame: PlanarFrame, points: Float32Array): Promise<FaceClasses> {
    const { image, sizePx } = this.#contract;
    const toFrame = similarityBetween(this.#template, fivePointsOf(points, this.#five));
    this.#cropper.crop(frame, toFrame, sizePx, sizePx, this.#picture, { scale: 255, offset: 0 });
    writePictureTensor(this.#picture, sizePx ** 2, image, this.#model.input);
    const [race, gender, age] = (await this.#model.run()).map(([id]) => Math.round(id as number)) as [
      number,
      number,
      number,
    ];
    const ageYears = middleAges[age];
    const known = raceClasses[race];
    if (ageYears === undefined || known === undefined) {
      throw new FaceswapError(
        'model',
        `The classifier gave race ${race} and age ${age}; there are ${raceClasses.length} and ${middleAges.length} classes`,
        { file: this.#file, stage: 'identity', hint: 'Fetch the model again: faceswap models pull fairface' },
      );
    }
    return { ageYears, male: gender === femaleClass ? 0 : 1, race: known };
  }
}
