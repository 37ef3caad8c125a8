import { innerLipRing, meshPointCount, outerLipRing } from '../face-landmarker/mesh-indices.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { faceLayout } from './face-layout.js';
import { alignToMeanFace, allocateAlignment } from './head-pose.js';
import { facingOf } from './rectify.js';

/**
 * Below the nose only a part of it is carried, since there the difference may be expression, which must stay the target's: this part
 * where both mouths have the same shape, and that one where they are as different as a smile is from a closed mouth.
 */
const mouthShare = { alike: 0.75, unlike: 0.1 } as const;

/**
 * RMS distance of the lips' points on the mean face, after one mouth was laid on the other, between which the share falls. Measured
 * on five photos and three clips: two closed mouths of different people differ by 0.01 to 0.035, a smile from a closed mouth by 0.055
 * to 0.08.
 */
const expressionDistance = { alike: 0.03, unlike: 0.065 } as const;

/** How far around the lips, in texture units, the mouth's place is carried whatever its shape is. */
const mouthReach = 0.08;

/** Width, in texture units, over which the carried displacement is smoothed: about the size of an eye. */
const smoothingWidth = 0.045;

/** Displacements fade to nothing towards the outline over this distance in texture units. */
const outlineFade = 0.12;

/** Points of both lips, each once. */
const lipPoints = Uint16Array.from(new Set([...outerLipRing, ...innerLipRing]));

/** 1 inside, 0 on the outline. */
const insideWeights = new Float32Array(meshPointCount);
/** 1 from the upper lip down, 0 from the nose up. */
const belowNose = new Float32Array(meshPointCount);
/** 1 on the lips. */
const nearMouth = new Float32Array(meshPointCount);
/** Where the points around each point begin in the two lists behind it; one entry more than there are points. */
const aroundBegin = new Uint32Array(meshPointCount + 1);

/** For each point the points around it and their share in its average: {@link aroundBegin} tells where. */
const { aroundIndex, aroundShare } = prepareKernel();

function prepareKernel(): { aroundIndex: Uint16Array; aroundShare: Float64Array } {
  const indexes: number[] = [];
  const shares: number[] = [];
  const { uv, outline } = faceLayout;
  const noseBase = uv[2 * 2 + 1] as number;
  const upperLip = uv[2 * 0 + 1] as number;
  for (let i = 0; i < meshPointCount; i++) {
    const u = uv[2 * i] as number;
    const v = uv[2 * i + 1] as number;
    let nearest = Infinity;
    for (const point of outline) {
      nearest = Math.min(
        nearest,
        Math.hypot(u - (uv[2 * point] as number), v - (uv[2 * point + 1] as number)),
      );
    }
    insideWeights[i] = smoothstep(0.01, outlineFade, nearest);
    belowNose[i] = smoothstep(noseBase - 0.03, upperLip, v);
    let fromLips = Infinity;
    for (const point of lipPoints) {
      const away = Math.hypot(u - (uv[2 * point] as number), v - (uv[2 * point + 1] as number));
      fromLips = Math.min(fromLips, away / mouthReach);
    }
    nearMouth[i] = Math.exp(-0.5 * fromLips * fromLips);
    const around: { index: number; share: number }[] = [];
    for (let j = 0; j < meshPointCount; j++) {
      const distance = Math.hypot(u - (uv[2 * j] as number), v - (uv[2 * j + 1] as number)) / smoothingWidth;
      if (distance < 3) around.push({ index: j, share: Math.exp(-0.5 * distance * distance) });
    }
    const total = around.reduce((sum, { share }) => sum + share, 0);
    for (const { index, share } of around) {
      indexes.push(index);
      shares.push(share / total);
    }
    aroundBegin[i + 1] = indexes.length;
  }
  return { aroundIndex: Uint16Array.from(indexes), aroundShare: Float64Array.from(shares) };
}

const alignment = allocateAlignment();
const facing = new Float32Array(meshPointCount);
const difference = new Float64Array(3 * meshPointCount);

/**
 * The proportions of a face: its mesh turned, moved and scaled onto the mean face, 468 × (x, y, z), unit = distance of the
 * mean face's outer eye corners.
 *
 * @param out receives them; a new list when left out
 */
export function faceShape(
  points: Float32Array,
  out: Float32Array = new Float32Array(points.length),
): Float32Array {
  const { rotation, scale, from, onto } = alignToMeanFace(points, alignment);
  for (let i = 0; i < 3 * meshPointCount; i += 3) {
    const x = (points[i] as number) - (onto[0] as number);
    const y = (points[i + 1] as number) - (onto[1] as number);
    const z = (points[i + 2] as number) - (onto[2] as number);
    for (let r = 0; r < 3; r++) {
      // The inverse of a rotation is its transpose.
      out[i + r] =
        (from[r] as number) +
        ((rotation[r] as number) * x + (rotation[3 + r] as number) * y + (rotation[6 + r] as number) * z) /
          scale;
    }
  }
  return out;
}

/**
 * Gives the target's mesh the source's proportions: distance of the eyes, length and width of the nose, place of brows and
 * mouth. Smoothed over the face, so that eyes and mouth move as a whole and keep the target's own expression; where the two
 * mouths are shaped differently, of the mouth hardly more than its place is carried. Fading to nothing at the outline and on the silhouette, so that the head keeps its shape and the seam its place.
 *
 * @param points target mesh in frame pixels; @param targetShape its proportions, averaged over time
 * @param out receives the mesh to draw, another list than `points`; a new one when left out
 * @returns 468 × (x, y, z)
 */
export function carryShape(
  points: Float32Array,
  targetShape: Float32Array,
  sourceShape: Float32Array,
  out: Float32Array = new Float32Array(points.length),
): Float32Array {
  const { rotation, scale } = alignToMeanFace(points, alignment);
  facingOf(points, facing);
  out.set(points);
  for (let i = 0; i < difference.length; i++) {
    difference[i] = (sourceShape[i] as number) - (targetShape[i] as number);
  }
  const mouth = mouthChange();
  const share =
    mouthShare.alike +
    (mouthShare.unlike - mouthShare.alike) *
      smoothstep(expressionDistance.alike, expressionDistance.unlike, mouth.unlikeness);
  for (let i = 0; i < meshPointCount; i++) {
    // A point on the silhouette stays: the target's own nose would show beside a shorter one.
    const visible = smoothstep(0.2, 0.6, facing[i] as number);
    const weight = (insideWeights[i] as number) * visible;
    if (weight === 0) continue;
    let dx = 0;
    let dy = 0;
    let dz = 0;
    const end = aroundBegin[i + 1] as number;
    for (let k = aroundBegin[i] as number; k < end; k++) {
      const share = aroundShare[k] as number;
      const at = 3 * (aroundIndex[k] as number);
      dx += share * (difference[at] as number);
      dy += share * (difference[at + 1] as number);
      dz += share * (difference[at + 2] as number);
    }
    const below = belowNose[i] as number;
    const own = 1 - (1 - share) * below;
    const whole = (mouthShare.alike - share) * below * (nearMouth[i] as number);
    dx = own * dx + whole * mouth.x;
    dy = own * dy + whole * mouth.y;
    dz *= own;
    for (let r = 0; r < 3; r++) {
      const moved =
        (rotation[3 * r] as number) * dx +
        (rotation[3 * r + 1] as number) * dy +
        (rotation[3 * r + 2] as number) * dz;
      out[3 * i + r] = (out[3 * i + r] as number) + weight * scale * moved;
    }
  }
  return out;
}

/** How the mouth as a whole moves by {@link difference}, and how much its shape changes besides: RMS over the lips. */
function mouthChange(): { readonly x: number; readonly y: number; readonly unlikeness: number } {
  let x = 0;
  let y = 0;
  let squares = 0;
  for (const point of lipPoints) {
    const dx = difference[3 * point] as number;
    const dy = difference[3 * point + 1] as number;
    x += dx;
    y += dy;
    squares += dx * dx + dy * dy;
  }
  const count = lipPoints.length;
  x /= count;
  y /= count;
  return { x, y, unlikeness: Math.sqrt(Math.max(0, squares / count - x * x - y * y)) };
}
