import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import { type PlanarFrame, sampleScale } from '../../imaging/planar-frame.js';
import { Scratch } from '../../imaging/scratch.js';
import { boundsOf } from '../face-landmarker/mesh-bounds.js';
import type { FacePatch } from '../face-swapper/mesh-swapper.js';
import {
  type GrainBlock,
  grainFloats,
  grainKnots,
  grainLevels,
  type NoiseEnergy,
  noiseStrengths,
  writeGrain,
} from './grain-level.js';

/** Side of a measured block in samples of its plane, as the kernel has it. */
const blockSide = 8;

/** Most blocks across that are measured: of a larger face every second or third place. */
const mostBlocks = 40;

/** Half axes of the ellipse inside which a block is the face's, as shares of the box of its mesh. */
const innerShare = { x: 0.4, y: 0.42 } as const;

/** How much wider and higher than the face the surroundings are. */
const aroundFactor = 1.9;

/** Samples behind a plane that kernels may read. */
const slack = 16;

/** A box in samples of a plane, half-open. */
type SampleBox = {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
};

/**
 * Gives a swapped face the grain of the picture that it is in: how much noise the target's face has, by luma and in two widths, is
 * measured when the target is analysed; what the drawn face lacks of it is added inside its mask.
 *
 * The noise is counted out of the place in the frame and of a number that belongs to the frame's picture: it lies still where
 * the picture is repeated and is another on every other frame. One per thread; owns its buffers.
 */
export class GrainMatcher {
  readonly #scratch = new Scratch();
  readonly #drawn = new Float32Array(grainFloats);

  /**
   * Measures a face.
   *
   * @param points 468 × (x, y, z) in frame pixels
   * @param out receives {@link grainFloats} floats
   */
  measure(frame: PlanarFrame, points: Float32Array, out: Float32Array): void {
    const { x, y, width, height } = boundsOf(points);
    const inFace = (atX: number, atY: number, growth: number): boolean => {
      const dx = (atX - (x + width / 2)) / (growth * width);
      const dy = (atY - (y + height / 2)) / (growth * height);
      return (dx / innerShare.x) ** 2 + (dy / innerShare.y) ** 2 < 1;
    };
    const face: GrainBlock[] = [];
    const around: GrainBlock[] = [];
    const marginX = ((aroundFactor - 1) / 2) * width;
    const marginY = ((aroundFactor - 1) / 2) * height;
    const wide = {
      left: x - marginX,
      top: y - marginY,
      right: x + width + marginX,
      bottom: y + height + marginY,
    };
    this.#eachBlock(frame, 0, wide, (block, atX, atY) => {
      if (inFace(atX, atY, 1)) face.push(block);
      // Between the two lies the outline: hair and background in one block.
      else if (!inFace(atX, atY, 1.45)) around.push(block);
    });
    const box = { left: x, top: y, right: x + width, bottom: y + height };
    const chroma = ([1, 2] as const).map((plane) => {
      const blocks: GrainBlock[] = [];
      this.#eachBlock(frame, plane, box, (block, atX, atY) => {
        if (inFace(atX, atY, 1)) blocks.push(block);
      });
      return blocks;
    });
    writeGrain(face, around, chroma, out);
  }

  /**
   * Adds what a drawn face lacks of its target's grain.
   *
   * @param frame with the face drawn into it; changed in place, inside the patch's mask
   * @param patch what was drawn
   * @param points the target's mesh; @param grain the target's grain, averaged over time
   * @param seed from {@link pictureSeed}, of the frame before anything was drawn
   */
  apply(frame: PlanarFrame, patch: FacePatch, points: Float32Array, grain: Float32Array, seed: number): void {
    const wanted = grainLevels(grain);
    if (wanted === null) return;
    this.measure(frame, points, this.#drawn);
    const own = grainLevels(this.#drawn);
    const { region } = patch;
    const mask = this.#scratch.floats('mask', region.width * region.height + slack);
    mask.set(patch.mask);
    for (const plane of [0, 1, 2] as const) {
      const isLuma = plane === 0;
      const target = isLuma ? wanted.luma : grainKnots.map(() => wanted.chroma[plane - 1] as NoiseEnergy);
      const drawn = isLuma ? own?.luma : own && grainKnots.map(() => own.chroma[plane - 1] as NoiseEnergy);
      const strengths = this.#scratch.floats('strengths', 2 * grainKnots.length);
      target.forEach((energy, knot) => {
        const { white, smooth } = noiseStrengths(lacking(energy, drawn?.[knot]));
        strengths[knot] = white;
        strengths[grainKnots.length + knot] = smooth;
      });
      if (strengths.some((strength) => strength > 0)) this.#add(frame, patch, plane, seed);
    }
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#scratch.dispose();
  }

  #add({ format, layout, data }: PlanarFrame, { region }: FacePatch, index: 0 | 1 | 2, seed: number): void {
    const shiftX = index === 0 ? 0 : format.chromaShiftX;
    const shiftY = index === 0 ? 0 : format.chromaShiftY;
    const plane = layout.planes[index];
    const width = (region.width + shiftX) >> shiftX;
    const height = (region.height + shiftY) >> shiftY;
    const [left, top] = [region.x >> shiftX, region.y >> shiftY];
    const start = plane.offset + top * plane.widthPx;
    const count = height * plane.widthPx;
    const scale = sampleScale(format);
    this.#band(format.bitDepth === 8, count);
    this.#scratch.floats('row', 2 * width + 32);
    const mask = this.#scratch.floats('mask', region.width * region.height + slack);
    // Asked for again: what came after may have made the memory grow.
    const row = this.#scratch.floats('row', 2 * width + 32);
    const band = this.#band(format.bitDepth === 8, count);
    band.set(data.subarray(start, start + count));
    const { call } = kernels();
    const add = format.bitDepth === 8 ? call.addGrain8 : call.addGrain16;
    add(
      addressOf(band) + left * band.BYTES_PER_ELEMENT,
      plane.widthPx,
      width,
      height,
      left,
      top,
      addressOf(mask),
      region.width,
      shiftX,
      shiftY,
      addressOf(this.#scratch.floats('strengths', 2 * grainKnots.length)),
      seed + 0x632be5 * index,
      scale,
      256 * scale - 1,
      addressOf(row),
    );
    data.set(band.subarray(0, count), start);
  }

  #band(isBytes: boolean, count: number): Uint8Array | Uint16Array {
    return isBytes ? this.#scratch.bytes('band', count + slack) : this.#scratch.words('band', count + slack);
  }

  /** Measures the blocks of a plane in a box. @param each gets a block and its middle in frame pixels */
  #eachBlock(
    { format, layout, data }: PlanarFrame,
    index: 0 | 1 | 2,
    box: SampleBox,
    each: (block: GrainBlock, x: number, y: number) => void,
  ): void {
    const shiftX = index === 0 ? 0 : format.chromaShiftX;
    const shiftY = index === 0 ? 0 : format.chromaShiftY;
    const plane = layout.planes[index];
    const left = Math.max(0, Math.floor(box.left) >> shiftX);
    const top = Math.max(0, Math.floor(box.top) >> shiftY);
    const width = Math.min(plane.widthPx, Math.ceil(box.right) >> shiftX) - left;
    const height = Math.min(plane.heightPx, Math.ceil(box.bottom) >> shiftY) - top;
    if (!(width >= blockSide && height >= blockSide)) return;
    const step = Math.max(blockSide, Math.ceil(width / mostBlocks));
    const columns = Math.floor((width - blockSide) / step) + 1;
    const rows = Math.floor((height - blockSide) / step) + 1;
    const count = height * plane.widthPx;
    const start = plane.offset + top * plane.widthPx;
    const isBytes = format.bitDepth === 8;
    this.#band(isBytes, count);
    this.#scratch.floats('blocks', 3 * columns * rows);
    this.#scratch.floats('block', 80);
    const blocks = this.#scratch.floats('blocks', 3 * columns * rows);
    const band = this.#band(isBytes, count);
    band.set(data.subarray(start, start + count));
    const { call } = kernels();
    const measure = isBytes ? call.grainBlocks8 : call.grainBlocks16;
    measure(
      addressOf(band) + left * band.BYTES_PER_ELEMENT,
      plane.widthPx,
      columns,
      rows,
      step,
      sampleScale(format),
      addressOf(this.#scratch.floats('block', 80)),
      addressOf(blocks),
    );
    for (let row = 0, at = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, at += 3) {
        const block = {
          mean: blocks[at] as number,
          fine: blocks[at + 1] as number,
          coarse: blocks[at + 2] as number,
        };
        const x = (left + column * step + blockSide / 2) << shiftX;
        const y = (top + row * step + blockSide / 2) << shiftY;
        each(block, x, y);
      }
    }
  }
}

/** What is missing; where little is, less of it, since both sides are estimates. */
function lacking(wanted: NoiseEnergy, own: NoiseEnergy | undefined): NoiseEnergy {
  const missing = (whole: number, there: number): number =>
    whole > there ? (whole - there) ** 2 / whole : 0;
  return { fine: missing(wanted.fine, own?.fine ?? 0), coarse: missing(wanted.coarse, own?.coarse ?? 0) };
}

/** Samples of luma that {@link pictureSeed} reads at most: one in so many that these are spread over the picture. */
const seedSamples = 1 << 16;

/**
 * A number that belongs to a picture: the same for a frame that is repeated, another for every other (FNV-1a over samples of luma).
 */
export function pictureSeed({ layout, data }: PlanarFrame): number {
  const [{ widthPx, heightPx, offset }] = layout.planes;
  const count = widthPx * heightPx;
  // Odd, so that no column is left out.
  const step = Math.ceil(count / seedSamples) | 1;
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < count; i += step) hash = Math.imul(hash ^ (data[offset + i] as number), 0x01000193);
  return hash;
}
