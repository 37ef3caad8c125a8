// Laying a drawn face into a frame. Float planes have rows of a whole number of 8-sample groups (see pyramid.ts)
// unless it is said that they are tight. Values are 8-bit levels at every depth; `T` is the frame's own samples: u8, u16 for 10 bits, i16
// for 12 (both never use the sign).
import { expandDown, expandEven, expandOdd, firstFour, lastFour } from './pyramid';

/**
 * The box of what is not zero in either of two tight planes.
 *
 * @param out receives left, top, right, bottom (half-open) as floats; all 0 when there is nothing
 */
export function nonZeroBounds(first: usize, second: usize, width: i32, height: i32, out: usize): void {
  let left = width;
  let right = 0;
  let top = -1;
  let bottom = 0;
  for (let y = 0; y < height; y++) {
    const offset = (<usize>y * <usize>width) << 2;
    const a = first + offset;
    const b = second + offset;
    // Only what lies outside of the columns known so far is looked at, and of a row without any of it the columns
    // between.
    left = firstNonZero(a, b, 0, left);
    right = lastNonZero(a, b, right, width);
    if (top >= 0 && left < right && firstNonZero(a, b, left, right) == right) continue;
    if (left >= right) continue;
    if (top < 0) top = y;
    bottom = y + 1;
  }
  store<f32>(out, top < 0 ? 0 : <f32>left);
  store<f32>(out, <f32>max(0, top), 4);
  store<f32>(out, <f32>right, 8);
  store<f32>(out, <f32>bottom, 12);
}

/** The first column of [from, to) that is not zero in either row, or `to`. */
function firstNonZero(a: usize, b: usize, from: i32, to: i32): i32 {
  const zero = f32x4.splat(0);
  let x = from;
  for (; x + 4 <= to; x += 4) {
    const at = <usize>x << 2;
    const some = v128.or(f32x4.ne(v128.load(a + at), zero), f32x4.ne(v128.load(b + at), zero));
    if (v128.any_true(some)) break;
  }
  for (; x < to; x++) {
    const at = <usize>x << 2;
    if (load<f32>(a + at) != 0 || load<f32>(b + at) != 0) return x;
  }
  return to;
}

/** The column behind the last of [from, to) that is not zero in either row, or `from`. */
function lastNonZero(a: usize, b: usize, from: i32, to: i32): i32 {
  const zero = f32x4.splat(0);
  let x = to;
  for (; x - 4 >= from; x -= 4) {
    const at = <usize>(x - 4) << 2;
    const some = v128.or(f32x4.ne(v128.load(a + at), zero), f32x4.ne(v128.load(b + at), zero));
    if (v128.any_true(some)) break;
  }
  for (; x > from; x--) {
    const at = <usize>(x - 1) << 2;
    if (load<f32>(a + at) != 0 || load<f32>(b + at) != 0) return x;
  }
  return from;
}

/**
 * Copies a box of a tight plane to the same place of a plane with whole groups; columns behind the width get 0.
 *
 * @param left multiple of 8; `right` (excluded) too
 */
export function padPlane(
  source: usize,
  width: i32,
  out: usize,
  outStride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): void {
  const end = min(right, width);
  for (let y = top; y < bottom; y++) {
    const from = source + (<usize>(y * width + left) << 2);
    const to = out + (<usize>(y * outStride + left) << 2);
    memory.copy(to, from, <usize>(end - left) << 2);
    if (right > end) memory.fill(to + (<usize>(end - left) << 2), 0, <usize>(right - end) << 2);
  }
}

/**
 * A luma-sized tight plane at the size of a plane whose columns (and rows, by `shiftY`) are half as many: 1 2 1
 * around the sample's own column, since chroma sits there (MPEG-2, H.264 default), over its rows. The box is in the
 * result; columns behind its width get 0.
 *
 * @param left multiple of 8; `right` (excluded) too
 * @param work outStride × 2 + 32 floats
 */
export function halvePlane(
  source: usize,
  width: i32,
  height: i32,
  shiftY: i32,
  out: usize,
  outStride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  work: usize,
): void {
  const halfWidth = (width + 1) >> 1;
  const eighth = f32x4.splat(0.125);
  const row = work + 16;
  for (let y = top; y < bottom; y++) {
    const y0 = y << shiftY;
    const r0 = source + (<usize>(y0 * width) << 2);
    const r1 = source + (<usize>(min(height - 1, y0 + shiftY) * width) << 2);
    const from = max(0, 2 * left - 4);
    const to = min(width, 2 * right);
    let x = from;
    for (; x + 4 <= to; x += 4) {
      const at = <usize>x << 2;
      v128.store(row + at, f32x4.add(v128.load(r0 + at), v128.load(r1 + at)));
    }
    for (; x < to; x++) {
      const at = <usize>x << 2;
      store<f32>(row + at, load<f32>(r0 + at) + load<f32>(r1 + at));
    }
    // The border's own column stands in for the missing neighbour; behind the end of the row, it is only read into
    // unused columns.
    if (from == 0) store<f32>(row - 4, load<f32>(row));
    if (to == width) store<f32>(row + (<usize>width << 2), load<f32>(row + (<usize>(width - 1) << 2)));
    const line = out + ((<usize>y * <usize>outStride) << 2);
    for (let i = left; i < right; i += 4) {
      const at = row + (<usize>i << 3);
      const a = v128.load(at);
      const b = v128.load(at, 16);
      const here = v128.shuffle<f32>(a, b, 0, 2, 4, 6);
      const after = v128.shuffle<f32>(a, b, 1, 3, 5, 7);
      const before = v128.shuffle<f32>(v128.load(at - 4), v128.load(at + 12), 0, 2, 4, 6);
      const sum = f32x4.add(f32x4.add(before, after), f32x4.add(here, here));
      v128.store(line + (<usize>i << 2), f32x4.mul(eighth, sum));
    }
    if (right > halfWidth) {
      memory.fill(line + (<usize>halfWidth << 2), 0, <usize>(right - halfWidth) << 2);
    }
  }
}

/** 8-bit levels per code value: words of type u16 hold 10 bits, of type i16 12 bits. */
@inline
function levelsPerCode<T>(): f32 {
  if (sizeof<T>() == 1) return 1;
  return isSigned<T>() ? 0.0625 : 0.25;
}

/** Four samples of a frame's plane in 8-bit levels. */
@inline
function loadFour<T>(at: usize): v128 {
  if (sizeof<T>() == 1) {
    const bytes = i16x8.extend_low_i8x16_u(v128.load32_zero(at));
    return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(bytes));
  }
  return f32x4.mul(
    f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(v128.load64_zero(at))),
    f32x4.splat(levelsPerCode<T>()),
  );
}

/** A box of a frame's plane as floats; whole groups are read, so 8 samples behind the box must be readable. */
function loadPlane<T>(plane: usize, planeStride: i32, width: i32, height: i32, out: usize, outStride: i32): void {
  for (let y = 0; y < height; y++) {
    const from = plane + <usize>(y * planeStride) * sizeof<T>();
    const to = out + ((<usize>y * <usize>outStride) << 2);
    for (let x = 0; x < width; x += 8) {
      const at = from + <usize>x * sizeof<T>();
      v128.store(to + (<usize>x << 2), loadFour<T>(at));
      v128.store(to + (<usize>x << 2), loadFour<T>(at + 4 * sizeof<T>()), 16);
    }
  }
}

/** {@link loadPlane} of bytes. */
export function loadPlane8(plane: usize, planeStride: i32, width: i32, height: i32, out: usize, outStride: i32): void {
  loadPlane<u8>(plane, planeStride, width, height, out, outStride);
}

/** {@link loadPlane} of 10-bit words. */
export function loadPlane16(plane: usize, planeStride: i32, width: i32, height: i32, out: usize, outStride: i32): void {
  loadPlane<u16>(plane, planeStride, width, height, out, outStride);
}

/** {@link loadPlane} of 12-bit words. */
export function loadPlane12(plane: usize, planeStride: i32, width: i32, height: i32, out: usize, outStride: i32): void {
  loadPlane<i16>(plane, planeStride, width, height, out, outStride);
}

/** Two neighbouring samples of each of four places; the first is the low half of a lane, the second the high half. */
@inline
function loadPairs<T>(a: usize, b: usize, c: usize, d: usize): v128 {
  if (sizeof<T>() == 1) {
    let pairs = i32x4.splat(0);
    pairs = v128.load16_lane(a, pairs, 0);
    pairs = v128.load16_lane(b, pairs, 2);
    pairs = v128.load16_lane(c, pairs, 4);
    return v128.load16_lane(d, pairs, 6);
  }
  let pairs = v128.load32_zero(a);
  pairs = v128.load32_lane(b, pairs, 1);
  pairs = v128.load32_lane(c, pairs, 2);
  return v128.load32_lane(d, pairs, 3);
}

/** The values between two neighbouring samples each, in code values. */
@inline
function mixPairs<T>(pairs: v128, share: v128): v128 {
  const mask = i32x4.splat(sizeof<T>() == 1 ? 0xff : 0xffff);
  const a = f32x4.convert_i32x4_s(v128.and(pairs, mask));
  const b = f32x4.convert_i32x4_s(i32x4.shr_u(pairs, sizeof<T>() == 1 ? 8 : 16));
  return f32x4.add(a, f32x4.mul(share, f32x4.sub(b, a)));
}

/**
 * Inside a box: the target as it would look with the new proportions (bilinear, where the place maps say that a
 * sample moves), and how the drawn face differs from it.
 *
 * @param plane the frame's samples at the region's corner; 8 samples behind the region must be readable
 * @param drawn tight plane of the drawn face
 * @param covered > 0 where it is drawn; rows `coveredStride` apart
 * @param lumaCovered, placeX, placeY tight planes of `lumaWidth`, in luma pixels; `placeX` 0: nothing moves
 * @param shiftX, shiftY how often this plane's samples are halved against luma
 * @param target receives the moved target, `difference` drawn minus target; rows `stride` apart
 * @param left multiple of 8; `right` (excluded) too
 */
function drawFace<T>(
  plane: usize,
  planeStride: i32,
  width: i32,
  height: i32,
  drawn: usize,
  covered: usize,
  coveredStride: i32,
  lumaCovered: usize,
  placeX: usize,
  placeY: usize,
  lumaWidth: i32,
  shiftX: i32,
  shiftY: i32,
  target: usize,
  difference: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): void {
  const zero = f32x4.splat(0);
  const lanes = f32x4(0, 1, 2, 3);
  const lastX = f32x4.splat(<f32>(width - 1));
  const lastY = f32x4.splat(<f32>(height - 1));
  const scaleX = f32x4.splat(shiftX ? 0.5 : 1);
  const scaleY = f32x4.splat(shiftY ? 0.5 : 1);
  const levels = f32x4.splat(levelsPerCode<T>());
  const strides = i32x4.splat(planeStride);
  const lastWholeY = f32x4.splat(<f32>max(0, height - 2));
  const nextRow = height > 1 ? <usize>planeStride * sizeof<T>() : 0;
  for (let y = top; y < bottom; y++) {
    const samples = plane + <usize>(y * planeStride) * sizeof<T>();
    const drawnRow = drawn + ((<usize>y * <usize>width) << 2);
    const coveredRow = covered + ((<usize>y * <usize>coveredStride) << 2);
    const lumaRow = (<usize>(y << shiftY) * <usize>lumaWidth) << 2;
    const toTarget = target + ((<usize>y * <usize>stride) << 2);
    const toDifference = difference + ((<usize>y * <usize>stride) << 2);
    const lumaY = f32x4.splat(<f32>(y << shiftY));
    const ownY = f32x4.splat(<f32>y);
    for (let x = left; x < right; x += 4) {
      const at = <usize>x << 2;
      const own = loadFour<T>(samples + <usize>x * sizeof<T>());
      const isCovered = f32x4.gt(v128.load(coveredRow + at), zero);
      if (!v128.any_true(isCovered)) {
        v128.store(toTarget + at, own);
        v128.store(toDifference + at, zero);
        continue;
      }
      let moved = own;
      if (placeX != 0) {
        const luma = lumaRow + (at << shiftX);
        const ownX = f32x4.add(f32x4.splat(<f32>x), lanes);
        // Relative to where the sample itself lies, so that chroma siting cancels out.
        const lumaX = shiftX ? f32x4.add(ownX, ownX) : ownX;
        const moveX = f32x4.mul(scaleX, f32x4.sub(everyOther(placeX + luma, shiftX), lumaX));
        const moveY = f32x4.mul(scaleY, f32x4.sub(everyOther(placeY + luma, shiftX), lumaY));
        const isMoved = v128.and(
          f32x4.ne(everyOther(lumaCovered + luma, shiftX), zero),
          v128.or(f32x4.ne(moveX, zero), f32x4.ne(moveY, zero)),
        );
        if (v128.any_true(isMoved)) {
          const fromX = f32x4.min(lastX, f32x4.max(zero, f32x4.add(ownX, moveX)));
          const fromY = f32x4.min(lastY, f32x4.max(zero, f32x4.add(ownY, moveY)));
          const wholeX = f32x4.floor(fromX);
          const wholeY = f32x4.min(lastWholeY, f32x4.floor(fromY));
          // Places where nothing is covered may hold anything; what is no number becomes 0 here and is not used. Behind
          // the last column any sample will do, since its share is 0.
          const indices = i32x4.add(
            i32x4.mul(i32x4.trunc_sat_f32x4_s(wholeY), strides),
            i32x4.trunc_sat_f32x4_s(wholeX),
          );
          const a = plane + <usize>i32x4.extract_lane(indices, 0) * sizeof<T>();
          const b = plane + <usize>i32x4.extract_lane(indices, 1) * sizeof<T>();
          const c = plane + <usize>i32x4.extract_lane(indices, 2) * sizeof<T>();
          const d = plane + <usize>i32x4.extract_lane(indices, 3) * sizeof<T>();
          const shareX = f32x4.sub(fromX, wholeX);
          const above = mixPairs<T>(loadPairs<T>(a, b, c, d), shareX);
          const below = mixPairs<T>(
            loadPairs<T>(a + nextRow, b + nextRow, c + nextRow, d + nextRow),
            shareX,
          );
          const between = f32x4.add(above, f32x4.mul(f32x4.sub(fromY, wholeY), f32x4.sub(below, above)));
          moved = v128.bitselect(f32x4.mul(levels, between), own, isMoved);
        }
      }
      v128.store(toTarget + at, moved);
      v128.store(toDifference + at, v128.and(isCovered, f32x4.sub(v128.load(drawnRow + at), moved)));
    }
  }
}

/** Four floats, or every other one of eight. */
@inline
function everyOther(at: usize, shift: i32): v128 {
  if (!shift) return v128.load(at);
  return v128.shuffle<f32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6);
}

/** {@link drawFace} for bytes. */
export function drawFace8(
  plane: usize,
  planeStride: i32,
  width: i32,
  height: i32,
  drawn: usize,
  covered: usize,
  coveredStride: i32,
  lumaCovered: usize,
  placeX: usize,
  placeY: usize,
  lumaWidth: i32,
  shiftX: i32,
  shiftY: i32,
  target: usize,
  difference: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): void {
  drawFace<u8>(
    plane, planeStride, width, height, drawn, covered, coveredStride, lumaCovered, placeX, placeY, lumaWidth,
    shiftX, shiftY, target, difference, stride, left, right, top, bottom
  );
}

/** {@link drawFace} for 10-bit words. */
export function drawFace16(
  plane: usize,
  planeStride: i32,
  width: i32,
  height: i32,
  drawn: usize,
  covered: usize,
  coveredStride: i32,
  lumaCovered: usize,
  placeX: usize,
  placeY: usize,
  lumaWidth: i32,
  shiftX: i32,
  shiftY: i32,
  target: usize,
  difference: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): void {
  drawFace<u16>(
    plane, planeStride, width, height, drawn, covered, coveredStride, lumaCovered, placeX, placeY, lumaWidth,
    shiftX, shiftY, target, difference, stride, left, right, top, bottom
  );
}

/** {@link drawFace} for 12-bit words. */
export function drawFace12(
  plane: usize,
  planeStride: i32,
  width: i32,
  height: i32,
  drawn: usize,
  covered: usize,
  coveredStride: i32,
  lumaCovered: usize,
  placeX: usize,
  placeY: usize,
  lumaWidth: i32,
  shiftX: i32,
  shiftY: i32,
  target: usize,
  difference: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): void {
  drawFace<i16>(
    plane, planeStride, width, height, drawn, covered, coveredStride, lumaCovered, placeX, placeY, lumaWidth,
    shiftX, shiftY, target, difference, stride, left, right, top, bottom
  );
}

/** `gain · difference + (gain − 1) · target` inside a box: what {@link mixLevel} and {@link writeBands8} expand. */
export function weighPlanes(
  difference: usize,
  target: usize,
  gain: f32,
  out: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): void {
  const gains = f32x4.splat(gain);
  const rest = f32x4.splat(gain - 1);
  for (let y = top; y < bottom; y++) {
    const end = <usize>(y * stride + right) << 2;
    for (let at = <usize>(y * stride + left) << 2; at < end; at += 16) {
      const sum = f32x4.add(
        f32x4.mul(gains, v128.load(difference + at)),
        f32x4.mul(rest, v128.load(target + at)),
      );
      v128.store(out + at, sum);
    }
  }
}

/** `factor · first · second` inside a box, and 0 in the rest of the plane: the coarsest level of a blend. */
export function multiplyPlanes(
  first: usize,
  second: usize,
  factor: f32,
  out: usize,
  stride: i32,
  height: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
): void {
  memory.fill(out, 0, (<usize>stride * <usize>height) << 2);
  const factors = f32x4.splat(factor);
  for (let y = top; y < bottom; y++) {
    const end = <usize>(y * stride + right) << 2;
    for (let at = <usize>(y * stride + left) << 2; at < end; at += 16) {
      v128.store(out + at, f32x4.mul(factors, f32x4.mul(v128.load(first + at), v128.load(second + at))));
    }
  }
}

/**
 * Four values of a level's band: mask · share · (gain · difference + (gain − 1) · target − what the next level
 * tells).
 */
@inline
function band(
  mask: usize,
  difference: usize,
  target: usize,
  share: v128,
  gain: v128,
  rest: v128,
  coarse: v128,
): v128 {
  let value = f32x4.sub(f32x4.mul(gain, v128.load(difference)), coarse);
  if (target != 0) value = f32x4.add(value, f32x4.mul(rest, v128.load(target)));
  return f32x4.mul(f32x4.mul(share, v128.load(mask)), value);
}

/**
 * One level of the blend from the level below, finished: the sum of its own band, inside the box, and of the doubled
 * result of the next coarser level, everywhere. The band is that of the Laplacian pyramids of the drawn face (times
 * `gain`) and of the target, written as their difference: `gain · (difference + target) − target`, less its own
 * low-pass.
 *
 * @param mask, difference, target this level's planes, valid inside the box; `target` 0 when the gain is 1
 * @param weighed the next level's {@link weighPlanes} of the same gain, valid around the box
 * @param result the next level's result; both have rows `coarseStride` apart
 * @param out receives this level's result
 * @param left multiple of 8; `right` (excluded) too
 * @param work stride + 32 floats
 */
export function mixLevel(
  mask: usize,
  difference: usize,
  target: usize,
  weighed: usize,
  result: usize,
  coarseStride: i32,
  width: i32,
  height: i32,
  out: usize,
  stride: i32,
  gain: f32,
  share: f32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  work: usize,
): void {
  const halfWidth = (width + 1) >> 1;
  const halfHeight = (height + 1) >> 1;
  const half = stride >> 1;
  const resultRow = work + 16;
  const weighedRow = resultRow + (<usize>(half + 12) << 2);
  const first = max(0, (left >> 1) - 4);
  const last = min(half, (right >> 1) + 4);
  const shares = f32x4.splat(share);
  const gains = f32x4.splat(gain);
  const rest = f32x4.splat(gain - 1);
  for (let y = 0; y < height; y++) {
    expandDown(result, coarseStride, halfWidth, halfHeight, y, 0, half, resultRow);
    const isInside = y >= top && y < bottom;
    if (isInside) expandDown(weighed, coarseStride, halfWidth, halfHeight, y, first, last, weighedRow);
    const line = (<usize>y * <usize>stride) << 2;
    for (let x = 0; x < stride; x += 8) {
      const i = <usize>x << 1;
      const even = expandEven(resultRow + i);
      const odd = expandOdd(resultRow + i);
      let low = firstFour(even, odd);
      let high = lastFour(even, odd);
      const at = line + (<usize>x << 2);
      if (isInside && x >= left && x < right) {
        const coarseEven = expandEven(weighedRow + i);
        const coarseOdd = expandOdd(weighedRow + i);
        const own = target != 0 ? target + at : 0;
        const next = target != 0 ? own + 16 : 0;
        low = f32x4.add(
          low,
          band(mask + at, difference + at, own, shares, gains, rest, firstFour(coarseEven, coarseOdd)),
        );
        high = f32x4.add(
          high,
          band(mask + at + 16, difference + at + 16, next, shares, gains, rest, lastFour(coarseEven, coarseOdd)),
        );
      }
      v128.store(out + at, low);
      v128.store(out + at, high, 16);
    }
  }
}

/**
 * Adds changes to eight samples and stores those that change by half a code value at least.
 *
 * @param low, high changes in code values
 */
@inline
function changeEight<T>(at: usize, low: v128, high: v128): void {
  const half = f32x4.splat(0.5);
  const isLow = f32x4.ge(f32x4.abs(low), half);
  const isHigh = f32x4.ge(f32x4.abs(high), half);
  if (!v128.any_true(v128.or(isLow, isHigh))) return;
  const changes = i16x8.narrow_i32x4_s(isLow, isHigh);
  if (sizeof<T>() == 1) {
    const bytes = v128.load64_zero(at);
    const words = i16x8.extend_low_i8x16_u(bytes);
    const values = i16x8.narrow_i32x4_s(
      rounded(i32x4.extend_low_i16x8_u(words), low),
      rounded(i32x4.extend_high_i16x8_u(words), high),
    );
    const chosen = v128.bitselect(
      i8x16.narrow_i16x8_u(values, values),
      bytes,
      i8x16.narrow_i16x8_s(changes, changes),
    );
    v128.store64_lane(at, chosen, 0);
  } else {
    const words = v128.load(at);
    const values = i16x8.min_s(
      i16x8.splat(isSigned<T>() ? 4095 : 1023),
      i16x8.narrow_i32x4_u(
        rounded(i32x4.extend_low_i16x8_u(words), low),
        rounded(i32x4.extend_high_i16x8_u(words), high),
      ),
    );
    v128.store(at, v128.bitselect(values, words, changes));
  }
}

/** Codes plus changes; halves go up. */
@inline
function rounded(codes: v128, changes: v128): v128 {
  const sum = f32x4.add(f32x4.convert_i32x4_s(codes), f32x4.add(changes, f32x4.splat(0.5)));
  return i32x4.trunc_sat_f32x4_s(f32x4.floor(sum));
}

/**
 * The finest level of a blend, made as by {@link mixLevel} and written into the frame: blend minus the frame's own
 * sample, faded at the region's border. What changes by less than half a code value is not written.
 *
 * @param plane the frame's samples at the region's corner, changed in place; 8 samples behind the region must be
 *   writable
 * @param target the moved target, valid inside the box; outside of it nothing moves
 * @param fadeX weight of each column, 0 behind the region's width; `fadeY` of each row, times code values per level
 */
function writeBands<T>(
  plane: usize,
  planeStride: i32,
  mask: usize,
  difference: usize,
  target: usize,
  weighed: usize,
  result: usize,
  coarseStride: i32,
  width: i32,
  height: i32,
  stride: i32,
  gain: f32,
  share: f32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  fadeX: usize,
  fadeY: usize,
  work: usize,
): void {
  const halfWidth = (width + 1) >> 1;
  const halfHeight = (height + 1) >> 1;
  const half = stride >> 1;
  const resultRow = work + 16;
  const weighedRow = resultRow + (<usize>(half + 12) << 2);
  const first = max(0, (left >> 1) - 4);
  const last = min(half, (right >> 1) + 4);
  const shares = f32x4.splat(share);
  const gains = f32x4.splat(gain);
  const rest = f32x4.splat(gain - 1);
  for (let y = 0; y < height; y++) {
    const isInside = y >= top && y < bottom;
    expandDown(result, coarseStride, halfWidth, halfHeight, y, 0, half, resultRow);
    if (isInside) expandDown(weighed, coarseStride, halfWidth, halfHeight, y, first, last, weighedRow);
    const line = (<usize>y * <usize>stride) << 2;
    const samples = plane + <usize>(y * planeStride) * sizeof<T>();
    const fade = v128.load32_splat(fadeY + (<usize>y << 2));
    for (let x = 0; x < stride; x += 8) {
      const i = <usize>x << 1;
      const even = expandEven(resultRow + i);
      const odd = expandOdd(resultRow + i);
      let low = firstFour(even, odd);
      let high = lastFour(even, odd);
      const sample = samples + <usize>x * sizeof<T>();
      if (isInside && x >= left && x < right) {
        const coarseEven = expandEven(weighedRow + i);
        const coarseOdd = expandOdd(weighedRow + i);
        const at = line + (<usize>x << 2);
        const t = target + at;
        const lowBand = band(
          mask + at,
          difference + at,
          t,
          shares,
          gains,
          rest,
          firstFour(coarseEven, coarseOdd),
        );
        const highBand = band(
          mask + at + 16,
          difference + at + 16,
          t + 16,
          shares,
          gains,
          rest,
          lastFour(coarseEven, coarseOdd),
        );
        low = f32x4.add(f32x4.add(low, lowBand), f32x4.sub(v128.load(t), loadFour<T>(sample)));
        high = f32x4.add(
          f32x4.add(high, highBand),
          f32x4.sub(v128.load(t, 16), loadFour<T>(sample + 4 * sizeof<T>())),
        );
      }
      const columns = fadeX + (<usize>x << 2);
      changeEight<T>(
        sample,
        f32x4.mul(low, f32x4.mul(fade, v128.load(columns))),
        f32x4.mul(high, f32x4.mul(fade, v128.load(columns, 16))),
      );
    }
  }
}

/** {@link writeBands} into bytes. */
export function writeBands8(
  plane: usize,
  planeStride: i32,
  mask: usize,
  difference: usize,
  target: usize,
  weighed: usize,
  result: usize,
  coarseStride: i32,
  width: i32,
  height: i32,
  stride: i32,
  gain: f32,
  share: f32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  fadeX: usize,
  fadeY: usize,
  work: usize,
): void {
  writeBands<u8>(
    plane, planeStride, mask, difference, target, weighed, result, coarseStride, width, height, stride, gain, share,
    left, right, top, bottom, fadeX, fadeY, work
  );
}

/** {@link writeBands} into 10-bit words. */
export function writeBands16(
  plane: usize,
  planeStride: i32,
  mask: usize,
  difference: usize,
  target: usize,
  weighed: usize,
  result: usize,
  coarseStride: i32,
  width: i32,
  height: i32,
  stride: i32,
  gain: f32,
  share: f32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  fadeX: usize,
  fadeY: usize,
  work: usize,
): void {
  writeBands<u16>(
    plane, planeStride, mask, difference, target, weighed, result, coarseStride, width, height, stride, gain, share,
    left, right, top, bottom, fadeX, fadeY, work
  );
}

/** {@link writeBands} into 12-bit words. */
export function writeBands12(
  plane: usize,
  planeStride: i32,
  mask: usize,
  difference: usize,
  target: usize,
  weighed: usize,
  result: usize,
  coarseStride: i32,
  width: i32,
  height: i32,
  stride: i32,
  gain: f32,
  share: f32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  fadeX: usize,
  fadeY: usize,
  work: usize,
): void {
  writeBands<i16>(
    plane, planeStride, mask, difference, target, weighed, result, coarseStride, width, height, stride, gain, share,
    left, right, top, bottom, fadeX, fadeY, work
  );
}

/** A feathered edge: mask · difference, and what moved, written inside the box as {@link writeBands} writes it. */
function writeBasic<T>(
  plane: usize,
  planeStride: i32,
  mask: usize,
  difference: usize,
  target: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  fadeX: usize,
  fadeY: usize,
): void {
  for (let y = top; y < bottom; y++) {
    const line = (<usize>y * <usize>stride) << 2;
    const samples = plane + <usize>(y * planeStride) * sizeof<T>();
    const fade = v128.load32_splat(fadeY + (<usize>y << 2));
    for (let x = left; x < right; x += 8) {
      const at = line + (<usize>x << 2);
      const sample = samples + <usize>x * sizeof<T>();
      const columns = fadeX + (<usize>x << 2);
      const low = f32x4.add(
        f32x4.mul(v128.load(mask + at), v128.load(difference + at)),
        f32x4.sub(v128.load(target + at), loadFour<T>(sample)),
      );
      const high = f32x4.add(
        f32x4.mul(v128.load(mask + at, 16), v128.load(difference + at, 16)),
        f32x4.sub(v128.load(target + at, 16), loadFour<T>(sample + 4 * sizeof<T>())),
      );
      changeEight<T>(
        sample,
        f32x4.mul(low, f32x4.mul(fade, v128.load(columns))),
        f32x4.mul(high, f32x4.mul(fade, v128.load(columns, 16))),
      );
    }
  }
}

/** {@link writeBasic} into bytes. */
export function writeBasic8(
  plane: usize,
  planeStride: i32,
  mask: usize,
  difference: usize,
  target: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  fadeX: usize,
  fadeY: usize,
): void {
  writeBasic<u8>(
    plane, planeStride, mask, difference, target, stride, left, right, top, bottom, fadeX, fadeY
  );
}

/** {@link writeBasic} into 10-bit words. */
export function writeBasic16(
  plane: usize,
  planeStride: i32,
  mask: usize,
  difference: usize,
  target: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  fadeX: usize,
  fadeY: usize,
): void {
  writeBasic<u16>(
    plane, planeStride, mask, difference, target, stride, left, right, top, bottom, fadeX, fadeY
  );
}

/** {@link writeBasic} into 12-bit words. */
export function writeBasic12(
  plane: usize,
  planeStride: i32,
  mask: usize,
  difference: usize,
  target: usize,
  stride: i32,
  left: i32,
  right: i32,
  top: i32,
  bottom: i32,
  fadeX: usize,
  fadeY: usize,
): void {
  writeBasic<i16>(
    plane, planeStride, mask, difference, target, stride, left, right, top, bottom, fadeX, fadeY
  );
}

/** Sets bytes to 0. */
export function clearMemory(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes);
}
