import {
  faceOval,
  innerLipRing,
  leftBrowRing,
  leftEyeRing,
  outerLipRing,
  rightBrowRing,
  rightEyeRing,
} from '../../../src/processors/face-landmarker/mesh-indices.js';
import {
  type FaceZones,
  type MaskInsets,
  zoneSize,
} from '../../../src/processors/face-swapper/face-layout.js';
import { layoutUv } from '../../../src/processors/face-swapper/face-layout-data.js';

type Polygon = readonly (readonly [number, number])[];

type Bounds = {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
};

const ringPolygon = (ring: readonly number[]): Polygon =>
  ring.map((i) => [layoutUv[2 * i] as number, layoutUv[2 * i + 1] as number] as const);

function boundsOf(polygon: Polygon): Bounds {
  const us = polygon.map(([u]) => u);
  const vs = polygon.map(([, v]) => v);
  return { left: Math.min(...us), right: Math.max(...us), top: Math.min(...vs), bottom: Math.max(...vs) };
}

/** Signed distance to a closed polygon in texture units; positive inside. */
function polygonDistance(polygon: Polygon, u: number, v: number): number {
  let inside = false;
  let nearest = Infinity;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [x0, y0] = polygon[j] as readonly [number, number];
    const [x1, y1] = polygon[i] as readonly [number, number];
    if (y1 > v !== y0 > v && u < ((x0 - x1) * (v - y1)) / (y0 - y1) + x1) inside = !inside;
    const length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2;
    const t = Math.max(0, Math.min(1, ((u - x0) * (x1 - x0) + (v - y0) * (y1 - y0)) / length2));
    nearest = Math.min(nearest, Math.hypot(u - x0 - t * (x1 - x0), v - y0 - t * (y1 - y0)));
  }
  return inside ? nearest : -nearest;
}

/** Features' maps are settled this far from them: beyond it the exact distance is not worth computing. */
const featureReach = 0.08;

/** Like {@link polygonDistance} for a small polygon: −{@link featureReach} for everything farther away than that. */
function featureDistance(ring: readonly number[]): (u: number, v: number) => number {
  const polygon = ringPolygon(ring);
  const { left, right, top, bottom } = boundsOf(polygon);
  return (u, v) => {
    const near =
      u > left - featureReach &&
      u < right + featureReach &&
      v > top - featureReach &&
      v < bottom + featureReach;
    return near ? Math.max(-featureReach, polygonDistance(polygon, u, v)) : -featureReach;
  };
}

const ramp = (low: number, high: number, value: number): number => {
  const t = Math.max(0, Math.min(1, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
};

/** The plain twin of `paintZones`: the exact distance to every outline at every texel. */
export function plainZonesFor(featherShare: number, insets: MaskInsets): FaceZones {
  const count = zoneSize * zoneSize;
  const zones = {
    interior: new Float32Array(count),
    openings: new Float32Array(count),
    skin: new Float32Array(count),
    core: new Float32Array(count),
    hairline: new Float32Array(count),
    rims: new Float32Array(count),
    brows: new Float32Array(count),
  };
  const oval = ringPolygon(faceOval);
  const eyes = [featureDistance(rightEyeRing), featureDistance(leftEyeRing)];
  const innerLips = featureDistance(innerLipRing);
  const lips = featureDistance(outerLipRing);
  const brows = [featureDistance(rightBrowRing), featureDistance(leftBrowRing)];
  const box = boundsOf(oval);
  const feather = Math.max(0.004, (featherShare * (box.right - box.left)) / 2);
  const eyeLine = layoutUv[2 * 33 + 1] as number;
  const mouthLine = layoutUv[2 * 61 + 1] as number;
  const browTop = Math.min(boundsOf(ringPolygon(rightBrowRing)).top, boundsOf(ringPolygon(leftBrowRing)).top);
  const noseTip = layoutUv[2 * 1 + 1] as number;
  const nostrilBase = layoutUv[2 * 2 + 1] as number;
  for (let row = 0; row < zoneSize; row++) {
    const v = (row + 0.5) / zoneSize;
    for (let column = 0; column < zoneSize; column++) {
      const u = (column + 0.5) / zoneSize;
      const at = row * zoneSize + column;
      const fromOutline = polygonDistance(oval, u, v);
      const fromMaskEdge = Math.min(
        fromOutline,
        u - (box.left + insets.left),
        box.right - insets.right - u,
        v - (box.top + insets.top),
        box.bottom - insets.bottom - v,
      );
      const inEye = Math.max(...eyes.map((eye) => eye(u, v)));
      const inMouth = innerLips(u, v);
      const inLips = lips(u, v);
      const inBrow = Math.max(...brows.map((brow) => brow(u, v)));
      const inNostril =
        0.045 - Math.hypot(Math.max(0, Math.abs(u - 0.5) - 0.03), v - (noseTip * 0.3 + nostrilBase * 0.7));
      zones.interior[at] = ramp(0.002, feather, fromMaskEdge);
      zones.openings[at] = Math.max(ramp(0, 0.01, inEye), ramp(-0.007, 0.006, inMouth));
      zones.brows[at] = ramp(-0.03, 0, inBrow);
      zones.skin[at] =
        ramp(0.02, 0.06, fromOutline) *
        ramp(0.01, 0.03, -inEye) *
        ramp(0.01, 0.03, -inLips) *
        ramp(0.02, 0.05, -inBrow) *
        ramp(0, 0.02, -inNostril);
      zones.hairline[at] =
        // Lashes and the corners of the eyes are dark, but no hair.
        ramp(0.02, 0.05, -inEye) *
        Math.max(
          ramp(browTop + 0.02, browTop - 0.04, v),
          ramp(0.24, 0.15, fromOutline) * ramp(mouthLine + 0.03, mouthLine - 0.05, v),
        );
      zones.core[at] = ramp(0.16, 0.22, fromOutline);
      // The lower nose has lines of its own; higher up a line is the bridge or a pad.
      const onNose = ramp(0.055, 0.035, Math.abs(u - 0.5)) * ramp(eyeLine + 0.04, eyeLine + 0.07, v);
      zones.rims[at] =
        ramp(browTop - 0.05, browTop - 0.01, v) *
        ramp(noseTip + 0.05, noseTip - 0.01, v) *
        ramp(0.012, 0.03, -inEye) *
        (1 - onNose);
    }
  }
  return zones;
}
