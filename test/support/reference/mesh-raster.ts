import type { Mesh, MeshRaster } from '../../../src/imaging/mesh-raster.js';

const allocateRaster = (widthPx: number, heightPx: number): MeshRaster => {
  const plane = (): Float32Array => new Float32Array(widthPx * heightPx);
  return {
    widthPx,
    heightPx,
    u: plane(),
    v: plane(),
    weight: plane(),
    placeX: plane(),
    placeY: plane(),
    depth: plane(),
    footprint: plane(),
  };
};

/**
 * The plain twin of `rasterizeMesh`: every triangle writes all planes where it is the nearest so far. In doubles, with
 * increments along a row.
 */
export const plainRaster = (
  { points, uv, weights, places, triangles }: Mesh,
  widthPx: number,
  heightPx: number,
): MeshRaster => {
  const raster = allocateRaster(widthPx, heightPx);
  const { u, v, weight, placeX, placeY, depth, footprint } = raster;
  u.fill(-1);
  depth.fill(Infinity);
  for (let t = 0; t < triangles.length; t += 3) {
    const i0 = triangles[t] as number;
    const i1 = triangles[t + 1] as number;
    const i2 = triangles[t + 2] as number;
    const x0 = points[3 * i0] as number;
    const y0 = points[3 * i0 + 1] as number;
    const x1 = points[3 * i1] as number;
    const y1 = points[3 * i1 + 1] as number;
    const x2 = points[3 * i2] as number;
    const y2 = points[3 * i2 + 1] as number;
    const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
    const u0 = uv[2 * i0] as number;
    const v0 = uv[2 * i0 + 1] as number;
    const u1 = uv[2 * i1] as number;
    const v1 = uv[2 * i1 + 1] as number;
    const u2 = uv[2 * i2] as number;
    const v2 = uv[2 * i2 + 1] as number;
    const uvArea = (u1 - u0) * (v2 - v0) - (u2 - u0) * (v1 - v0);
    if (area * uvArea <= 0 || Math.abs(area) < 1e-6) continue;
    const left = Math.max(0, Math.ceil(Math.min(x0, x1, x2)));
    const right = Math.min(widthPx - 1, Math.floor(Math.max(x0, x1, x2)));
    const top = Math.max(0, Math.ceil(Math.min(y0, y1, y2)));
    const bottom = Math.min(heightPx - 1, Math.floor(Math.max(y0, y1, y2)));
    if (left > right || top > bottom) continue;
    const inverse = 1 / area;
    const z0 = points[3 * i0 + 2] as number;
    const z1 = points[3 * i1 + 2] as number;
    const z2 = points[3 * i2 + 2] as number;
    const w0 = weights[i0] as number;
    const w1 = weights[i1] as number;
    const w2 = weights[i2] as number;
    const px0 = places[3 * i0] as number;
    const px1 = places[3 * i1] as number;
    const px2 = places[3 * i2] as number;
    const py0 = places[3 * i0 + 1] as number;
    const py1 = places[3 * i1 + 1] as number;
    const py2 = places[3 * i2 + 1] as number;
    const texelsPerPixel = Math.sqrt(Math.abs(uvArea * inverse));
    // Barycentric coordinates change linearly along a row: two increments instead of two cross products.
    const stepB = (y2 - y0) * inverse;
    const stepC = -(y1 - y0) * inverse;
    for (let y = top; y <= bottom; y++) {
      let b = ((left - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) * inverse;
      let c = ((x1 - x0) * (y - y0) - (left - x0) * (y1 - y0)) * inverse;
      let at = y * widthPx + left;
      for (let x = left; x <= right; x++, at++, b += stepB, c += stepC) {
        const a = 1 - b - c;
        if (a < -1e-5 || b < -1e-5 || c < -1e-5) continue;
        const z = a * z0 + b * z1 + c * z2;
        if (z >= (depth[at] as number)) continue;
        depth[at] = z;
        u[at] = a * u0 + b * u1 + c * u2;
        v[at] = a * v0 + b * v1 + c * v2;
        weight[at] = a * w0 + b * w1 + c * w2;
        placeX[at] = a * px0 + b * px1 + c * px2;
        placeY[at] = a * py0 + b * py1 + c * py2;
        footprint[at] = texelsPerPixel;
      }
    }
  }
  return raster;
};
