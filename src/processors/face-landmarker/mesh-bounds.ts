import type { Box } from '../../imaging/affine.js';
import { meshPointCount } from './mesh-indices.js';

/** Bounding box of a mesh (468 × (x, y, z)) in the pixels of its points. */
export function boundsOf(points: Float32Array): Box {
  let left = Infinity;
  let right = -Infinity;
  let top = Infinity;
  let bottom = -Infinity;
  for (let i = 0; i < meshPointCount; i++) {
    const x = points[3 * i] as number;
    const y = points[3 * i + 1] as number;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}
