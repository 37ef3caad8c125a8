/**
 * Writes the opacity of a drawn face into a plane of bytes, of which the larger one stays: 0 only where there is none, 255 where it
 * is full.
 *
 * @param mask opacities 0..1, `width` × `height` floats
 * @param plane address of the byte at the region's corner; rows are `stride` bytes apart
 */
export function markMask(mask: usize, plane: usize, stride: usize, width: usize, height: usize): void {
  const scale = f32x4.splat(255);
  const roundUp = f32x4.splat(0.999);
  for (let y: usize = 0; y < height; y++) {
    const from = mask + y * width * 4;
    const to = plane + y * stride;
    let x: usize = 0;
    for (; x + 4 <= width; x += 4) {
      const opacity = v128.load(from + x * 4);
      if (!v128.any_true(opacity)) {
        const next = from + x * 4;
        if (
          x + 16 <= width &&
          !v128.any_true(v128.or(v128.load(next, 16), v128.or(v128.load(next, 32), v128.load(next, 48))))
        ) {
          x += 12;
        }
        continue;
      }
      const bytes = i32x4.trunc_sat_f32x4_u(f32x4.add(f32x4.mul(opacity, scale), roundUp));
      const words = i16x8.narrow_i32x4_u(bytes, bytes);
      const narrow = i8x16.narrow_i16x8_u(words, words);
      const present = v128.load32_zero(to + x);
      store<u32>(to + x, <u32>i32x4.extract_lane(v128.max<u8>(narrow, present), 0));
    }
    for (; x < width; x++) {
      const value = <u32>min<f32>(255, load<f32>(from + x * 4) * 255 + 0.999);
      if (value > load<u8>(to + x)) store<u8>(to + x, <u8>value);
    }
  }
}

/** 1 when two boxes of rows hold the same bytes, else 0; `stride` and `width` in bytes. */
export function areEqual(first: usize, second: usize, stride: usize, width: usize, height: usize): i32 {
  for (let y: usize = 0; y < height; y++) {
    const a = first + y * stride;
    const b = second + y * stride;
    let x: usize = 0;
    for (; x + 64 <= width; x += 64) {
      const differing = v128.or(
        v128.or(
          v128.xor(v128.load(a + x), v128.load(b + x)),
          v128.xor(v128.load(a + x, 16), v128.load(b + x, 16)),
        ),
        v128.or(
          v128.xor(v128.load(a + x, 32), v128.load(b + x, 32)),
          v128.xor(v128.load(a + x, 48), v128.load(b + x, 48)),
        ),
      );
      if (v128.any_true(differing)) return 0;
    }
    for (; x < width; x++) if (load<u8>(a + x) != load<u8>(b + x)) return 0;
  }
  return 1;
}

/** Samples of a row whose products of mask and change add up to less than 2^31 per lane. */
const seamGroups: usize = 1024;

@inline
function eightSamples<T>(at: usize): v128 {
  return sizeof<T>() == 1 ? v128.load8x8_u(at) : v128.load(at);
}

@inline
function laneSum(sums: v128): i64 {
  return (
    <i64>i32x4.extract_lane(sums, 0) +
    <i64>i32x4.extract_lane(sums, 1) +
    <i64>i32x4.extract_lane(sums, 2) +
    <i64>i32x4.extract_lane(sums, 3)
  );
}

/** What the pairs of a row with its neighbours `step` samples on (and `maskStep` bytes in the mask) add to the sums. */
@inline
function seamRow<T>(
  a: usize,
  b: usize,
  mask: usize,
  aStep: usize,
  bStep: usize,
  maskStep: usize,
  width: usize,
  totals: usize,
): void {
  const size = sizeof<T>();
  const ones = i16x8.splat(1);
  let error: i64 = 0;
  let weight: i64 = 0;
  let x: usize = 0;
  while (x + 8 <= width) {
    const end = min(width, x + seamGroups);
    let errors = i32x4.splat(0);
    let weights = i32x4.splat(0);
    for (; x + 8 <= end; x += 8) {
      // Most of a mask is even; sixteen bytes of it that are can be passed over at once.
      if (
        x + 16 <= end &&
        !v128.any_true(v128.xor(v128.load(mask + x), v128.load(mask + x + maskStep)))
      ) {
        x += 8;
        continue;
      }
      const step = i16x8.abs(i16x8.sub(v128.load8x8_u(mask + x + maskStep), v128.load8x8_u(mask + x)));
      if (!v128.any_true(step)) continue;
      const at = x * size;
      const near = i16x8.sub(eightSamples<T>(b + at), eightSamples<T>(a + at));
      const far = i16x8.sub(eightSamples<T>(b + at + bStep), eightSamples<T>(a + at + aStep));
      errors = i32x4.add(errors, i32x4.dot_i16x8_s(step, i16x8.abs(i16x8.sub(far, near))));
      weights = i32x4.add(weights, i32x4.dot_i16x8_s(step, ones));
    }
    error += laneSum(errors);
    weight += laneSum(weights);
  }
  for (; x < width; x++) {
    const step = abs<i32>(<i32>load<u8>(mask + x + maskStep) - <i32>load<u8>(mask + x));
    const at = x * size;
    const near = <i32>load<T>(b + at) - <i32>load<T>(a + at);
    const far = <i32>load<T>(b + at + bStep) - <i32>load<T>(a + at + aStep);
    error += step * abs<i32>(far - near);
    weight += step;
  }
  store<f64>(totals, load<f64>(totals) + <f64>error);
  store<f64>(totals, load<f64>(totals, 8) + <f64>weight, 8);
}

/**
 * Over all pairs of neighbours in a box, in a row and in a column: the sums of |Δmask| · |Δ(second − first)| and of |Δmask|. Exact: a pair adds at most
 * 255 · 8190 per lane.
 *
 * @param firstStride, secondStride distances of rows in samples; `maskStride` in bytes
 * @param totals room for two 64-bit floats, which receive the sums
 */
@inline
function seam<T>(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  mask: usize,
  maskStride: usize,
  width: usize,
  height: usize,
  totals: usize,
): void {
  const size = sizeof<T>();
  store<f64>(totals, 0);
  store<f64>(totals, 0, 8);
  for (let y: usize = 0; y < height; y++) {
    const a = first + y * firstStride * size;
    const b = second + y * secondStride * size;
    const m = mask + y * maskStride;
    seamRow<T>(a, b, m, size, size, 1, width - 1, totals);
    if (y + 1 < height) {
      seamRow<T>(a, b, m, firstStride * size, secondStride * size, maskStride, width, totals);
    }
  }
}

/** {@link seam} of bytes. */
export function seam8(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  mask: usize,
  maskStride: usize,
  width: usize,
  height: usize,
  totals: usize,
): void {
  seam<u8>(first, firstStride, second, secondStride, mask, maskStride, width, height, totals);
}

/** {@link seam} of words below 4096. */
export function seam16(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  mask: usize,
  maskStride: usize,
  width: usize,
  height: usize,
  totals: usize,
): void {
  seam<u16>(first, firstStride, second, secondStride, mask, maskStride, width, height, totals);
}

/** Four samples of either depth as floats. */
@inline
function fourSamples<T>(at: usize): v128 {
  if (sizeof<T>() == 1) {
    const words = i16x8.extend_low_i8x16_u(v128.load32_zero(at));
    return f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(words));
  }
  return f32x4.convert_i32x4_u(v128.load16x4_u(at));
}

/** Weights of the four samples around a place between the middle two: Catmull and Rom's cubic. */
@inline
function cubicWeights(share: f32): v128 {
  const s = f32x4.splat(share);
  let weights = f32x4(-0.5, 1.5, -1.5, 0.5);
  weights = f32x4.add(f32x4.mul(weights, s), f32x4(1, -2.5, 2, -0.5));
  weights = f32x4.add(f32x4.mul(weights, s), f32x4(-0.5, 0, 0.5, 0));
  return f32x4.add(f32x4.mul(weights, s), f32x4(0, 1, 0, 0));
}

/**
 * Sum of squared differences between a picture and an earlier one that is moved onto it, over a grid of places whose sixteen neighbours all lie in the earlier
 * picture.
 *
 * @param past the earlier picture, `widthPx` × `heightPx` samples
 * @param here address of the first place's sample; rows are `widthPx` samples apart
 * @param columns, rows places of the grid, `step` pixels apart
 * @param fromX, fromY where the first place lies in the earlier picture; the next one in its row `stepXx`, `stepXy` further, the one below
 *   it `stepYx`, `stepYy`
 * @param count receives as a 64-bit float how many places were compared
 */
@inline
function alignedError<T>(
  past: usize,
  widthPx: i32,
  heightPx: i32,
  here: usize,
  columns: i32,
  rows: i32,
  step: usize,
  fromX: f64,
  fromY: f64,
  stepXx: f64,
  stepXy: f64,
  stepYx: f64,
  stepYy: f64,
  count: usize,
): f64 {
  const size = sizeof<T>();
  const stride = <usize>widthPx * size;
  let total: f64 = 0;
  let compared: i32 = 0;
  for (let row = 0; row < rows; row++) {
    let at = here + <usize>row * step * stride;
    for (let column = 0; column < columns; column++, at += step * size) {
      const x = fromX + <f64>column * stepXx + <f64>row * stepYx;
      const y = fromY + <f64>column * stepXy + <f64>row * stepYy;
      const left = floor<f64>(x);
      const top = floor<f64>(y);
      if (!(left >= 1 && top >= 1 && left + 2 < <f64>widthPx && top + 2 < <f64>heightPx)) continue;
      const corner = past + (<usize>top - 1) * stride + (<usize>left - 1) * size;
      const across = cubicWeights(<f32>(x - left));
      const down = cubicWeights(<f32>(y - top));
      let sum = f32x4.mul(fourSamples<T>(corner), v128.shuffle<i32>(down, down, 0, 0, 0, 0));
      sum = f32x4.add(
        sum,
        f32x4.mul(fourSamples<T>(corner + stride), v128.shuffle<i32>(down, down, 1, 1, 1, 1)),
      );
      sum = f32x4.add(
        sum,
        f32x4.mul(fourSamples<T>(corner + stride * 2), v128.shuffle<i32>(down, down, 2, 2, 2, 2)),
      );
      sum = f32x4.add(
        sum,
        f32x4.mul(fourSamples<T>(corner + stride * 3), v128.shuffle<i32>(down, down, 3, 3, 3, 3)),
      );
      sum = f32x4.mul(sum, across);
      const moved =
        f32x4.extract_lane(sum, 0) +
        f32x4.extract_lane(sum, 1) +
        (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
      const error = <f64>(moved - <f32>load<T>(at));
      total += error * error;
      compared++;
    }
  }
  store<f64>(count, <f64>compared);
  return total;
}

/** {@link alignedError} of bytes. */
export function alignedError8(
  past: usize,
  widthPx: i32,
  heightPx: i32,
  here: usize,
  columns: i32,
  rows: i32,
  step: usize,
  fromX: f64,
  fromY: f64,
  stepXx: f64,
  stepXy: f64,
  stepYx: f64,
  stepYy: f64,
  count: usize,
): f64 {
  return alignedError<u8>(
    past, widthPx, heightPx, here, columns, rows, step,
    fromX, fromY, stepXx, stepXy, stepYx, stepYy, count,
  );
}

/** {@link alignedError} of words. */
export function alignedError16(
  past: usize,
  widthPx: i32,
  heightPx: i32,
  here: usize,
  columns: i32,
  rows: i32,
  step: usize,
  fromX: f64,
  fromY: f64,
  stepXx: f64,
  stepXy: f64,
  stepYx: f64,
  stepYy: f64,
  count: usize,
): f64 {
  return alignedError<u16>(
    past, widthPx, heightPx, here, columns, rows, step,
    fromX, fromY, stepXx, stepXy, stepYx, stepYy, count,
  );
}
