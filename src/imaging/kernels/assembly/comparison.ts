/**
 * Sum of squared differences of two boxes of 8-bit samples. Exact: at most 2^32 − 1 per row of 16-sample groups, summed
 * over rows in 64 bits.
 *
 * @param first address of the first box's first sample; rows are `firstStride` samples apart
 */
export function squaredDifferences8(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  width: usize,
  height: usize,
): f64 {
  let total: u64 = 0;
  for (let y: usize = 0; y < height; y++) {
    const a = first + y * firstStride;
    const b = second + y * secondStride;
    let x: usize = 0;
    let sums = i32x4.splat(0);
    for (; x + 16 <= width; x += 16) {
      const p = v128.load(a + x);
      const q = v128.load(b + x);
      const low = v128.sub<i16>(i16x8.extend_low_i8x16_u(p), i16x8.extend_low_i8x16_u(q));
      const high = v128.sub<i16>(i16x8.extend_high_i8x16_u(p), i16x8.extend_high_i8x16_u(q));
      sums = i32x4.add(sums, i32x4.dot_i16x8_s(low, low));
      sums = i32x4.add(sums, i32x4.dot_i16x8_s(high, high));
    }
    let row: u64 =
      <u64>(<u32>i32x4.extract_lane(sums, 0)) +
      <u64>(<u32>i32x4.extract_lane(sums, 1)) +
      <u64>(<u32>i32x4.extract_lane(sums, 2)) +
      <u64>(<u32>i32x4.extract_lane(sums, 3));
    for (; x < width; x++) {
      const d: i32 = <i32>load<u8>(a + x) - <i32>load<u8>(b + x);
      row += <u64>(d * d);
    }
    total += row;
  }
  return <f64>total;
}

/** Samples whose squared differences of words below 4096 add up to less than 2^32 per lane: 128 groups of two. */
const wordsPerSum: usize = 1024;

/**
 * Sum of squared differences of two boxes of words below 4096. Exact.
 *
 * @param firstStride distance of rows in samples
 */
export function squaredDifferences16(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  width: usize,
  height: usize,
): f64 {
  let total: u64 = 0;
  for (let y: usize = 0; y < height; y++) {
    const a = first + y * firstStride * 2;
    const b = second + y * secondStride * 2;
    let x: usize = 0;
    while (x + 8 <= width) {
      const end = min(width, x + wordsPerSum);
      let sums = i32x4.splat(0);
      for (; x + 8 <= end; x += 8) {
        const difference = i16x8.sub(v128.load(a + x * 2), v128.load(b + x * 2));
        sums = i32x4.add(sums, i32x4.dot_i16x8_s(difference, difference));
      }
      total +=
        <u64>(<u32>i32x4.extract_lane(sums, 0)) +
        <u64>(<u32>i32x4.extract_lane(sums, 1)) +
        <u64>(<u32>i32x4.extract_lane(sums, 2)) +
        <u64>(<u32>i32x4.extract_lane(sums, 3));
    }
    for (; x < width; x++) {
      const d: i32 = <i32>load<u16>(a + x * 2) - <i32>load<u16>(b + x * 2);
      total += <u64>(d * d);
    }
  }
  return <f64>total;
}

/** Eight samples of either depth as words. */
@inline
function loadWords<T>(at: usize): v128 {
  return sizeof<T>() == 1 ? v128.load8x8_u(at) : v128.load(at);
}

/** Sums of neighbouring lanes of two vectors: one sum per block of 4 samples. */
@inline
function joinPairs(low: v128, high: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(low, high, 0, 2, 4, 6), v128.shuffle<i32>(low, high, 1, 3, 5, 7));
}

/**
 * Sums over 4×4 blocks of a line of blocks: Σa, Σb, Σ(a² + b²), Σab, each as `room` 32-bit numbers.
 *
 * @param stride distances of rows in bytes
 */
function blockSums<T>(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  blocks: usize,
  out: usize,
  room: usize,
): void {
  const size = sizeof<T>();
  const plane = room * 4;
  const ones = i16x8.splat(1);
  let block: usize = 0;
  for (; block + 4 <= blocks; block += 4) {
    let lowA = i32x4.splat(0);
    let highA = lowA;
    let lowB = lowA;
    let highB = lowA;
    let lowSquares = lowA;
    let highSquares = lowA;
    let lowProducts = lowA;
    let highProducts = lowA;
    let a = first + block * 4 * size;
    let b = second + block * 4 * size;
    for (let y = 0; y < 4; y++) {
      const p = loadWords<T>(a);
      const q = loadWords<T>(b);
      lowA = i32x4.add(lowA, i32x4.dot_i16x8_s(p, ones));
      lowB = i32x4.add(lowB, i32x4.dot_i16x8_s(q, ones));
      lowSquares = i32x4.add(lowSquares, i32x4.add(i32x4.dot_i16x8_s(p, p), i32x4.dot_i16x8_s(q, q)));
      lowProducts = i32x4.add(lowProducts, i32x4.dot_i16x8_s(p, q));
      const r = loadWords<T>(a + size * 8);
      const s = loadWords<T>(b + size * 8);
      highA = i32x4.add(highA, i32x4.dot_i16x8_s(r, ones));
      highB = i32x4.add(highB, i32x4.dot_i16x8_s(s, ones));
      highSquares = i32x4.add(highSquares, i32x4.add(i32x4.dot_i16x8_s(r, r), i32x4.dot_i16x8_s(s, s)));
      highProducts = i32x4.add(highProducts, i32x4.dot_i16x8_s(r, s));
      a += firstStride;
      b += secondStride;
    }
    const to = out + block * 4;
    v128.store(to, joinPairs(lowA, highA));
    v128.store(to + plane, joinPairs(lowB, highB));
    v128.store(to + plane * 2, joinPairs(lowSquares, highSquares));
    v128.store(to + plane * 3, joinPairs(lowProducts, highProducts));
  }
  for (; block < blocks; block++) {
    let sumA: i32 = 0;
    let sumB: i32 = 0;
    let squares: i32 = 0;
    let products: i32 = 0;
    for (let y: usize = 0; y < 4; y++) {
      for (let x: usize = 0; x < 4; x++) {
        const p = <i32>load<T>(first + y * firstStride + (block * 4 + x) * size);
        const q = <i32>load<T>(second + y * secondStride + (block * 4 + x) * size);
        sumA += p;
        sumB += q;
        squares += p * p + q * q;
        products += p * q;
      }
    }
    const to = out + block * 4;
    store<i32>(to, sumA);
    store<i32>(to + plane, sumB);
    store<i32>(to + plane * 2, squares);
    store<i32>(to + plane * 3, products);
  }
}

/** Sum over the 2×2 blocks of a window: numbers `at` and beside it, in this line of blocks and in the next. */
@inline
function windowSum(upper: usize, lower: usize, at: usize): f64 {
  return <f64>(
    (load<i32>(upper + at) + load<i32>(upper + at, 4) + load<i32>(lower + at) + load<i32>(lower + at, 4))
  );
}

function similarity(upper: usize, lower: usize, windows: usize, plane: usize, c1: f64, c2: f64): f64 {
  let total: f64 = 0;
  for (let i: usize = 0; i < windows; i++) {
    const at = i * 4;
    const a = windowSum(upper, lower, at);
    const b = windowSum(upper, lower, at + plane);
    const squares = windowSum(upper, lower, at + plane * 2);
    const products = windowSum(upper, lower, at + plane * 3);
    const means = a * b * 2;
    const meanSquares = a * a + b * b;
    total +=
      ((means + c1) * (products * 128 - means + c2)) /
      ((meanSquares + c1) * (squares * 64 - meanSquares + c2));
  }
  return total;
}

/**
 * Sum of the structural similarity of all 8×8 windows at distances of 4 samples. All sums of samples are exact.
 *
 * @param columns 4×4 blocks across, at least 2; `rows` alike
 * @param c1 4096·C1 and 4032·C2 of the definition, in squared code values (see `boxSsim`)
 * @param sums room for 8 × (columns rounded up to 4) 32-bit numbers
 */
function ssim<T>(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  columns: usize,
  rows: usize,
  c1: f64,
  c2: f64,
  sums: usize,
): f64 {
  const room = (columns + 3) & ~3;
  const lineBytes = room * 16;
  let upper = sums;
  let lower = sums + lineBytes;
  let total: f64 = 0;
  for (let row: usize = 0; row < rows; row++) {
    blockSums<T>(
      first + row * 4 * firstStride,
      firstStride,
      second + row * 4 * secondStride,
      secondStride,
      columns,
      lower,
      room,
    );
    if (row > 0) total += similarity(upper, lower, columns - 1, room * 4, c1, c2);
    const swap = upper;
    upper = lower;
    lower = swap;
  }
  return total;
}

/** {@link ssim} of bytes; rows are `firstStride` samples apart. */
export function ssim8(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  columns: usize,
  rows: usize,
  c1: f64,
  c2: f64,
  sums: usize,
): f64 {
  return ssim<u8>(first, firstStride, second, secondStride, columns, rows, c1, c2, sums);
}

/** {@link ssim} of words below 4096, of which the sums over a window still fit into 31 bits; rows are `firstStride` samples apart. */
export function ssim16(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  columns: usize,
  rows: usize,
  c1: f64,
  c2: f64,
  sums: usize,
): f64 {
  return ssim<u16>(first, firstStride * 2, second, secondStride * 2, columns, rows, c1, c2, sums);
}
