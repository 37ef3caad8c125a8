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

/** Sums over the 2×2 blocks of four windows: numbers `at` and behind it, in this line of blocks and in the next. */
@inline
function windowSums(upper: usize, lower: usize, at: usize): v128 {
  return i32x4.add(
    i32x4.add(v128.load(upper + at), v128.load(upper + at, 4)),
    i32x4.add(v128.load(lower + at), v128.load(lower + at, 4)),
  );
}

/** Structural similarity of two windows from their sums. */
@inline
function twoSimilarities(a: v128, b: v128, squares: v128, products: v128, c1: f64, c2: f64): v128 {
  const first = f64x2.splat(c1);
  const second = f64x2.splat(c2);
  const means = f64x2.mul(f64x2.mul(a, b), f64x2.splat(2));
  const meanSquares = f64x2.add(f64x2.mul(a, a), f64x2.mul(b, b));
  const above = f64x2.mul(
    f64x2.add(means, first),
    f64x2.add(f64x2.sub(f64x2.mul(products, f64x2.splat(128)), means), second),
  );
  const under = f64x2.mul(
    f64x2.add(meanSquares, first),
    f64x2.add(f64x2.sub(f64x2.mul(squares, f64x2.splat(64)), meanSquares), second),
  );
  return f64x2.div(above, under);
}

/** Two of four 32-bit numbers as 64-bit floats. */
@inline
function lowerTwo(numbers: v128): v128 {
  return f64x2.convert_low_i32x4_s(numbers);
}

@inline
function upperTwo(numbers: v128): v128 {
  return f64x2.convert_low_i32x4_s(v128.shuffle<i32>(numbers, numbers, 2, 3, 2, 3));
}

/** Adds up the lanes of two sums, each of which stands for every second window. */
@inline
function lanesOf(sums: v128): f64 {
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
}

/** A line of windows: four at a time; lanes behind the last are left out. */
function similarity(upper: usize, lower: usize, windows: usize, plane: usize, c1: f64, c2: f64): f64 {
  let total = f64x2.splat(0);
  for (let i: usize = 0; i < windows; i += 4) {
    const at = i * 4;
    const a = windowSums(upper, lower, at);
    const b = windowSums(upper, lower, at + plane);
    const squares = windowSums(upper, lower, at + plane * 2);
    const products = windowSums(upper, lower, at + plane * 3);
    const present = i32x4.lt_u(
      i32x4.add(i32x4.splat(<i32>i), i32x4(0, 1, 2, 3)),
      i32x4.splat(<i32>windows),
    );
    const low = twoSimilarities(lowerTwo(a), lowerTwo(b), lowerTwo(squares), lowerTwo(products), c1, c2);
    const high = twoSimilarities(upperTwo(a), upperTwo(b), upperTwo(squares), upperTwo(products), c1, c2);
    total = f64x2.add(total, v128.and(low, i64x2.extend_low_i32x4_s(present)));
    total = f64x2.add(total, v128.and(high, i64x2.extend_high_i32x4_s(present)));
  }
  return lanesOf(total);
}

/**
 * Sum of the structural similarity of all 8×8 windows at distances of 4 samples. All sums of samples are exact.
 *
 * @param columns 4×4 blocks across, at least 2; `rows` alike
 * @param c1 4096·C1 and 4032·C2 of the definition, in squared code values (see `boxSsim`)
 * @param sums room for 8 × (columns rounded up to 4) + 8 32-bit numbers
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

/** A block of 4×4 samples whose opacity is nothing, or is half or more everywhere. */
const blockIsOutside: i32 = 1;
const blockIsInside: i32 = 2;

/** What the mask says of each 4×4 block of a line. */
function classifyBlocks(mask: usize, stride: usize, blocks: usize, out: usize): void {
  const half = i32x4.splat(<i32>0x80808080);
  let block: usize = 0;
  for (; block + 4 <= blocks; block += 4) {
    const at = mask + block * 4;
    const a = v128.load(at);
    const b = v128.load(at + stride);
    const c = v128.load(at + stride * 2);
    const d = v128.load(at + stride * 3);
    const any = v128.or(v128.or(a, b), v128.or(c, d));
    const all = v128.and(v128.and(a, b), v128.and(c, d));
    const outside = v128.and(i32x4.eq(any, i32x4.splat(0)), i32x4.splat(blockIsOutside));
    // The highest bit of a byte says that the opacity is half or more.
    const inside = v128.and(i32x4.eq(v128.and(all, half), half), i32x4.splat(blockIsInside));
    const kinds = v128.or(outside, inside);
    const words = i16x8.narrow_i32x4_u(kinds, kinds);
    store<u32>(out + block, <u32>i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0));
  }
  for (; block < blocks; block++) {
    const at = mask + block * 4;
    const a = load<u32>(at);
    const b = load<u32>(at + stride);
    const c = load<u32>(at + stride * 2);
    const d = load<u32>(at + stride * 3);
    const outside = (a | b | c | d) == 0 ? blockIsOutside : 0;
    const inside = (a & b & c & d & 0x80808080) == 0x80808080 ? blockIsInside : 0;
    store<u8>(out + block, <u8>(outside | inside));
  }
}

/** Four bytes as 32-bit numbers. */
@inline
function fourBytes(at: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at)));
}

/** {@link similarity} of the windows whose four blocks are all outside, and of those whose are all inside, added to the totals. */
function maskedSimilarity(
  upper: usize,
  lower: usize,
  upperKinds: usize,
  lowerKinds: usize,
  windows: usize,
  plane: usize,
  c1: f64,
  c2: f64,
  totals: usize,
): void {
  let outside = f64x2.splat(0);
  let inside = f64x2.splat(0);
  let outsideCount = i32x4.splat(0);
  let insideCount = i32x4.splat(0);
  for (let i: usize = 0; i < windows; i += 4) {
    const present = i32x4.lt_u(
      i32x4.add(i32x4.splat(<i32>i), i32x4(0, 1, 2, 3)),
      i32x4.splat(<i32>windows),
    );
    let kinds = v128.and(fourBytes(upperKinds + i), fourBytes(upperKinds + i + 1));
    kinds = v128.and(kinds, v128.and(fourBytes(lowerKinds + i), fourBytes(lowerKinds + i + 1)));
    kinds = v128.and(kinds, present);
    if (!v128.any_true(kinds)) continue;
    const isOutside = i32x4.ne(v128.and(kinds, i32x4.splat(blockIsOutside)), i32x4.splat(0));
    const isInside = i32x4.ne(v128.and(kinds, i32x4.splat(blockIsInside)), i32x4.splat(0));
    const at = i * 4;
    const a = windowSums(upper, lower, at);
    const b = windowSums(upper, lower, at + plane);
    const squares = windowSums(upper, lower, at + plane * 2);
    const products = windowSums(upper, lower, at + plane * 3);
    const low = twoSimilarities(lowerTwo(a), lowerTwo(b), lowerTwo(squares), lowerTwo(products), c1, c2);
    const high = twoSimilarities(upperTwo(a), upperTwo(b), upperTwo(squares), upperTwo(products), c1, c2);
    outside = f64x2.add(outside, v128.and(low, i64x2.extend_low_i32x4_s(isOutside)));
    outside = f64x2.add(outside, v128.and(high, i64x2.extend_high_i32x4_s(isOutside)));
    inside = f64x2.add(inside, v128.and(low, i64x2.extend_low_i32x4_s(isInside)));
    inside = f64x2.add(inside, v128.and(high, i64x2.extend_high_i32x4_s(isInside)));
    outsideCount = i32x4.sub(outsideCount, isOutside);
    insideCount = i32x4.sub(insideCount, isInside);
  }
  store<f64>(totals, load<f64>(totals) + lanesOf(outside));
  store<f64>(totals, load<f64>(totals, 8) + laneCount(outsideCount), 8);
  store<f64>(totals, load<f64>(totals, 16) + lanesOf(inside), 16);
  store<f64>(totals, load<f64>(totals, 24) + laneCount(insideCount), 24);
}

@inline
function laneCount(counts: v128): f64 {
  return <f64>(
    (i32x4.extract_lane(counts, 0) +
      i32x4.extract_lane(counts, 1) +
      i32x4.extract_lane(counts, 2) +
      i32x4.extract_lane(counts, 3))
  );
}

/**
 * {@link ssim} of the windows that lie outside of a mask (its bytes are all 0) and of those inside of it (all 128 or more); those across its
 * border count for neither.
 *
 * @param mask bytes, rows `maskStride` apart
 * @param sums as of {@link ssim}
 * @param kinds room for 2 × (`columns` + 8) bytes
 * @param totals room for four 64-bit floats: the sum over the windows outside, how many there are, and the same inside
 */
function maskedSsim<T>(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  mask: usize,
  maskStride: usize,
  columns: usize,
  rows: usize,
  c1: f64,
  c2: f64,
  sums: usize,
  kinds: usize,
  totals: usize,
): void {
  const room = (columns + 3) & ~3;
  let upper = sums;
  let lower = sums + room * 16;
  let upperKinds = kinds;
  let lowerKinds = kinds + columns + 8;
  memory.fill(totals, 0, 32);
  for (let row: usize = 0; row < rows; row++) {
    const line = row * 4;
    blockSums<T>(
      first + line * firstStride,
      firstStride,
      second + line * secondStride,
      secondStride,
      columns,
      lower,
      room,
    );
    classifyBlocks(mask + line * maskStride, maskStride, columns, lowerKinds);
    if (row > 0) {
      maskedSimilarity(upper, lower, upperKinds, lowerKinds, columns - 1, room * 4, c1, c2, totals);
    }
    const swap = upper;
    upper = lower;
    lower = swap;
    const swapKinds = upperKinds;
    upperKinds = lowerKinds;
    lowerKinds = swapKinds;
  }
}

/** {@link maskedSsim} of bytes; rows are `firstStride` samples apart. */
export function maskedSsim8(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  mask: usize,
  maskStride: usize,
  columns: usize,
  rows: usize,
  c1: f64,
  c2: f64,
  sums: usize,
  kinds: usize,
  totals: usize,
): void {
  maskedSsim<u8>(
    first,
    firstStride,
    second,
    secondStride,
    mask,
    maskStride,
    columns,
    rows,
    c1,
    c2,
    sums,
    kinds,
    totals,
  );
}

/** {@link maskedSsim} of words below 4096; rows are `firstStride` samples apart. */
export function maskedSsim16(
  first: usize,
  firstStride: usize,
  second: usize,
  secondStride: usize,
  mask: usize,
  maskStride: usize,
  columns: usize,
  rows: usize,
  c1: f64,
  c2: f64,
  sums: usize,
  kinds: usize,
  totals: usize,
): void {
  maskedSsim<u16>(
    first,
    firstStride * 2,
    second,
    secondStride * 2,
    mask,
    maskStride,
    columns,
    rows,
    c1,
    c2,
    sums,
    kinds,
    totals,
  );
}
