import { appearanceSize } from '../face-swapper/appearance.js';
import { portraitSize, portraitTexels } from './portrait.js';

/** Deviation at which something else begins, and from which on what touches it belongs to it. */
const seedScore = 2.2;
const growScore = 1.1;

/** Least area of what is taken for an occluder, in texels that are connected and reach {@link growScore}; and of its seeds. */
const leastTexels = 60;
const leastSeeds = 12;

/**
 * Turns deviations into a map of what lies over the face: places that deviate clearly, with what is connected to them, if they are
 * large enough together. One per thread; owns its buffers.
 */
export class OcclusionMapper {
  readonly #labels = new Int32Array(portraitTexels);
  readonly #queue = new Int32Array(portraitTexels);
  readonly #soft = new Float32Array(portraitTexels);

  /**
   * @param scores one number per texel, as from `OcclusionDetector.judge`, averaged over time
   * @param out receives 1 where something lies over the face, else 0
   * @returns whether there is anything
   */
  map(scores: Float32Array, out: Float32Array): boolean {
    const labels = this.#labels;
    const queue = this.#queue;
    let isCovered = false;
    labels.fill(0);
    out.fill(0);
    for (let start = 0; start < portraitTexels; start++) {
      if (labels[start] !== 0 || (scores[start] as number) < seedScore) continue;
      let count = 0;
      let seeds = 0;
      queue[count++] = start;
      labels[start] = 1;
      for (let at = 0; at < count; at++) {
        const texel = queue[at] as number;
        if ((scores[texel] as number) >= seedScore) seeds++;
        const x = texel % portraitSize;
        if (x > 0) count = this.#grow(scores, texel - 1, count);
        if (x < portraitSize - 1) count = this.#grow(scores, texel + 1, count);
        if (texel >= portraitSize) count = this.#grow(scores, texel - portraitSize, count);
        if (texel < portraitTexels - portraitSize) count = this.#grow(scores, texel + portraitSize, count);
      }
      if (count < leastTexels || seeds < leastSeeds) continue;
      isCovered = true;
      for (let at = 0; at < count; at++) {
        const texel = queue[at] as number;
        out[texel] = this.#isRim(scores, texel) ? 0 : 1;
      }
    }
    return isCovered;
  }

  /**
   * Closes what is open under a map, with soft edges.
   *
   * @param closed one number per texel, 0..1
   * @param open `appearanceSize`² numbers, changed in place
   */
  close(closed: Float32Array, open: Float32Array): void {
    if (!closed.some((value) => value > 0)) return;
    const soft = this.#soft;
    filterSquares(closed, soft);
    // Texels of the two maps lie two to one, so that each of the finer ones is a quarter off the middle of a coarser one.
    for (let y = 0; y < appearanceSize; y++) {
      const row = portraitSize * (y >> 1);
      const nextRow = portraitSize * Math.min(portraitSize - 1, Math.max(0, (y >> 1) + 2 * (y & 1) - 1));
      for (let x = 0; x < appearanceSize; x++) {
        const column = x >> 1;
        const nextColumn = Math.min(portraitSize - 1, Math.max(0, column + 2 * (x & 1) - 1));
        const near = 0.75 * (soft[row + column] as number) + 0.25 * (soft[row + nextColumn] as number);
        const far = 0.75 * (soft[nextRow + column] as number) + 0.25 * (soft[nextRow + nextColumn] as number);
        const at = y * appearanceSize + x;
        open[at] = (open[at] as number) * (1 - 0.75 * near - 0.25 * far);
      }
    }
  }

  /** Deviations are averaged over patches, which makes an occluder wider than it is; where nothing was seen it may go on. */
  #isRim(scores: Float32Array, texel: number): boolean {
    const x = texel % portraitSize;
    if (x === 0 || x === portraitSize - 1) return false;
    return (
      isFace(scores[texel - 1] as number) ||
      isFace(scores[texel + 1] as number) ||
      isFace(scores[texel - portraitSize] ?? 0) ||
      isFace(scores[texel + portraitSize] ?? 0)
    );
  }

  #grow(scores: Float32Array, texel: number, count: number): number {
    if (this.#labels[texel] !== 0 || (scores[texel] as number) < growScore) return count;
    this.#labels[texel] = 1;
    this.#queue[count] = texel;
    return count + 1;
  }
}

const isFace = (score: number): boolean => score > 0 && score < growScore;

/** The mean of each texel and its eight neighbours; beyond the border there is nothing. */
function filterSquares(plane: Float32Array, out: Float32Array): void {
  for (let y = 0; y < portraitSize; y++) {
    for (let x = 0; x < portraitSize; x++) {
      let sum = 0;
      for (let nearY = Math.max(0, y - 1); nearY <= Math.min(portraitSize - 1, y + 1); nearY++) {
        for (let nearX = Math.max(0, x - 1); nearX <= Math.min(portraitSize - 1, x + 1); nearX++) {
          sum += plane[nearY * portraitSize + nearX] as number;
        }
      }
      out[y * portraitSize + x] = sum / 9;
    }
  }
}
