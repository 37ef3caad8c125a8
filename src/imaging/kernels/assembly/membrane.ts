// Multigrid for membranes: planes h with (4 + a) · h − (left + right + above + below) = b for each cell, where a cell
// without a neighbour on some side has itself there (nothing pulls across the border). A level is half as wide and high
// as the one before and has even sides, but for the coarsest. Rows are whole groups of 4 floats with 4 more as room on both
// sides; addresses are those of the first cell. What stands in the room is neither used nor kept.

/**
 * A red-black Gauss-Seidel sweep: all cells whose column and row sum to an even number, then all others. Both colours go
 * through the plane together, one row apart, so that it is read once.
 *
 * @param diagonal 4 + a, more than 0
 * @param stride floats between rows, of all three planes
 */
export function relaxMembrane(
  values: usize,
  rhs: usize,
  diagonal: usize,
  stride: i32,
  width: i32,
  height: i32,
): void {
  for (let y = 0; y <= height; y++) {
    if (y < height) relaxRow(values, rhs, diagonal, stride, width, height, y, y & 1);
    if (y > 0) relaxRow(values, rhs, diagonal, stride, width, height, y - 1, y & 1);
  }
}

/** One row of a sweep: each of its cells in columns of this parity satisfies its own equation; eight columns at a time. */
function relaxRow(
  values: usize,
  rhs: usize,
  diagonal: usize,
  stride: i32,
  width: i32,
  height: i32,
  y: i32,
  parity: i32,
): void {
  const pitch = <usize>stride << 2;
  const line = <usize>y * pitch;
  const here = values + line;
  const above = y > 0 ? here - pitch : here;
  const below = y + 1 < height ? here + pitch : here;
  const b = rhs + line;
  const d = diagonal + line;
  const end = <usize>width << 2;
  repeatEnds(here, width);
  if (parity) {
    for (let at: usize = 0; at < end; at += 32) {
      const left = evens(here + at);
      const right = odds(here + at + 4);
      const sum = f32x4.add(
        f32x4.add(f32x4.add(left, right), f32x4.add(odds(above + at), odds(below + at))),
        odds(b + at),
      );
      const value = f32x4.div(sum, odds(d + at));
      v128.store(here + at, v128.shuffle<f32>(left, value, 0, 4, 1, 5));
      v128.store(here + at, v128.shuffle<f32>(left, value, 2, 6, 3, 7), 16);
    }
  } else {
    for (let at: usize = 0; at < end; at += 32) {
      const left = evens(here + at - 4);
      const right = odds(here + at);
      const sum = f32x4.add(
        f32x4.add(f32x4.add(left, right), f32x4.add(evens(above + at), evens(below + at))),
        evens(b + at),
      );
      const value = f32x4.div(sum, evens(d + at));
      v128.store(here + at, v128.shuffle<f32>(value, right, 0, 4, 1, 5));
      v128.store(here + at, v128.shuffle<f32>(value, right, 2, 6, 3, 7), 16);
    }
  }
}

/** Every other one of eight floats. */
@inline
function evens(at: usize): v128 {
  return v128.shuffle<f32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6);
}

@inline
function odds(at: usize): v128 {
  return v128.shuffle<f32>(v128.load(at), v128.load(at, 16), 1, 3, 5, 7);
}

@inline
function neighbours(here: usize, above: usize, below: usize, at: usize): v128 {
  return f32x4.add(
    f32x4.add(v128.load(here + at - 4), v128.load(here + at + 4)),
    f32x4.add(v128.load(above + at), v128.load(below + at)),
  );
}

/** A row's own ends stand in for the cells beyond them. */
@inline
function repeatEnds(row: usize, width: i32): void {
  const end = row + (<usize>width << 2);
  store<f32>(row - 4, load<f32>(row));
  store<f32>(end, load<f32>(end - 4));
}

/**
 * What is still missing in each equation, summed over blocks of 2 × 2: the right-hand side of the next level.
 *
 * @param width, height of the finer level, even
 */
export function restrictMembrane(
  values: usize,
  rhs: usize,
  diagonal: usize,
  stride: i32,
  width: i32,
  height: i32,
  out: usize,
  outStride: i32,
): void {
  const pitch = <usize>stride << 2;
  const end = <usize>width << 2;
  for (let j = 0; j < height >> 1; j++) {
    const first = <usize>(2 * j) * pitch;
    const upper = values + first;
    const lower = upper + pitch;
    const above = j > 0 ? upper - pitch : upper;
    const below = 2 * j + 2 < height ? lower + pitch : lower;
    repeatEnds(upper, width);
    repeatEnds(lower, width);
    const b = rhs + first;
    const d = diagonal + first;
    const row = out + <usize>(j * outStride) * 4;
    for (let at: usize = 0; at < end; at += 32) {
      const low = f32x4.add(
        missing(upper, above, lower, b, d, at),
        missing(lower, upper, below, b + pitch, d + pitch, at),
      );
      const high = f32x4.add(
        missing(upper, above, lower, b, d, at + 16),
        missing(lower, upper, below, b + pitch, d + pitch, at + 16),
      );
      v128.store(row + (at >> 1), pairSums(low, high));
    }
  }
}

@inline
function missing(here: usize, above: usize, below: usize, rhs: usize, diagonal: usize, at: usize): v128 {
  return f32x4.sub(
    f32x4.add(v128.load(rhs + at), neighbours(here, above, below, at)),
    f32x4.mul(v128.load(diagonal + at), v128.load(here + at)),
  );
}

/** The sums of neighbouring lanes of eight. */
@inline
function pairSums(low: v128, high: v128): v128 {
  return f32x4.add(v128.shuffle<f32>(low, high, 0, 2, 4, 6), v128.shuffle<f32>(low, high, 1, 3, 5, 7));
}

/**
 * Sums over blocks of 2 × 2, less and plus a constant: `offset + Σ (value − offset)`. With 4 for the diagonal (a cell twice
 * as large is pulled by four), with 0 for the right-hand side.
 *
 * @param width, height of the finer plane, even
 */
export function sumBlocks(
  source: usize,
  stride: i32,
  width: i32,
  height: i32,
  offset: f32,
  out: usize,
  outStride: i32,
): void {
  const pitch = <usize>stride << 2;
  const end = <usize>width << 2;
  const less = f32x4.splat(3 * offset);
  for (let j = 0; j < height >> 1; j++) {
    const upper = source + <usize>(2 * j) * pitch;
    const lower = upper + pitch;
    const row = out + <usize>(j * outStride) * 4;
    for (let at: usize = 0; at < end; at += 32) {
      const low = f32x4.add(v128.load(upper + at), v128.load(lower + at));
      const high = f32x4.add(v128.load(upper + at, 16), v128.load(lower + at, 16));
      v128.store(row + (at >> 1), f32x4.sub(pairSums(low, high), less));
    }
  }
}

/**
 * Adds a level to the one before, bilinear between the cells' middles.
 *
 * @param width, height of the finer level, even
 */
export function prolongMembrane(
  coarse: usize,
  coarseStride: i32,
  values: usize,
  stride: i32,
  width: i32,
  height: i32,
): void {
  const halfWidth = width >> 1;
  const halfHeight = height >> 1;
  const coarsePitch = <usize>coarseStride << 2;
  const pitch = <usize>stride << 2;
  const end = <usize>halfWidth << 2;
  for (let j = 0; j < halfHeight; j++) repeatEnds(coarse + <usize>j * coarsePitch, halfWidth);
  for (let j = 0; j < halfHeight; j++) {
    const here = coarse + <usize>j * coarsePitch;
    const above = j > 0 ? here - coarsePitch : here;
    const below = j + 1 < halfHeight ? here + coarsePitch : here;
    const upper = values + <usize>(2 * j) * pitch;
    prolongRow(here, above, upper, end);
    prolongRow(here, below, upper + pitch, end);
  }
}

function prolongRow(near: usize, far: usize, out: usize, end: usize): void {
  for (let at: usize = 0; at < end; at += 16) {
    const before = between(v128.load(near + at - 4), v128.load(far + at - 4));
    const here = between(v128.load(near + at), v128.load(far + at));
    const after = between(v128.load(near + at + 4), v128.load(far + at + 4));
    const evens = between(here, before);
    const odds = between(here, after);
    const to = out + (at << 1);
    v128.store(to, f32x4.add(v128.load(to), v128.shuffle<f32>(evens, odds, 0, 4, 1, 5)));
    v128.store(to + 16, f32x4.add(v128.load(to + 16), v128.shuffle<f32>(evens, odds, 2, 6, 3, 7)));
  }
}

/** Three quarters of the nearer value and one of the other. */
@inline
function between(near: v128, far: v128): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(0.75), near), f32x4.mul(f32x4.splat(0.25), far));
}

/**
 * Cholesky's decomposition of a small level's equations. Cells are numbered row by row, so the matrix has no entry farther than a row's
 * length from its diagonal, and neither has its factor.
 *
 * @param lower receives (width + 1) doubles for each cell: its row of the factor, from the diagonal backwards
 */
export function factorMembrane(diagonal: usize, stride: i32, width: i32, height: i32, lower: usize): void {
  const count = width * height;
  const pitch = <usize>(width + 1) << 3;
  for (let i = 0; i < count; i++) {
    const column = i % width;
    const row = i / width;
    // A cell that stands in for its missing neighbour pulls at nothing.
    const lone = i32(column == 0) + i32(column == width - 1) + i32(row == 0) + i32(row == height - 1);
    const own = <f64>load<f32>(diagonal + (<usize>(row * stride + column) << 2)) - <f64>lone;
    const line = lower + <usize>i * pitch;
    for (let d = min(i, width); d >= 0; d--) {
      const j = i - d;
      const other = lower + <usize>j * pitch;
      let sum: f64 = 0;
      if (d == 0) sum = own;
      else if (d == width || (d == 1 && column > 0)) sum = -1;
      // In a plane one cell wide the cell before is that of the row above.
      for (let k = max(0, i - width); k < j; k++) {
        sum -= load<f64>(line + (<usize>(i - k) << 3)) * load<f64>(other + (<usize>(j - k) << 3));
      }
      store<f64>(line + (<usize>d << 3), d == 0 ? sqrt(sum) : sum / load<f64>(other));
    }
  }
}

/**
 * Solves a small level with its decomposition.
 *
 * @param work a double for each cell
 */
export function solveMembrane(
  lower: usize,
  rhs: usize,
  values: usize,
  stride: i32,
  width: i32,
  height: i32,
  work: usize,
): void {
  const count = width * height;
  const pitch = <usize>(width + 1) << 3;
  for (let i = 0; i < count; i++) {
    const line = lower + <usize>i * pitch;
    let sum = <f64>load<f32>(rhs + (<usize>((i / width) * stride + (i % width)) << 2));
    for (let k = max(0, i - width); k < i; k++) {
      sum -= load<f64>(line + (<usize>(i - k) << 3)) * load<f64>(work + (<usize>k << 3));
    }
    store<f64>(work + (<usize>i << 3), sum / load<f64>(line));
  }
  for (let i = count - 1; i >= 0; i--) {
    let sum = load<f64>(work + (<usize>i << 3));
    for (let k = i + 1; k <= min(count - 1, i + width); k++) {
      sum -= load<f64>(lower + <usize>k * pitch + (<usize>(k - i) << 3)) * load<f64>(work + (<usize>k << 3));
    }
    sum /= load<f64>(lower + <usize>i * pitch);
    store<f64>(work + (<usize>i << 3), sum);
    store<f32>(values + (<usize>((i / width) * stride + (i % width)) << 2), <f32>sum);
  }
}
