import { smoothstep } from '../../imaging/plane-ops.js';
import { leftEyeRing, meshPointCount, rightEyeRing } from '../face-landmarker/mesh-indices.js';
import { faceLayout } from '../face-swapper/face-layout.js';

/**
 * An opening of the face that opens and closes within a few frames: pairs of points whose mean distance says how far it is open, and how much each
 * point of the mesh goes with it, 0..1.
 */
type Opening = { readonly pairs: readonly (readonly [number, number])[]; readonly share: Float32Array };

/** A difference of an opening, in units of the eye distance, that is noise of the model, and one that is not. */
const noiseOpening = 0.007;
const trueOpening = 0.011;

/** Radius around the middle of an eye in which lids and brow go with it, in units of the layout. */
const eyeRadius = { whole: 0.1, none: 0.2 } as const;
const noseBase = 2;
const upperLip = 0;

const across = (i: number): number => faceLayout.uv[2 * i] as number;
const down = (i: number): number => faceLayout.uv[2 * i + 1] as number;

const shareOf = (share: (point: number) => number): Float32Array =>
  Float32Array.from({ length: meshPointCount }, (_, i) => share(i));

const aroundEye = (ring: readonly number[]): Float32Array => {
  const x = ring.reduce((sum, i) => sum + across(i), 0) / ring.length;
  const y = ring.reduce((sum, i) => sum + down(i), 0) / ring.length;
  return shareOf(
    (i) => 1 - smoothstep(eyeRadius.whole, eyeRadius.none, Math.hypot(across(i) - x, down(i) - y)),
  );
};

/** The inner lips, and the lids of both eyes. */
const openings: readonly Opening[] = [
  {
    pairs: [
      [13, 14],
      [82, 87],
      [312, 317],
      [81, 178],
      [311, 402],
    ],
    share: shareOf((i) => smoothstep(down(noseBase), down(upperLip), down(i))),
  },
  {
    pairs: [
      [159, 145],
      [158, 153],
      [160, 144],
    ],
    share: aroundEye(rightEyeRing),
  },
  {
    pairs: [
      [386, 374],
      [385, 380],
      [387, 373],
    ],
    share: aroundEye(leftEyeRing),
  },
];

function meanDistance(points: Float32Array, pairs: Opening['pairs']): number {
  let sum = 0;
  for (const [one, other] of pairs) {
    sum += Math.hypot(
      (points[3 * one] as number) - (points[3 * other] as number),
      (points[3 * one + 1] as number) - (points[3 * other + 1] as number),
    );
  }
  return sum / pairs.length;
}

/**
 * Gives speech and blinks back to an averaged shape: where mouth or lids are open further or less far than in the frame's own reading by more than
 * that reading trembles, the points around them go back to the reading.
 *
 * @param shape averaged over time, changed in place; lies on `own` but for noise and expression
 * @param own the frame's own reading
 * @param scale distance of the outer eye corners
 */
export function restoreExpression(shape: Float32Array, own: Float32Array, scale: number): void {
  for (const { pairs, share } of openings) {
    const apart = Math.abs(meanDistance(shape, pairs) - meanDistance(own, pairs)) / scale;
    const back = smoothstep(noiseOpening, trueOpening, apart);
    if (back === 0) continue;
    for (let i = 0; i < meshPointCount; i++) {
      const part = back * (share[i] as number);
      for (let k = 3 * i; k < 3 * i + 3; k++) {
        shape[k] = (shape[k] as number) + part * ((own[k] as number) - (shape[k] as number));
      }
    }
  }
}
