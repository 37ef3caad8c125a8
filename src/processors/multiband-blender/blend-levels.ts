import { wholeGroups } from '../../imaging/pyramid.js';

/** More than any frame has: 2^19 samples of the coarsest level's spacing. */
const mostLevels = 20;

/**
 * The levels of one plane's blend, finest first: sizes (each half of the one before, rounded up), where each lies in
 * a block of floats, and the box of each that the drawn face reaches. Filled anew for every plane; allocates nothing.
 *
 * Boxes are half-open; left and right are multiples of 8, so right may be greater than the width, but never than the
 * stride.
 */
export class BlendLevels {
  count = 0;
  readonly width = new Int32Array(mostLevels);
  readonly height = new Int32Array(mostLevels);
  /** Samples between rows. */
  readonly stride = new Int32Array(mostLevels);
  /** Floats before the level, when all levels lie one behind the other; the last entry used is the sum of all. */
  readonly offset = new Int32Array(mostLevels + 1);
  readonly left = new Int32Array(mostLevels);
  readonly right = new Int32Array(mostLevels);
  readonly top = new Int32Array(mostLevels);
  readonly bottom = new Int32Array(mostLevels);
  /**
   * The box of the finest level that must be filled (with zeros around what is drawn), so that the next can be
   * computed.
   */
  readonly filled = { left: 0, right: 0, top: 0, bottom: 0 };

  /**
   * @param count wanted levels, at least 2
   * @param left box of what is drawn, in samples of the plane, half-open
   */
  layOut(
    width: number,
    height: number,
    count: number,
    left: number,
    top: number,
    right: number,
    bottom: number,
  ): void {
    this.count = Math.min(mostLevels, count);
    this.#set(0, width, height, left, top, right, bottom);
    for (let l = 1; l < this.count; l++) {
      // A coarse sample sees two to each side, and mirrored borders see no farther.
      const finer = l - 1;
      this.#set(
        l,
        ((this.width[finer] as number) + 1) >> 1,
        ((this.height[finer] as number) + 1) >> 1,
        ((this.left[finer] as number) - 2) >> 1,
        ((this.top[finer] as number) - 2) >> 1,
        ((Math.min(this.width[finer] as number, this.right[finer] as number) + 1) >> 1) + 1,
        (((this.bottom[finer] as number) + 1) >> 1) + 1,
      );
    }
    const { filled } = this;
    filled.left = Math.max(0, 2 * (this.left[1] as number) - 8);
    filled.right = Math.min(this.stride[0] as number, 2 * (this.right[1] as number) + 8);
    filled.top = Math.max(0, 2 * (this.top[1] as number) - 2);
    filled.bottom = Math.min(height, 2 * (this.bottom[1] as number) + 1);
  }

  #set(
    level: number,
    width: number,
    height: number,
    left: number,
    top: number,
    right: number,
    bottom: number,
  ): void {
    const stride = wholeGroups(width);
    this.width[level] = width;
    this.height[level] = height;
    this.stride[level] = stride;
    this.offset[level + 1] = (this.offset[level] as number) + stride * height;
    this.left[level] = Math.max(0, left) & ~7;
    this.right[level] = Math.min(stride, wholeGroups(right));
    this.top[level] = Math.max(0, top);
    this.bottom[level] = Math.min(height, bottom);
  }
}
