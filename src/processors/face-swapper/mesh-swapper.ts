import type { Box } from '../../imaging/affine.js';
import { colourCoefficients, labToSrgb } from '../../imaging/colour.js';
import { type MeshRaster, rasterizeMesh } from '../../imaging/mesh-raster.js';
import type { PlanarFormat } from '../../imaging/planar-frame.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { Scratch } from '../../imaging/scratch.js';
import { boundsOf } from '../face-landmarker/mesh-bounds.js';
import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import { appearanceSize } from './appearance.js';
import type { ColourMatch } from './colour-match.js';
import { faceLayout, type FaceZones, zoneSize } from './face-layout.js';
import { carryShape } from './face-shape.js';
import { facingOf } from './rectify.js';
import type { SourceFace } from './source-face.js';

/** A part of the frame, in luma pixels; `x` and `y` are even, so that chroma samples are not split. */
export type FrameRegion = {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
};

/**
 * A new face drawn for one region of a frame, in the frame's own plane values but as floats. The planes belong to the
 * swapper and stay valid until its next call.
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
   * Where the target's own pixel comes from, in luma pixels of the region, luma size, valid where covered: the target's
   * eyes and mouth move with the new proportions, but nothing outside the mask's edge and nothing that lies over the face.
   */
  readonly placeX: Float32Array;
  readonly placeY: Float32Array;
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

/** Draws source textures onto target meshes. One per thread; owns its buffers. */
export class MeshSwapper {
  readonly #scratch = new Scratch();
  readonly #local = new Float32Array(meshPointCount * 3);
  readonly #places = new Float32Array(meshPointCount * 3);
  readonly #facing = new Float32Array(meshPointCount);
  readonly #weights = new Float32Array(meshPointCount);
  readonly #colour = new Float32Array(3);
  readonly #interior: Float32Array;

  /** @param zones the mask's interior confines what is moved */
  constructor(zones: Pick<FaceZones, 'interior'>) {
    this.#interior = zones.interior;
  }

  /**
   * Draws one face.
   *
   * @returns null when nothing of the face lies inside the frame or its mask is empty
   */
  draw(format: PlanarFormat, request: SwapRequest): FacePatch | null {
    const { source, colour, open } = request;
    const points = carryShape(request.points, request.shape, source.shape);
    const box = boundsOf(points);
    const region = regionAround(box, format);
    if (region === null) return null;
    const { width, height } = region;
    const local = this.#local;
    const places = this.#places;
    for (let i = 0; i < meshPointCount; i++) {
      local[3 * i] = (points[3 * i] as number) - region.x;
      local[3 * i + 1] = (points[3 * i + 1] as number) - region.y;
      local[3 * i + 2] = points[3 * i + 2] as number;
      places[3 * i] = (request.points[3 * i] as number) - region.x;
      places[3 * i + 1] = (request.points[3 * i + 1] as number) - region.y;
    }
    facingOf(local, this.#facing);
    for (let i = 0; i < meshPointCount; i++) {
      this.#weights[i] = smoothstep(0.04, 0.3, this.#facing[i] as number);
    }
    const count = width * height;
    const raster: MeshRaster = {
      widthPx: width,
      heightPx: height,
      u: this.#scratch.floats('u', count),
      v: this.#scratch.floats('v', count),
      weight: this.#scratch.floats('weight', count),
      placeX: this.#scratch.floats('placeX', count),
      placeY: this.#scratch.floats('placeY', count),
      depth: this.#scratch.floats('depth', count),
      footprint: this.#scratch.floats('footprint', count),
    };
    rasterizeMesh(local, faceLayout.uv, this.#weights, places, faceLayout.triangles, raster);

    const chromaWidth = (width + (1 << format.chromaShiftX) - 1) >> format.chromaShiftX;
    const chromaHeight = (height + (1 << format.chromaShiftY) - 1) >> format.chromaShiftY;
    const first = this.#scratch.floats('plane0', count);
    const second = this.#scratch.floats('plane1', chromaWidth * chromaHeight).fill(0);
    const third = this.#scratch.floats('plane2', chromaWidth * chromaHeight).fill(0);
    const samples = this.#scratch.floats('samples', chromaWidth * chromaHeight).fill(0);
    const coverage = this.#scratch.floats('coverage', count);
    const mask = this.#scratch.floats('mask', count);
    const k = colourCoefficients(format.matrix, format.range);
    const kg = 1 - k.kr - k.kb;
    const rgb = this.#colour;
    const [gainL, gainA, gainB] = colour.gain as unknown as [number, number, number];
    const [offsetL, offsetA, offsetB] = colour.offset as unknown as [number, number, number];
    const texel = new Float32Array(4);
    let visible = false;
    for (let y = 0, at = 0; y < height; y++) {
      const chromaRow = (y >> format.chromaShiftY) * chromaWidth;
      for (let x = 0; x < width; x++, at++) {
        const u = raster.u[at] as number;
        if (u < 0) {
          coverage[at] = 0;
          mask[at] = 0;
          first[at] = 0;
          continue;
        }
        const v = raster.v[at] as number;
        sampleTexture(source, u, v, raster.footprint[at] as number, texel);
        labToSrgb(
          (texel[0] as number) * gainL + offsetL,
          (texel[1] as number) * gainA + offsetA,
          (texel[2] as number) * gainB + offsetB,
          rgb,
          0,
        );
        const [red, green, blue] = rgb as unknown as [number, number, number];
        coverage[at] = 1;
        const free = (raster.weight[at] as number) * sampleMap(open, appearanceSize, u, v);
        mask[at] = (texel[3] as number) * free;
        if ((mask[at] as number) > 0.002) visible = true;
        const moved = free * sampleMap(this.#interior, zoneSize, u, v);
        raster.placeX[at] = x + moved * ((raster.placeX[at] as number) - x);
        raster.placeY[at] = y + moved * ((raster.placeY[at] as number) - y);
        let secondValue = green * 255;
        let thirdValue = blue * 255;
        if (k.isRgb) {
          first[at] = red * 255;
        } else {
          const luma = k.kr * red + kg * green + k.kb * blue;
          first[at] = luma * k.lumaSpan + k.yOffset;
          secondValue = ((blue - luma) / (2 * (1 - k.kb))) * k.chromaSpan + 128;
          thirdValue = ((red - luma) / (2 * (1 - k.kr))) * k.chromaSpan + 128;
        }
        // Chroma sits on the even columns (MPEG-2, H.264 default): they count twice, odd ones once to either side.
        const chroma = chromaRow + (x >> format.chromaShiftX);
        const odd = x & format.chromaShiftX;
        const share = 2 - odd;
        samples[chroma] = (samples[chroma] as number) + share;
        second[chroma] = (second[chroma] as number) + share * secondValue;
        third[chroma] = (third[chroma] as number) + share * thirdValue;
        if (odd === 1 && (x >> 1) + 1 < chromaWidth) {
          samples[chroma + 1] = (samples[chroma + 1] as number) + 1;
          second[chroma + 1] = (second[chroma + 1] as number) + secondValue;
          third[chroma + 1] = (third[chroma + 1] as number) + thirdValue;
        }
      }
    }
    if (!visible) return null;
    for (let i = 0; i < samples.length; i++) {
      const n = samples[i] as number;
      if (n > 0) {
        second[i] = (second[i] as number) / n;
        third[i] = (third[i] as number) / n;
      }
    }
    return {
      region,
      faceWidthPx: box.width,
      planes: [first, second, third],
      coverage,
      mask,
      placeX: raster.placeX,
      placeY: raster.placeY,
    };
  }
}

function regionAround(box: Box, format: PlanarFormat): FrameRegion | null {
  const margin = Math.max(box.width, box.height) * regionMargin + 4;
  const left = Math.max(0, Math.floor((box.x - margin) / 2) * 2);
  const top = Math.max(0, Math.floor((box.y - margin) / 2) * 2);
  const right = Math.min(format.widthPx, Math.ceil((box.x + box.width + margin) / 2) * 2);
  const bottom = Math.min(format.heightPx, Math.ceil((box.y + box.height + margin) / 2) * 2);
  const inside =
    box.x < format.widthPx && box.y < format.heightPx && box.x + box.width > 0 && box.y + box.height > 0;
  if (!inside || right - left < 8 || bottom - top < 8) return null;
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function sampleTexture(source: SourceFace, u: number, v: number, footprint: number, out: Float32Array): void {
  const { levels, sizePx } = source.texture;
  const level = Math.max(0, Math.log2(Math.max(1e-6, footprint * sizePx)));
  const low = Math.min(levels.length - 1, level | 0);
  const high = Math.min(levels.length - 1, low + 1);
  const blend = Math.min(1, level - low);
  sampleLevel(levels[low] as Float32Array, sizePx >> low, u, v, 1 - blend, out, true);
  if (blend > 0) sampleLevel(levels[high] as Float32Array, sizePx >> high, u, v, blend, out, false);
}

function sampleLevel(
  data: Float32Array,
  side: number,
  u: number,
  v: number,
  weight: number,
  out: Float32Array,
  reset: boolean,
): void {
  const limit = side - 1.001;
  let x = u * side - 0.5;
  let y = v * side - 0.5;
  x = x < 0 ? 0 : x > limit ? limit : x;
  y = y < 0 ? 0 : y > limit ? limit : y;
  const x0 = x | 0;
  const y0 = y | 0;
  const fx = x - x0;
  const fy = y - y0;
  const at = 4 * (y0 * side + x0);
  const below = at + 4 * side;
  const w00 = (1 - fx) * (1 - fy) * weight;
  const w10 = fx * (1 - fy) * weight;
  const w01 = (1 - fx) * fy * weight;
  const w11 = fx * fy * weight;
  for (let c = 0; c < 4; c++) {
    const value =
      (data[at + c] as number) * w00 +
      (data[at + 4 + c] as number) * w10 +
      (data[below + c] as number) * w01 +
      (data[below + 4 + c] as number) * w11;
    out[c] = reset ? value : (out[c] as number) + value;
  }
}

/** Bilinear value of a square map over the layout. */
function sampleMap(map: Float32Array, side: number, u: number, v: number): number {
  const limit = side - 1.001;
  const x = Math.min(limit, Math.max(0, u * side - 0.5));
  const y = Math.min(limit, Math.max(0, v * side - 0.5));
  const x0 = x | 0;
  const y0 = y | 0;
  const fx = x - x0;
  const fy = y - y0;
  const at = y0 * side + x0;
  return (
    ((map[at] as number) * (1 - fx) + (map[at + 1] as number) * fx) * (1 - fy) +
    ((map[at + side] as number) * (1 - fx) + (map[at + side + 1] as number) * fx) * fy
  );
}
