import { srgbToLab } from '../../imaging/colour.js';
import { type MeshRaster, rasterizeMesh } from '../../imaging/mesh-raster.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { faceLayout } from './face-layout.js';

const normals = new Float32Array(faceLayout.shape.length);

/**
 * How squarely each mesh point faces the viewer, −1..1: the z component of the mean normal of its triangles, weighted
 * by their area. 1 looks at the camera, 0 is the silhouette.
 *
 * @param points 468 × (x, y, z)
 * @param out 468 numbers
 */
export function facingOf(points: Float32Array, out: Float32Array): Float32Array {
  const { triangles } = faceLayout;
  normals.fill(0);
  for (let t = 0; t < triangles.length; t += 3) {
    const p0 = 3 * (triangles[t] as number);
    const p1 = 3 * (triangles[t + 1] as number);
    const p2 = 3 * (triangles[t + 2] as number);
    const ax = (points[p1] as number) - (points[p0] as number);
    const ay = (points[p1 + 1] as number) - (points[p0 + 1] as number);
    const az = (points[p1 + 2] as number) - (points[p0 + 2] as number);
    const bx = (points[p2] as number) - (points[p0] as number);
    const by = (points[p2 + 1] as number) - (points[p0 + 1] as number);
    const bz = (points[p2 + 2] as number) - (points[p0 + 2] as number);
    const nx = ay * bz - az * by;
    const ny = az * bx - ax * bz;
    const nz = ax * by - ay * bx;
    addNormal(p0, nx, ny, nz);
    addNormal(p1, nx, ny, nz);
    addNormal(p2, nx, ny, nz);
  }
  for (let i = 0; i < out.length; i++) {
    const nx = normals[3 * i] as number;
    const ny = normals[3 * i + 1] as number;
    const nz = normals[3 * i + 2] as number;
    out[i] = nz / (Math.sqrt(nx * nx + ny * ny + nz * nz) || 1);
  }
  return out;
}

function addNormal(at: number, nx: number, ny: number, nz: number): void {
  normals[at] = (normals[at] as number) + nx;
  normals[at + 1] = (normals[at + 1] as number) + ny;
  normals[at + 2] = (normals[at + 2] as number) + nz;
}

/** How the points stand that lie outside the picture: as if they faced away, so that nothing is read there. */
export function hideOutside(
  facing: Float32Array,
  points: Float32Array,
  format: { readonly widthPx: number; readonly heightPx: number },
): Float32Array {
  for (let i = 0; i < facing.length; i++) {
    const x = points[3 * i] as number;
    const y = points[3 * i + 1] as number;
    if (x < -0.5 || y < -0.5 || x > format.widthPx - 0.5 || y > format.heightPx - 0.5) facing[i] = -1;
  }
  return facing;
}

/** A face flattened into the layout: what `rectifyFace` makes of a photograph. */
export type RectifiedFace = {
  readonly sizePx: number;
  /** Three planes L, a, b of sizePx² (CIE Lab). */
  readonly lab: readonly [Float32Array, Float32Array, Float32Array];
  /** How squarely the place faced the camera, −1..1; −1 outside the face and beyond the photograph. */
  readonly facing: Float32Array;
};

/**
 * Flattens a photographed face: every texel of the layout takes the photograph's colour at its place on the mesh.
 * Sampled bicubically (Catmull-Rom) where the texture is finer than the photograph, and averaged over 3×3 sub-samples
 * where it is coarser.
 *
 * @param photo planar RGB picture (`matrix` "rgb")
 * @param points 468 × (x, y, z) in its pixels
 */
export function rectifyFace(photo: PlanarFrame, points: Float32Array, sizePx: number): RectifiedFace {
  const { uv, triangles } = faceLayout;
  const flat = new Float32Array(uv.length * 1.5);
  const whereInPhoto = new Float32Array(uv.length);
  const { widthPx, heightPx } = photo.format;
  for (let i = 0; i < uv.length / 2; i++) {
    flat[3 * i] = (uv[2 * i] as number) * sizePx - 0.5;
    flat[3 * i + 1] = (uv[2 * i + 1] as number) * sizePx - 0.5;
    whereInPhoto[2 * i] = points[3 * i] as number;
    whereInPhoto[2 * i + 1] = points[3 * i + 1] as number;
  }
  const facing = facingOf(points, new Float32Array(uv.length / 2));
  const raster = rasterizeFlat(flat, whereInPhoto, facing, triangles, sizePx);
  const count = sizePx * sizePx;
  const lab: [Float32Array, Float32Array, Float32Array] = [
    new Float32Array(count),
    new Float32Array(count),
    new Float32Array(count),
  ];
  const facingOut = new Float32Array(count).fill(-1);
  const area = widthPx * heightPx;
  const [red, green, blue] = [0, 1, 2].map((c) => photo.data.subarray(c * area, (c + 1) * area)) as [
    Samples,
    Samples,
    Samples,
  ];
  const columns = new CubicTaps(widthPx);
  const rows = new CubicTaps(heightPx);
  for (let i = 0; i < count; i++) {
    const x = raster.u[i] as number;
    if (x === -1) continue;
    const y = raster.v[i] as number;
    // Beyond the photograph's edge there is nothing: a repeated border would pass for skin.
    if (x < -0.5 || y < -0.5 || x > widthPx - 0.5 || y > heightPx - 0.5) continue;
    const spread = raster.footprint[i] as number;
    const gap = spread <= 1.2 ? 0 : spread / 3;
    columns.place(x, gap);
    rows.place(y, gap);
    lab[0][i] = weighedMean(red, widthPx, columns, rows);
    lab[1][i] = weighedMean(green, widthPx, columns, rows);
    lab[2][i] = weighedMean(blue, widthPx, columns, rows);
    facingOut[i] = raster.weight[i] as number;
  }
  srgbToLab(lab);
  return { sizePx, lab, facing: facingOut };
}

/**
 * Like `rasterizeMesh` in the layout's own plane, where every triangle faces the viewer whatever it did in the photograph:
 * a triangle that was turned away there must still be filled (and is marked by its facing weight).
 */
function rasterizeFlat(
  flat: Float32Array,
  whereInPhoto: Float32Array,
  facing: Float32Array,
  triangles: Uint16Array,
  sizePx: number,
): MeshRaster {
  const drawn = (uv: Float32Array, sign: 1 | -1): MeshRaster => {
    const subset: number[] = [];
    for (let t = 0; t < triangles.length; t += 3) {
      const one = triangles.subarray(t, t + 3);
      if (windingOf(whereInPhoto, one) * sign > 0) subset.push(...one);
    }
    const mesh = { points: flat, uv, weights: facing, places: flat, triangles: Uint16Array.from(subset) };
    return rasterizeMesh(mesh, sizePx, sizePx);
  };
  const front = drawn(whereInPhoto, 1);
  let turnedAway = false;
  for (let t = 0; t < triangles.length && !turnedAway; t += 3) {
    turnedAway = windingOf(whereInPhoto, triangles.subarray(t, t + 3)) < 0;
  }
  if (!turnedAway) return front;
  const back = drawn(
    whereInPhoto.map((value, i) => (i % 2 === 0 ? -value : value)),
    -1,
  );
  for (let i = 0; i < front.u.length; i++) {
    if (back.depth[i] === Infinity || front.depth[i] !== Infinity) continue;
    front.u[i] = -(back.u[i] as number);
    front.v[i] = back.v[i] as number;
    front.weight[i] = back.weight[i] as number;
    front.footprint[i] = back.footprint[i] as number;
  }
  return front;
}

function windingOf(points: Float32Array, [i0, i1, i2]: Uint16Array): number {
  const x0 = points[2 * (i0 as number)] as number;
  const y0 = points[2 * (i0 as number) + 1] as number;
  return (
    ((points[2 * (i1 as number)] as number) - x0) * ((points[2 * (i2 as number) + 1] as number) - y0) -
    ((points[2 * (i2 as number)] as number) - x0) * ((points[2 * (i1 as number) + 1] as number) - y0)
  );
}

type Samples = PlanarFrame['data'];

/**
 * The taps of a Catmull-Rom reading along one axis (interpolating, third-order), or of the mean of three such readings: the
 * mean of three by three readings is one sum over few rows and columns. Used again for every place.
 */
class CubicTaps {
  /** Places of the axis, ends repeated, and their weights; the first `count` hold. */
  readonly places = new Int32Array(12);
  readonly weights = new Float64Array(12);
  count = 0;
  readonly #last: number;

  constructor(length: number) {
    this.#last = length - 1;
  }

  /** @param gap distance of the outer readings from the middle one; 0 for a single reading */
  place(at: number, gap: number): void {
    this.count = 0;
    if (gap === 0) {
      this.#add(at, 1);
    } else {
      this.#add(at - gap, 1 / 3);
      this.#add(at, 1 / 3);
      this.#add(at + gap, 1 / 3);
    }
    const { places, count } = this;
    const last = this.#last;
    for (let i = 0; i < count; i++) places[i] = Math.min(last, Math.max(0, places[i] as number));
  }

  /** Adds a reading, further on than the one before; taps that both have are one. */
  #add(at: number, share: number): void {
    const { places, weights } = this;
    const base = Math.floor(at);
    const t = at - base;
    const t2 = t * t;
    const t3 = t2 * t;
    let tap = this.count;
    while (tap > 0 && (places[tap - 1] as number) >= base - 1) tap--;
    for (let i = this.count; i < tap + 4; i++) {
      places[i] = base - 1 + i - tap;
      weights[i] = 0;
    }
    this.count = tap + 4;
    weights[tap] = (weights[tap] as number) + (share * (-t3 + 2 * t2 - t)) / 2;
    weights[tap + 1] = (weights[tap + 1] as number) + (share * (3 * t3 - 5 * t2 + 2)) / 2;
    weights[tap + 2] = (weights[tap + 2] as number) + (share * (-3 * t3 + 4 * t2 + t)) / 2;
    weights[tap + 3] = (weights[tap + 3] as number) + (share * (t3 - t2)) / 2;
  }
}

/** The reading of a plane of bytes as a share of full, 0..1. */
function weighedMean(plane: Samples, widthPx: number, columns: CubicTaps, rows: CubicTaps): number {
  const { places, weights, count } = columns;
  let sum = 0;
  for (let j = 0; j < rows.count; j++) {
    const row = (rows.places[j] as number) * widthPx;
    let line = 0;
    for (let i = 0; i < count; i++) {
      line += (weights[i] as number) * (plane[row + (places[i] as number)] as number);
    }
    sum += (rows.weights[j] as number) * line;
  }
  return Math.min(255, Math.max(0, sum)) / 255;
}
