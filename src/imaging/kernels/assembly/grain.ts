// Grain: how noisy a picture is in blocks, and noise that is drawn by counting, so that the same place, seed and strength give the
// same value on every machine.

/** Side of a measured block in samples. */
const blockSide: i32 = 8;

/** Four samples as floats, in 8-bit levels. */
@inline
function loadFour<T>(at: usize, perLevel: v128): v128 {
  if (sizeof<T>() == 1) {
    const words = i16x8.extend_low_i8x16_u(v128.load32_zero(at));
    return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(words));
  }
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(v128.load64_zero(at))), perLevel);
}

/**
 * Energy of what bends in a square: the mean square of the second difference across of the second difference down, as a share
 * of what white noise of variance 1 gives (Immerkær, "Fast noise variance estimation", 1996). Slopes give nothing.
 *
 * @param values side² floats
 */
function bendEnergy(values: usize, side: i32): f32 {
  let sum: f32 = 0;
  const row: usize = 4 * <usize>side;
  for (let y = 1; y < side - 1; y++) {
    const middle = values + row * <usize>y;
    for (let x = 1; x < side - 1; x++) {
      const at = middle + 4 * <usize>x;
      const bend = bendDown(at - 4, row) - 2 * bendDown(at, row) + bendDown(at + 4, row);
      sum += bend * bend;
    }
  }
  const count: i32 = (side - 2) * (side - 2);
  return sum / (36 * <f32>count);
}

@inline
function bendDown(at: usize, row: usize): f32 {
  return load<f32>(at - row) - 2 * load<f32>(at) + load<f32>(at + row);
}

/**
 * Measures blocks of 8 × 8 samples: their mean, and the energy of noise in single samples and in means of 2 × 2.
 *
 * @param plane address of the first block's first sample; @param planeStride samples between rows
 * @param columns blocks across; @param step samples between the corners of neighbouring blocks, across and down
 * @param scale code values per 8-bit level
 * @param work 80 floats
 * @param out columns × rows × (mean, fine, coarse), in 8-bit levels and their squares
 */
function grainBlocks<T>(
  plane: usize,
  planeStride: i32,
  columns: i32,
  rows: i32,
  step: i32,
  scale: f32,
  work: usize,
  out: usize,
): void {
  const perLevel = f32x4.splat(1 / scale);
  const halves = work + 256;
  const quarter = f32x4.splat(0.25);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, out += 12) {
      const corner = plane + <usize>(row * step * planeStride + column * step) * sizeof<T>();
      let total = f32x4.splat(0);
      for (let y = 0; y < blockSide; y += 2) {
        const upper = corner + <usize>(y * planeStride) * sizeof<T>();
        const lower = upper + <usize>planeStride * sizeof<T>();
        const a = loadFour<T>(upper, perLevel);
        const b = loadFour<T>(upper + 4 * sizeof<T>(), perLevel);
        const c = loadFour<T>(lower, perLevel);
        const d = loadFour<T>(lower + 4 * sizeof<T>(), perLevel);
        const to = work + 32 * <usize>y;
        v128.store(to, a);
        v128.store(to, b, 16);
        v128.store(to, c, 32);
        v128.store(to, d, 48);
        const left = f32x4.add(a, c);
        const right = f32x4.add(b, d);
        const sums = f32x4.add(
          v128.shuffle<f32>(left, right, 0, 2, 4, 6),
          v128.shuffle<f32>(left, right, 1, 3, 5, 7),
        );
        v128.store(halves + 8 * <usize>y, f32x4.mul(sums, quarter));
        total = f32x4.add(total, sums);
      }
      const mean =
        (f32x4.extract_lane(total, 0) +
          f32x4.extract_lane(total, 1) +
          f32x4.extract_lane(total, 2) +
          f32x4.extract_lane(total, 3)) /
        <f32>(blockSide * blockSide);
      store<f32>(out, mean);
      store<f32>(out, bendEnergy(work, blockSide), 4);
      store<f32>(out, bendEnergy(halves, blockSide >> 1), 8);
    }
  }
}

/** {@link grainBlocks} of bytes. */
export function grainBlocks8(
  plane: usize,
  planeStride: i32,
  columns: i32,
  rows: i32,
  step: i32,
  scale: f32,
  work: usize,
  out: usize,
): void {
  grainBlocks<u8>(plane, planeStride, columns, rows, step, scale, work, out);
}

/** {@link grainBlocks} of words. */
export function grainBlocks16(
  plane: usize,
  planeStride: i32,
  columns: i32,
  rows: i32,
  step: i32,
  scale: f32,
  work: usize,
  out: usize,
): void {
  grainBlocks<u16>(plane, planeStride, columns, rows, step, scale, work, out);
}

/** Four numbers of a noise with mean 0 and variance 1, from −3.45 to 3.45, by place: the sum of four evenly spread bytes. */
@inline
function noiseAt(x: v128, line: v128): v128 {
  // The mixing steps are those of Wellons, "Prospecting for hash functions" (public domain), with 32 bits.
  let hash = v128.xor(i32x4.mul(x, i32x4.splat(0x9e3779b1)), line);
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 16)), i32x4.splat(0x7feb352d));
  hash = i32x4.mul(v128.xor(hash, i32x4.shr_u(hash, 15)), i32x4.splat(0x846ca68b));
  hash = v128.xor(hash, i32x4.shr_u(hash, 16));
  const low = i32x4.splat(0xff);
  const sum = i32x4.add(
    i32x4.add(v128.and(hash, low), v128.and(i32x4.shr_u(hash, 8), low)),
    i32x4.add(v128.and(i32x4.shr_u(hash, 16), low), i32x4.shr_u(hash, 24)),
  );
  // Four bytes have the mean 510 and the variance 4 · (256² − 1) / 12 = 147.8²; a float holds both exactly enough.
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(sum, i32x4.splat(510))), f32x4.splat(1.0 / 147.80054));
}

@inline
function lineHash(y: i32, seed: i32): v128 {
  return i32x4.splat((y * 0x85ebca77) ^ seed);
}

/**
 * Rows of the smooth noise: noise of half the resolution, each value spread to its two neighbours' thirds. Its variance is 1.
 *
 * @param count values from `left` on; up to 7 more are written
 * @param coarse work of count / 2 + 8 floats
 */
function smoothRow(left: i32, y: i32, count: i32, seed: i32, coarse: usize, out: usize): void {
  const first = (left >> 1) - 1;
  const near = lineHash(y >> 1, seed);
  const far = lineHash((y >> 1) + ((y & 1) !== 0 ? 1 : -1), seed);
  const ramp = i32x4(0, 1, 2, 3);
  const wide = (count >> 1) + 4;
  // (¾ ¼) twice leaves 0.625² of the variance.
  const more = f32x4.splat(0.75 / 0.625);
  const less = f32x4.splat(0.25 / 0.625);
  for (let k = 0; k < wide; k += 4) {
    const x = i32x4.add(i32x4.splat(first + k), ramp);
    const value = f32x4.add(f32x4.mul(noiseAt(x, near), more), f32x4.mul(noiseAt(x, far), less));
    v128.store(coarse + 4 * <usize>k, value);
  }
  for (let i = 0; i < count; i++) {
    const x = left + i;
    const at = coarse + 4 * <usize>((x >> 1) - first);
    const beside = (x & 1) !== 0 ? load<f32>(at, 4) : load<f32>(at - 4);
    store<f32>(out + 4 * <usize>i, 0.75 * load<f32>(at) + 0.25 * beside);
  }
}

/**
 * Adds grain inside a mask. The strength of either noise is a line through its four strengths at the levels 48, 96, 144 and 192.
 *
 * @param plane the region's first sample; 8 samples behind the region must be readable
 * @param width samples of the region; @param left where it begins in the plane
 * @param mask opacities, luma size, `maskStride` apart; 8 floats behind it must be readable
 * @param strengths four standard deviations of noise of single samples, then four of smooth noise, in 8-bit levels
 * @param scale code values per 8-bit level; @param highest the highest code value
 * @param work 2 × width + 32 floats
 */
function addGrain<T>(
  plane: usize,
  planeStride: i32,
  width: i32,
  height: i32,
  left: i32,
  top: i32,
  mask: usize,
  maskStride: i32,
  shiftX: i32,
  shiftY: i32,
  strengths: usize,
  seed: i32,
  scale: f32,
  highest: f32,
  work: usize,
): void {
  const perLevel = f32x4.splat(1 / scale);
  const ramp = i32x4(0, 1, 2, 3);
  const coarse = work + 4 * <usize>width + 64;
  const smoothSeed = seed ^ 0x5bd1e995;
  for (let y = 0; y < height; y++) {
    const samples = plane + <usize>(y * planeStride) * sizeof<T>();
    const opacities = mask + 4 * <usize>((y << shiftY) * maskStride);
    const line = lineHash(top + y, seed);
    let hasSmooth = false;
    for (let x = 0; x < width; x += 4) {
      let opacity: v128;
      if (shiftX === 0) {
        opacity = v128.load(opacities + 4 * <usize>x);
      } else {
        const at = opacities + 8 * <usize>x;
        opacity = v128.shuffle<f32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6);
      }
      const some = f32x4.gt(opacity, f32x4.splat(0));
      if (!v128.any_true(some)) continue;
      if (!hasSmooth) {
        smoothRow(left, top + y, width, smoothSeed, coarse, work);
        hasSmooth = true;
      }
      const at = samples + <usize>x * sizeof<T>();
      const value = loadFour<T>(at, perLevel);
      const white = noiseAt(i32x4.add(i32x4.splat(left + x), ramp), line);
      const soft = v128.load(work + 4 * <usize>x);
      const noise = f32x4.add(
        f32x4.mul(white, strengthAt(strengths, value)),
        f32x4.mul(soft, strengthAt(strengths + 16, value)),
      );
      // What is not covered may be anything in the lanes behind the row's end.
      const change = v128.and(f32x4.mul(opacity, noise), some);
      const code = f32x4.nearest(f32x4.mul(f32x4.add(value, change), f32x4.splat(scale)));
      const codes = i32x4.trunc_sat_f32x4_s(
        f32x4.pmin(f32x4.splat(highest), f32x4.pmax(f32x4.splat(0), code)),
      );
      storeCode<T>(at, i32x4.extract_lane(codes, 0));
      if (x + 1 < width) storeCode<T>(at + sizeof<T>(), i32x4.extract_lane(codes, 1));
      if (x + 2 < width) storeCode<T>(at + 2 * sizeof<T>(), i32x4.extract_lane(codes, 2));
      if (x + 3 < width) storeCode<T>(at + 3 * sizeof<T>(), i32x4.extract_lane(codes, 3));
    }
  }
}

@inline
function storeCode<T>(at: usize, code: i32): void {
  if (sizeof<T>() == 1) store<u8>(at, <u8>code);
  else store<u16>(at, <u16>code);
}

@inline
function strengthAt(strengths: usize, level: v128): v128 {
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const place = f32x4.mul(f32x4.sub(level, f32x4.splat(48)), f32x4.splat(1.0 / 48));
  let sum = v128.load32_splat(strengths);
  for (let k: usize = 0; k < 12; k += 4) {
    const step = f32x4.splat(load<f32>(strengths + k, 4) - load<f32>(strengths + k));
    const along = f32x4.sub(place, f32x4.splat(<f32>(k >> 2)));
    sum = f32x4.add(sum, f32x4.mul(step, f32x4.pmin(one, f32x4.pmax(zero, along))));
  }
  return sum;
}

/** {@link addGrain} to bytes. */
export function addGrain8(
  plane: usize,
  planeStride: i32,
  width: i32,
  height: i32,
  left: i32,
  top: i32,
  mask: usize,
  maskStride: i32,
  shiftX: i32,
  shiftY: i32,
  strengths: usize,
  seed: i32,
  scale: f32,
  highest: f32,
  work: usize,
): void {
  addGrain<u8>(
    plane, planeStride, width, height, left, top, mask, maskStride, shiftX, shiftY, strengths, seed, scale, highest, work
  );
}

/** {@link addGrain} to words. */
export function addGrain16(
  plane: usize,
  planeStride: i32,
  width: i32,
  height: i32,
  left: i32,
  top: i32,
  mask: usize,
  maskStride: i32,
  shiftX: i32,
  shiftY: i32,
  strengths: usize,
  seed: i32,
  scale: f32,
  highest: f32,
  work: usize,
): void {
  addGrain<u16>(
    plane, planeStride, width, height, left, top, mask, maskStride, shiftX, shiftY, strengths, seed, scale, highest, work
  );
}
