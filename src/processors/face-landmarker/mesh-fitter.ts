import type { Box } from '../../imaging/affine.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { fivePointLength, fivePointsOf } from './five-points.js';
import type { ImageLandmarker, SeenPoints } from './image-landmarker.js';
import { boundsOf } from './mesh-bounds.js';
import { fitMesh } from './mesh-fit.js';
import type { SixtyEightEstimator } from './sixty-eight-estimator.js';
import { sixtyEightLength } from './sixty-eight-points.js';

/** An earlier landmarker is kept unless a later one is surer by at least this much. */
const earlierBonus = 0.2;

/** Points further from the middle of the mesh than this many of its sides are not of this face. */
const farthestSides = 2;

/** Brings the points of image landmarkers into meshes. One per thread. */
export class MeshFitter {
  readonly #estimator: Pick<SixtyEightEstimator, 'estimate'>;
  readonly #landmarkers: readonly Pick<ImageLandmarker, 'read'>[];
  readonly #leastScore: number;
  readonly #five = new Float32Array(fivePointLength);
  readonly #estimate = new Float32Array(sixtyEightLength);

  /**
   * @param landmarkers in the order of preference
   * @param leastScore 0..1, exclusive; 0: no mesh is fitted
   */
  constructor(
    estimator: Pick<SixtyEightEstimator, 'estimate'>,
    landmarkers: readonly Pick<ImageLandmarker, 'read'>[],
    leastScore: number,
  ) {
    this.#estimator = estimator;
    this.#landmarkers = landmarkers;
    this.#leastScore = leastScore;
  }

  /**
   * Moves a mesh onto what the landmarkers see; leaves it as it is where they are not sure enough.
   *
   * @param points 468 × (x, y, z) in frame pixels, changed in place
   * @param detection where the face was just detected, with its five points; left out: the mesh tells
   */
  async fit(
    frame: PlanarFrame,
    points: Float32Array,
    detection?: { readonly box: Box; readonly five?: Float32Array | undefined },
  ): Promise<void> {
    if (this.#leastScore === 0) return;
    const bounds = boundsOf(points);
    if (!(Math.min(bounds.width, bounds.height) >= 1)) return;
    const detected = detection?.five === undefined ? null : { box: detection.box, five: detection.five };
    const { box, five } = detected ?? { box: bounds, five: fivePointsOf(points, this.#five) };
    if (!(await this.#estimator.estimate(five, this.#estimate))) return;
    const seen = await this.#read(frame, box, faceAngle(this.#estimate));
    if (seen === null || !(seen.score > this.#leastScore)) return;
    if (isOver(seen.points, bounds)) fitMesh(points, seen.points);
  }

  async #read(frame: PlanarFrame, box: Box, angleDegrees: number): Promise<SeenPoints | null> {
    let best: SeenPoints | null = null;
    for (const landmarker of this.#landmarkers) {
      const seen = await landmarker.read(frame, box, angleDegrees);
      if (best === null || !(best.score > seen.score - earlierBonus)) best = seen;
    }
    return best;
  }
}

/** The quarter turn, clockwise, that is nearest to that of the ears' line. */
export function faceAngle(sixtyEight: Float32Array): number {
  const x = (sixtyEight[32] as number) - (sixtyEight[0] as number);
  const y = (sixtyEight[33] as number) - (sixtyEight[1] as number);
  const quarters = Math.round(Math.atan2(y, x) / (Math.PI / 2));
  return 90 * ((quarters + 4) % 4);
}

/** Whether points can be those of the face in a box. */
const isOver = (points: Float32Array, { x, y, width, height }: Box): boolean => {
  const farthest = farthestSides * Math.max(width, height);
  for (let i = 0; i < points.length; i += 2) {
    const fromX = Math.abs((points[i] as number) - x - width / 2);
    const fromY = Math.abs((points[i + 1] as number) - y - height / 2);
    if (!(fromX < farthest && fromY < farthest)) return false;
  }
  return true;
};
