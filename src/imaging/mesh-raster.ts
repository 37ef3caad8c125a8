import { addressOf, kernels } from './kernels/kernels.js';
import { Scratch } from './scratch.js';

/** A triangle mesh that is laid into a picture. */
export type Mesh = {
  /** vertexCount × (x, y, z) in pixels; pixel centres lie on integers, smaller z is nearer. */
  readonly points: Float32Array;
  /** vertexCount × (u, v); a triangle faces the viewer when its winding in the picture is its winding in uv. */
  readonly uv: Float32Array;
  /** One number per vertex, carried along. */
  readonly weights: Float32Array;
  /** vertexCount × (x, y, z), of which x and y are carried along. */
  readonly places: Float32Array;
  /** Three vertex numbers each. */
  readonly triangles: Uint16Array;
};

/** Whole pixels, half-open: `left` and `top` belong to it, `right` and `bottom` do not. */
export type PixelBox = {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
};

/**
 * What was found of a mesh in a box, in kernel memory: views stay valid until the next rasterisation with the same scratch, as
 * with every {@link Scratch}.
 */
export type NearestTriangles = {
  readonly box: PixelBox;
  /** Per pixel of the box the depth of its triangle. */
  readonly depth: Float32Array;
  /** Address of the per-pixel triangles: the kernels' own form. */
  readonly nearest: number;
  /** Address and number of the prepared triangles. */
  readonly records: number;
  readonly recordCount: number;
};

/**
 * Finds for every pixel of a box the nearest triangle that faces the viewer, so that a turned head neither folds over nor
 * cracks: a pixel on a shared edge belongs to either triangle, never to none.
 *
 * @param scratch keeps a copy of the mesh and the result
 */
export function rasterizeNearest(mesh: Mesh, box: PixelBox, scratch: Scratch): NearestTriangles {
  const { call, memory } = kernels();
  const { points, uv, weights, places, triangles } = mesh;
  const count = (box.right - box.left) * (box.bottom - box.top);
  const triangleCount = triangles.length / 3;
  for (;;) {
    const { buffer } = memory;
    const ownPoints = scratch.floats('mesh points', points.length);
    const ownUv = scratch.floats('mesh uv', uv.length);
    const ownWeights = scratch.floats('mesh weights', weights.length);
    const ownPlaces = scratch.floats('mesh places', places.length);
    const ownTriangles = scratch.words('mesh triangles', triangles.length);
    // The kernel works on four pixels at a time and may touch three behind the last one.
    const depth = scratch.floats('mesh depth', count + 3);
    const nearest = scratch.floats('mesh nearest', count + 3);
    const records = scratch.bytes('mesh records', triangleCount * call.triangleRecordBytes());
    // Growth makes the views from before unusable; the second time everything is there.
    if (memory.buffer !== buffer) continue;
    ownPoints.set(points);
    ownUv.set(uv);
    ownWeights.set(weights);
    ownPlaces.set(places);
    ownTriangles.set(triangles);
    const recordCount = call.rasterizeTriangles(
      addressOf(ownPoints),
      addressOf(ownUv),
      addressOf(ownWeights),
      addressOf(ownPlaces),
      addressOf(ownTriangles),
      triangleCount,
      box.left,
      box.top,
      box.right,
      box.bottom,
      addressOf(depth),
      addressOf(nearest),
      addressOf(records),
    );
    return { box, depth, nearest: addressOf(nearest), records: addressOf(records), recordCount };
  }
}

/**
 * A mesh resolved per pixel. All planes are widthPx × heightPx; a pixel that no triangle covers has `u` = −1 and an infinite
 * depth.
 */
export type MeshRaster = {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Texture coordinates. */
  readonly u: Float32Array;
  readonly v: Float32Array;
  /** Interpolated vertex weight. */
  readonly weight: Float32Array;
  /** Interpolated place that was given for each vertex. */
  readonly placeX: Float32Array;
  readonly placeY: Float32Array;
  readonly depth: Float32Array;
  /** Texture units (of a texture of side 1) per pixel: chooses the mip level. */
  readonly footprint: Float32Array;
};

/** Rows that are drawn at a time, so that large rasters need little kernel memory. */
const bandRows = 128;

const planeNames = ['u', 'v', 'weight', 'placeX', 'placeY', 'footprint'] as const;

/**
 * Draws a mesh into plain planes, for work that is done once per picture: it copies, and gives its kernel memory back. Frames are
 * drawn from {@link rasterizeNearest}.
 */
export function rasterizeMesh(mesh: Mesh, widthPx: number, heightPx: number): MeshRaster {
  const plane = (): Float32Array => new Float32Array(widthPx * heightPx);
  const raster = {
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
  const scratch = new Scratch();
  try {
    for (let top = 0; top < heightPx; top += bandRows) {
      drawBand(
        mesh,
        raster,
        { left: 0, top, right: widthPx, bottom: Math.min(heightPx, top + bandRows) },
        scratch,
      );
    }
  } finally {
    scratch.dispose();
  }
  return raster;
}

function drawBand(mesh: Mesh, raster: MeshRaster, box: PixelBox, scratch: Scratch): void {
  const count = (box.right - box.left) * (box.bottom - box.top);
  // Room for the planes first, so that nothing moves after the mesh was drawn.
  for (const name of planeNames) scratch.floats(name, count);
  const found = rasterizeNearest(mesh, box, scratch);
  const addresses = planeNames.map((name) => addressOf(scratch.floats(name, count))) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  kernels().call.resolveTriangles(
    found.nearest,
    box.right - box.left,
    box.bottom - box.top,
    box.left,
    box.top,
    addressOf(found.depth),
    ...addresses,
  );
  const from = box.top * raster.widthPx;
  for (const name of planeNames) raster[name].set(scratch.floats(name, count), from);
  raster.depth.set(found.depth.subarray(0, count), from);
}
