import { colourCoefficients } from '../../../src/imaging/colour.js';
import type { PlanarFormat } from '../../../src/imaging/planar-frame.js';
import { smoothstep } from '../../../src/imaging/plane-ops.js';
import { boundsOf } from '../../../src/processors/face-landmarker/mesh-bounds.js';
import { meshPointCount } from '../../../src/processors/face-landmarker/mesh-indices.js';
import { appearanceSize } from '../../../src/processors/face-swapper/appearance.js';
import { faceLayout, type FaceZones, zoneSize } from '../../../src/processors/face-swapper/face-layout.js';
import { carryShape } from '../../../src/processors/face-swapper/face-shape.js';
import type {
  FacePatch,
  FrameRegion,
  SwapRequest,
} from '../../../src/processors/face-swapper/mesh-swapper.js';
import { toneSide } from '../../../src/processors/face-swapper/skin-tones.js';
import { facingOf } from '../../../src/processors/face-swapper/rectify.js';
import type { FaceTexture } from '../../../src/processors/face-swapper/source-face.js';
import { labToSrgb } from './lab.js';
import { plainRaster } from './mesh-raster.js';
import { narrowedLab, plainWideToSignal } from './tone-curve.js';

/** The region that `MeshSwapper` works in: the mesh's box and 22 % around it, from even pixels. */
const regionAround = (points: Float32Array, format: PlanarFormat): FrameRegion | null => {
  const box = boundsOf(points);
  const margin = Math.max(box.width, box.height) * 0.22 + 4;
  const left = Math.max(0, Math.floor((box.x - margin) / 2) * 2);
  const top = Math.max(0, Math.floor((box.y - margin) / 2) * 2);
  const right = Math.min(format.widthPx, Math.ceil((box.x + box.width + margin) / 2) * 2);
  const bottom = Math.min(format.heightPx, Math.ceil((box.y + box.height + margin) / 2) * 2);
  const inside =
    box.x < format.widthPx && box.y < format.heightPx && box.x + box.width > 0 && box.y + box.height > 0;
  if (!inside || right - left < 8 || bottom - top < 8) return null;
  return { x: left, y: top, width: right - left, height: bottom - top };
};

/** Bilinear value of a square map over the layout. */
const sampleMap = (map: Float32Array, side: number, u: number, v: number): number => {
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
};

const sampleLevel = (
  data: Float32Array,
  side: number,
  u: number,
  v: number,
  weight: number,
  out: Float32Array,
): void => {
  const limit = side - 1.001;
  const x = Math.min(limit, Math.max(0, u * side - 0.5));
  const y = Math.min(limit, Math.max(0, v * side - 0.5));
  const x0 = x | 0;
  const y0 = y | 0;
  const fx = x - x0;
  const fy = y - y0;
  const at = 4 * (y0 * side + x0);
  const below = at + 4 * side;
  for (let c = 0; c < 4; c++) {
    const value =
      (data[at + c] as number) * (1 - fx) * (1 - fy) +
      (data[at + 4 + c] as number) * fx * (1 - fy) +
      (data[below + c] as number) * (1 - fx) * fy +
      (data[below + 4 + c] as number) * fx * fy;
    out[c] = (out[c] as number) + weight * value;
  }
};

/** L, a, b and opacity of a place of the texture, between the two mip levels of its size. */
const sampleTexture = (
  { levels, sizePx }: FaceTexture,
  u: number,
  v: number,
  footprint: number,
  out: Float32Array,
): void => {
  const level = Math.max(0, Math.log2(Math.max(1e-6, footprint * sizePx)));
  const low = Math.min(levels.length - 1, level | 0);
  const high = Math.min(levels.length - 1, low + 1);
  const blend = Math.min(1, level - low);
  out.fill(0);
  sampleLevel(levels[low] as Float32Array, sizePx >> low, u, v, 1 - blend, out);
  if (blend > 0) sampleLevel(levels[high] as Float32Array, sizePx >> high, u, v, blend, out);
};

/** The plain twin of `MeshSwapper.draw`: the whole mesh first, then pixel by pixel. */
export const plainDraw = (
  format: PlanarFormat,
  { source, colour, open, points: original, shape }: SwapRequest,
  { interior }: Pick<FaceZones, 'interior'>,
): FacePatch | null => {
  const points = carryShape(original, shape, source.shape);
  const region = regionAround(points, format);
  if (region === null) return null;
  const { width, height } = region;
  const move = (mesh: Float32Array): Float32Array =>
    mesh.map((value, i) => value - (i % 3 === 0 ? region.x : i % 3 === 1 ? region.y : 0));
  const local = move(points);
  const weights = facingOf(local, new Float32Array(meshPointCount)).map((value) =>
    smoothstep(0.04, 0.3, value),
  );
  const { uv, triangles } = faceLayout;
  const mesh = { points: local, uv, weights, places: move(original), triangles };
  const raster = plainRaster(mesh, width, height);
  const { placeX, placeY } = raster;

  const chromaWidth = (width + (1 << format.chromaShiftX) - 1) >> format.chromaShiftX;
  const chromaHeight = (height + (1 << format.chromaShiftY) - 1) >> format.chromaShiftY;
  const first = new Float32Array(width * height);
  const second = new Float32Array(chromaWidth * chromaHeight);
  const third = new Float32Array(chromaWidth * chromaHeight);
  const samples = new Float32Array(chromaWidth * chromaHeight);
  const coverage = new Float32Array(width * height);
  const mask = new Float32Array(width * height);
  const outline = new Float32Array(width * height);
  const k = colourCoefficients(format.matrix, format.range);
  const kg = 1 - k.kr - k.kb;
  const rgb = new Float32Array(3);
  const texel = new Float32Array(4);
  const [gainL, gainA, gainB] = colour.gain as unknown as [number, number, number];
  const [offsetL, offsetA, offsetB] = colour.offset as unknown as [number, number, number];
  let visible = false;
  for (let y = 0, at = 0; y < height; y++) {
    const chromaRow = (y >> format.chromaShiftY) * chromaWidth;
    for (let x = 0; x < width; x++, at++) {
      const u = raster.u[at] as number;
      if (u < 0) continue;
      const v = raster.v[at] as number;
      sampleTexture(source.texture, u, v, raster.footprint[at] as number, texel);
      const more = (c: number): number =>
        colour.field === null
          ? 0
          : sampleMap(colour.field.subarray(toneSide ** 2 * c, toneSide ** 2 * (c + 1)), toneSide, u, v);
      const matched = [
        (texel[0] as number) * gainL + offsetL + more(0),
        (texel[1] as number) * gainA + offsetA + more(1),
        (texel[2] as number) * gainB + offsetB + more(2),
      ] as const;
      const [lightness, a, b] = format.hdr === undefined ? matched : narrowedLab(...matched);
      labToSrgb(lightness, a, b, rgb, 0);
      const shown = rgb as unknown as [number, number, number];
      const [red, green, blue] = format.hdr === undefined ? shown : plainWideToSignal(format.hdr, shown);
      coverage[at] = 1;
      const free = (raster.weight[at] as number) * sampleMap(open, appearanceSize, u, v);
      mask[at] = (texel[3] as number) * free;
      if ((mask[at] as number) > 0.002) visible = true;
      outline[at] = sampleMap(interior, zoneSize, u, v);
      const moved = free * (outline[at] as number);
      placeX[at] = x + moved * ((placeX[at] as number) - x);
      placeY[at] = y + moved * ((placeY[at] as number) - y);
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
  samples.forEach((n, i) => {
    if (n === 0) return;
    second[i] = (second[i] as number) / n;
    third[i] = (third[i] as number) / n;
  });
  const faceWidthPx = boundsOf(points).width;
  return { region, faceWidthPx, planes: [first, second, third], coverage, mask, outline, placeX, placeY };
};
