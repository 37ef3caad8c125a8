import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import { Scratch } from '../../imaging/scratch.js';
import {
  faceOval,
  innerLipRing,
  leftBrowRing,
  leftEyeRing,
  outerLipRing,
  rightBrowRing,
  rightEyeRing,
} from '../face-landmarker/mesh-indices.js';
import { layoutMirror, layoutShape, layoutTriangles, layoutUv } from './face-layout-data.js';

/**
 * The flattened face that source textures are rectified into: fixed texture coordinates for the 468 mesh points, and
 * fixed zones on it. A place of the flattened face is the same place of anybody's face, so masks are painted here once.
 */
export const faceLayout = {
  /** 468 × (u, v), 0..1. */
  uv: Float32Array.from(layoutUv),
  /** 468 × (x, y, z), mean face, unit = distance of the outer eye corners. */
  shape: Float32Array.from(layoutShape),
  triangles: Uint16Array.from(layoutTriangles),
  mirror: Uint16Array.from(layoutMirror),
  /** Points of the outline, once around. */
  outline: faceOval,
} as const;

/** Side of the zone maps in texels; they are smooth, so a quarter of a texture's resolution is plenty. */
export const zoneSize = 256;

/** Soft maps over the flattened face, each `zoneSize`² numbers 0..1. */
export type FaceZones = {
  /**
   * The mask: 1 well inside the face, 0 on its outline and outside of the insets, smooth over the feather width. The
   * other maps do not depend on the mask's options.
   */
  readonly interior: Float32Array;
  /** 1 where the target's own eyes and inner mouth stay, soft edges. */
  readonly openings: Float32Array;
  /** 1 on plain skin: not brows, eyes, lips or nostrils; where colours are compared. */
  readonly skin: Float32Array;
  /** 1 on brows, eyes, nose and mouth with their surroundings. */
  readonly core: Float32Array;
  /** 1 on forehead, temples and the sides down to the mouth, where hair falls into the face. */
  readonly hairline: Float32Array;
  /** 1 around the eyes outside brows and lids, where rims of glasses run. */
  readonly rims: Float32Array;
  /** 1 on the brows. */
  readonly brows: Float32Array;
};

type Bounds = {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
};

function boundsOf(ring: readonly number[]): Bounds {
  const us = ring.map((i) => layoutUv[2 * i] as number);
  const vs = ring.map((i) => layoutUv[2 * i + 1] as number);
  return { left: Math.min(...us), right: Math.max(...us), top: Math.min(...vs), bottom: Math.max(...vs) };
}

/** The maps are settled this far outside of an outline: beyond it the exact distance is not worth computing. */
const outlineReach = 0.08;

/** Corners of the longest outline. */
const mostCorners = faceOval.length;

/**
 * Writes signed distances to the nearest of some closed outlines, in texture units, positive inside; −{@link outlineReach} for
 * everything farther away than that.
 *
 * @param rings mesh points, once around each
 * @param out address of zoneSize² doubles in kernel memory
 * @param work address of 9 doubles per corner of the longest ring
 */
function measureOutlines(rings: readonly (readonly number[])[], out: number, work: number): void {
  const { call, memory } = kernels();
  new Float64Array(memory.buffer, out, zoneSize * zoneSize).fill(-outlineReach);
  for (const ring of rings) {
    const { left, right, top, bottom } = boundsOf(ring);
    const corners = ring.flatMap((i) => [layoutUv[2 * i] as number, layoutUv[2 * i + 1] as number]);
    new Float64Array(memory.buffer, work, corners.length).set(corners);
    // Columns are worked on in pairs.
    const first = 2 * Math.max(0, Math.floor(((left - outlineReach) * zoneSize) / 2));
    const end = 2 * Math.min(zoneSize / 2, Math.ceil(((right + outlineReach) * zoneSize) / 2));
    const firstRow = Math.max(0, Math.floor((top - outlineReach) * zoneSize));
    const endRow = Math.min(zoneSize, Math.ceil((bottom + outlineReach) * zoneSize));
    const edges = work + 8 * corners.length;
    call.raiseToPolygon(work, ring.length, edges, first, firstRow, end, endRow, zoneSize, out);
  }
}

/** What the maps are made of, in the order of the kernel. */
const outlines = [
  [faceOval],
  [rightEyeRing, leftEyeRing],
  [innerLipRing],
  [outerLipRing],
  [rightBrowRing, leftBrowRing],
] as const;

const zoneNames = ['interior', 'openings', 'skin', 'core', 'hairline', 'rims', 'brows'] as const;

const heightOf = (point: number): number => layoutUv[2 * point + 1] as number;

/** Insets of the mask in texture units. */
export type MaskInsets = {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
};

/**
 * Paints the zone maps.
 *
 * @param featherShare width of the outline's fade as a share of the face's half width, 0..1
 * @param insets how far the mask's bounding box is cut back on each side (in the picture's sense: right is the viewer's)
 */
export function paintZones(featherShare: number, insets: MaskInsets): FaceZones {
  const count = zoneSize * zoneSize;
  const box = boundsOf(faceOval);
  const lines = [
    Math.max(0.004, (featherShare * (box.right - box.left)) / 2),
    box.left + insets.left,
    box.top + insets.top,
    box.right - insets.right,
    box.bottom - insets.bottom,
    Math.min(boundsOf(rightBrowRing).top, boundsOf(leftBrowRing).top),
    heightOf(33),
    heightOf(1),
    heightOf(1) * 0.3 + heightOf(2) * 0.7,
    heightOf(61),
  ];
  const mapBytes = 8 * count;
  const mixedBytes = 4 * count;
  const scratch = new Scratch();
  const bytes = scratch.bytes(
    'zones',
    outlines.length * mapBytes + zoneNames.length * mixedBytes + 8 * 9 * mostCorners,
  );
  const distances = addressOf(bytes);
  const mixed = distances + outlines.length * mapBytes;
  const work = mixed + zoneNames.length * mixedBytes;
  outlines.forEach((rings, i) => {
    measureOutlines(rings, distances + i * mapBytes, work);
  });
  const { call, memory } = kernels();
  new Float64Array(memory.buffer, work, lines.length).set(lines);
  call.mixZones(distances, work, zoneSize, mixed);
  const zone = (name: (typeof zoneNames)[number]): Float32Array =>
    new Float32Array(memory.buffer, mixed + zoneNames.indexOf(name) * mixedBytes, count).slice();
  const zones = {
    interior: zone('interior'),
    openings: zone('openings'),
    skin: zone('skin'),
    core: zone('core'),
    hairline: zone('hairline'),
    rims: zone('rims'),
    brows: zone('brows'),
  };
  scratch.dispose();
  return zones;
}
