import { applyAffine, similarityBetween } from '../../imaging/affine.js';
import { warpTemplates } from '../../imaging/warp-templates.js';
import type { ContractOf } from '../../inference/model-contracts.js';
import { PositionalModel } from '../../inference/positional-model.js';
import type { ModelSession } from '../../inference/session.js';
import { fivePointLength } from './five-points.js';
import { sixtyEightLength } from './sixty-eight-points.js';

/** Squared distances of five points around their middle below which they show no face: less than a pixel in all. */
const leastSpread = 1;

/** Guesses the 68 points of a face from five of them, without a picture. Owns its buffers, not its session. */
export class SixtyEightEstimator {
  readonly #model: PositionalModel;
  readonly #template: readonly number[];

  /** @throws FaceswapError `model` for a model with another signature than its contract says */
  constructor(session: ModelSession, { input, template }: ContractOf<'five-to-68'>) {
    this.#model = new PositionalModel(session, {
      kind: 'model that makes 68 points of five',
      input: { name: input, dims: [1, 5, 2] },
      outputs: [{ meaning: 'points', count: sixtyEightLength }],
    });
    this.#template = warpTemplates[template];
  }

  /**
   * @param five 5 × (x, y)
   * @param out receives 68 × (x, y) in the same unit
   * @returns whether the five points lie as those of a face can
   */
  async estimate(five: Float32Array, out: Float32Array): Promise<boolean> {
    if (!(spreadOf(five) >= leastSpread)) return false;
    const toUnit = similarityBetween(five, this.#template);
    const size = toUnit.a ** 2 + toUnit.d ** 2;
    // Points in a place that has nothing of the template's shape.
    if (!(size > 1e-14)) return false;
    const { input } = this.#model;
    for (let i = 0; i < fivePointLength; i += 2) {
      const { x, y } = applyAffine(toUnit, five[i] as number, five[i + 1] as number);
      input[i] = x;
      input[i + 1] = y;
    }
    const [points] = (await this.#model.run()) as readonly [Float32Array];
    for (let i = 0; i < sixtyEightLength; i += 2) {
      const x = (points[i] as number) - toUnit.c;
      const y = (points[i + 1] as number) - toUnit.f;
      out[i] = (toUnit.a * x + toUnit.d * y) / size;
      out[i + 1] = (toUnit.a * y - toUnit.d * x) / size;
    }
    return true;
  }
}

const spreadOf = (five: Float32Array): number => {
  let x = 0;
  let y = 0;
  for (let i = 0; i < fivePointLength; i += 2) {
    x += (five[i] as number) / 5;
    y += (five[i + 1] as number) / 5;
  }
  let spread = 0;
  for (let i = 0; i < fivePointLength; i += 2) {
    spread += ((five[i] as number) - x) ** 2 + ((five[i + 1] as number) - y) ** 2;
  }
  return spread;
};
