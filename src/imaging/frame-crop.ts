import { type Affine, affineScale } from './affine.js';
import { type ColourCoefficients, colourCoefficients } from './colour.js';
import type { PlanarFrame, PlaneLayout } from './planar-frame.js';
import { Scratch } from './scratch.js';

/** How the crop's R'G'B' values (0..1) are scaled into the output: `value · scale + offset`. */
export type CropScaling = { readonly scale: number; readonly offset: number };

/** A plane, or a shrunken copy of a part of it, as the sampler reads it. */
type SampledPlane = {
  data: Uint8Array | Float32Array;
  /** Index of the first sample and the distance between rows. */
  base: number;
  stride: number;
  widthPx: number;
  heightPx: number;
  /** plane coordinate = (luma coordinate · inverse + shift) */
  scaleX: number;
  shiftX: number;
  scaleY: number;
  shiftY: number;
};

/**
 * Cuts affine crops out of planar frames as planar RGB floats, for model inputs.
 *
 * Against aliasing each plane is first averaged over k×k blocks, k being the whole part of the shrink factor; the
 * remaining factor below 2 is bilinear and not filtered again. An area average was chosen over Lanczos because its cost
 * falls with the size of the crop and it never rings around the eyes; the loss against Lanczos is a slight
 * softness that the models, trained on bilinear crops, do not notice.
 */
export class FrameCropper {
  readonly #scratch = new Scratch();

  /**
   * @param frame planar picture
   * @param toFrame maps crop pixel centres to luma pixel centres of the frame
   * @param out planar RGB, 3 × heightPx × widthPx; places outside the frame repeat its edge when `edge` is
   *   `repeat`, or get R'G'B' 0 when it is `black`
   */
  crop(
    frame: PlanarFrame,
    toFrame: Affine,
    widthPx: number,
    heightPx: number,
    out: Float32Array,
    scaling: CropScaling,
    edge: 'repeat' | 'black' = 'repeat',
  ): void {
    const { format, layout } = frame;
    const coefficients = colourCoefficients(format.matrix, format.range);
    const shrink = affineScale(toFrame);
    const bounds = cropBounds(toFrame, widthPx, heightPx);
    const planes = layout.planes.map((plane, index) =>
      this.#prepare(
        frame,
        plane,
        index,
        index === 0 ? 0 : format.chromaShiftX,
        index === 0 ? 0 : format.chromaShiftY,
        shrink,
        bounds,
      ),
    );
    const [first, second, third] = planes as [SampledPlane, SampledPlane, SampledPlane];
    const area = widthPx * heightPx;
    const frameRight = format.widthPx - 0.5;
    const frameBottom = format.heightPx - 0.5;
    const { scale, offset } = scaling;
    for (let row = 0; row < heightPx; row++) {
      for (let column = 0; column < widthPx; column++) {
        const x = toFrame.a * column + toFrame.b * row + toFrame.c;
        const y = toFrame.d * column + toFrame.e * row + toFrame.f;
        const index = row * widthPx + column;
        if (edge === 'black' && (x < -0.5 || y < -0.5 || x > frameRight || y > frameBottom)) {
          out[index] = offset;
          out[area + index] = offset;
          out[2 * area + index] = offset;
          continue;
        }
        const p0 = samplePlane(first, x, y);
        const p1 = samplePlane(second, x, y);
        const p2 = samplePlane(third, x, y);
        writeRgb(coefficients, p0, p1, p2, out, index, area, scale, offset);
      }
    }
  }

  #prepare(
    frame: PlanarFrame,
    plane: PlaneLayout,
    index: number,
    shiftXLog: number,
    shiftYLog: number,
    shrink: number,
    bounds: { left: number; top: number; right: number; bottom: number },
  ): SampledPlane {
    const perPlaneX = 1 / (1 << shiftXLog);
    const perPlaneY = 1 / (1 << shiftYLog);
    // Chroma of 4:2:0 and 4:2:2 is taken as sited on the left (MPEG-2, H.264 default): horizontally on a luma
    // sample, vertically between two.
    const siteY = shiftYLog === 1 ? -0.25 : 0;
    const block = Math.max(1, Math.floor(shrink * Math.min(perPlaneX, perPlaneY)));
    const whole: SampledPlane = {
      data: frame.data,
      base: plane.offset,
      stride: plane.widthPx,
      widthPx: plane.widthPx,
      heightPx: plane.heightPx,
      scaleX: perPlaneX,
      shiftX: 0,
      scaleY: perPlaneY,
      shiftY: siteY,
    };
    if (block === 1) return whole;
    const left = Math.max(0, Math.floor((bounds.left * perPlaneX) / block) - 1);
    const top = Math.max(0, Math.floor((bounds.top * perPlaneY) / block) - 1);
    const right = Math.min(
      Math.ceil(plane.widthPx / block),
      Math.ceil((bounds.right * perPlaneX) / block) + 2,
    );
    const bottom = Math.min(
      Math.ceil(plane.heightPx / block),
      Math.ceil((bounds.bottom * perPlaneY) / block) + 2,
    );
    const widthPx = Math.max(1, right - left);
    const heightPx = Math.max(1, bottom - top);
    if (right <= left || bottom <= top) return whole;
    const reduced = this.#scratch.floats(`reduced${index}`, widthPx * heightPx);
    averageBlocks(frame.data, plane, block, left, top, widthPx, heightPx, reduced);
    return {
      data: reduced,
      base: 0,
      stride: widthPx,
      widthPx,
      heightPx,
      scaleX: perPlaneX / block,
      shiftX: (0.5 - block / 2) / block - left,
      scaleY: perPlaneY / block,
      shiftY: (siteY + 0.5 - block / 2) / block - top,
    };
  }
}

function cropBounds(
  map: Affine,
  widthPx: number,
  heightPx: number,
): { left: number; top: number; right: number; bottom: number } {
  const xs = [
    map.c,
    map.a * widthPx + map.c,
    map.b * heightPx + map.c,
    map.a * widthPx + map.b * heightPx + map.c,
  ];
  const ys = [
    map.f,
    map.d * widthPx + map.f,
    map.e * heightPx + map.f,
    map.d * widthPx + map.e * heightPx + map.f,
  ];
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

/** Means of block×block samples; blocks at the right and bottom edge average what is there. */
function averageBlocks(
  data: Uint8Array,
  plane: PlaneLayout,
  block: number,
  left: number,
  top: number,
  widthPx: number,
  heightPx: number,
  out: Float32Array,
): void {
  for (let row = 0; row < heightPx; row++) {
    const y0 = (top + row) * block;
    const y1 = Math.min(plane.heightPx, y0 + block);
    for (let column = 0; column < widthPx; column++) {
      const x0 = (left + column) * block;
      const x1 = Math.min(plane.widthPx, x0 + block);
      let sum = 0;
      for (let y = y0; y < y1; y++) {
        const line = plane.offset + y * plane.widthPx;
        for (let x = x0; x < x1; x++) sum += data[line + x] as number;
      }
      out[row * widthPx + column] = sum / ((y1 - y0) * (x1 - x0));
    }
  }
}

function samplePlane(plane: SampledPlane, lumaX: number, lumaY: number): number {
  const { data, stride, base } = plane;
  let x = lumaX * plane.scaleX + plane.shiftX;
  let y = lumaY * plane.scaleY + plane.shiftY;
  const maxX = plane.widthPx - 1;
  const maxY = plane.heightPx - 1;
  x = x < 0 ? 0 : x > maxX ? maxX : x;
  y = y < 0 ? 0 : y > maxY ? maxY : y;
  const x0 = x | 0;
  const y0 = y | 0;
  const fx = x - x0;
  const fy = y - y0;
  const at = base + y0 * stride + x0;
  const stepX = x0 < maxX ? 1 : 0;
  const stepY = y0 < maxY ? stride : 0;
  const a = data[at] as number;
  const b = data[at + stepX] as number;
  const c = data[at + stepY] as number;
  const d = data[at + stepX + stepY] as number;
  const upper = a + (b - a) * fx;
  return upper + (c + (d - c) * fx - upper) * fy;
}

function writeRgb(
  k: ColourCoefficients,
  p0: number,
  p1: number,
  p2: number,
  out: Float32Array,
  index: number,
  area: number,
  scale: number,
  offset: number,
): void {
  let red: number;
  let green: number;
  let blue: number;
  if (k.isRgb) {
    red = p0 / 255;
    green = p1 / 255;
    blue = p2 / 255;
  } else {
    const luma = (p0 - k.yOffset) * k.yScale;
    const u = p1 - 128;
    const v = p2 - 128;
    red = luma + v * k.rv;
    green = luma + u * k.gu + v * k.gv;
    blue = luma + u * k.bu;
  }
  red = red < 0 ? 0 : red > 1 ? 1 : red;
  green = green < 0 ? 0 : green > 1 ? 1 : green;
  blue = blue < 0 ? 0 : blue > 1 ? 1 : blue;
  out[index] = red * scale + offset;
  out[area + index] = green * scale + offset;
  out[2 * area + index] = blue * scale + offset;
}
