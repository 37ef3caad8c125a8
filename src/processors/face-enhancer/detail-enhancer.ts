import { addressOf, kernels } from '../../imaging/kernels/kernels.js';
import type { PlanarFormat, PlanarFrame } from '../../imaging/planar-frame.js';
import { sampleScale } from '../../imaging/planar-frame.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { Scratch } from '../../imaging/scratch.js';
import { boundsOf } from '../face-landmarker/mesh-bounds.js';
import { fivePointLength, fivePointsOf } from '../face-landmarker/five-points.js';
import type { FrameRegion } from '../face-swapper/mesh-swapper.js';
import { grainLevels } from '../grain-matcher/grain-level.js';
import { writeOutlineMask } from '../quality-monitor/outline-mask.js';
import { eyeDistance, sizeGain } from './enhancement-gain.js';
import type { EnhancedFace, EnhancementBlend, FaceEnhancer } from './face-enhancer.js';

/** How much stronger the octaves of detail become, and up to which size detail is meant: samples of 64 across the eyes' distance. */
const mostGain = 1;
const fineSpacing = 1.5;
const coarseSpacing = 6;

/** Octaves that are looked at, the finest first. */
const octaveCount = 4;

/** What white noise of variance 1 leaves in each octave, as standard deviations (Starck and Murtagh, 1998). */
const noiseShares = [0.8907, 0.2007, 0.0856, 0.0413] as const;

/** An octave's value of so many standard deviations of the noise in it counts half. */
const noiseFactor = 3;

/** Noise below this, in 8-bit levels, is that of rounding and of the edges of coded blocks. */
const leastNoise = 1;

/** A value of so many levels in an octave is an edge that is strong already, and counts half. */
const edgeLevels = 12;

/** No sample changes by as much as this, in 8-bit levels. */
const mostChange = 16;

/** How much wider and higher than the mesh the region is. */
const regionGrowth = 0.09;

/** Samples behind a plane that kernels may read and write. */
const slack = 16;

type DepthKernels = {
  readonly load: 'loadPlane8' | 'loadPlane16' | 'loadPlane12';
  readonly write: 'writeBasic8' | 'writeBasic16' | 'writeBasic12';
};

const kernelsOfDepth: Record<PlanarFormat['bitDepth'], DepthKernels> = {
  8: { load: 'loadPlane8', write: 'writeBasic8' },
  10: { load: 'loadPlane16', write: 'writeBasic16' },
  12: { load: 'loadPlane12', write: 'writeBasic12' },
};

/**
 * Brings out detail that is in a face but has become weak, by compression or by enlarging: luma is taken apart into octaves, and
 * those of fine detail are made stronger where they stand out from the picture's noise and are no strong edge. It knows nothing of
 * faces, so it adds no feature that is not there, and it cannot bring back what is gone altogether. What is done to a pixel depends on its
 * surroundings, on the noise of the face and on its size, all of which are steady in time, and on nothing else: there is no memory and no
 * choice that could flicker. One per thread; owns its buffers.
 */
export class DetailEnhancer implements FaceEnhancer {
  readonly halvings = 0;
  readonly #scratch = new Scratch();
  readonly #five = new Float32Array(fivePointLength);
  readonly #faces: EnhancedFace[] = [];
  #cells = new Float32Array(0);
  #cellPoints = new Float32Array(0);

  get count(): number {
    return this.#faces.length;
  }

  /** Detail can be brought out of faces however large. */
  gain(points: Float32Array): number {
    return sizeGain(eyeDistance(fivePointsOf(points, this.#five)));
  }

  add(_frame: PlanarFrame, face: EnhancedFace): number {
    this.#faces.push(face);
    return this.#faces.length - 1;
  }

  run(): Promise<void> {
    return Promise.resolve();
  }

  apply(frame: PlanarFrame, index: number, { opacity, mark }: EnhancementBlend): boolean {
    const { points, grain } = this.#faces[index] as EnhancedFace;
    const region = regionOf(points, frame.format);
    if (region === null) return false;
    this.#takeRoom(frame, region);
    this.#drawMask(points, region);
    const mask = this.#scratch.floats('mask', region.width * region.height + slack);
    mark({ region, mask: mask.subarray(0, region.width * region.height) });
    this.#sharpen(frame, region, eyeDistance(fivePointsOf(points, this.#five)), grain, opacity);
    return true;
  }

  clear(): void {
    this.#faces.length = 0;
  }

  dispose(): Promise<void> {
    this.#scratch.dispose();
    return Promise.resolve();
  }

  /** Asks for all buffers, so that the memory grows here and not while views of it are in use. */
  #takeRoom({ format, layout }: PlanarFrame, region: FrameRegion): void {
    const stride = wholeEights(region.width);
    const count = stride * region.height;
    this.#band(format, region.height * layout.planes[0].widthPx);
    for (const name of ['luma', 'first', 'second', 'sum', 'wide mask'])
      this.#scratch.floats(name, count + slack);
    this.#scratch.floats('mask', region.width * region.height + slack);
    this.#scratch.floats('work', stride + 4 * 2 ** octaveCount + slack);
    this.#scratch.floats('fadeX', stride);
    this.#scratch.floats('fadeY', region.height);
  }

  #band({ bitDepth }: PlanarFormat, count: number): Uint8Array | Uint16Array {
    return bitDepth === 8
      ? this.#scratch.bytes('band', count + slack)
      : this.#scratch.words('band', count + slack);
  }

  /** The face's outline, softened, found on a coarse grid and read between its places. */
  #drawMask(points: Float32Array, { x, y, width, height }: FrameRegion): void {
    const cell = Math.max(1, Math.min(8, Math.floor(width / 40)));
    const columns = Math.ceil(width / cell) + 1;
    const rows = Math.ceil(height / cell) + 1;
    if (this.#cells.length < columns * rows) this.#cells = new Float32Array(columns * rows);
    if (this.#cellPoints.length !== points.length) this.#cellPoints = new Float32Array(points.length);
    for (let i = 0; i < points.length; i++) this.#cellPoints[i] = (points[i] as number) / cell;
    writeOutlineMask(
      this.#cellPoints,
      { x: x / cell, y: y / cell, width: columns, height: rows },
      this.#cells,
    );
    const mask = this.#scratch.floats('mask', width * height + slack);
    for (let row = 0, to = 0; row < height; row++) {
      const top = Math.floor(row / cell);
      const down = row / cell - top;
      const from = top * columns;
      for (let column = 0; column < width; column++, to++) {
        const left = Math.floor(column / cell);
        const across = column / cell - left;
        const at = from + left;
        const upper = (1 - across) * (this.#cells[at] as number) + across * (this.#cells[at + 1] as number);
        const below = at + columns;
        const lower =
          (1 - across) * (this.#cells[below] as number) + across * (this.#cells[below + 1] as number);
        mask[to] = (1 - down) * upper + down * lower;
      }
    }
  }

  #sharpen(
    { format, layout, data }: PlanarFrame,
    region: FrameRegion,
    eyesPx: number,
    grain: Float32Array,
    opacity: number,
  ): void {
    const { call } = kernels();
    const use = kernelsOfDepth[format.bitDepth];
    const { width, height } = region;
    const [{ offset, widthPx: rowSamples }] = layout.planes;
    const stride = wholeEights(width);
    const count = stride * height;
    const take = (name: string): Float32Array => this.#scratch.floats(name, count + slack);
    const band = this.#band(format, height * rowSamples);
    const start = offset + region.y * rowSamples;
    band.set(data.subarray(start, start + height * rowSamples));
    const corner = addressOf(band) + region.x * band.BYTES_PER_ELEMENT;
    const luma = addressOf(take('luma'));
    const sum = addressOf(take('sum'));
    const work = addressOf(this.#scratch.floats('work', stride + 4 * 2 ** octaveCount + slack));
    call[use.load](corner, rowSamples, width, height, luma, stride);
    const noise = noiseOf(grain);
    let fine = luma;
    for (let octave = 0; octave < octaveCount; octave++) {
      const coarse = addressOf(take(octave % 2 === 0 ? 'first' : 'second'));
      call.smoothApart(fine, stride, width, height, 1 << octave, coarse, work);
      const limit = (noiseFactor * (noiseShares[octave] as number)) ** 2 * noise;
      call.gatherDetail(
        fine,
        coarse,
        sum,
        count,
        octaveGain(octave, eyesPx),
        limit,
        edgeLevels ** 2,
        octave === 0 ? 1 : 0,
      );
      fine = coarse;
    }
    call.limitDetail(sum, count, mostChange);
    const wideMask = take('wide mask');
    const mask = this.#scratch.floats('mask', width * height + slack);
    for (let row = 0; row < height; row++) {
      wideMask.set(mask.subarray(row * width, (row + 1) * width), row * stride);
    }
    const fadeX = this.#scratch.floats('fadeX', stride).fill(opacity);
    fadeX.fill(0, width);
    const fadeY = this.#scratch.floats('fadeY', height).fill(sampleScale(format));
    call[use.write](
      corner,
      rowSamples,
      addressOf(wideMask),
      sum,
      luma,
      stride,
      0,
      stride,
      0,
      height,
      addressOf(fadeX),
      addressOf(fadeY),
    );
    data.set(band.subarray(0, height * rowSamples), start);
  }
}

const wholeEights = (count: number): number => (count + 7) & ~7;

/** How much is added of an octave, by how large its detail is on the face: all of the fine ones, nothing of what makes its features. */
const octaveGain = (octave: number, eyesPx: number): number => {
  const spacing = (64 / Math.max(1, eyesPx)) * 2 ** octave;
  return mostGain * (1 - smoothstep(fineSpacing, coarseSpacing, spacing));
};

/** Variance of the picture's noise over the face, in squares of 8-bit levels. */
const noiseOf = (grain: Float32Array): number => {
  const luma = grainLevels(grain)?.luma ?? [];
  const sum = luma.reduce((total, { fine }) => total + fine, 0);
  return Math.max(leastNoise ** 2, luma.length === 0 ? 0 : sum / luma.length);
};

function regionOf(points: Float32Array, { widthPx, heightPx }: PlanarFormat): FrameRegion | null {
  const box = boundsOf(points);
  const roomX = regionGrowth * box.width;
  const roomY = regionGrowth * box.height;
  const x = Math.max(0, Math.floor(box.x - roomX));
  const y = Math.max(0, Math.floor(box.y - roomY));
  const width = Math.min(widthPx, Math.ceil(box.x + box.width + roomX)) - x;
  const height = Math.min(heightPx, Math.ceil(box.y + box.height + roomY)) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}
