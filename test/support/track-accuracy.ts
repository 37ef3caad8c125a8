import {
  leftEyeOuter,
  meshPointCount,
  rightEyeOuter,
} from '../../src/processors/face-landmarker/mesh-indices.js';
import { interOcular } from '../../src/processors/landmark-smoother/landmark-smoother.js';
import { at } from './unit-values.js';

/** Meshes of one face, frame by frame. */
export type MeshPath = readonly Float32Array[];

/**
 * Jitter against truth: RMS over frames and landmarks of the second difference ‖e(t−1) − 2e(t) + e(t+1)‖ of the error
 * e = found − true in the picture plane, divided by the distance of the outer eye corners. It is the monitor's jitter, of the error instead of
 * the landmarks, so that real movement counts nothing, and what is missed of it does. A constant error (the model's idea of a
 * face, which nobody sees move) counts nothing either.
 */
export const jitterAgainstTruth = (found: MeshPath, truth: MeshPath): number => {
  let sum = 0;
  let count = 0;
  for (let t = 1; t + 1 < found.length; t++) {
    const scale = interOcular(truth[t]!);
    const error = (frame: number, k: number): number => at(found[frame]!, k) - at(truth[frame]!, k);
    for (let i = 0; i < meshPointCount; i++) {
      for (const k of [3 * i, 3 * i + 1]) {
        sum += ((error(t - 1, k) - 2 * error(t, k) + error(t + 1, k)) / scale) ** 2;
      }
      count++;
    }
  }
  return Math.sqrt(sum / count);
};

/** Middle of a mesh. */
const middleOf = (points: Float32Array): readonly [number, number] => {
  let [x, y] = [0, 0];
  for (let i = 0; i < meshPointCount; i++) {
    x += at(points, 3 * i);
    y += at(points, 3 * i + 1);
  }
  return [x / meshPointCount, y / meshPointCount];
};

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Direction of the line between the outer eye corners: its cosine and sine. */
const uprightOf = (points: Float32Array): readonly [number, number] => {
  const x = at(points, 3 * leftEyeOuter) - at(points, 3 * rightEyeOuter);
  const y = at(points, 3 * leftEyeOuter + 1) - at(points, 3 * rightEyeOuter + 1);
  const length = Math.hypot(x, y);
  return [x / length, y / length];
};

/**
 * Lag in frames: the delay that explains most of the landmarks' error, as the slope of their errors over their true velocities (central
 * differences; the ends do not count). Both as the face sees them, upright and without the mean of their landmark, since the model's own idea of a
 * face turns with it; at an even speed a lag cannot be told from a constant error, and is 0 here.
 */
export const lagFrames = (found: MeshPath, truth: MeshPath): number => {
  const scales = truth.map(interOcular);
  const upright = truth.map(uprightOf);
  const inFace = (t: number, x: number, y: number): readonly [number, number] => {
    const [cos, sin] = upright[t]!;
    return [(x * cos + y * sin) / at(scales, t), (y * cos - x * sin) / at(scales, t)];
  };
  let product = 0;
  let square = 0;
  for (let k = 0; k < 3 * meshPointCount; k += 3) {
    const difference = (to: Float32Array, from: Float32Array): readonly [number, number] => [
      at(to, k) - at(from, k),
      at(to, k + 1) - at(from, k + 1),
    ];
    const errors = found.map((mesh, t) => inFace(t, ...difference(mesh, truth[t]!)));
    const velocities = truth.slice(1, -1).map((_, t) => {
      const [x, y] = difference(truth[t + 2]!, truth[t]!);
      return inFace(t + 1, x / 2, y / 2);
    });
    for (const c of [0, 1]) {
      const error = meanOf(errors.map((value) => at(value, c)));
      const velocity = meanOf(velocities.map((value) => at(value, c)));
      for (const [t, value] of velocities.entries()) {
        product += (at(errors[t + 1]!, c) - error) * (at(value, c) - velocity);
        square += (at(value, c) - velocity) ** 2;
      }
    }
  }
  return square / meshPointCount < 1e-6 ? 0 : -product / square;
};

/**
 * Overshoot at a sudden stop: how far, at most, the middle gets beyond the place where it comes to rest, along the movement and as a
 * share of the distance of the eye corners. That place is the mean of what was found from ten frames after the stop, so that a constant error does not count.
 *
 * @param stopFrame first frame of the rest
 */
export const overshoot = (found: MeshPath, truth: MeshPath, stopFrame: number): number => {
  const scale = interOcular(truth[stopFrame]!);
  const from = middleOf(truth[stopFrame - 2]!);
  const to = middleOf(truth[stopFrame]!);
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const direction = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
  const along = found.map((mesh) => {
    const [x, y] = middleOf(mesh);
    return (x * at(direction, 0) + y * at(direction, 1)) / scale;
  });
  const resting = along.slice(stopFrame + 10);
  const rest = resting.reduce((sum, value) => sum + value, 0) / resting.length;
  return Math.max(...along.slice(stopFrame - 5, stopFrame + 10).map((value) => value - rest));
};
