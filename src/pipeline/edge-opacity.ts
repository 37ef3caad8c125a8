import type { Box } from '../imaging/affine.js';
import type { PlanarFormat } from '../imaging/planar-frame.js';
import { smoothstep } from '../imaging/plane-ops.js';
import type { HeadPose } from '../processors/face-swapper/head-pose.js';

/** A face narrower than this has no features left to swap. */
export const smallestSwapPx = 14;

/** Beyond this yaw less than a third of the face is seen, and the mesh model guesses. */
export const turnedAwayRadians = 1.45;

/** From here on a face is drawn whole; between the limits and these it fades, so that one that stays about a limit does not flicker. */
const wholeSwapPx = 17;
const wholeYawRadians = 1.35;

/** A face whose middle is this share of its width inside the picture is drawn whole. */
const wholeInsideShare = 0.15;

/**
 * How much of a face is drawn that is near the limits of what is swapped at all: its size, its turn and its place in the picture. 0 at
 * the limits, 1 at some distance from them; a function of the face alone, so that it needs no memory.
 *
 * @param box of the steadied mesh
 */
export function edgeOpacity(
  { x, y, width, height }: Box,
  { yaw }: Pick<HeadPose, 'yaw'>,
  { widthPx, heightPx }: Pick<PlanarFormat, 'widthPx' | 'heightPx'>,
): number {
  const middleX = x + width / 2;
  const middleY = y + height / 2;
  const insidePx = Math.min(middleX, middleY, widthPx - middleX, heightPx - middleY);
  return (
    smoothstep(smallestSwapPx, wholeSwapPx, width) *
    (1 - smoothstep(wholeYawRadians, turnedAwayRadians, Math.abs(yaw))) *
    smoothstep(0, wholeInsideShare * width, insidePx)
  );
}
