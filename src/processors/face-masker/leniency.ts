import { faceLayout, type FaceZones, zoneSize } from '../face-swapper/face-layout.js';
import { portraitSize, portraitTexels } from './portrait.js';

/** How much more a place that moves by itself may deviate. */
const movingShare = 1.2;

/** And eyes and the inside of the mouth, which are not replaced anyway. */
const ownShare = 1;

/** Texels around what moves that move with it, and inside of the outline, where hair and background come into the mesh. */
const movingReach = 3;
const rimReach = 5;

/**
 * How lenient each texel of a portrait is judged: 1 on plain skin, more on and around brows, eyes and mouth, which move and whose
 * points lie less exactly.
 */
export function leniencyOf(zones: Pick<FaceZones, 'skin' | 'core' | 'openings'>): Float32Array {
  const ratio = zoneSize / portraitSize;
  const moving = new Float32Array(portraitTexels);
  const own = new Float32Array(portraitTexels);
  for (let i = 0; i < portraitTexels; i++) {
    const zone = Math.floor(i / portraitSize) * ratio * zoneSize + (i % portraitSize) * ratio;
    own[i] = zones.openings[zone] as number;
    moving[i] = (zones.core[zone] as number) * (1 - (zones.skin[zone] as number));
  }
  const inside = insideOfLayout();
  const out = new Float32Array(portraitTexels);
  for (let i = 0; i < portraitTexels; i++) {
    const x = i % portraitSize;
    const y = Math.floor(i / portraitSize);
    let most = 0;
    let rim = 0;
    for (let dy = -rimReach; dy <= rimReach; dy++) {
      for (let dx = -rimReach; dx <= rimReach; dx++) {
        const nearX = x + dx;
        const nearY = y + dy;
        const distance = Math.sqrt(dx * dx + dy * dy);
        const fall = 1 - distance / (rimReach + 1);
        if (nearX < 0 || nearY < 0 || nearX >= portraitSize || nearY >= portraitSize) {
          rim = Math.max(rim, fall);
          continue;
        }
        const near = nearY * portraitSize + nearX;
        most = Math.max(most, (1 - distance / (movingReach + 1)) * (moving[near] as number));
        if (inside[near] === 0) rim = Math.max(rim, fall);
      }
    }
    most = Math.max(most, rim);
    out[i] = (1 + movingShare * most) * (1 + ownShare * (own[i] as number));
  }
  return out;
}

/** 1 where a texel lies on the mesh. */
function insideOfLayout(): Uint8Array {
  const { uv, outline } = faceLayout;
  const inside = new Uint8Array(portraitTexels);
  for (let i = 0; i < portraitTexels; i++) {
    const u = ((i % portraitSize) + 0.5) / portraitSize;
    const v = (Math.floor(i / portraitSize) + 0.5) / portraitSize;
    let isInside = false;
    for (let at = 0; at < outline.length; at++) {
      const one = outline[at] as number;
      const next = outline[(at + 1) % outline.length] as number;
      const [u0, v0, u1, v1] = [uv[2 * one], uv[2 * one + 1], uv[2 * next], uv[2 * next + 1]] as [
        number,
        number,
        number,
        number,
      ];
      if (v0 > v !== v1 > v && u < u0 + ((v - v0) * (u1 - u0)) / (v1 - v0)) isInside = !isInside;
    }
    inside[i] = isInside ? 1 : 0;
  }
  return inside;
}
