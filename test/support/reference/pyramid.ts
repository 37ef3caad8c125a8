/** One level of a pyramid: a float plane. */
export type PyramidLevel = { readonly widthPx: number; readonly heightPx: number };

/** Sizes of a pyramid's levels, finest first; each is half the one before, rounded up. */
export function pyramidLevels(widthPx: number, heightPx: number, count: number): PyramidLevel[] {
  const levels: PyramidLevel[] = [{ widthPx, heightPx }];
  while (levels.length < count) {
    const last = levels[levels.length - 1] as PyramidLevel;
    levels.push({ widthPx: (last.widthPx + 1) >> 1, heightPx: (last.heightPx + 1) >> 1 });
  }
  return levels;
}

/** Index mirrored at the borders without repeating the border sample (…2 1 0 1 2…). */
function mirror(index: number, length: number): number {
  if (length === 1) return 0;
  let i = index < 0 ? -index : index;
  if (i >= length) i = 2 * (length - 1) - i;
  return i < 0 ? 0 : i;
}

/**
 * The plain loops behind `PyramidSteps`: Gaussian and Laplacian pyramid steps with the binomial kernel 1 4 6 4 1 (Burt and Adelson, "The Laplacian Pyramid as
 * a Compact Image Code", 1983), mirrored borders. `expand(reduce(x))` is added back exactly when a Laplacian pyramid is
 * collapsed, so collapse∘build is the identity up to float rounding.
 */
export class PlainPyramidSteps {
  /** Low-passes `source` (widthPx × heightPx) and keeps every second sample: `out` has the rounded-up half size. */
  reduce(source: Float32Array, widthPx: number, heightPx: number, out: Float32Array): void {
    const halfWidth = (widthPx + 1) >> 1;
    const halfHeight = (heightPx + 1) >> 1;
    const rows = new Float32Array(halfWidth * heightPx);
    for (let y = 0; y < heightPx; y++) {
      const line = y * widthPx;
      const to = y * halfWidth;
      for (let i = 0; i < halfWidth; i++) {
        const x = 2 * i;
        const inner = x >= 2 && x + 2 < widthPx;
        const a = source[line + (inner ? x - 2 : mirror(x - 2, widthPx))] as number;
        const b = source[line + (inner ? x - 1 : mirror(x - 1, widthPx))] as number;
        const c = source[line + x] as number;
        const d = source[line + (inner ? x + 1 : mirror(x + 1, widthPx))] as number;
        const e = source[line + (inner ? x + 2 : mirror(x + 2, widthPx))] as number;
        rows[to + i] = (a + e + 4 * (b + d) + 6 * c) / 16;
      }
    }
    for (let j = 0; j < halfHeight; j++) {
      const y = 2 * j;
      const l0 = mirror(y - 2, heightPx) * halfWidth;
      const l1 = mirror(y - 1, heightPx) * halfWidth;
      const l2 = y * halfWidth;
      const l3 = mirror(y + 1, heightPx) * halfWidth;
      const l4 = mirror(y + 2, heightPx) * halfWidth;
      const to = j * halfWidth;
      for (let i = 0; i < halfWidth; i++) {
        out[to + i] =
          ((rows[l0 + i] as number) +
            (rows[l4 + i] as number) +
            4 * ((rows[l1 + i] as number) + (rows[l3 + i] as number)) +
            6 * (rows[l2 + i] as number)) /
          16;
      }
    }
  }

  /**
   * Doubles `coarse` to widthPx × heightPx and adds it, times `factor`, to `out` (1: collapse, −1: build a Laplacian
   * level out of a Gaussian one).
   */
  expandAdd(
    coarse: Float32Array,
    widthPx: number,
    heightPx: number,
    out: Float32Array,
    factor: number,
  ): void {
    const halfWidth = (widthPx + 1) >> 1;
    const halfHeight = (heightPx + 1) >> 1;
    const rows = new Float32Array(halfHeight * widthPx);
    for (let j = 0; j < halfHeight; j++) {
      const line = j * halfWidth;
      const to = j * widthPx;
      for (let i = 0; i < halfWidth; i++) {
        const here = coarse[line + i] as number;
        const before = coarse[line + (i > 0 ? i - 1 : mirror(-1, halfWidth))] as number;
        const after = coarse[line + (i + 1 < halfWidth ? i + 1 : mirror(halfWidth, halfWidth))] as number;
        rows[to + 2 * i] = (before + 6 * here + after) / 8;
        if (2 * i + 1 < widthPx) rows[to + 2 * i + 1] = (here + after) / 2;
      }
    }
    for (let j = 0; j < halfHeight; j++) {
      const here = j * widthPx;
      const before = (j > 0 ? j - 1 : mirror(-1, halfHeight)) * widthPx;
      const after = (j + 1 < halfHeight ? j + 1 : mirror(halfHeight, halfHeight)) * widthPx;
      const even = 2 * j * widthPx;
      const evenFactor = factor / 8;
      for (let x = 0; x < widthPx; x++) {
        out[even + x] =
          (out[even + x] as number) +
          evenFactor *
            ((rows[before + x] as number) + 6 * (rows[here + x] as number) + (rows[after + x] as number));
      }
      if (2 * j + 1 >= heightPx) continue;
      const odd = even + widthPx;
      const oddFactor = factor / 2;
      for (let x = 0; x < widthPx; x++) {
        out[odd + x] =
          (out[odd + x] as number) + oddFactor * ((rows[here + x] as number) + (rows[after + x] as number));
      }
    }
  }
}
