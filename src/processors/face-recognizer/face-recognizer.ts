import { cropToFrame } from '../../imaging/affine.js';
import { FrameCropper } from '../../imaging/frame-crop.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import type { ModelSession } from '../../inference/session.js';
import { cropFromMesh } from '../face-landmarker/face-landmarker.js';

/** Side of the recogniser's input in pixels. */
const recognizerInputPx = 224;

const inputLength = 3 * recognizerInputPx * recognizerInputPx;
const inputDims = [1, 3, recognizerInputPx, recognizerInputPx];
const inputScaling = { scale: 255, offset: 0 };

/** The descriptor crop is 1.2 times the mesh's box, while {@link cropFromMesh} gives 1.5 times. */
const cropShrink = 1.2 / 1.5;

/** Numbers of a descriptor. */
export const descriptorLength = 1024;

/** What the recogniser says of a face. */
export type FaceIdentity = {
  /** {@link descriptorLength} numbers, L2-normalised: cosine similarity is their dot product. */
  readonly descriptor: Float32Array;
  readonly ageYears: number;
  /** Probability that the face reads as male, 0..1. */
  readonly male: number;
};

/** Faceres on upright crops. One per thread; owns its buffers. */
export class FaceRecognizer {
  readonly #session: ModelSession;
  readonly #cropper = new FrameCropper();
  readonly #scratch = new Scratch();

  /** @param session model `faceres`: input `[n, 3, 224, 224]` RGB 0..255 */
  constructor(session: ModelSession) {
    this.#session = session;
  }

  /** @param points 468 × (x, y, z) in frame pixels */
  async identify(frame: PlanarFrame, points: Float32Array): Promise<FaceIdentity> {
    const crop = cropFromMesh(points);
    const toFrame = cropToFrame(crop.centre, crop.sidePx * cropShrink, crop.rollRadians, recognizerInputPx);
    const input = this.#scratch.floats('input', inputLength);
    this.#cropper.crop(frame, toFrame, recognizerInputPx, recognizerInputPx, input, inputScaling);
    const { descriptor, age, gender } = await this.#session.run({ input: { data: input, dims: inputDims } });
    return {
      descriptor: normalise(descriptor as Float32Array),
      ageYears: mostLikely(age as Float32Array),
      male: (gender as Float32Array)[0] as number,
    };
  }
}

/** Cosine similarity of two normalised descriptors. */
export function cosine(first: Float32Array, second: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < first.length; i++) sum += (first[i] as number) * (second[i] as number);
  return sum;
}

function normalise(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  return vector.map((value) => value * scale);
}

function mostLikely(probabilities: Float32Array): number {
  let best = 0;
  for (let i = 1; i < probabilities.length; i++) {
    if ((probabilities[i] as number) > (probabilities[best] as number)) best = i;
  }
  return best;
}
