// The terms of a blend of gradients: where and how strongly the target holds the correction of a drawn face, and which
// gradients are the target's. Values are 8-bit levels. Planes with a `stride` have whole groups of 8 samples in a row, tight
// ones just their width; boxes are half-open, with left and right multiples of 8.

/** The mean of a plane inside a box, weighed by another; 0 where all weights are 0. */
export function weighedMean(
  plane: usize,
  weights: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): f32 {
  const zero = f32x4.splat(0);
  let sum: f64 = 0;
  let total: f64 = 0;
  for (let y = top; y < bottom; y++) {
    let rowSum = zero;
    let rowTotal = zero;
    const end = <usize>(y * stride + right) << 2;
    for (let at = <usize>(y * stride + left) << 2; at < end; at += 16) {
      const weight = v128.load(weights + at);
      // Behind a plane's width the weight is 0 and the value may be no number.
      const isUsed = f32x4.gt(weight, zero);
      rowSum = f32x4.add(rowSum, v128.and(isUsed, f32x4.mul(weight, v128.load(plane + at))));
      rowTotal = f32x4.add(rowTotal, weight);
    }
    sum += lanesOf(rowSum);
    total += lanesOf(rowTotal);
  }
  return total > 0 ? <f32>(sum / total) : 0;
}

@inline
function lanesOf(sums: v128): f64 {
  return (
    <f64>f32x4.extract_lane(sums, 0) +
    <f64>f32x4.extract_lane(sums, 1) +
    <f64>f32x4.extract_lane(sums, 2) +
    <f64>f32x4.extract_lane(sums, 3)
  );
}

/** Below this the outline's own share says nothing about what else the mask is made of. */
const leastOutline: f32 = 0.02;

/**
 * How strongly the target holds the drawn face's light at each pixel of a box: the squared steepness of the mask's outline,
 * less where something else than the outline closes the mask, and less where the two pictures differ by more than light does.
 *
 * @param mask, outline, out tight planes of the same size; only the box of `out` is written
 * @param difference drawn minus target, rows `stride` apart
 * @param strength factor of the result
 * @param tolerance difference from `usual` at which the result is a quarter
 */
export function anchorOutline(
  mask: usize,
  outline: usize,
  difference: usize,
  stride: i32,
  width: i32,
  height: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  strength: f32,
  usual: f32,
  tolerance: f32,
  out: usize,
): void {
  const end = min(right, width);
  const usuals = f32x4.splat(usual);
  const narrow = f32x4.splat(1 / tolerance);
  const factor = f32x4.splat(strength * 0.25);
  for (let y = top; y < bottom; y++) {
    const line = (<usize>y * <usize>width) << 2;
    const here = outline + line;
    const above = outline + ((<usize>max(0, y - 1) * <usize>width) << 2);
    const below = outline + ((<usize>min(height - 1, y + 1) * <usize>width) << 2);
    const own = difference + ((<usize>y * <usize>stride) << 2);
    let x = left;
    while (x < end) {
      const at = <usize>x << 2;
      // Whole groups inside the row; its first and last column have one neighbour only.
      if (x > 0 && x + 5 <= width && x + 4 <= end) {
        const across = f32x4.sub(v128.load(here + at + 4), v128.load(here + at - 4));
        const down = f32x4.sub(v128.load(below + at), v128.load(above + at));
        const steepness = f32x4.add(f32x4.mul(across, across), f32x4.mul(down, down));
        v128.store(
          out + line + at,
          f32x4.mul(
            f32x4.mul(factor, steepness),
            trust(v128.load(mask + line + at), v128.load(here + at), v128.load(own + at), usuals, narrow),
          ),
        );
        x += 4;
        continue;
      }
      const before = load<f32>(here + (<usize>max(0, x - 1) << 2));
      const after = load<f32>(here + (<usize>min(width - 1, x + 1) << 2));
      const across = after - before;
      const down = load<f32>(below + at) - load<f32>(above + at);
      const value = trust(
        v128.load32_splat(mask + line + at),
        v128.load32_splat(here + at),
        v128.load32_splat(own + at),
        usuals,
        narrow,
      );
      store<f32>(
        out + line + at,
        strength * 0.25 * (across * across + down * down) * f32x4.extract_lane(value, 0),
      );
      x++;
    }
  }
}

/** 0..1: how much of the outline is left in the mask, squared, times how usual the difference is. */
@inline
function trust(mask: v128, outline: v128, difference: v128, usual: v128, narrow: v128): v128 {
  const one = f32x4.splat(1);
  const least = f32x4.splat(leastOutline);
  const isKnown = f32x4.ge(outline, least);
  const left = f32x4.min(one, f32x4.div(mask, f32x4.max(outline, least)));
  const off = f32x4.mul(narrow, f32x4.sub(difference, usual));
  const far = f32x4.add(one, f32x4.mul(off, off));
  return v128.and(isKnown, f32x4.div(f32x4.mul(left, left), f32x4.mul(far, far)));
}

/**
 * The finest level of the membrane (see membrane.ts) that is taken off a difference inside a box: right-hand side and diagonal of each cell.
 * Cells of the level behind the box hold nothing.
 *
 * Where gradients are mixed, each pair of neighbours adds what makes the result's gradient the target's, as far as the target's is the
 * stronger one and the mask is open on both sides. Between equally strong ones the passage is smooth, so that noise
 * cannot switch it.
 *
 * @param anchors how strongly a sample is held, before `scale`
 * @param difference, target valid where the mask is more than 0
 * @param pull towards 0, everywhere
 * @param noise gradient, in levels, below which a target's counts for nothing
 * @param work 3 × (right − left + 16) floats
 */
export function membraneTerms(
  anchors: usize,
  mask: usize,
  difference: usize,
  target: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  scale: f32,
  pull: f32,
  isMixed: i32,
  noise: f32,
  rhs: usize,
  diagonal: usize,
  outStride: i32,
  outWidth: i32,
  outHeight: i32,
  work: usize,
): void {
  const zero = f32x4.splat(0);
  const scales = f32x4.splat(scale);
  const base = f32x4.splat(4 + pull);
  const outPitch = <usize>outStride << 2;
  const width = right - left;
  const bytes = <usize>width << 2;
  const rowBytes = bytes + 64;
  const across = work + 16;
  let above = across + rowBytes;
  let below = above + rowBytes;
  memory.fill(work, 0, 3 * rowBytes);
  for (let y = top; y < bottom; y++) {
    const line = (<usize>(y * stride + left)) << 2;
    const toRhs = rhs + <usize>(y - top) * outPitch;
    const toDiagonal = diagonal + <usize>(y - top) * outPitch;
    for (let at: usize = 0; at < bytes; at += 16) {
      const held = f32x4.mul(scales, v128.load(anchors + line + at));
      const isHeld = f32x4.gt(held, zero);
      v128.store(toDiagonal + at, f32x4.add(base, held));
      v128.store(toRhs + at, v128.and(isHeld, f32x4.mul(held, v128.load(difference + line + at))));
    }
    for (let at = bytes; at < <usize>outWidth << 2; at += 16) {
      v128.store(toDiagonal + at, base);
      v128.store(toRhs + at, zero);
    }
    if (!isMixed) continue;
    const next = (<usize>stride) << 2;
    targetGradients(mask + line, difference + line, target + line, 4, bytes, noise, across);
    // Nothing leads out of the box.
    store<f32>(across + bytes - 4, 0);
    if (y + 1 < bottom) targetGradients(mask + line, difference + line, target + line, next, bytes, noise, below);
    else memory.fill(below, 0, bytes);
    for (let at: usize = 0; at < bytes; at += 16) {
      const inflow = f32x4.add(v128.load(across + at - 4), v128.load(above + at));
      const outflow = f32x4.add(v128.load(across + at), v128.load(below + at));
      v128.store(toRhs + at, f32x4.add(v128.load(toRhs + at), f32x4.sub(inflow, outflow)));
    }
    const old = above;
    above = below;
    below = old;
  }
  for (let y = bottom - top; y < outHeight; y++) {
    for (let at: usize = 0; at < <usize>outWidth << 2; at += 16) {
      v128.store(diagonal + <usize>y * outPitch + at, base);
      v128.store(rhs + <usize>y * outPitch + at, zero);
    }
  }
}

/** The part of the difference's gradient towards the samples `step` bytes on that gives way to the target's own. */
function targetGradients(
  mask: usize,
  difference: usize,
  target: usize,
  step: usize,
  bytes: usize,
  noise: f32,
  out: usize,
): void {
  const zero = f32x4.splat(0);
  const least = f32x4.splat(noise * noise * noise * noise);
  for (let at: usize = 0; at < bytes; at += 16) {
    const open = f32x4.min(v128.load(mask + at), v128.load(mask + at + step));
    const isOpen = f32x4.gt(open, zero);
    if (!v128.any_true(isOpen)) {
      v128.store(out + at, zero);
      continue;
    }
    const own = f32x4.sub(v128.load(target + at + step), v128.load(target + at));
    const change = f32x4.sub(v128.load(difference + at + step), v128.load(difference + at));
    const drawn = f32x4.add(own, change);
    const ownSquare = f32x4.mul(own, own);
    const drawnSquare = f32x4.mul(drawn, drawn);
    const ownFourth = f32x4.mul(ownSquare, ownSquare);
    const share = f32x4.div(
      ownFourth,
      f32x4.add(f32x4.add(ownFourth, least), f32x4.mul(drawnSquare, drawnSquare)),
    );
    v128.store(out + at, v128.and(isOpen, f32x4.mul(open, f32x4.mul(share, change))));
  }
}

/** Takes a membrane off a plane, inside a box whose corner is the membrane's first cell. */
export function subtractMembrane(
  membrane: usize,
  membraneStride: i32,
  plane: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): void {
  const bytes = <usize>(right - left) << 2;
  for (let y = top; y < bottom; y++) {
    const from = membrane + <usize>(y - top) * (<usize>membraneStride << 2);
    const to = plane + ((<usize>(y * stride + left)) << 2);
    for (let at: usize = 0; at < bytes; at += 16) {
      v128.store(to + at, f32x4.sub(v128.load(to + at), v128.load(from + at)));
    }
  }
}
