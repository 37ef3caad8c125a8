import { srgbToLab } from '../../imaging/colour.js';
import { allocateRaster, type MeshRaster, rasterizeMesh } from '../../imaging/mesh-raster.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { faceLayout } from './face-layout.js';

/**
 * How squarely each mesh point faces the viewer, −1..1: the z component of the mean normal of its triangles, weighted
 * by their area. 1 looks at the camera, 0 is the silhouette.
 *
 * @param points 468 × (x, y, z)
 * @param out 468 numbers
 */
export function facingOf(points: Float32Array, out: Float32Array): Float32Array {
  const { triangles } = faceLayout;
  const normals = new Float32Array(out.length * 3);
  for (let t = 0; t < triangles.length; t += 3) {
    const [i0, i1, i2] = [triangles[t], triangles[t + 1], triangles[t + 2]] as [number, number, number];
    const ax = (points[3 * i1] as number) - (points[3 * i0] as number);
    const ay = (points[3 * i1 + 1] as number) - (points[3 * i0 + 1] as number);
    const az = (points[3 * i1 + 2] as number) - (points[3 * i0 + 2] as number);
    const bx = (points[3 * i2] as number) - (points[3 * i0] as number);
    const by = (points[3 * i2 + 1] as number) - (points[3 * i0 + 1] as number);
    const bz = (points[3 * i2 + 2] as number) - (points[3 * i0 + 2] as number);
    const nx = ay * bz - az * by;
    const ny = az * bx - ax * bz;
    const nz = ax * by - ay * bx;
    for (const i of [i0, i1, i2]) {
      normals[3 * i] = (normals[3 * i] as number) + nx;
      normals[3 * i + 1] = (normals[3 * i + 1] as number) + ny;
      normals[3 * i + 2] = (normals[3 * i + 2] as number) + nz;
    }
  }
  for (let i = 0; i < out.length; i++) {
    const nx = normals[3 * i] as number;
    const ny = normals[3 * i + 1] as number;
    const nz = normals[3 * i + 2] as number;
    out[i] = nz / (Math.hypot(nx, ny, nz) || 1);
  }
  return out;
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
  const raster = allocateRaster(sizePx, sizePx);
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
  rasterizeFlat(flat, whereInPhoto, facing, triangles, raster);
  const count = sizePx * sizePx;
  const lab: [Float32Array, Float32Array, Float32Array] = [
    new Float32Array(count),
    new Float32Array(count),
    new Float32Array(count),
  ];
  const facingOut = new Float32Array(count).fill(-1);
  const area = widthPx * heightPx;
  const colour = new Float32Array(3);
  for (let i = 0; i < count; i++) {
    const x = raster.u[i] as number;
    if (x === -1) continue;
    const y = raster.v[i] as number;
    // Beyond the photograph's edge there is nothing: a repeated border would pass for skin.
    if (x < -0.5 || y < -0.5 || x > widthPx - 0.5 || y > heightPx - 0.5) continue;
    const spread = raster.footprint[i] as number;
    for (let c = 0; c < 3; c++) {
      const plane = photo.data.subarray(c * area, (c + 1) * area);
      let value = 0;
      if (spread <= 1.2) value = cubicSample(plane, widthPx, heightPx, x, y);
      else {
        for (let dy = -1; dy <= 1; dy++) {
          for (let dx = -1; dx <= 1; dx++) {
            value += cubicSample(plane, widthPx, heightPx, x + (dx * spread) / 3, y + (dy * spread) / 3) / 9;
          }
        }
      }
      colour[c] = Math.min(255, Math.max(0, value)) / 255;
    }
    srgbToLab(colour[0] as number, colour[1] as number, colour[2] as number, colour, 0);
    for (let c = 0; c < 3; c++) (lab[c] as Float32Array)[i] = colour[c] as number;
    facingOut[i] = raster.weight[i] as number;
  }
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
  raster: MeshRaster,
): void {
  const one = new Uint16Array(3);
  const scratch = allocateRaster(raster.widthPx, raster.heightPx);
  raster.u.fill(-1);
  const mirrored = whereInPhoto.map((value, i) => (i % 2 === 0 ? -value : value));
  for (const [where, sign] of [
    [whereInPhoto, 1],
    [mirrored, -1],
  ] as const) {
    const subset: number[] = [];
    for (let t = 0; t < triangles.length; t += 3) {
      one.set(triangles.subarray(t, t + 3));
      if (windingOf(whereInPhoto, one) * sign > 0) subset.push(...one);
    }
    rasterizeMesh(flat, where, facing, flat, Uint16Array.from(subset), scratch);
    for (let i = 0; i < raster.u.length; i++) {
      if ((scratch.depth[i] as number) === Infinity || raster.u[i] !== -1) continue;
      raster.u[i] = (scratch.u[i] as number) * sign;
      raster.v[i] = scratch.v[i] as number;
      raster.weight[i] = scratch.weight[i] as number;
      raster.footprint[i] = scratch.footprint[i] as number;
    }
  }
}

function windingOf(points: Float32Array, [i0, i1, i2]: Uint16Array): number {
  const x0 = points[2 * (i0 as number)] as number;
  const y0 = points[2 * (i0 as number) + 1] as number;
  return (
    ((points[2 * (i1 as number)] as number) - x0) * ((points[2 * (i2 as number) + 1] as number) - y0) -
    ((points[2 * (i2 as number)] as number) - x0) * ((points[2 * (i1 as number) + 1] as number) - y0)
  );
}

function cubicWeights(t: number): [number, number, number, number] {
  // Catmull-Rom: interpolating, third-order.
  const t2 = t * t;
  const t3 = t2 * t;
  return [(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2];
}

function cubicSample(plane: Uint8Array, widthPx: number, heightPx: number, x: number, y: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const wx = cubicWeights(x - x0);
  const wy = cubicWeights(y - y0);
  let sum = 0;
  for (let j = 0; j < 4; j++) {
    const row = Math.min(heightPx - 1, Math.max(0, y0 + j - 1)) * widthPx;
    let line = 0;
    for (let i = 0; i < 4; i++) {
      line += (wx[i] as number) * (plane[row + Math.min(widthPx - 1, Math.max(0, x0 + i - 1))] as number);
    }
    sum += (wy[j] as number) * line;
  }
  return sum;
}
