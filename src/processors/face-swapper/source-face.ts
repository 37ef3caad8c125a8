import { blurPlane, inpaint, smoothstep, stretchMap } from '../../imaging/plane-ops.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import { cropFromMesh } from '../face-landmarker/face-landmarker.js';
import type { FaceAppearance } from './appearance.js';
import { faceLayout, type FaceZones, zoneSize } from './face-layout.js';
import { drawRims, glassesContrast, glassesContrastThreshold } from './glasses.js';
import type { HeadPose } from './head-pose.js';
import { rectifyFace } from './rectify.js';
import { type LabPlanes, measureSkin, type SkinModel, skinModel } from './skin-model.js';

/** The rectified source face as a mip pyramid. */
export type FaceTexture = {
  readonly sizePx: number;
  /** Finest first, each half the side of the one before; interleaved L, a, b, opacity (0..1): 4 × side². */
  readonly levels: readonly Float32Array[];
};

/** A source photo made ready for swapping: plain, cloneable data that crosses threads. */
export type SourceFace = {
  /** Index of the photo in the order given. */
  readonly index: number;
  readonly file: string;
  /** 1024 numbers, L2-normalised. */
  readonly descriptor: Float32Array;
  /**
   * Who the person is in the form that the swapper's model takes: numbers of an embedding, the same for all photos of a person, or an
   * aligned crop. Null for swappers that are no model.
   */
  readonly swapSource: Float32Array | null;
  readonly texture: FaceTexture;
  readonly appearance: FaceAppearance;
  /** 3 × toneSide² numbers: the skin's tones, L, a and b, all over the flattened face. */
  readonly toneMaps: Float32Array;
  readonly pose: HeadPose;
  /** Proportions: 468 × (x, y, z) on the mean face. */
  readonly shape: Float32Array;
  /** Width of the face in the photo. */
  readonly widthPx: number;
};

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
 * Flattens the photographed face and keeps what is the person's own surface. Places that the camera did not see are taken
 * from the other half of the face, in the light of this half. What is neither (fringe, rims of glasses, background beyond
 * the cheek) becomes transparent, so that the target's own picture stays there; its colours are still filled from the
 * skin around it, so that no dark fringe bleeds through the coarse levels of the blend.
 *
 * @param photo planar RGB
 * @param points 468 × (x, y, z) in its pixels
 */
export function buildTexture(photo: PlanarFrame, points: Float32Array, zones: FaceZones): FaceTexture {
  const sizePx = textureSize(faceWidth(points));
  const { lab, facing } = rectifyFace(photo, points, sizePx);
  const count = sizePx * sizePx;
  const zone = (map: Float32Array): Float32Array => stretchMap(map, zoneSize, sizePx);
  const skin = zone(zones.skin);
  const guard = zone(zones.hairline);
  const brows = zone(zones.brows);
  const core = zone(zones.core);
  const seen = seenSurface(facing, core);
  const scratch = new Scratch();
  const plain = facing;
  for (let i = 0; i < count; i++) {
    plain[i] = (seen[i] as number) * (skin[i] as number);
    guard[i] = (guard[i] as number) * (1 - (brows[i] as number));
  }
  const model = skinModel(lab, plain, scratch);
  const foreign = foreignSurface(lab, skin, guard, model, sizePx, scratch);
  // Strands are thinner than the colour model's reach: widen what was found a little, softly.
  widen(foreign, sizePx, sizePx / 60);
  const known = foreign;
  for (let i = 0; i < count; i++) known[i] = (seen[i] as number) * (1 - (foreign[i] as number));
  fadeOutwards(known, core, sizePx);
  // A rim is thin: the skin on both its sides tells what it covers, so that it is filled and stays opaque.
  const rim = rimMap(lab, seen, zone(zones.rims), brows, model, sizePx, scratch);
  scratch.dispose();
  const bare = plain;
  for (let i = 0; i < count; i++) {
    const own = known[i] as number;
    const covered = rim[i] as number;
    bare[i] = own * (1 - covered);
    known[i] = Math.max(own, covered);
  }
  inpaint(lab, bare, sizePx, sizePx);
  fillFromMirror(lab, known, sizePx);
  inpaint(lab, known, sizePx, sizePx);
  // Where rims lie dense (under the brows, at the temples) the fill is guesswork over a wide patch: the target shows through.
  const dense = rim;
  blurPlane(dense, sizePx, sizePx, sizePx / 28);
  const opacity = known;
  for (let i = 0; i < count; i++) {
    opacity[i] =
      (known[i] as number) * (1 - guessedTransparency * smoothstep(0.35, 0.75, dense[i] as number));
  }
  blurPlane(opacity, sizePx, sizePx, sizePx / 100);
  const interior = zone(zones.interior);
  const openings = zone(zones.openings);
  for (let i = 0; i < count; i++) {
    opacity[i] = (opacity[i] as number) * (interior[i] as number) * (1 - (openings[i] as number));
  }
  return { sizePx, levels: mipLevels(lab, opacity, sizePx) };
}

/** How well the camera saw each place, 0..1. */
function seenSurface(facing: Float32Array, core: Float32Array): Float32Array {
  const seen = new Float32Array(facing.length);
  for (let i = 0; i < seen.length; i++) {
    // Around nose, eyes and mouth a slanted surface is still the face's own; at the rim it is soon the background.
    const inner = core[i] as number;
    seen[i] = smoothstep(0.34 - 0.32 * inner, 0.6 - 0.4 * inner, facing[i] as number);
  }
  return seen;
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

/** Width of the mesh in pixels along its eye line. */
export function faceWidth(points: Float32Array): number {
  return cropFromMesh(points).sidePx / 1.5;
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
  blurPlane(map, sizePx, sizePx, radiusPx);
  for (let i = 0; i < map.length; i++) map[i] = smoothstep(0.12, 0.45, map[i] as number);
}

/**
 * Rims of glasses, if the face wears any.
 *
 * @param rims where they may run; is used up
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
    const copy = plane.slice();
    blurPlane(copy, sizePx, sizePx, sizePx / 210);
    return copy;
  };
  const smooth: LabPlanes = [blurred(lab[0]), blurred(lab[1]), blurred(lab[2])];
  const rim = new Float32Array(sizePx * sizePx);
  if (glassesContrast(smooth, sizePx, scratch) < glassesContrastThreshold) return rim;
  const browLightness = medianWhere(smooth[0], brows);
  for (let i = 0; i < rims.length; i++) {
    // Only the brow itself is spared: a thick rim reaches beyond it, and its corner lies over the brow's end.
    const overBrow = smoothstep(8, 16, browLightness - (smooth[0][i] as number));
    const beside = 1 - smoothstep(0.6, 0.95, brows[i] as number) * (1 - overBrow);
    rims[i] = (rims[i] as number) * (seen[i] as number) * beside;
  }
  drawRims(smooth, sizePx, rims, model, scratch, rim);
  widen(rim, sizePx, sizePx / 75);
  return rim;
}

/** The median of a plane over the places that a map has whole. */
function medianWhere(plane: Float32Array, map: Float32Array): number {
  const values = plane.filter((_, i) => (map[i] as number) > 0.95).sort();
  return values[values.length >> 1] ?? 0;
}

/**
 * Takes what is unknown from the mirror image, if it is known there: its detail, on the light and shade that continue from
 * this side. `known` is raised accordingly.
 */
function fillFromMirror(lab: LabPlanes, known: Float32Array, sizePx: number): void {
  const base = lab.map((plane) => plane.slice());
  inpaint(base, known, sizePx, sizePx);
  for (const shade of base) blurPlane(shade, sizePx, sizePx, sizePx / 14);
  const shares = new Float64Array(sizePx);
  for (let y = 0; y < sizePx; y++) {
    const from = y * sizePx;
    const last = from + sizePx - 1;
    if (!mirrorShares(known, from, shares)) continue;
    lab.forEach((plane, c) => {
      mirrorRow(plane, base[c] as Float32Array, shares, from);
    });
    // Both of a pair are read before either is raised.
    for (let x = 0; 2 * x < sizePx; x++) {
      const left = known[from + x] as number;
      const right = known[last - x] as number;
      known[from + x] = left + Math.max(0, (1 - left) * right);
      known[last - x] = right + Math.max(0, (1 - right) * left);
    }
  }
}

/**
 * How much of each place of a row is taken from its mirror image.
 *
 * @returns whether there is any
 */
function mirrorShares(known: Float32Array, from: number, shares: Float64Array): boolean {
  let any = false;
  for (let x = 0; x < shares.length; x++) {
    const here = known[from + x] as number;
    const gain = (1 - here) * (known[from + shares.length - 1 - x] as number);
    shares[x] = gain > 0 ? gain / (here + gain) : 0;
    any ||= gain > 0;
  }
  return any;
}

/** Mixes a row with its mirror image on this side's light and shade; both of a pair are read before either is written. */
function mirrorRow(plane: Float32Array, shade: Float32Array, shares: Float64Array, from: number): void {
  const size = shares.length;
  for (let x = 0; 2 * x < size; x++) {
    const left = from + x;
    const right = from + size - 1 - x;
    const leftShare = shares[x] as number;
    const rightShare = shares[size - 1 - x] as number;
    if (leftShare === 0 && rightShare === 0) continue;
    const leftValue = plane[left] as number;
    const rightValue = plane[right] as number;
    const leftShade = shade[left] as number;
    const rightShade = shade[right] as number;
    plane[left] = leftValue * (1 - leftShare) + (rightValue - rightShade + leftShade) * leftShare;
    plane[right] = rightValue * (1 - rightShare) + (leftValue - leftShade + rightShade) * rightShare;
  }
}

function mipLevels(lab: LabPlanes, opacity: Float32Array, sizePx: number): Float32Array[] {
  const first = new Float32Array(4 * sizePx * sizePx);
  const [lightness, a, b] = lab;
  for (let i = 0; i < opacity.length; i++) {
    first[4 * i] = lightness[i] as number;
    first[4 * i + 1] = a[i] as number;
    first[4 * i + 2] = b[i] as number;
    first[4 * i + 3] = opacity[i] as number;
  }
  const levels = [first];
  for (let side = sizePx >> 1; side >= 16; side >>= 1) {
    const finer = levels[levels.length - 1] as Float32Array;
    const level = new Float32Array(4 * side * side);
    const row = 4 * side;
    for (let y = 0, to = 0; y < side; y++) {
      for (let upper = 4 * y * row, end = upper + 2 * row; upper < end; upper += 4) {
        for (const next = upper + 4; upper < next; upper++, to++) {
          const above = (finer[upper] as number) + (finer[upper + 4] as number);
          level[to] =
            (above + (finer[upper + 2 * row] as number) + (finer[upper + 2 * row + 4] as number)) / 4;
        }
      }
    }
    levels.push(level);
  }
  return levels;
}
