import { srgbToLab } from '../../../src/imaging/colour.js';
import { type MeshRaster, rasterizeMesh } from '../../../src/imaging/mesh-raster.js';
import type { PlanarFrame } from '../../../src/imaging/planar-frame.js';
import { faceLayout } from '../../../src/processors/face-swapper/face-layout.js';
import { facingOf, type RectifiedFace } from '../../../src/processors/face-swapper/rectify.js';

/**
 * The plain twin of `rectifyFace`, reading by reading. Flattens a photographed face: every texel of the layout takes the photograph's colour at its place on the mesh.
 * Sampled bicubically (Catmull-Rom) where the texture is finer than the photograph, and averaged over 3×3 sub-samples
 * where it is coarser.
 *
 * @param photo planar RGB picture (`matrix` "rgb")
 * @param points 468 × (x, y, z) in its pixels
 */
export function plainRectifiedFace(photo: PlanarFrame, points: Float32Array, sizePx: number): RectifiedFace {
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
      (lab[c] as Float32Array)[i] = Math.min(255, Math.max(0, value)) / 255;
    }
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

function cubicWeights(t: number): [number, number, number, number] {
  // Catmull-Rom: interpolating, third-order.
  const t2 = t * t;
  const t3 = t2 * t;
  return [(-t3 + 2 * t2 - t) / 2, (3 * t3 - 5 * t2 + 2) / 2, (-3 * t3 + 4 * t2 + t) / 2, (t3 - t2) / 2];
}

function cubicSample(
  plane: Uint8Array | Uint16Array,
  widthPx: number,
  heightPx: number,
  x: number,
  y: number,
): number {
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
