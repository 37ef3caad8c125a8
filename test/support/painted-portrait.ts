import {
  chromaZero,
  lightSteps,
  type Portrait,
  portraitSize,
  portraitTexels,
} from '../../src/processors/face-masker/portrait.js';
import { faceLayout } from '../../src/processors/face-swapper/face-layout.js';
import type { Random } from './unit-random.js';

/** Colour of one place: L, a, b. */
export type Lab = readonly [number, number, number];

/** What changes the colour of a place; u and v are 0..1 over the layout. */
export type Change = (colour: Lab, u: number, v: number) => Lab;

/** A point of the layout. */
export const placeOf = (point: number): readonly [number, number] => [
  faceLayout.uv[2 * point] as number,
  faceLayout.uv[2 * point + 1] as number,
];

const inEllipse = (
  u: number,
  v: number,
  [x, y]: readonly [number, number],
  wide: number,
  high: number,
): boolean => ((u - x) / wide) ** 2 + ((v - y) / high) ** 2 < 1;

const [brow, otherBrow, eye, otherEye, mouth, middle] = [105, 334, 159, 386, 13, 1].map(placeOf) as [
  readonly [number, number],
  readonly [number, number],
  readonly [number, number],
  readonly [number, number],
  readonly [number, number],
  readonly [number, number],
];

/** Skin with shading, brows, eyes and lips. */
const faceColour: Change = (_, u, v) => {
  if (inEllipse(u, v, brow, 0.09, 0.016) || inEllipse(u, v, otherBrow, 0.09, 0.016)) return [35, 8, 10];
  if (inEllipse(u, v, eye, 0.05, 0.018) || inEllipse(u, v, otherEye, 0.05, 0.018)) return [45, 2, 4];
  if (inEllipse(u, v, mouth, 0.1, 0.028)) return [48, 26, 14];
  return [66 - 18 * (u - middle[0]) ** 2 * 8, 14 + 3 * (v - 0.5), 18];
};

/**
 * A picture of a face, drawn into the layout.
 *
 * @param changes are applied one after the other, the last one is nearest to the camera
 * @param noise of each texel, in Lab units
 */
export const paintedPortrait = (random: Random, changes: readonly Change[] = [], noise = 1): Portrait => {
  const portrait = new Uint8Array(3 * portraitTexels);
  for (let i = 0; i < portraitTexels; i++) {
    const u = ((i % portraitSize) + 0.5) / portraitSize;
    const v = (Math.floor(i / portraitSize) + 0.5) / portraitSize;
    let colour = faceColour([0, 0, 0], u, v);
    for (const change of changes) colour = change(colour, u, v);
    const [l, a, b] = colour.map((value) => value + noise * (2 * random.next() - 1)) as unknown as Lab;
    portrait[i] = inEllipse(u, v, [0.5, 0.5], 0.42, 0.48) ? Math.max(1, Math.round(lightSteps * l)) : 0;
    portrait[portraitTexels + i] = Math.round(a + chromaZero);
    portrait[2 * portraitTexels + i] = Math.round(b + chromaZero);
  }
  return portrait;
};

/** Light of another strength and colour, which falls off over the face. */
export const lit =
  (factor: number, slope = 0, tint = 0): Change =>
  ([l, a, b], u) => {
    const share = factor + slope * (u - 0.5);
    return [share * (l + 16) - 16, share * a + tint, share * b + tint];
  };

/** Closed eyes. */
export const blink: Change = (colour, u, v) =>
  inEllipse(u, v, eye, 0.06, 0.022) || inEllipse(u, v, otherEye, 0.06, 0.022) ? [60, 15, 17] : colour;

/** A mouth that is open by a share: the mesh follows the lips, so that only what is between them changes. */
export const openMouth =
  (share: number): Change =>
  ([l, a, b], u, v) => {
    if (!inEllipse(u, v, mouth, 0.08, 0.014)) return [l, a, b];
    return [l + share * (22 - l), a + share * (12 - a), b + share * (6 - b)];
  };

/** Fingers of nearly the skin's own colour with shadows between them, side by side over the lower face, from `top` down. */
export const hand =
  (top: number): Change =>
  (colour, u, v) => {
    if (v < top || u < 0.25 || u > 0.75) return colour;
    const across = (((u - 0.25) / 0.125) % 1) - 0.5;
    return [62 - 120 * across * across, 18, 17];
  };

/** A dark ball. */
export const ball =
  (x: number, y: number, radius = 0.13): Change =>
  (colour, u, v) =>
    inEllipse(u, v, [x, y], radius, radius) ? [12, 0, 0] : colour;
