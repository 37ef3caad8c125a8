import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import type { FrameRegion } from '../face-swapper/mesh-swapper.js';

/** Directions in which the outline is known; between them it is taken to be straight in angle. */
const directions = 64;

/** Where the mask begins to fade and where it ends, as shares of the way from the middle of the face to its outline. */
const fadeFrom = 0.8;
const fadeTo = 1.15;

const fullTurn = 2 * Math.PI;

/** How far the mesh reaches from its middle in each direction. */
const outlineOf = (points: Float32Array, middleX: number, middleY: number): Float32Array => {
  const reach = new Float32Array(directions + 1);
  for (let i = 0; i < meshPointCount; i++) {
    const x = (points[3 * i] as number) - middleX;
    const y = (points[3 * i + 1] as number) - middleY;
    const at = Math.floor(((Math.atan2(y, x) + Math.PI) / fullTurn) * directions) % directions;
    reach[at] = Math.max(reach[at] as number, Math.hypot(x, y));
  }
  reach[directions] = reach[0] as number;
  return reach;
};

/**
 * A mask of a face that fades evenly across its outline, whatever mask a tool may have used: 1 in the middle, 0 outside. With it
 * `seamError` is the mean error of the gradient in a band along the outline.
 *
 * @param points 468 × (x, y, z) in frame pixels
 * @param out region.width × region.height opacities 0..1
 */
export function writeOutlineMask(points: Float32Array, region: FrameRegion, out: Float32Array): void {
  let middleX = 0;
  let middleY = 0;
  for (let i = 0; i < meshPointCount; i++) {
    middleX += (points[3 * i] as number) / meshPointCount;
    middleY += (points[3 * i + 1] as number) / meshPointCount;
  }
  const reach = outlineOf(points, middleX, middleY);
  for (let row = 0, to = 0; row < region.height; row++) {
    const y = region.y + row - middleY;
    for (let column = 0; column < region.width; column++, to++) {
      const x = region.x + column - middleX;
      const turn = Math.min(
        directions - 1e-3,
        Math.max(0, ((Math.atan2(y, x) + Math.PI) / fullTurn) * directions - 0.5),
      );
      const at = Math.floor(turn);
      const share = turn - at;
      const outline = (1 - share) * (reach[at] as number) + share * (reach[at + 1] as number);
      const distance = Math.hypot(x, y) / Math.max(1, outline);
      out[to] = Math.min(1, Math.max(0, (fadeTo - distance) / (fadeTo - fadeFrom)));
    }
  }
}
