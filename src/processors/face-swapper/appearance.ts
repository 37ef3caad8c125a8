import { srgbToLab } from '../../imaging/colour.js';
import { PyramidSteps } from '../../imaging/pyramid.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { faceLayout, type FaceZones, zoneSize } from './face-layout.js';
import { drawRims, glassesContrast } from './glasses.js';
import { skinLikeness, skinModel } from './skin-model.js';

/** Side of the flattened face that appearance is measured on; about the landmark crop's own resolution. */
export const appearanceSize = 128;

/** Detail bands that are compared, finest first: one octave each below {@link appearanceSize}. */
export const bandCount = 3;

/**
 * How a face looks, measured on the flattened layout so that two faces compare place by place. Small enough to be kept
 * for every frame of the smoothing window.
 */
export type FaceAppearance = {
  /** Mean of L, a, b over plain skin. */
  readonly mean: Float32Array;
  /** Standard deviation of L, a, b over plain skin. */
  readonly std: Float32Array;
  /** RMS of L in each detail band over the inner face. */
  readonly bands: Float32Array;
  /** appearanceSize² numbers: 1 where the surface may be replaced, 0 where hair lies over it. */
  readonly open: Float32Array;
  /** How clearly the face wears glasses: see `glassesContrast`. */
  readonly glasses: number;
  /** appearanceSize² numbers: 1 on the rims, if there are any. */
  readonly rims: Float32Array;
};

type Texel = {
  readonly index: number;
  readonly corners: readonly [number, number, number];
  readonly weights: readonly [number, number, number];
};

/** Where each texel of the appearance map lies on the mesh; the layout is fixed, so this is computed once. */
function layoutTexels(): readonly Texel[] {
  const { uv, triangles } = faceLayout;
  const texels = new Map<number, Texel>();
  const n = appearanceSize;
  for (let t = 0; t < triangles.length; t += 3) {
    const corners = [triangles[t], triangles[t + 1], triangles[t + 2]] as [number, number, number];
    const [[x0, y0], [x1, y1], [x2, y2]] = corners.map((i) => [
      (uv[2 * i] as number) * n - 0.5,
      (uv[2 * i + 1] as number) * n - 0.5,
    ]) as [[number, number], [number, number], [number, number]];
    const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
    for (let y = Math.ceil(Math.min(y0, y1, y2)); y <= Math.max(y0, y1, y2); y++) {
      for (let x = Math.ceil(Math.min(x0, x1, x2)); x <= Math.max(x0, x1, x2); x++) {
        const b = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area;
        const c = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area;
        if (b < -1e-6 || c < -1e-6 || b + c > 1 + 1e-6) continue;
        texels.set(y * n + x, { index: y * n + x, corners, weights: [1 - b - c, b, c] });
      }
    }
  }
  return [...texels.values()];
}

const texels = layoutTexels();

/** The zones as the measurement needs them: at appearance size, products taken once. */
type MeasuringMaps = {
  /** Plain skin. */
  readonly skin: Float32Array;
  /** Where hair may lie over the face. */
  readonly guard: Float32Array;
  /** Where rims of glasses may run. */
  readonly rims: Float32Array;
  /** The inner face without its openings: its outline would measure the background, the openings the teeth. */
  readonly inner: Float32Array;
};

function measuringMaps(zones: FaceZones): MeasuringMaps {
  const n = appearanceSize;
  const ratio = zoneSize / n;
  const map = (value: (zoneIndex: number) => number): Float32Array =>
    Float32Array.from({ length: n * n }, (_, i) => {
      const x = Math.floor(((i % n) + 0.5) * ratio);
      const y = Math.floor((Math.floor(i / n) + 0.5) * ratio);
      return value(y * zoneSize + x);
    });
  const at = (zone: Float32Array, i: number): number => zone[i] as number;
  return {
    skin: map((i) => at(zones.skin, i)),
    guard: map((i) => at(zones.hairline, i) * (1 - at(zones.brows, i))),
    rims: map((i) => at(zones.rims, i) * (1 - smoothstep(0.6, 0.95, at(zones.brows, i)))),
    inner: map((i) => at(zones.core, i) * (1 - at(zones.openings, i)) * (1 - at(zones.hairline, i))),
  };
}

/** Reads appearances out of landmark crops. One per thread; owns its buffers. */
export class AppearanceReader {
  readonly #maps: MeasuringMaps;
  readonly #steps = new PyramidSteps();
  readonly #lab = new Float32Array(3 * appearanceSize * appearanceSize);
  readonly #weight = new Float32Array(appearanceSize * appearanceSize);
  readonly #light = [0, 1, 2, 3].map((level) => new Float32Array((appearanceSize >> level) ** 2));
  readonly #colour = new Float32Array(3);

  constructor(zones: FaceZones) {
    this.#maps = measuringMaps(zones);
  }

  /**
   * @param crop planar RGB 0..1, 3 × sizePx × sizePx
   * @param points 468 × (x, y, z) in pixels of the crop
   * @param facing 468 numbers, how squarely each point faces the camera
   */
  read(crop: Float32Array, sizePx: number, points: Float32Array, facing: Float32Array): FaceAppearance {
    const area = sizePx * sizePx;
    const n2 = appearanceSize * appearanceSize;
    const lab = this.#lab;
    const weight = this.#weight.fill(0);
    lab.fill(0);
    const colour = this.#colour;
    for (const { index, corners, weights } of texels) {
      const [i0, i1, i2] = corners;
      const [w0, w1, w2] = weights;
      const x =
        w0 * (points[3 * i0] as number) + w1 * (points[3 * i1] as number) + w2 * (points[3 * i2] as number);
      const y =
        w0 * (points[3 * i0 + 1] as number) +
        w1 * (points[3 * i1 + 1] as number) +
        w2 * (points[3 * i2 + 1] as number);
      const front = w0 * (facing[i0] as number) + w1 * (facing[i1] as number) + w2 * (facing[i2] as number);
      for (let c = 0; c < 3; c++) colour[c] = sampleCrop(crop, c * area, sizePx, x, y);
      srgbToLab(colour[0] as number, colour[1] as number, colour[2] as number, colour, 0);
      for (let c = 0; c < 3; c++) lab[c * n2 + index] = colour[c] as number;
      weight[index] = smoothstep(0.1, 0.4, front);
    }
    return measureAppearance(lab, weight, this.#maps, this.#steps, this.#light);
  }
}

function sampleCrop(plane: Float32Array, base: number, sizePx: number, x: number, y: number): number {
  const cx = Math.min(sizePx - 1.001, Math.max(0, x));
  const cy = Math.min(sizePx - 1.001, Math.max(0, y));
  const x0 = cx | 0;
  const y0 = cy | 0;
  const fx = cx - x0;
  const fy = cy - y0;
  const at = base + y0 * sizePx + x0;
  const upper = (plane[at] as number) * (1 - fx) + (plane[at + 1] as number) * fx;
  const lower = (plane[at + sizePx] as number) * (1 - fx) + (plane[at + sizePx + 1] as number) * fx;
  return upper * (1 - fy) + lower * fy;
}

/**
 * Statistics of a flattened face.
 *
 * @param lab planes L, a, b of appearanceSize² each
 * @param seen 0..1 per texel: how well the camera saw it
 */
function measureAppearance(
  lab: Float32Array,
  seen: Float32Array,
  maps: MeasuringMaps,
  steps: PyramidSteps,
  light: readonly Float32Array[],
): FaceAppearance {
  const n2 = appearanceSize * appearanceSize;
  const model = skinModel(lab, n2, (i) => (seen[i] as number) * (maps.skin[i] as number));
  const open = new Float32Array(n2);
  const mean = new Float32Array(3);
  const std = new Float32Array(3);
  let total = 0;
  for (const { index } of texels) {
    const visible = seen[index] as number;
    if (visible === 0) continue;
    const likeness = skinLikeness(
      model,
      lab[index] as number,
      lab[n2 + index] as number,
      lab[2 * n2 + index] as number,
    );
    open[index] = 1 - (maps.guard[index] as number) * (1 - likeness);
    const w = visible * (maps.skin[index] as number) * likeness;
    total += w;
    for (let c = 0; c < 3; c++) {
      const value = lab[c * n2 + index] as number;
      mean[c] = (mean[c] as number) + w * value;
      std[c] = (std[c] as number) + w * value * value;
    }
  }
  for (let c = 0; c < 3; c++) {
    const average = (mean[c] as number) / Math.max(total, 1e-6);
    mean[c] = average;
    std[c] = Math.sqrt(Math.max(0, (std[c] as number) / Math.max(total, 1e-6) - average * average));
  }
  const planes = [0, 1, 2].map((c) => lab.subarray(c * n2, (c + 1) * n2));
  const rims = new Float32Array(n2);
  drawRims(planes, appearanceSize, (i) => (seen[i] as number) * (maps.rims[i] as number), model, rims);
  return {
    mean,
    std,
    bands: bandEnergies(lab, mean[0] as number, seen, maps.inner, steps, light),
    open,
    glasses: glassesContrast(planes, appearanceSize),
    rims,
  };
}

function bandEnergies(
  lab: Float32Array,
  skinLightness: number,
  seen: Float32Array,
  inner: Float32Array,
  steps: PyramidSteps,
  light: readonly Float32Array[],
): Float32Array {
  const bands = new Float32Array(bandCount);
  const finest = light[0] as Float32Array;
  // Outside the layout there is no face: filled with the skin's own lightness, its edge makes no detail.
  finest.fill(skinLightness);
  for (const { index } of texels) finest[index] = lab[index] as number;
  for (let level = 0; level < bandCount; level++) {
    const size = appearanceSize >> level;
    const fine = light[level] as Float32Array;
    const coarse = light[level + 1] as Float32Array;
    steps.reduce(fine, size, size, coarse);
    steps.expandAdd(coarse, size, size, fine, -1);
    let sum = 0;
    let total = 0;
    for (let y = 0, i = 0; y < size; y++) {
      const row = (y << level) * appearanceSize;
      for (let x = 0; x < size; x++, i++) {
        const at = row + (x << level);
        const w = (inner[at] as number) * (seen[at] as number);
        sum += w * (fine[i] as number) ** 2;
        total += w;
      }
    }
    bands[level] = Math.sqrt(sum / Math.max(total, 1e-6));
  }
  return bands;
}
