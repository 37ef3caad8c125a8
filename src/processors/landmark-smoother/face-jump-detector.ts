import { interOcular } from './landmark-smoother.js';

/** Landmarks that move this many times as far as they did in the frames before have jumped (the project's definition of a cut) … */
const jumpRatio = 3;

/** … if that is also this share of the distance between the eyes: no head shakes that fast from one frame to the next. */
const jumpFloor = 0.3;

/** Frames whose movement makes the running mean. */
const memoryFrames = 12;

/** Meshes of one frame by track: 468 × (x, y, z) in frame pixels each. */
export type FrameMeshes = ReadonlyMap<number, { readonly points: Float32Array }>;

/**
 * Tells whether the faces of a frame continue those of the frame before. A cut inside one room, or between two dark ones, hardly changes the
 * picture, but every face in it jumps. One per analyser; allocates nothing.
 */
export class FaceJumpDetector {
  readonly #movements = new Float64Array(memoryFrames);
  #count = 0;

  /** Forgets what came before. */
  reset(): void {
    this.#count = 0;
  }

  /**
   * Takes the faces of two consecutive frames.
   *
   * @returns whether all of them jumped: those that are in both moved too far, or none is in both
   */
  push(before: FrameMeshes, after: FrameMeshes): boolean {
    if (before.size === 0 || after.size === 0) return false;
    const movement = leastMovement(before, after);
    let sum = 0;
    for (let i = 0; i < this.#count; i++) sum += this.#movements[i] as number;
    const mean = this.#count === 0 ? 0 : sum / this.#count;
    if (movement > Math.max(jumpFloor, jumpRatio * mean)) return true;
    if (this.#count === memoryFrames) this.#movements.copyWithin(0, 1);
    else this.#count++;
    this.#movements[this.#count - 1] = movement;
    return false;
  }
}

/**
 * Mean distance that the landmarks of the calmest face moved, as a share of the distance between its eyes: where one face goes on as before,
 * the shot does. Infinity when no face is in both frames.
 */
function leastMovement(before: FrameMeshes, after: FrameMeshes): number {
  let least = Infinity;
  for (const [track, { points: there }] of after) {
    const here = before.get(track)?.points;
    if (here === undefined) continue;
    let sum = 0;
    for (let i = 0; i < here.length; i += 3) {
      sum += Math.hypot(
        (there[i] as number) - (here[i] as number),
        (there[i + 1] as number) - (here[i + 1] as number),
      );
    }
    const scale = Math.max(1, interOcular(here));
    least = Math.min(least, (3 * sum) / here.length / scale);
  }
  return least;
}
