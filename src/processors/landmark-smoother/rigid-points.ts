import {
  leftBrowRing,
  leftEyeRing,
  meshPointCount,
  outerLipRing,
  rightBrowRing,
  rightEyeRing,
} from '../face-landmarker/mesh-indices.js';
import { faceLayout } from '../face-swapper/face-layout.js';

/** The point below the nose where it meets the lip; everything under it moves with speech. */
const noseBase = 2;

/**
 * Points that no expression moves much: those above the base of the nose without lids and brows. The place, size and roll of a
 * head are taken from them, so that speech does not shake the face.
 */
export const rigidPoints: Uint16Array = Uint16Array.from(
  Array.from({ length: meshPointCount }, (_, i) => i).filter((i) => {
    const moving: readonly number[][] = [
      [...leftEyeRing],
      [...rightEyeRing],
      [...leftBrowRing],
      [...rightBrowRing],
      [...outerLipRing],
    ];
    const height = faceLayout.uv[2 * i + 1] as number;
    return height < (faceLayout.uv[2 * noseBase + 1] as number) && !moving.some((ring) => ring.includes(i));
  }),
);
