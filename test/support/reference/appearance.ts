import { smoothstep } from '../../../src/imaging/plane-ops.js';
import {
  appearanceSize,
  bandCount,
  type FaceAppearance,
} from '../../../src/processors/face-swapper/appearance.js';
import { faceLayout, type FaceZones, zoneSize } from '../../../src/processors/face-swapper/face-layout.js';
import { allocateSkinTones, measureTones } from '../../../src/processors/face-swapper/skin-tones.js';
import { grainFloats } from '../../../src/processors/grain-matcher/grain-level.js';
import { srgbToLab } from './lab.js';
import { PlainPyramidSteps } from './pyramid.js';

/** Robust centre and spread of a skin's colour. */
export type PlainSkinModel = { readonly centre: readonly number[]; readonly spread: readonly number[] };

/**
 * Median and median absolute deviation of L, a, b where `weightAt` is above one half; spreads have a floor, since a clean
 * studio skin would otherwise call its own shading foreign.
 */
export function plainSkinModel(
  lab: Float32Array,
  count: number,
  weightAt: (i: number) => number,
): PlainSkinModel {
  const members: number[] = [];
  // Every third place: medians of neighbouring texels hardly differ, and sorting is what costs.
  for (let i = 0; i < count; i += 3) if (weightAt(i) > 0.5) members.push(i);
  const floors = [9, 3.5, 4];
  const centre: number[] = [];
  const spread: number[] = [];
  for (let c = 0; c < 3; c++) {
    const values = Float32Array.from(members, (i) => lab[c * count + i] as number).sort();
    const median = values[values.length >> 1] ?? 0;
    const deviations = values.map((value) => Math.abs(value - median)).sort();
    centre.push(median);
    // 1.4826 turns a MAD into a standard deviation for a normal distribution.
    spread.push(Math.max(floors[c] as number, 1.4826 * (deviations[deviations.length >> 1] ?? 0)));
  }
  return { centre, spread };
}

/** 1 for the skin's own colours, 0 for something else (beyond about three spreads), smooth between. */
export function plainSkinLikeness(model: PlainSkinModel, lightness: number, a: number, b: number): number {
  const { centre, spread } = model;
  const dl = (lightness - (centre[0] as number)) / (spread[0] as number);
  const da = (a - (centre[1] as number)) / (spread[1] as number);
  const db = (b - (centre[2] as number)) / (spread[2] as number);
  return 1 - smoothstep(2.2, 3.6, Math.sqrt(dl * dl + 0.5 * (da * da + db * db)));
}

/**
 * How much a place is a thin line: over four directions and three channels, the least of its two contrasts against the
 * places `reach` texels to either side, if both have the same sign. Edges and shading score nothing.
 */
function ridge(lab: readonly Float32Array[], sizePx: number, x: number, y: number, reach: number): number {
  const at = y * sizePx + x;
  const diagonal = Math.round(reach * 0.7);
  let best = 0;
  for (const [dx, dy] of [
    [reach, 0],
    [0, reach],
    [diagonal, diagonal],
    [diagonal, -diagonal],
  ] as const) {
    const before = clampIndex(y - dy, sizePx) * sizePx + clampIndex(x - dx, sizePx);
    const after = clampIndex(y + dy, sizePx) * sizePx + clampIndex(x + dx, sizePx);
    for (const plane of lab) {
      const here = plane[at] as number;
      const first = plane[before] as number;
      const second = plane[after] as number;
      best = Math.max(best, Math.min(first, second) - here, here - Math.max(first, second));
    }
  }
  return best;
}

const clampIndex = (index: number, length: number): number => Math.min(length - 1, Math.max(0, index));

/**
 * How clearly a rim runs below both eyes: at the weaker eye, the median ridge along the lower arc of a lens, each place of the
 * arc taking its best distance from the eye.
 *
 * @param lab planes L, a, b of a flattened face, sizePx² each
 */
export function plainGlassesContrast(lab: readonly Float32Array[], sizePx: number): number {
  const { uv } = faceLayout;
  const reaches = ridgeReaches(sizePx);
  const perEye = [
    [33, 133],
    [362, 263],
  ].map(([outer, inner]) => {
    const u = ((uv[2 * (outer as number)] as number) + (uv[2 * (inner as number)] as number)) / 2;
    const v = ((uv[2 * (outer as number) + 1] as number) + (uv[2 * (inner as number) + 1] as number)) / 2;
    const contrasts: number[] = [];
    for (let degrees = 15; degrees <= 165; degrees += 10) {
      const angle = (degrees * Math.PI) / 180;
      let best = 0;
      for (let radius = 0.075; radius <= 0.17; radius += 0.004) {
        const x = Math.round((u + Math.cos(angle) * radius) * sizePx);
        const y = Math.round((v + Math.sin(angle) * radius) * sizePx);
        for (const reach of reaches) best = Math.max(best, ridge(lab, sizePx, x, y, reach));
      }
      contrasts.push(best);
    }
    contrasts.sort((first, second) => first - second);
    return contrasts[contrasts.length >> 1] as number;
  });
  return Math.min(...perEye);
}

/** Half widths, in texels, at which rims are looked for: a wire and a thick frame. */
function ridgeReaches(sizePx: number): readonly number[] {
  return [sizePx / 50, sizePx / 36].map((reach) => Math.max(1, Math.round(reach)));
}

/**
 * How much each place looks like a rim: a thin line in the band around the eyes, or what is as dark as a thick frame.
 * Meaningful only on a face that wears glasses, since lashes and wrinkles are thin lines too.
 *
 * @param lab planes L, a, b, slightly smoothed; @param zoneAt where rims may run, 0..1, by texel
 * @param out sizePx² numbers, 0..1
 */
export function plainRims(
  lab: readonly Float32Array[],
  sizePx: number,
  zoneAt: (at: number) => number,
  model: PlainSkinModel,
  out: Float32Array,
): void {
  const reaches = ridgeReaches(sizePx);
  const dark = (model.centre[0] as number) - 24;
  const [lightness] = lab as [Float32Array];
  for (let y = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++) {
      const at = y * sizePx + x;
      const zone = zoneAt(at);
      out[at] = 0;
      if (zone === 0) continue;
      let line = 0;
      for (const reach of reaches) line = Math.max(line, ridge(lab, sizePx, x, y, reach));
      const shadow = smoothstep(dark + 6, dark - 6, lightness[at] as number);
      out[at] = zone * Math.max(smoothstep(4, 7.5, line), shadow);
    }
  }
}

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

/** The plain twin of `AppearanceReader`, with its own skin model, rims and bands. */
export class PlainAppearanceReader {
  readonly #maps: MeasuringMaps;
  readonly #steps = new PlainPyramidSteps();
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
  steps: PlainPyramidSteps,
  light: readonly Float32Array[],
): FaceAppearance {
  const n2 = appearanceSize * appearanceSize;
  const model = plainSkinModel(lab, n2, (i) => (seen[i] as number) * (maps.skin[i] as number));
  const open = new Float32Array(n2);
  const mean = new Float32Array(3);
  const std = new Float32Array(3);
  let total = 0;
  for (const { index } of texels) {
    const visible = seen[index] as number;
    if (visible === 0) continue;
    const likeness = plainSkinLikeness(
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
  const tones = allocateSkinTones();
  measureTones(plainSkinBlocks(lab, seen, maps.skin, model), Float32Array.from(model.centre), tones);
  const planes = [0, 1, 2].map((c) => lab.subarray(c * n2, (c + 1) * n2));
  const rims = new Float32Array(n2);
  plainRims(planes, appearanceSize, (i) => (seen[i] as number) * (maps.rims[i] as number), model, rims);
  return {
    mean,
    std,
    bands: bandEnergies(lab, mean[0] as number, seen, maps.inner, steps, light),
    open,
    glasses: plainGlassesContrast(planes, appearanceSize),
    rims,
    tones,
    grain: new Float32Array(grainFloats),
  };
}

/** Blocks of 4 × 4 texels: weight of plain skin, and the weighted sums of its colours' distances from the model's centre. */
export function plainSkinBlocks(
  lab: Float32Array,
  seen: Float32Array,
  skin: Float32Array,
  model: PlainSkinModel,
): Float32Array {
  const n2 = appearanceSize * appearanceSize;
  const side = appearanceSize / 4;
  const blocks = new Float32Array(4 * side * side);
  for (let i = 0; i < n2; i++) {
    const [l, a, b] = [lab[i] as number, lab[n2 + i] as number, lab[2 * n2 + i] as number];
    const weight = (seen[i] as number) * (skin[i] as number) * plainSkinLikeness(model, l, a, b);
    const x = (i % appearanceSize) >> 2;
    const y = Math.floor(i / appearanceSize) >> 2;
    const at = 4 * (y * side + x);
    blocks[at] = (blocks[at] as number) + weight;
    [l, a, b].forEach((value, c) => {
      const sum = blocks[at + 1 + c] as number;
      blocks[at + 1 + c] = sum + weight * (value - (model.centre[c] as number));
    });
  }
  return blocks;
}

function bandEnergies(
  lab: Float32Array,
  skinLightness: number,
  seen: Float32Array,
  inner: Float32Array,
  steps: PlainPyramidSteps,
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
