import type { Box } from '../../imaging/affine.js';
import { colourCoefficients } from '../../imaging/colour.js';
import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import { type Mesh, type PixelBox, rasterizeNearest } from '../../imaging/mesh-raster.js';
import type { PlanarFormat } from '../../imaging/planar-frame.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { Scratch } from '../../imaging/scratch.js';
import { toneAddress, wideLabFactor } from '../../imaging/tone-curve.js';
import { boundsOf } from '../face-landmarker/mesh-bounds.js';
import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import { appearanceSize } from './appearance.js';
import type { ColourMatch } from './colour-match.js';
import { faceLayout, type FaceZones, zoneSize } from './face-layout.js';
import { carryShape } from './face-shape.js';
import { facingOf } from './rectify.js';
import type { FaceTexture, SourceFace } from './source-face.js';
import { toneSide } from './skin-tones.js';
import { TextureStore } from './texture-store.js';

/** A part of the frame, in luma pixels; `x` and `y` are even, so that chroma samples are not split. */
export type FrameRegion = {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
};

/**
 * A new face drawn for one region of a frame, in the frame's own plane values (8-bit levels) but as floats. The planes lie in
 * kernel memory, belong to the swapper and stay valid until its next call or until that memory grows.
 */
export type FacePatch = {
  readonly region: FrameRegion;
  /** Width of the face in luma pixels: sets the scale of the blend. */
  readonly faceWidthPx: number;
  /** Three planes in frame order, luma at region size, chroma at its own. */
  readonly planes: readonly [Float32Array, Float32Array, Float32Array];
  /** 1 where the mesh covers the pixel, luma size; outside, the planes hold nothing. */
  readonly coverage: Float32Array;
  /** Opacity of the new face, 0..1, luma size. */
  readonly mask: Float32Array;
  /**
   * What the opacity would be if nothing but the mask's outline closed it: no eyes and mouth, nothing that lies over the face;
   * 0..1, luma size. Null where the mask is all outline.
   */
  readonly outline: Float32Array | null;
  /**
   * Where the target's own pixel comes from, in luma pixels of the region, luma size, valid where covered: the target's
   * eyes and mouth move with the new proportions, but nothing outside the mask's edge and nothing that lies over the face.
   * Null when nothing moves.
   */
  readonly placeX: Float32Array | null;
  readonly placeY: Float32Array | null;
};

/** What is drawn. */
export type SwapRequest = {
  readonly source: SourceFace;
  /** 468 × (x, y, z) in frame pixels, smoothed. */
  readonly points: Float32Array;
  /** The target's proportions, averaged over time: 468 × (x, y, z) on the mean face. */
  readonly shape: Float32Array;
  readonly colour: ColourMatch;
  /** appearanceSize²: where the target's surface may be replaced. */
  readonly open: Float32Array;
};

/** Room around the mesh for the coarse levels of the blend, as a share of the face's width. */
const regionMargin = 0.22;

/** A region is at least this wide and high; the kernel works on four pixels at a time. */
const smallestRegionPx = 8;

/**
 * Draws source textures onto target meshes. One per thread; owns its buffers.
 *
 * `assembly/mesh.ts` does it: the nearest triangle per pixel, then the texture between the two mip levels of its size, the
 * Lab line, the planes' own values (by way of the tone curve's wide scale where the frame is of high dynamic range).
 */
export class MeshSwapper {
  readonly #scratch = new Scratch();
  readonly #textures = new TextureStore();
  readonly #carried = new Float32Array(meshPointCount * 3);
  readonly #facing = new Float32Array(meshPointCount);
  readonly #mesh: Mesh;
  readonly #interior: Float32Array;
  /** Whether the zones' interior lies in the scratch memory already. */
  #hasInterior = false;

  /** @param zones the mask's interior confines what is moved */
  constructor(zones: Pick<FaceZones, 'interior'>) {
    this.#interior = zones.interior;
    this.#mesh = {
      points: new Float32Array(meshPointCount * 3),
      uv: faceLayout.uv,
      weights: new Float32Array(meshPointCount),
      places: new Float32Array(meshPointCount * 3),
      triangles: faceLayout.triangles,
    };
  }

  /**
   * Draws one face.
   *
   * @returns null when nothing of the face lies inside the frame or its mask is empty
   * @throws FaceswapError (resources) when there is no room for the texture or the region
   */
  draw(format: PlanarFormat, request: SwapRequest): FacePatch | null {
    const { source } = request;
    const points = carryShape(request.points, request.shape, source.shape, this.#carried);
    const box = boundsOf(points);
    const region = regionAround(box, format);
    if (region === null) return null;
    this.#place(points, request.points, region);
    const drawn = evenBox(box, region);
    const tone = toneAddress(format.hdr);
    const buffers = this.#buffers(format, region, drawn, source.texture);
    const { texture, nearest, planes, coverage, mask, outline, placeX, placeY } = buffers;
    for (const plane of planes) plane.fill(0);
    coverage.fill(0);
    mask.fill(0);
    outline.fill(0);
    buffers.open.set(request.open);
    writeColour(buffers.colour, format, request.colour);
    const { call } = kernels();
    const field = writeField(buffers, format, request.colour);
    const openCorners = addressOf(buffers.openCorners);
    call.gatherCorners(addressOf(buffers.open), appearanceSize, openCorners);
    call.chooseTextureLevels(nearest.records, nearest.recordCount, texture.table, texture.levelCount);
    const visible = call.shadeTriangles(
      nearest.nearest,
      drawn.left,
      drawn.top,
      drawn.right,
      drawn.bottom,
      region.width,
      chromaWidthOf(region, format),
      format.chromaShiftX,
      format.chromaShiftY,
      openCorners,
      appearanceSize,
      addressOf(buffers.interiorCorners),
      zoneSize,
      addressOf(buffers.colour),
      field,
      toneSide,
      tone,
      addressOf(planes[0]),
      addressOf(planes[1]),
      addressOf(planes[2]),
      addressOf(coverage),
      addressOf(mask),
      addressOf(outline),
      addressOf(placeX),
      addressOf(placeY),
      addressOf(buffers.rows),
    );
    if (visible === 0) return null;
    return { region, faceWidthPx: box.width, planes, coverage, mask, outline, placeX, placeY };
  }

  /** Gives the kernel memory back; a patch from before must not be used any more. */
  dispose(): void {
    this.#textures.dispose();
    this.#scratch.dispose();
    this.#hasInterior = false;
  }

  /** The mesh in pixels of the region, and where each of its points was in the target. */
  #place(points: Float32Array, original: Float32Array, region: FrameRegion): void {
    const { points: local, places, weights } = this.#mesh;
    for (let i = 0; i < 3 * meshPointCount; i += 3) {
      local[i] = (points[i] as number) - region.x;
      local[i + 1] = (points[i + 1] as number) - region.y;
      local[i + 2] = points[i + 2] as number;
      places[i] = (original[i] as number) - region.x;
      places[i + 1] = (original[i + 1] as number) - region.y;
    }
    facingOf(local, this.#facing);
    for (let i = 0; i < meshPointCount; i++) weights[i] = smoothstep(0.04, 0.3, this.#facing[i] as number);
  }

  /** All buffers of a drawing, with the texture in place and the mesh rasterised. */
  #buffers(format: PlanarFormat, region: FrameRegion, drawn: PixelBox, faceTexture: FaceTexture) {
    const { call, memory } = kernels();
    const scratch = this.#scratch;
    const count = region.width * region.height;
    const chromaCount = chromaWidthOf(region, format) * chromaHeightOf(region, format);
    for (;;) {
      const { buffer } = memory;
      const texture = this.#textures.get(faceTexture);
      const buffers = {
        texture,
        nearest: rasterizeNearest(this.#mesh, drawn, scratch),
        planes: [
          scratch.floats('plane0', count),
          scratch.floats('plane1', chromaCount),
          scratch.floats('plane2', chromaCount),
        ] as const,
        coverage: scratch.floats('coverage', count),
        mask: scratch.floats('mask', count),
        outline: scratch.floats('outline', count),
        placeX: scratch.floats('placeX', count),
        placeY: scratch.floats('placeY', count),
        open: scratch.floats('open', appearanceSize * appearanceSize),
        openCorners: scratch.floats('open corners', 4 * appearanceSize * appearanceSize),
        interiorCorners: this.#interiorCorners(),
        colour: scratch.floats('colour', 18),
        field: scratch.floats('field', 3 * toneSide * toneSide),
        fieldCorners: scratch.floats('field corners', 12 * toneSide * toneSide),
        rows: scratch.bytes('rows', call.shadingRowBytes(drawn.right - drawn.left)),
      };
      // Growth makes the views from before unusable; the second time everything is there.
      if (memory.buffer === buffer) return buffers;
    }
  }

  #interiorCorners(): Float32Array {
    const corners = (): Float32Array => this.#scratch.floats('interior corners', 4 * zoneSize * zoneSize);
    if (this.#hasInterior) return corners();
    corners();
    const map = this.#scratch.floats('interior', zoneSize * zoneSize);
    map.set(this.#interior);
    // Asked for again, since the map may have made the memory grow.
    const found = corners();
    kernels().call.gatherCorners(addressOf(map), zoneSize, addressOf(found));
    this.#hasInterior = true;
    return found;
  }
}

export function regionAround(box: Box, format: PlanarFormat): FrameRegion | null {
  const margin = Math.max(box.width, box.height) * regionMargin + 4;
  const left = Math.max(0, Math.floor((box.x - margin) / 2) * 2);
  const top = Math.max(0, Math.floor((box.y - margin) / 2) * 2);
  const right = Math.min(format.widthPx, Math.ceil((box.x + box.width + margin) / 2) * 2);
  const bottom = Math.min(format.heightPx, Math.ceil((box.y + box.height + margin) / 2) * 2);
  const inside =
    box.x < format.widthPx && box.y < format.heightPx && box.x + box.width > 0 && box.y + box.height > 0;
  if (!inside || right - left < smallestRegionPx || bottom - top < smallestRegionPx) return null;
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** The part of the region that the mesh can cover, in its pixels, as the kernel wants it: from an even pixel, four wide. */
function evenBox(box: Box, region: FrameRegion): PixelBox {
  const clamped = (value: number, limit: number): number => Math.min(limit, Math.max(0, value));
  const left = clamped(Math.floor((box.x - region.x) / 2) * 2, (region.width - 4) & ~1);
  const top = clamped(Math.floor((box.y - region.y) / 2) * 2, (region.height - 1) & ~1);
  return {
    left,
    top,
    right: Math.max(left + 4, clamped(Math.floor(box.x + box.width - region.x) + 1, region.width)),
    bottom: Math.max(top + 1, clamped(Math.floor(box.y + box.height - region.y) + 1, region.height)),
  };
}

const chromaWidthOf = ({ width }: FrameRegion, { chromaShiftX }: PlanarFormat): number =>
  (width + (1 << chromaShiftX) - 1) >> chromaShiftX;

const chromaHeightOf = ({ height }: FrameRegion, { chromaShiftY }: PlanarFormat): number =>
  (height + (1 << chromaShiftY) - 1) >> chromaShiftY;

/** The Lab line, and the way from R'G'B' to the frame's planes: 3 × (gain, offset), then 3 × (red, green, blue, offset). */
function writeColour(out: Float32Array, format: PlanarFormat, { gain, offset }: ColourMatch): void {
  for (let c = 0; c < 3; c++) {
    // In high dynamic range the kernel works on the wide scale, whose Lab is smaller: see `widenLab`.
    const factor = format.hdr === undefined ? 1 : wideLabFactor;
    const more = c === 0 ? 16 : 0;
    out[2 * c] = (gain[c] as number) / factor;
    out[2 * c + 1] = factor === 1 ? (offset[c] as number) : ((offset[c] as number) + more) / factor - more;
  }
  const { isRgb, kr, kb, lumaSpan, chromaSpan, yOffset } = colourCoefficients(format.matrix, format.range);
  if (isRgb) {
    out.set(rgbPlanes, 6);
    return;
  }
  const kg = 1 - kr - kb;
  const perBlue = chromaSpan / (2 * (1 - kb));
  const perRed = chromaSpan / (2 * (1 - kr));
  out[6] = kr * lumaSpan;
  out[7] = kg * lumaSpan;
  out[8] = kb * lumaSpan;
  out[9] = yOffset;
  out[10] = -kr * perBlue;
  out[11] = -kg * perBlue;
  out[12] = (1 - kb) * perBlue;
  out[13] = 128;
  out[14] = (1 - kr) * perRed;
  out[15] = -kg * perRed;
  out[16] = -kb * perRed;
  out[17] = 128;
}

/** Lays the field out for the kernel. @returns its address there, 0 when there is none */
function writeField(
  { field, fieldCorners }: { readonly field: Float32Array; readonly fieldCorners: Float32Array },
  { hdr }: PlanarFormat,
  colour: ColourMatch,
): number {
  if (colour.field === null) return 0;
  const factor = hdr === undefined ? 1 : wideLabFactor;
  for (let i = 0; i < field.length; i++) field[i] = (colour.field[i] as number) / factor;
  const places = toneSide * toneSide;
  for (let c = 0; c < 3; c++) {
    const map = addressOf(field) + 4 * places * c;
    kernels().call.gatherCorners(map, toneSide, addressOf(fieldCorners) + 16 * places * c);
  }
  return addressOf(fieldCorners);
}

const rgbPlanes = [255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0] as const;
