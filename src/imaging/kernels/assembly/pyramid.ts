// Steps of Gaussian and Laplacian pyramids with the binomial kernel 1 4 6 4 1 and mirrored borders. Planes of floats
// have rows of a whole number of 8-sample groups, so that no loop needs a tail: what stands in the columns behind a
// plane's width is neither used nor kept.

/** Index mirrored at the borders without repeating the border sample (…2 1 0 1 2…). */
export function mirrored(index: i32, length: i32): i32 {
  if (length == 1) return 0;
  let i = index < 0 ? -index : index;
  if (i >= length) i = 2 * (length - 1) - i;
  return i < 0 ? 0 : i;
}

/**
 * Low-passes a plane and keeps every second sample, inside a box of the result. Down first, which needs one row of
 * room instead of five, then across with even and odd columns apart, so that both directions are whole vectors.
 *
 * @param source address; rows are `sourceStride` samples apart, a multiple of 8
 * @param out address of the result's first sample (not of the box); rows are `outStride` apart, at least half of
 *   `sourceStride`
 * @param left of the box in the result, multiple of 4; `right` (excluded) too, at most half of `sourceStride`
 * @param work 2 × (sourceStride / 2 + 16) floats
 */
export function reducePlane(
  source: usize,
  sourceStride: i32,
  width: i32,
  height: i32,
  out: usize,
  outStride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  work: usize,
): void {
  const halfWidth = (width + 1) >> 1;
  const evens = work + 32;
  const odds = evens + (((sourceStride >> 1) + 16) << 2);
  const first = max(0, left - 4);
  const last = min(sourceStride >> 1, right + 4);
  const stride = <usize>sourceStride << 2;
  const four = f32x4.splat(4);
  const six = f32x4.splat(6);
  const scale = f32x4.splat(1.0 / 256.0);
  const closes = right >= halfWidth;
  for (let j = top; j < bottom; j++) {
    const y = 2 * j;
    const r0 = source + <usize>mirrored(y - 2, height) * stride;
    const r1 = source + <usize>mirrored(y - 1, height) * stride;
    const r2 = source + <usize>y * stride;
    const r3 = source + <usize>mirrored(y + 1, height) * stride;
    const r4 = source + <usize>mirrored(y + 2, height) * stride;
    for (let i = first; i < last; i += 4) {
      const at = <usize>i << 3;
      const low = f32x4.add(
        f32x4.add(v128.load(r0 + at), v128.load(r4 + at)),
        f32x4.add(
          f32x4.mul(four, f32x4.add(v128.load(r1 + at), v128.load(r3 + at))),
          f32x4.mul(six, v128.load(r2 + at)),
        ),
      );
      const high = f32x4.add(
        f32x4.add(v128.load(r0 + at, 16), v128.load(r4 + at, 16)),
        f32x4.add(
          f32x4.mul(four, f32x4.add(v128.load(r1 + at, 16), v128.load(r3 + at, 16))),
          f32x4.mul(six, v128.load(r2 + at, 16)),
        ),
      );
      const to = <usize>i << 2;
      v128.store(evens + to, v128.shuffle<f32>(low, high, 0, 2, 4, 6));
      v128.store(odds + to, v128.shuffle<f32>(low, high, 1, 3, 5, 7));
    }
    if (first == 0) {
      store<f32>(evens - 4, column(evens, odds, mirrored(-2, width)));
      store<f32>(odds - 4, column(evens, odds, mirrored(-1, width)));
    }
    if (closes) {
      const end = <usize>halfWidth << 2;
      if (width & 1) store<f32>(odds + end - 4, column(evens, odds, mirrored(width, width)));
      store<f32>(evens + end, column(evens, odds, mirrored(2 * halfWidth, width)));
    }
    const row = out + ((<usize>j * <usize>outStride) << 2);
    for (let i = left; i < right; i += 4) {
      const at = <usize>i << 2;
      const e = evens + at;
      const o = odds + at;
      const sum = f32x4.add(
        f32x4.add(v128.load(e - 4), v128.load(e + 4)),
        f32x4.add(
          f32x4.mul(four, f32x4.add(v128.load(o - 4), v128.load(o))),
          f32x4.mul(six, v128.load(e)),
        ),
      );
      v128.store(row + at, f32x4.mul(sum, scale));
    }
  }
}

/** A column of a row that lies apart as even and odd columns. */
@inline
function column(evens: usize, odds: usize, x: i32): f32 {
  return load<f32>((x & 1 ? odds : evens) + (<usize>(x >> 1) << 2));
}

/**
 * Row `y` of a plane that is doubled downwards: a row of the coarse plane's width, with what {@link expandEven} and
 * {@link expandOdd} need left and right of it.
 *
 * @param first columns of the coarse plane, multiples of 4; `last` is excluded
 * @param row receives column 0; 4 floats before it and 8 behind it are room
 */
export function expandDown(
  coarse: usize,
  stride: i32,
  halfWidth: i32,
  halfHeight: i32,
  y: i32,
  first: i32,
  last: i32,
  row: usize,
): void {
  const j = y >> 1;
  const pitch = <usize>stride << 2;
  const here = coarse + <usize>j * pitch;
  const after = coarse + <usize>(j + 1 < halfHeight ? j + 1 : mirrored(halfHeight, halfHeight)) * pitch;
  const end = <usize>last << 2;
  if (y & 1) {
    const half = f32x4.splat(0.5);
    for (let at = <usize>first << 2; at < end; at += 16) {
      v128.store(row + at, f32x4.mul(half, f32x4.add(v128.load(here + at), v128.load(after + at))));
    }
  } else {
    const before = coarse + <usize>(j > 0 ? j - 1 : mirrored(-1, halfHeight)) * pitch;
    const eighth = f32x4.splat(0.125);
    const most = f32x4.splat(0.75);
    for (let at = <usize>first << 2; at < end; at += 16) {
      const sides = f32x4.add(v128.load(before + at), v128.load(after + at));
      v128.store(row + at, f32x4.add(f32x4.mul(eighth, sides), f32x4.mul(most, v128.load(here + at))));
    }
  }
  if (first == 0) store<f32>(row - 4, load<f32>(row + (<usize>mirrored(-1, halfWidth) << 2)));
  if (last >= halfWidth) {
    const width = <usize>halfWidth << 2;
    store<f32>(row + width, load<f32>(row + (<usize>mirrored(halfWidth, halfWidth) << 2)));
  }
}

/** Four even columns of a doubled row, from the address of their own coarse columns. */
@inline
export function expandEven(row: usize): v128 {
  const sides = f32x4.add(v128.load(row - 4), v128.load(row + 4));
  return f32x4.add(f32x4.mul(f32x4.splat(0.125), sides), f32x4.mul(f32x4.splat(0.75), v128.load(row)));
}

/** Four odd columns of a doubled row, from the address of the coarse columns to their left. */
@inline
export function expandOdd(row: usize): v128 {
  return f32x4.mul(f32x4.splat(0.5), f32x4.add(v128.load(row), v128.load(row + 4)));
}

/** The first four columns of eight that are given as even and odd ones. */
@inline
export function firstFour(evens: v128, odds: v128): v128 {
  return v128.shuffle<f32>(evens, odds, 0, 4, 1, 5);
}

/** The last four columns of eight that are given as even and odd ones. */
@inline
export function lastFour(evens: v128, odds: v128): v128 {
  return v128.shuffle<f32>(evens, odds, 2, 6, 3, 7);
}

/**
 * Doubles `coarse` to width × height and adds it, times `factor`, to `out`.
 *
 * @param coarseStride at least half of `outStride`
 * @param outStride multiple of 8
 * @param work outStride / 2 + 16 floats
 */
export function expandAddPlane(
  coarse: usize,
  coarseStride: i32,
  width: i32,
  height: i32,
  out: usize,
  outStride: i32,
  factor: f32,
  work: usize,
): void {
  const halfWidth = (width + 1) >> 1;
  const halfHeight = (height + 1) >> 1;
  const row = work + 16;
  const last = ((width + 7) & ~7) >> 1;
  const factors = f32x4.splat(factor);
  for (let y = 0; y < height; y++) {
    expandDown(coarse, coarseStride, halfWidth, halfHeight, y, 0, last, row);
    const line = out + ((<usize>y * <usize>outStride) << 2);
    for (let i = 0; i < last; i += 4) {
      const even = expandEven(row + (<usize>i << 2));
      const odd = expandOdd(row + (<usize>i << 2));
      const to = line + (<usize>i << 3);
      v128.store(to, f32x4.add(v128.load(to), f32x4.mul(factors, firstFour(even, odd))));
      v128.store(to + 16, f32x4.add(v128.load(to, 16), f32x4.mul(factors, lastFour(even, odd))));
    }
  }
}
