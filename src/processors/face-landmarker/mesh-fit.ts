import { similarityBetween } from '../../imaging/affine.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { layoutShape } from '../face-swapper/face-layout-data.js';
import { headPose } from '../face-swapper/head-pose.js';
import { meshPointCount } from './mesh-indices.js';
import { jawPointCount, sixtyEightCount, sixtyEightLength, sixtyEightOf } from './sixty-eight-points.js';

/** How far the pull of a point reaches over the mean face, in distances of its outer eye corners. */
const reach = 0.2;
/** Only keeps the numbers sound where two points nearly coincide, as the inner lips of a closed mouth do. */
const innerSlack = 1e-6;
/**
 * The jaw of the 68 points is the contour that the picture shows; that of the mesh is a line on the head. They only agree about from the
 * front, so jaw points pull with less weight, and not at all on a head that is turned away.
 */
const jawSlack = 1;
const frontalRadians = 0.25;
const turnedRadians = 0.6;

/** 468 × 68: what of each point's displacement each mesh point takes part in; made at the first use. */
let shares: Float64Array | undefined;

const source = new Float32Array(sixtyEightLength);
const displacements = new Float64Array(sixtyEightLength);

/**
 * Moves a mesh so that its 68 points come to lie on those that a landmarker saw: first the similarity that fits the points inside of the
 * face best, then a smooth field of displacements over the face that takes brows, eyes, nose and mouth to their places exactly.
 *
 * @param points 468 × (x, y, z), changed in place; depth only takes part in the similarity
 * @param seen 68 × (x, y) in the same unit
 */
export function fitMesh(points: Float32Array, seen: Float32Array): void {
  shares ??= displacementShares();
  const jawShare = 1 - smoothstep(frontalRadians, turnedRadians, Math.abs(headPose(points).yaw));
  sixtyEightOf(points, source);
  const inner = 2 * jawPointCount;
  const { a, b, c, d, e, f } = similarityBetween(source.subarray(inner), seen.subarray(inner));
  for (let j = 0; j < sixtyEightCount; j++) {
    const x = source[2 * j] as number;
    const y = source[2 * j + 1] as number;
    const share = j < jawPointCount ? jawShare : 1;
    displacements[2 * j] = share * ((seen[2 * j] as number) - (a * x + b * y + c));
    displacements[2 * j + 1] = share * ((seen[2 * j + 1] as number) - (d * x + e * y + f));
  }
  const scale = Math.hypot(a, d);
  for (let i = 0; i < meshPointCount; i++) {
    const x = points[3 * i] as number;
    const y = points[3 * i + 1] as number;
    let movedX = a * x + b * y + c;
    let movedY = d * x + e * y + f;
    for (let j = 0; j < sixtyEightCount; j++) {
      const share = shares[i * sixtyEightCount + j] as number;
      movedX += share * (displacements[2 * j] as number);
      movedY += share * (displacements[2 * j + 1] as number);
    }
    points[3 * i] = movedX;
    points[3 * i + 1] = movedY;
    points[3 * i + 2] = scale * (points[3 * i + 2] as number);
  }
}

/** Interpolation by radial functions on the mean face as seen from the front: kernel(mesh, points) · (kernel(points, points) + slack)⁻¹. */
function displacementShares(): Float64Array {
  const mean = Float32Array.from(layoutShape);
  const centres = sixtyEightOf(mean, new Float32Array(sixtyEightLength));
  const count = sixtyEightCount;
  const kernel = (x: number, y: number, j: number): number => {
    const distance = Math.hypot(x - (centres[2 * j] as number), y - (centres[2 * j + 1] as number)) / reach;
    return (1 + distance) * Math.exp(-distance);
  };
  const system = new Float64Array(count * count);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      system[i * count + j] = kernel(centres[2 * i] as number, centres[2 * i + 1] as number, j);
    }
    system[i * count + i] = (system[i * count + i] as number) + (i < jawPointCount ? jawSlack : innerSlack);
  }
  const inverse = invertSymmetric(system, count);
  const result = new Float64Array(meshPointCount * count);
  const row = new Float64Array(count);
  for (let i = 0; i < meshPointCount; i++) {
    for (let j = 0; j < count; j++) row[j] = kernel(mean[3 * i] as number, mean[3 * i + 1] as number, j);
    for (let j = 0; j < count; j++) {
      let sum = 0;
      for (let k = 0; k < count; k++) sum += (row[k] as number) * (inverse[k * count + j] as number);
      result[i * count + j] = sum;
    }
  }
  return result;
}

/** The inverse of a positive definite matrix, by Gauss and Jordan without exchanging rows. */
function invertSymmetric(matrix: Float64Array, count: number): Float64Array {
  const inverse = new Float64Array(count * count);
  for (let i = 0; i < count; i++) inverse[i * count + i] = 1;
  for (let pivot = 0; pivot < count; pivot++) {
    const divisor = matrix[pivot * count + pivot] as number;
    for (let column = 0; column < count; column++) {
      matrix[pivot * count + column] = (matrix[pivot * count + column] as number) / divisor;
      inverse[pivot * count + column] = (inverse[pivot * count + column] as number) / divisor;
    }
    for (let row = 0; row < count; row++) {
      const factor = matrix[row * count + pivot] as number;
      if (row === pivot || factor === 0) continue;
      for (let column = 0; column < count; column++) {
        const at = row * count + column;
        matrix[at] = (matrix[at] as number) - factor * (matrix[pivot * count + column] as number);
        inverse[at] = (inverse[at] as number) - factor * (inverse[pivot * count + column] as number);
      }
    }
  }
  return inverse;
}
