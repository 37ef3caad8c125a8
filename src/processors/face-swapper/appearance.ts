import { FaceswapError } from '../../errors.js';
import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { PyramidSteps } from '../../imaging/pyramid.js';
import { Scratch } from '../../imaging/scratch.js';
import { type HdrSignal, toneAddress, wideLabFactor } from '../../imaging/tone-curve.js';
import { type Portrait, writePortrait } from '../face-masker/portrait.js';
import { landmarkInputPx } from '../face-landmarker/face-landmarker.js';
import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import { grainFloats } from '../grain-matcher/grain-level.js';
import { faceLayout, type FaceZones, zoneSize } from './face-layout.js';
import { drawRims, glassesContrast } from './glasses.js';
import { allocateSkinModel, type LabPlanes, measureSkin, type SkinModel, skinModel } from './skin-model.js';
import { allocateSkinTones, measureTones, type SkinTones, toneMaps, toneSide } from './skin-tones.js';

/** Side of the flattened face that appearance is measured on; about the landmark crop's own resolution. */
export const appearanceSize = 128;

/** Detail bands that are compared, finest first: one octave each below {@link appearanceSize}. */
export const bandCount = 3;

/**
 * How a face looks, measured on the flattened layout so that two faces compare place by place. Small enough to be kept
 * for every frame of the smoothing window.
 */
export type FaceAppearance = {
  /** Mean of L, a, b over plain skin. */
  readonly mean: Float32Array;
  /** Standard deviation of L, a, b over plain skin. */
  readonly std: Float32Array;
  /** RMS of L in each detail band over the inner face. */
  readonly bands: Float32Array;
  /** appearanceSize² numbers: 1 where the surface may be replaced, 0 where hair lies over it. */
  readonly open: Float32Array;
  /** How clearly the face wears glasses: see `glassesContrast`. */
  readonly glasses: number;
  /** appearanceSize² numbers: 1 on the rims, if there are any. */
  readonly rims: Float32Array;
  /** How the skin's tones are spread. */
  readonly tones: SkinTones;
  /** How noisy the picture is there, as `GrainMatcher` measures it; zeros where nobody asked. */
  readonly grain: Float32Array;
};

/** An appearance that {@link AppearanceReader.read} can write into. */
export type AppearanceBuffer = { -readonly [Key in keyof FaceAppearance]: FaceAppearance[Key] };

/** A new appearance of zeros, in plain memory: it can be kept, and sent to another thread. */
export function allocateAppearance(): AppearanceBuffer {
  return {
    mean: new Float32Array(3),
    std: new Float32Array(3),
    bands: new Float32Array(bandCount),
    open: new Float32Array(appearanceSize * appearanceSize),
    glasses: 0,
    rims: new Float32Array(appearanceSize * appearanceSize),
    tones: allocateSkinTones(),
    grain: new Float32Array(grainFloats),
  };
}

const texelCount = appearanceSize * appearanceSize;

/** Bytes of one texel's record; the layout of a record is told in `assembly/appearance.ts`. */
const texelBytes = 20;

/** Where the texels of the appearance map lie on the mesh, as the kernel reads it. */
type LayoutTexels = {
  /** Groups of four texels that have any inside the face. */
  readonly groups: Uint16Array;
  /** Four records per group. */
  readonly records: Uint8Array;
  /** 1 inside the face, by texel. */
  readonly inside: Float32Array;
};

/** The layout is fixed, so this is computed once. */
function layoutTexels(): LayoutTexels {
  const { uv, triangles } = faceLayout;
  const n = appearanceSize;
  const records = new Uint8Array(texelCount * texelBytes);
  const view = new DataView(records.buffer);
  const inside = new Float32Array(texelCount);
  for (let t = 0; t < triangles.length; t += 3) {
    const corners = [triangles[t], triangles[t + 1], triangles[t + 2]] as [number, number, number];
    const [[x0, y0], [x1, y1], [x2, y2]] = corners.map((i) => [
      (uv[2 * i] as number) * n - 0.5,
      (uv[2 * i + 1] as number) * n - 0.5,
    ]) as [[number, number], [number, number], [number, number]];
    const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
    for (let y = Math.ceil(Math.min(y0, y1, y2)); y <= Math.max(y0, y1, y2); y++) {
      for (let x = Math.ceil(Math.min(x0, x1, x2)); x <= Math.max(x0, x1, x2); x++) {
        const b = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area;
        const c = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area;
        if (b < -1e-6 || c < -1e-6 || b + c > 1 + 1e-6) continue;
        const texel = y * n + x;
        inside[texel] = 1;
        corners.forEach((corner, i) => {
          view.setUint16(texel * texelBytes + 2 * i, corner, true);
        });
        view.setUint16(texel * texelBytes + 6, 1, true);
        [1 - b - c, b, c].forEach((weight, i) => {
          view.setFloat32(texel * texelBytes + 8 + 4 * i, weight, true);
        });
      }
    }
  }
  const groups: number[] = [];
  for (let group = 0; group < texelCount / 4; group++) {
    if (inside.subarray(4 * group, 4 * group + 4).some((value) => value === 1)) groups.push(group);
  }
  const packed = new Uint8Array(groups.length * 4 * texelBytes);
  groups.forEach((group, i) => {
    const from = group * 4 * texelBytes;
    packed.set(records.subarray(from, from + 4 * texelBytes), i * 4 * texelBytes);
  });
  return { groups: Uint16Array.from(groups), records: packed, inside };
}

const layout = layoutTexels();

/** The zones as the measurement needs them: at appearance size, products taken once. */
type MeasuringMaps = {
  /** Plain skin. */
  readonly skin: Float32Array;
  /** Where hair may lie over the face. */
  readonly guard: Float32Array;
  /** Where rims of glasses may run. */
  readonly rims: Float32Array;
  /** The inner face without its openings: its outline would measure the background, the openings the teeth. */
  readonly inner: Float32Array;
};

function measuringMaps(zones: FaceZones): MeasuringMaps {
  const n = appearanceSize;
  const ratio = zoneSize / n;
  const map = (value: (zoneIndex: number) => number): Float32Array =>
    Float32Array.from({ length: n * n }, (_, i) => {
      const x = Math.floor(((i % n) + 0.5) * ratio);
      const y = Math.floor((Math.floor(i / n) + 0.5) * ratio);
      return value(y * zoneSize + x);
    });
  const at = (zone: Float32Array, i: number): number => zone[i] as number;
  return {
    skin: map((i) => at(zones.skin, i)),
    guard: map((i) => at(zones.hairline, i) * (1 - at(zones.brows, i))),
    rims: map((i) => at(zones.rims, i) * (1 - smoothstep(0.6, 0.95, at(zones.brows, i)))),
    inner: map((i) => at(zones.core, i) * (1 - at(zones.openings, i)) * (1 - at(zones.hairline, i))),
  };
}

/** What the reader works in: all in kernel memory. */
type ReaderBuffers = MeasuringMaps & {
  readonly inside: Float32Array;
  readonly records: Uint8Array;
  readonly groups: Uint16Array;
  readonly crop: Float32Array;
  readonly pixels: Float32Array;
  readonly vertices: Float32Array;
  readonly lab: LabPlanes;
  readonly seen: Float32Array;
  readonly product: Float32Array;
  readonly open: Float32Array;
  readonly rimLines: Float32Array;
  /** What `skinBlocks` writes. */
  readonly blocks: Float32Array;
  /** The skin model as kernels read it. */
  readonly modelFloats: Float32Array;
  /** L and its halves. */
  readonly light: readonly Float32Array[];
};

/**
 * Reads appearances out of landmark crops, in kernels (`assembly/appearance.ts`). One per thread; owns its buffers, which it takes
 * when it is made: kernel memory does not grow later, unless crops have another size than the landmark model's.
 */
export class AppearanceReader {
  readonly #maps: MeasuringMaps;
  readonly #steps = new PyramidSteps();
  readonly #scratch = new Scratch();
  readonly #model = allocateSkinModel();
  /** Whether maps and layout lie in the scratch memory already. */
  #hasMaps = false;

  constructor(zones: FaceZones) {
    this.#maps = measuringMaps(zones);
    // One reading of nothing takes all memory, so that a crop in kernel memory cannot be moved away by the first real one.
    const points = new Float32Array(3 * meshPointCount);
    const facing = new Float32Array(meshPointCount);
    this.read(new Float32Array(3 * landmarkInputPx ** 2), landmarkInputPx, points, facing);
  }

  /**
   * @param crop planar RGB 0..1, 3 × sizePx × sizePx, anywhere; sizePx is even
   * @param points 468 × (x, y, z) in pixels of the crop
   * @param facing 468 numbers, how squarely each point faces the camera
   * @param out receives the appearance; its owner may hand it in again once it is no longer read. A new one when left out
   * @param hdr what the crop was read from: its highlights are then measured as they are, so that L may exceed 100
   * @throws FaceswapError (bug) when the crop has another size than it should
   */
  read(
    crop: Float32Array,
    sizePx: number,
    points: Float32Array,
    facing: Float32Array,
    out: AppearanceBuffer = allocateAppearance(),
    hdr?: HdrSignal,
  ): FaceAppearance {
    const tone = toneAddress(hdr);
    const buffers = this.#buffers(crop, sizePx);
    const { lab, seen, product, open, rimLines } = buffers;
    this.#flatten(buffers, sizePx, points, facing, tone);
    this.#multiply(seen, buffers.skin, product);
    const model = skinModel(lab, product, this.#scratch, this.#model);
    measureSkin(lab, buffers, model, appearanceSize, this.#scratch, { open, mean: out.mean, std: out.std });
    this.#blockSkin(buffers, model);
    measureTones(buffers.blocks, model.centre, out.tones);
    out.open.set(open);
    this.#multiply(seen, buffers.rims, product);
    drawRims(lab, appearanceSize, product, model, this.#scratch, rimLines);
    out.rims.set(rimLines);
    out.glasses = glassesContrast(lab, appearanceSize, this.#scratch);
    this.#measureBands(buffers, out);
    return out;
  }

  /** Writes a portrait of the face that was read last. */
  copyPortrait(out: Portrait): void {
    const map = (name: string): Float32Array => this.#scratch.floats(name, texelCount);
    writePortrait([map('L'), map('a'), map('b')], map('seen'), out);
  }

  /** The tones of the skin that was read last, all over the flattened face: 3 × toneSide² numbers in plain memory. */
  lastToneMaps(): Float32Array {
    // The blocks keep what the last reading left in them.
    const blocks = this.#scratch.floats('blocks', 4 * toneSide * toneSide).slice();
    return toneMaps(blocks, this.#model.centre);
  }

  #blockSkin({ lab, product, modelFloats, blocks }: ReaderBuffers, model: SkinModel): void {
    modelFloats.set(model.centre);
    modelFloats.set(model.spread, 3);
    const [first, second, third] = lab;
    kernels().call.skinBlocks(
      addressOf(first),
      addressOf(second),
      addressOf(third),
      addressOf(product),
      addressOf(modelFloats),
      appearanceSize,
      addressOf(blocks),
    );
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#scratch.dispose();
    this.#hasMaps = false;
  }

  /** L, a, b of every texel, and how well it was seen. */
  #flatten(
    { crop, pixels, vertices, records, groups, lab, seen }: ReaderBuffers,
    sizePx: number,
    points: Float32Array,
    facing: Float32Array,
    tone: number,
  ): void {
    const { call } = kernels();
    for (let i = 0; i < meshPointCount; i++) {
      vertices[4 * i] = points[3 * i] as number;
      vertices[4 * i + 1] = points[3 * i + 1] as number;
      vertices[4 * i + 2] = facing[i] as number;
      vertices[4 * i + 3] = 0;
    }
    const [first, second, third] = lab;
    first.fill(0);
    second.fill(0);
    third.fill(0);
    seen.fill(0);
    call.interleavePlanes(addressOf(crop), sizePx * sizePx, addressOf(pixels));
    call.flattenFace(
      addressOf(pixels),
      sizePx,
      addressOf(vertices),
      addressOf(records),
      addressOf(groups),
      groups.length,
      addressOf(first),
      addressOf(second),
      addressOf(third),
      addressOf(seen),
    );
    const colours = [addressOf(first), addressOf(second), addressOf(third), texelCount] as const;
    if (tone !== 0) call.displayToWide(...colours, tone);
    call.srgbToLabPlanes(...colours);
    if (tone !== 0) call.widenLab(...colours, wideLabFactor);
  }

  #multiply(first: Float32Array, second: Float32Array, out: Float32Array): void {
    kernels().call.multiplyMaps(addressOf(first), addressOf(second), addressOf(out), texelCount);
  }

  #measureBands({ lab, seen, inside, inner, product, light }: ReaderBuffers, out: AppearanceBuffer): void {
    const { call } = kernels();
    this.#multiply(seen, inner, product);
    // Outside the layout there is no face: filled with the skin's own lightness, its edge makes no detail.
    const lightness = out.mean[0] as number;
    const finest = light[0] as Float32Array;
    call.fillOutside(addressOf(lab[0]), addressOf(inside), lightness, addressOf(finest), texelCount);
    for (let level = 0; level < bandCount; level++) {
      const size = appearanceSize >> level;
      const fine = light[level] as Float32Array;
      const coarse = light[level + 1] as Float32Array;
      this.#steps.reduce(fine, size, size, coarse);
      this.#steps.expandAdd(coarse, size, size, fine, -1);
      out.bands[level] = call.bandEnergy(addressOf(fine), appearanceSize, level, addressOf(product));
    }
  }

  #buffers(crop: Float32Array, sizePx: number): ReaderBuffers {
    const { memory } = kernels();
    const scratch = this.#scratch;
    const cropLength = 3 * sizePx * sizePx;
    const map = (name: string): Float32Array => scratch.floats(name, texelCount);
    for (;;) {
      const { buffer } = memory;
      if (crop.length !== cropLength) {
        throw new FaceswapError(
          'bug',
          `A crop of ${sizePx} pixels has ${cropLength} values, not ${crop.length}`,
        );
      }
      const isInPlace = crop.buffer === buffer;
      const buffers: ReaderBuffers = {
        skin: map('skin'),
        guard: map('guard'),
        rims: map('rim zone'),
        inner: map('inner'),
        inside: map('inside'),
        records: scratch.bytes('texels', layout.records.length),
        groups: scratch.words('groups', layout.groups.length),
        crop: isInPlace ? crop : scratch.floats('crop', crop.length),
        pixels: scratch.floats('pixels', 4 * sizePx * sizePx),
        vertices: scratch.floats('vertices', 4 * meshPointCount),
        lab: [map('L'), map('a'), map('b')],
        seen: map('seen'),
        product: map('product'),
        open: map('open'),
        rimLines: map('rim lines'),
        blocks: scratch.floats('blocks', 4 * toneSide * toneSide),
        modelFloats: scratch.floats('model', 6),
        light: lightNames.map((name, level) => scratch.floats(name, (appearanceSize >> level) ** 2)),
      };
      // Growth makes the views from before unusable; the second time everything is there.
      if (memory.buffer !== buffer) continue;
      if (!isInPlace) buffers.crop.set(crop);
      if (!this.#hasMaps) {
        buffers.skin.set(this.#maps.skin);
        buffers.guard.set(this.#maps.guard);
        buffers.rims.set(this.#maps.rims);
        buffers.inner.set(this.#maps.inner);
        buffers.inside.set(layout.inside);
        buffers.records.set(layout.records);
        buffers.groups.set(layout.groups);
        this.#hasMaps = true;
      }
      return buffers;
    }
  }
}

const lightNames = ['light 0', 'light 1', 'light 2', 'light 3'] as const;
