import { meshPointCount } from '../../src/processors/face-landmarker/mesh-indices.js';
import { faceLayout } from '../../src/processors/face-swapper/face-layout.js';
import { at } from './unit-values.js';

/** How the mean face is placed in a frame. Angles in radians with the signs of `HeadPose`. */
export type FacePlacement = {
  readonly x: number;
  readonly y: number;
  /** Distance of the outer eye corners of the face seen from the front. */
  readonly eyesPx: number;
  readonly yaw?: number;
  readonly pitch?: number;
  readonly roll?: number;
};

/** The mean face turned (first roll, then pitch, then yaw), scaled and moved: 468 × (x, y, z). */
export const placedFace = ({ x, y, eyesPx, yaw = 0, pitch = 0, roll = 0 }: FacePlacement): Float32Array => {
  const out = new Float32Array(3 * meshPointCount);
  for (let i = 0; i < meshPointCount; i++) {
    let px = at(faceLayout.shape, 3 * i);
    let py = at(faceLayout.shape, 3 * i + 1);
    let pz = at(faceLayout.shape, 3 * i + 2);
    [px, py] = [px * Math.cos(roll) - py * Math.sin(roll), px * Math.sin(roll) + py * Math.cos(roll)];
    [py, pz] = [py * Math.cos(pitch) - pz * Math.sin(pitch), py * Math.sin(pitch) + pz * Math.cos(pitch)];
    [px, pz] = [px * Math.cos(yaw) - pz * Math.sin(yaw), px * Math.sin(yaw) + pz * Math.cos(yaw)];
    out[3 * i] = x + eyesPx * px;
    out[3 * i + 1] = y + eyesPx * py;
    out[3 * i + 2] = eyesPx * pz;
  }
  return out;
};

/** A mesh moved in the picture plane. */
export const movedMesh = (points: Float32Array, dx: number, dy: number): Float32Array =>
  points.map((value, i) => value + (i % 3 === 0 ? dx : i % 3 === 1 ? dy : 0));

/** RMS distance of the points of two meshes in the picture plane. */
export const meshDistance = (first: Float32Array, second: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < meshPointCount; i++) {
    sum += (at(first, 3 * i) - at(second, 3 * i)) ** 2 + (at(first, 3 * i + 1) - at(second, 3 * i + 1)) ** 2;
  }
  return Math.sqrt(sum / meshPointCount);
};
