import { smoothstep } from '../../imaging/plane-ops.js';

/** A face whose eyes are nearer to each other than this, in frame pixels, has nothing that could be made clearer. */
const smallestEyesPx = 10;

/** From here on a face is enhanced whole; between the limits it fades, so that one that stays about a limit does not flicker. */
const wholeEyesPx = 14;

/**
 * Frame pixels per pixel of the enhancer's output, in units of the finest detail that the face can have: up to the first the output
 * is about as fine as the face or finer, from the second on it is so much coarser that laying it in would only blur.
 */
const wholeSpacing = 1.25;
const coarsestSpacing = 1.75;

/** How much of a face of this size is enhanced for being large enough: 0..1. */
export const sizeGain = (eyesPx: number): number => smoothstep(smallestEyesPx, wholeEyesPx, eyesPx);

/**
 * How much of a face is enhanced by a model: 0..1, less than 1 near the limits of what is enhanced at all. A function of the face alone, so that
 * it needs no memory and does not depend on where a segment begins.
 *
 * @param eyesPx distance of the eyes in frame pixels
 * @param spacingPx distance of the model's output pixels in frame pixels
 * @param detailPx distance of the finest detail that the face can have in frame pixels, at least 1
 */
export function enhancementGain(eyesPx: number, spacingPx: number, detailPx: number): number {
  return sizeGain(eyesPx) * (1 - smoothstep(wholeSpacing, coarsestSpacing, spacingPx / detailPx));
}

/** The distance of the eyes. @param five 5 × (x, y), the eyes first */
export const eyeDistance = (five: ArrayLike<number>): number =>
  Math.hypot((five[2] as number) - (five[0] as number), (five[3] as number) - (five[1] as number));
