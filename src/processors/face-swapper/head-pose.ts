import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import { faceLayout } from './face-layout.js';

/** Head rotation in radians. Positive yaw turns the face to the viewer's right, positive pitch down. */
export type HeadPose = { readonly yaw: number; readonly pitch: number; readonly roll: number };

/** How the mean face is turned, scaled and moved to lie best on a mesh: `mesh ≈ onto + scale · R · (mean − from)`. */
export type FaceAlignment = {
  /** Row-major 3×3 rotation. */
  readonly rotation: Float64Array;
  scale: number;
  /** Centroid of the mean face. */
  readonly from: Float64Array;
  /** Centroid of the mesh. */
  readonly onto: Float64Array;
};

/** An alignment that {@link alignToMeanFace} can write into. */
export function allocateAlignment(): FaceAlignment {
  return {
    rotation: new Float64Array(9),
    scale: 1,
    from: new Float64Array(3),
    onto: new Float64Array(3),
  };
}

const meanCentroid = new Float64Array(3);
writeCentroid(faceLayout.shape, meanCentroid);
const meanSpread = spreadAround(faceLayout.shape, meanCentroid);

/** Working memory: the correlation of the two point sets, Horn's matrix and the quaternion before and after a step. */
const correlation = new Float64Array(9);
const matrix = new Float64Array(16);
let quaternion = new Float64Array(4);
let nextQuaternion = new Float64Array(4);

/**
 * Least-squares similarity from the mean face to a mesh (Horn, "Closed-form solution of absolute orientation using unit
 * quaternions", 1987; the largest eigenvector is found by power iteration).
 *
 * @param points 468 × (x, y, z)
 * @param out receives the result; a new one when left out
 */
export function alignToMeanFace(
  points: Float32Array,
  out: FaceAlignment = allocateAlignment(),
): FaceAlignment {
  const { onto } = out;
  writeCentroid(points, onto);
  out.from.set(meanCentroid);
  const spread = spreadAround(points, onto);
  out.scale = Math.sqrt(spread / (meanSpread || 1)) || 1;
  writeCorrelation(points, onto);
  turnQuaternion();
  writeRotation(out.rotation);
  return out;
}

function writeCentroid(points: Float32Array, out: Float64Array): void {
  let x = 0;
  let y = 0;
  let z = 0;
  for (let i = 0; i < 3 * meshPointCount; i += 3) {
    x += points[i] as number;
    y += points[i + 1] as number;
    z += points[i + 2] as number;
  }
  out[0] = x / meshPointCount;
  out[1] = y / meshPointCount;
  out[2] = z / meshPointCount;
}

function spreadAround(points: Float32Array, centre: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < 3 * meshPointCount; i += 3) {
    for (let r = 0; r < 3; r++) sum += ((points[i + r] as number) - (centre[r] as number)) ** 2;
  }
  return sum;
}

function writeCorrelation(points: Float32Array, onto: Float64Array): void {
  const { shape } = faceLayout;
  correlation.fill(0);
  for (let i = 0; i < 3 * meshPointCount; i += 3) {
    for (let r = 0; r < 3; r++) {
      const mean = (shape[i + r] as number) - (meanCentroid[r] as number);
      for (let c = 0; c < 3; c++) {
        correlation[3 * r + c] =
          (correlation[3 * r + c] as number) + mean * ((points[i + c] as number) - (onto[c] as number));
      }
    }
  }
}

/** Finds the unit quaternion of the rotation that the correlation asks for. */
function turnQuaternion(): void {
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = correlation as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  setRow(0, xx + yy + zz, yz - zy, zx - xz, xy - yx);
  setRow(4, yz - zy, xx - yy - zz, xy + yx, zx + xz);
  setRow(8, zx - xz, xy + yx, -xx + yy - zz, yz + zy);
  setRow(12, xy - yx, zx + xz, yz + zy, -xx - yy + zz);
  let square = 0;
  for (let i = 0; i < 16; i++) square += (matrix[i] as number) ** 2;
  // Shifted so that the wanted eigenvalue is the largest in size as well.
  const shift = Math.sqrt(square);
  quaternion.fill(0);
  quaternion[0] = 1;
  for (let step = 0; step < 60; step++) {
    let length = 0;
    for (let row = 0; row < 4; row++) {
      let sum = shift * (quaternion[row] as number);
      for (let k = 0; k < 4; k++) sum += (matrix[4 * row + k] as number) * (quaternion[k] as number);
      nextQuaternion[row] = sum;
      length += sum * sum;
    }
    const scale = 1 / (Math.sqrt(length) || 1);
    for (let row = 0; row < 4; row++) nextQuaternion[row] = (nextQuaternion[row] as number) * scale;
    [quaternion, nextQuaternion] = [nextQuaternion, quaternion];
  }
}

function setRow(at: number, first: number, second: number, third: number, fourth: number): void {
  matrix[at] = first;
  matrix[at + 1] = second;
  matrix[at + 2] = third;
  matrix[at + 3] = fourth;
}

function writeRotation(out: Float64Array): void {
  const [w, x, y, z] = quaternion as unknown as [number, number, number, number];
  out[0] = 1 - 2 * (y * y + z * z);
  out[1] = 2 * (x * y - w * z);
  out[2] = 2 * (x * z + w * y);
  out[3] = 2 * (x * y + w * z);
  out[4] = 1 - 2 * (x * x + z * z);
  out[5] = 2 * (y * z - w * x);
  out[6] = 2 * (x * z - w * y);
  out[7] = 2 * (y * z + w * x);
  out[8] = 1 - 2 * (x * x + y * y);
}

const poseAlignment = allocateAlignment();

/** Turn of the head, from {@link alignToMeanFace}. */
export function headPose(points: Float32Array): HeadPose {
  const { rotation } = alignToMeanFace(points, poseAlignment);
  const r02 = rotation[2] as number;
  const r22 = rotation[8] as number;
  // z points away from the viewer, so a face turned to the viewer's right has its forward axis (−z) at +x.
  return {
    yaw: Math.atan2(-r02, r22),
    pitch: Math.atan2(-(rotation[5] as number), Math.hypot(r02, r22)),
    roll: Math.atan2(rotation[3] as number, rotation[0] as number),
  };
}
