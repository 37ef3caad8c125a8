import { smoothstep } from '../../../src/imaging/plane-ops.js';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import { Scratch } from '../../../src/imaging/scratch.js';
import { faceLayout, type FaceZones, zoneSize } from '../../../src/processors/face-swapper/face-layout.js';
import {
  drawRims,
  glassesContrast,
  glassesContrastThreshold,
} from '../../../src/processors/face-swapper/glasses.js';
import {
  type LabPlanes,
  measureSkin,
  type SkinModel,
  skinModel,
} from '../../../src/processors/face-swapper/skin-model.js';
import { faceWidth, type FaceTexture } from '../../../src/processors/face-swapper/source-face.js';
import { plainBlurPlane, plainInpaint } from './plane-ops.js';
import { plainRectifiedFace } from './rectify.js';

/**
 * How far the target shows through where a wide patch was guessed: all the way, and the eyes stay the target's; not at all, and
 * the patch looks smeared.
 */
const guessedTransparency = 0.8;

/** Side of the texture: the photograph's own resolution rounded up to a power of two, within 128..1024. */
function textureSize(faceWidthPx: number): number {
  return 2 ** Math.min(10, Math.max(7, Math.ceil(Math.log2(faceWidthPx * 1.1))));
}

/**
 * The plain twin of `buildTexture`, map by map. Flattens the photographed face and keeps what is the person's own surface. Places that the camera did not see are taken
 * from the other half of the face, in the light of this half. What is neither (fringe, rims of glasses, background beyond
 * the cheek) becomes transparent, so that the target's own picture stays there; its colours are still filled from the
 * skin around it, so that no dark fringe bleeds through the coarse levels of the blend.
 *
 * @param photo planar RGB
 * @param points 468 × (x, y, z) in its pixels
 */
export function plainTexture(photo: PlanarFrame, points: Float32Array, zones: FaceZones): FaceTexture {
  const sizePx = textureSize(faceWidth(points));
  const { lab, facing } = plainRectifiedFace(photo, points, sizePx);
  const count = sizePx * sizePx;
  const zone = (map: Float32Array): Float32Array => plainStretchedMap(map, zoneSize, sizePx);
  const skin = zone(zones.skin);
  const hairline = zone(zones.hairline);
  const rims = zone(zones.rims);
  const brows = zone(zones.brows);
  const core = zone(zones.core);
  // Around nose, eyes and mouth a slanted surface is still the face's own; at the rim it is soon the background.
  const seen = facing.map((value, i) => {
    const inner = core[i] as number;
    return smoothstep(0.34 - 0.32 * inner, 0.6 - 0.4 * inner, value);
  });

  const scratch = new Scratch();
  const model = skinModel(
    lab,
    seen.map((value, i) => value * (skin[i] as number)),
    scratch,
  );
  const guard = hairline.map((value, i) => value * (1 - (brows[i] as number)));
  const foreign = foreignSurface(lab, skin, guard, model, sizePx, scratch);
  // Strands are thinner than the colour model's reach: widen what was found a little, softly.
  widen(foreign, sizePx, sizePx / 60);
  const own = seen.map((value, i) => value * (1 - (foreign[i] as number)));
  fadeOutwards(own, core, sizePx);
  // A rim is thin: the skin on both its sides tells what it covers, so that it is filled and stays opaque.
  const rim = rimMap(lab, seen, rims, brows, model, sizePx, scratch);
  scratch.dispose();
  plainInpaint(
    lab,
    own.map((value, i) => value * (1 - (rim[i] as number))),
    sizePx,
    sizePx,
  );
  const known = own.map((value, i) => Math.max(value, rim[i] as number));
  fillFromMirror(lab, known, sizePx);
  plainInpaint(lab, known, sizePx, sizePx);
  // Where rims lie dense (under the brows, at the temples) the fill is guesswork over a wide patch: the target shows through.
  const dense = Float32Array.from(rim);
  plainBlurPlane(dense, sizePx, sizePx, sizePx / 28);
  const opacity = known.map(
    (value, i) => value * (1 - guessedTransparency * smoothstep(0.35, 0.75, dense[i] as number)),
  );
  plainBlurPlane(opacity, sizePx, sizePx, sizePx / 100);
  const interior = zone(zones.interior);
  const openings = zone(zones.openings);
  for (let i = 0; i < count; i++) {
    opacity[i] = (opacity[i] as number) * (interior[i] as number) * (1 - (openings[i] as number));
  }
  return { sizePx, levels: mipLevels(lab, opacity, sizePx) };
}

/** Rows that are measured at a time, so that large textures need little kernel memory. */
const measuredRows = 64;

/** How much of the guarded places is something else than skin, 0..1. */
function foreignSurface(
  lab: LabPlanes,
  skin: Float32Array,
  guard: Float32Array,
  model: SkinModel,
  sizePx: number,
  scratch: Scratch,
): Float32Array {
  const foreign = new Float32Array(sizePx * sizePx);
  const seen = new Float32Array(sizePx * measuredRows).fill(1);
  const moments = { mean: new Float32Array(3), std: new Float32Array(3) };
  for (let from = 0; from < foreign.length; from += seen.length) {
    const part = (plane: Float32Array): Float32Array => plane.subarray(from, from + seen.length);
    const open = part(foreign);
    const maps = { seen, skin: part(skin), guard: part(guard) };
    const planes = [part(lab[0]), part(lab[1]), part(lab[2])] as const;
    measureSkin(planes, maps, model, sizePx, scratch, { open, ...moments });
    for (let i = 0; i < open.length; i++) open[i] = 1 - (open[i] as number);
  }
  return foreign;
}

/** The plain twin of `stretchMap`. */
export function plainStretchedMap(map: Float32Array, fromSize: number, toSize: number): Float32Array {
  const out = new Float32Array(toSize * toSize);
  for (let y = 0; y < toSize; y++) {
    for (let x = 0; x < toSize; x++) {
      const sx = Math.min(fromSize - 1.001, Math.max(0, ((x + 0.5) * fromSize) / toSize - 0.5));
      const sy = Math.min(fromSize - 1.001, Math.max(0, ((y + 0.5) * fromSize) / toSize - 0.5));
      const at = (sy | 0) * fromSize + (sx | 0);
      const fx = sx % 1;
      const fy = sy % 1;
      out[y * toSize + x] =
        ((map[at] as number) * (1 - fx) + (map[at + 1] as number) * fx) * (1 - fy) +
        ((map[at + fromSize] as number) * (1 - fx) + (map[at + fromSize + 1] as number) * fx) * fy;
    }
  }
  return out;
}

/**
 * What lies beyond hair or beyond the face's edge, seen from its middle, is hair or background too, even where its colour is
 * that of skin: outside the core, along each row below the brows and each column above them, the map never rises again on
 * the way out.
 */
function fadeOutwards(own: Float32Array, core: Float32Array, sizePx: number): void {
  const { uv } = faceLayout;
  // Tops of the two brows.
  const browRow = Math.round(Math.min(uv[2 * 105 + 1] as number, uv[2 * 334 + 1] as number) * sizePx);
  const middle = sizePx >> 1;
  const fade = (at: number, least: number): number => {
    if ((core[at] as number) > 0.1) return 1;
    own[at] = Math.min(least, own[at] as number);
    return own[at] as number;
  };
  for (let y = browRow; y < sizePx; y++) {
    for (const step of [-1, 1]) {
      let least = 1;
      for (let x = middle; x >= 0 && x < sizePx; x += step) least = fade(y * sizePx + x, least);
    }
  }
  for (let x = 0; x < sizePx; x++) {
    let least = 1;
    for (let y = browRow; y >= 0; y--) least = fade(y * sizePx + x, least);
  }
}

function widen(map: Float32Array, sizePx: number, radiusPx: number): void {
  plainBlurPlane(map, sizePx, sizePx, radiusPx);
  for (let i = 0; i < map.length; i++) map[i] = smoothstep(0.12, 0.45, map[i] as number);
}

/**
 * Rims of glasses, if the face wears any.
 *
 * @returns sizePx² numbers, 1 on a rim
 */
function rimMap(
  lab: LabPlanes,
  seen: Float32Array,
  rims: Float32Array,
  brows: Float32Array,
  model: SkinModel,
  sizePx: number,
  scratch: Scratch,
): Float32Array {
  const blurred = (plane: Float32Array): Float32Array => {
    const copy = Float32Array.from(plane);
    plainBlurPlane(copy, sizePx, sizePx, sizePx / 210);
    return copy;
  };
  const smooth: LabPlanes = [blurred(lab[0]), blurred(lab[1]), blurred(lab[2])];
  const rim = new Float32Array(sizePx * sizePx);
  if (glassesContrast(smooth, sizePx, scratch) < glassesContrastThreshold) return rim;
  const browValues = smooth[0].filter((_, at) => (brows[at] as number) > 0.95).sort();
  const browLightness = browValues[browValues.length >> 1] ?? 0;
  // Only the brow itself is spared: a thick rim reaches beyond it, and its corner lies over the brow's end.
  const zone = rims.map((value, at) => {
    const overBrow = smoothstep(8, 16, browLightness - (smooth[0][at] as number));
    return value * (seen[at] as number) * (1 - smoothstep(0.6, 0.95, brows[at] as number) * (1 - overBrow));
  });
  drawRims(smooth, sizePx, zone, model, scratch, rim);
  widen(rim, sizePx, sizePx / 75);
  return rim;
}

/**
 * Takes what is unknown from the mirror image, if it is known there: its detail, on the light and shade that continue from
 * this side. `known` is raised accordingly.
 */
function fillFromMirror(lab: readonly Float32Array[], known: Float32Array, sizePx: number): void {
  const base = lab.map((plane) => Float32Array.from(plane));
  const baseWeight = Float32Array.from(known);
  plainInpaint(base, baseWeight, sizePx, sizePx);
  for (const plane of base) plainBlurPlane(plane, sizePx, sizePx, sizePx / 14);
  const original = lab.map((plane) => Float32Array.from(plane));
  const originalKnown = Float32Array.from(known);
  for (let y = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++) {
      const at = y * sizePx + x;
      const other = y * sizePx + (sizePx - 1 - x);
      const here = originalKnown[at] as number;
      const gain = (1 - here) * (originalKnown[other] as number);
      if (gain <= 0) continue;
      const share = gain / (here + gain);
      lab.forEach((plane, c) => {
        const shade = base[c] as Float32Array;
        const mirrored =
          ((original[c] as Float32Array)[other] as number) - (shade[other] as number) + (shade[at] as number);
        plane[at] = (plane[at] as number) * (1 - share) + mirrored * share;
      });
      known[at] = here + gain;
    }
  }
}

function mipLevels(lab: readonly Float32Array[], opacity: Float32Array, sizePx: number): Float32Array[] {
  const first = new Float32Array(4 * sizePx * sizePx);
  for (let i = 0; i < sizePx * sizePx; i++) {
    for (let c = 0; c < 3; c++) first[4 * i + c] = (lab[c] as Float32Array)[i] as number;
    first[4 * i + 3] = opacity[i] as number;
  }
  const levels = [first];
  for (let side = sizePx >> 1; side >= 16; side >>= 1) {
    const finer = levels[levels.length - 1] as Float32Array;
    const level = new Float32Array(4 * side * side);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const from = 4 * (2 * y * 2 * side + 2 * x);
        for (let c = 0; c < 4; c++) {
          level[4 * (y * side + x) + c] =
            ((finer[from + c] as number) +
              (finer[from + 4 + c] as number) +
              (finer[from + 8 * side + c] as number) +
              (finer[from + 8 * side + 4 + c] as number)) /
            4;
        }
      }
    }
    levels.push(level);
  }
  return levels;
}
