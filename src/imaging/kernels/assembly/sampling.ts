// Crops out of planes: block averages, the residual smoothing, and the bilinear reading with the conversion to RGB.

/** Sums `rows` (≤ 257) lines of bytes, column by column, into 16-bit words. */
function sumRows8(source: usize, stride: usize, columns: usize, rows: usize, line: usize): void {
  let x: usize = 0;
  for (; x + 32 <= columns; x += 32) {
    let at = source + x;
    let sum0 = i16x8.splat(0);
    let sum1 = i16x8.splat(0);
    let sum2 = i16x8.splat(0);
    let sum3 = i16x8.splat(0);
    for (let y: usize = 0; y < rows; y++) {
      const left = v128.load(at);
      const right = v128.load(at, 16);
      sum0 = i16x8.add(sum0, i16x8.extend_low_i8x16_u(left));
      sum1 = i16x8.add(sum1, i16x8.extend_high_i8x16_u(left));
      sum2 = i16x8.add(sum2, i16x8.extend_low_i8x16_u(right));
      sum3 = i16x8.add(sum3, i16x8.extend_high_i8x16_u(right));
      at += stride;
    }
    v128.store(line + x * 2, sum0);
    v128.store(line + x * 2, sum1, 16);
    v128.store(line + x * 2, sum2, 32);
    v128.store(line + x * 2, sum3, 48);
  }
  for (; x + 16 <= columns; x += 16) {
    let at = source + x;
    let low = i16x8.splat(0);
    let high = i16x8.splat(0);
    for (let y: usize = 0; y < rows; y++) {
      const samples = v128.load(at);
      low = i16x8.add(low, i16x8.extend_low_i8x16_u(samples));
      high = i16x8.add(high, i16x8.extend_high_i8x16_u(samples));
      at += stride;
    }
    v128.store(line + x * 2, low);
    v128.store(line + x * 2, high, 16);
  }
  for (; x < columns; x++) {
    let at = source + x;
    let sum: u32 = 0;
    for (let y: usize = 0; y < rows; y++) {
      sum += <u32>load<u8>(at);
      at += stride;
    }
    store<u16>(line + x * 2, <u16>sum);
  }
}

/** Sums `rows` lines of words, column by column, into 16-bit words: at most 64 of 10 bits, 16 of 12. `stride` counts bytes. */
function sumRows16(source: usize, stride: usize, columns: usize, rows: usize, line: usize): void {
  let x: usize = 0;
  for (; x + 8 <= columns; x += 8) {
    let at = source + x * 2;
    let sum = i16x8.splat(0);
    for (let y: usize = 0; y < rows; y++) {
      sum = i16x8.add(sum, v128.load(at));
      at += stride;
    }
    v128.store(line + x * 2, sum);
  }
  for (; x < columns; x++) {
    let at = source + x * 2;
    let sum: u32 = 0;
    for (let y: usize = 0; y < rows; y++) {
      sum += <u32>load<u16>(at);
      at += stride;
    }
    store<u16>(line + x * 2, <u16>sum);
  }
}

/** Most lines of 12-bit words whose sums fit into 16 bits. */
const exactDeepRows: usize = 16;

/** As {@link sumRows16}, of 12-bit words that are rounded to 10 bits first: halves up and down in turn, so that the mean stays. */
function sumRoundedRows(source: usize, stride: usize, columns: usize, rows: usize, line: usize): void {
  const most = i16x8.splat(1023);
  let x: usize = 0;
  for (; x + 8 <= columns; x += 8) {
    let at = source + x * 2;
    let sum = i16x8.splat(0);
    for (let y: usize = 0; y < rows; y++) {
      sum = i16x8.add(sum, i16x8.min_s(most, i16x8.shr_u(i16x8.add(v128.load(at), i16x8.splat(<i16>(2 - (y & 1)))), 2)));
      at += stride;
    }
    v128.store(line + x * 2, sum);
  }
  for (; x < columns; x++) {
    let at = source + x * 2;
    let sum: u32 = 0;
    for (let y: usize = 0; y < rows; y++) {
      sum += min<u32>(1023, (<u32>load<u16>(at) + 2 - <u32>(y & 1)) >> 2);
      at += stride;
    }
    store<u16>(line + x * 2, <u16>sum);
  }
}

/** Sum of some vectors of words in four lanes; only the masked words of the last vector count. */
@inline
function addWords(at: usize, vectors: usize, mask: v128): v128 {
  const last = at + (vectors - 1) * 16;
  let sum = i32x4.splat(0);
  for (; at < last; at += 16) sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(v128.load(at)));
  return i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(v128.and(v128.load(at), mask)));
}

/** Sums groups of `block` words and multiplies; the last group may be shorter and is then weighed as if it were whole. */
function sumColumns(line: usize, columns: usize, block: usize, factor: f32, out: usize): void {
  const factors = f32x4.splat(factor);
  let x: usize = 0;
  if (block == 1) {
    for (; x + 8 <= columns; x += 8) {
      const sums = v128.load(line + x * 2);
      const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(sums));
      const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(sums));
      v128.store(out, f32x4.mul(low, factors));
      v128.store(out, f32x4.mul(high, factors), 16);
      out += 32;
    }
  } else if (block == 2) {
    for (; x + 8 <= columns; x += 8) {
      const pairs = i32x4.extadd_pairwise_i16x8_u(v128.load(line + x * 2));
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(pairs), factors));
      out += 16;
    }
  } else if (block == 3) {
    for (; x + 12 <= columns; x += 12) {
      const left = v128.load(line + x * 2);
      const right = v128.load(line + x * 2, 8);
      const first = v128.shuffle<i16>(left, right, 0, 3, 6, 13, 0, 3, 6, 13);
      const second = v128.shuffle<i16>(left, right, 1, 4, 7, 14, 1, 4, 7, 14);
      const third = v128.shuffle<i16>(left, right, 2, 5, 12, 15, 2, 5, 12, 15);
      const sums = i32x4.add(
        i32x4.add(i32x4.extend_low_i16x8_u(first), i32x4.extend_low_i16x8_u(second)),
        i32x4.extend_low_i16x8_u(third),
      );
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(sums), factors));
      out += 16;
    }
  } else if (block == 4) {
    for (; x + 16 <= columns; x += 16) {
      const first = i32x4.extadd_pairwise_i16x8_u(v128.load(line + x * 2));
      const second = i32x4.extadd_pairwise_i16x8_u(v128.load(line + x * 2, 16));
      const sums = i32x4.add(
        v128.shuffle<i32>(first, second, 0, 2, 4, 6),
        v128.shuffle<i32>(first, second, 1, 3, 5, 7),
      );
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(sums), factors));
      out += 16;
    }
  } else {
    // Whole vectors are added up; of a group's last one only the words that belong to it.
    const vectors = (block + 7) >> 3;
    const rest = <i16>(block - (vectors - 1) * 8);
    const mask = i16x8.lt_s(i16x8(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(rest));
    for (; x + block * 4 <= columns; x += block * 4) {
      const at = line + x * 2;
      const first = addWords(at, vectors, mask);
      const second = addWords(at + block * 2, vectors, mask);
      const third = addWords(at + block * 4, vectors, mask);
      const fourth = addWords(at + block * 6, vectors, mask);
      const low = i32x4.add(
        v128.shuffle<i32>(first, second, 0, 2, 4, 6),
        v128.shuffle<i32>(first, second, 1, 3, 5, 7),
      );
      const high = i32x4.add(
        v128.shuffle<i32>(third, fourth, 0, 2, 4, 6),
        v128.shuffle<i32>(third, fourth, 1, 3, 5, 7),
      );
      const sums = i32x4.add(
        v128.shuffle<i32>(low, high, 0, 2, 4, 6),
        v128.shuffle<i32>(low, high, 1, 3, 5, 7),
      );
      v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(sums), factors));
      out += 16;
    }
  }
  for (; x + block <= columns; x += block) {
    let sum: u32 = 0;
    const end = line + (x + block) * 2;
    for (let at = line + x * 2; at < end; at += 2) sum += <u32>load<u16>(at);
    store<f32>(out, <f32>sum * factor);
    out += 4;
  }
  if (x < columns) {
    let sum: u32 = 0;
    for (let at = x; at < columns; at++) sum += <u32>load<u16>(line + at * 2);
    store<f32>(out, (<f32>sum * factor * <f32>block) / <f32>(columns - x));
  }
}

/**
 * Means of blockX × blockY samples of a box of bytes, as floats. Blocks at the right and lower end average what is there.
 *
 * @param source address of the box's first sample; rows are `stride` samples apart
 * @param blockY at most 257
 * @param out ceil(rows / blockY) rows of ceil(columns / blockX) floats, `outStride` floats apart
 * @param line room for `columns` + 16 words
 * @param scale what a mean is multiplied by
 */
export function blockMeans8(
  source: usize,
  stride: usize,
  columns: usize,
  rows: usize,
  blockX: usize,
  blockY: usize,
  out: usize,
  outStride: usize,
  line: usize,
  scale: f32,
): void {
  for (let y: usize = 0; y < rows; y += blockY) {
    const count = min(blockY, rows - y);
    sumRows8(source + y * stride, stride, columns, count, line);
    sumColumns(line, columns, blockX, scale / <f32>(count * blockX), out);
    out += outStride * 4;
  }
}

/** {@link blockMeans8} for 10-bit words; `blockY` is at most 64. */
export function blockMeans16(
  source: usize,
  stride: usize,
  columns: usize,
  rows: usize,
  blockX: usize,
  blockY: usize,
  out: usize,
  outStride: usize,
  line: usize,
  scale: f32,
): void {
  for (let y: usize = 0; y < rows; y += blockY) {
    const count = min(blockY, rows - y);
    sumRows16(source + y * stride * 2, stride * 2, columns, count, line);
    sumColumns(line, columns, blockX, scale / <f32>(count * blockX), out);
    out += outStride * 4;
  }
}

/**
 * {@link blockMeans8} for 12-bit words; `blockY` is at most 64. Above 16 lines a sample is rounded to 10 bits, an error far below
 * what a mean of so many is used for.
 */
export function blockMeans12(
  source: usize,
  stride: usize,
  columns: usize,
  rows: usize,
  blockX: usize,
  blockY: usize,
  out: usize,
  outStride: usize,
  line: usize,
  scale: f32,
): void {
  for (let y: usize = 0; y < rows; y += blockY) {
    const count = min(blockY, rows - y);
    const factor = scale / <f32>(count * blockX);
    const from = source + y * stride * 2;
    if (count <= exactDeepRows) {
      sumRows16(from, stride * 2, columns, count, line);
      sumColumns(line, columns, blockX, factor, out);
    } else {
      sumRoundedRows(from, stride * 2, columns, count, line);
      sumColumns(line, columns, blockX, 4 * factor, out);
    }
    out += outStride * 4;
  }
}

/** Rounds floats to bytes; what is above 255 becomes that, as white of 10 bits does. */
export function roundToBytes(source: usize, count: usize, out: usize): void {
  const half = f32x4.splat(0.5);
  let i: usize = 0;
  for (; i + 8 <= count; i += 8) {
    const low = i32x4.trunc_sat_f32x4_s(f32x4.add(v128.load(source + i * 4), half));
    const high = i32x4.trunc_sat_f32x4_s(f32x4.add(v128.load(source + i * 4, 16), half));
    const words = i16x8.narrow_i32x4_s(low, high);
    v128.store64_lane(out + i, i8x16.narrow_i16x8_u(words, words), 0);
  }
  for (; i < count; i++) store<u8>(out + i, <u8>min<f32>(255, load<f32>(source + i * 4) + 0.5));
}

@inline
function clampIndex(index: i32, count: i32): usize {
  return <usize>max(0, min(count - 1, index));
}

/**
 * Four taps in both directions over a picture of floats whose border is repeated:
 * out[y][x] = Σ Σ tap · source[y + firstY + i − 1][x + firstX + j − 1], i and j from 0 to 3.
 *
 * @param line room for `columns` + 16 floats
 * @param taps four taps across, then four down
 * @param firstX from −3 up to such that outColumns + firstX + 2 is at most columns + 4
 */
export function fourTaps(
  source: usize,
  sourceStride: usize,
  columns: usize,
  rows: usize,
  out: usize,
  outStride: usize,
  outColumns: usize,
  outRows: usize,
  firstX: i32,
  firstY: i32,
  taps: usize,
  line: usize,
): void {
  const x0 = v128.load32_splat(taps);
  const x1 = v128.load32_splat(taps, 4);
  const x2 = v128.load32_splat(taps, 8);
  const x3 = v128.load32_splat(taps, 12);
  const y0 = v128.load32_splat(taps, 16);
  const y1 = v128.load32_splat(taps, 20);
  const y2 = v128.load32_splat(taps, 24);
  const y3 = v128.load32_splat(taps, 28);
  const rowBytes = sourceStride * 4;
  // Eight floats on both sides hold the repeated border.
  const inner = line + 32;
  for (let y: usize = 0; y < outRows; y++) {
    const top = <i32>y + firstY;
    const a = source + clampIndex(top - 1, <i32>rows) * rowBytes;
    const b = source + clampIndex(top, <i32>rows) * rowBytes;
    const c = source + clampIndex(top + 1, <i32>rows) * rowBytes;
    const d = source + clampIndex(top + 2, <i32>rows) * rowBytes;
    let x: usize = 0;
    for (; x + 8 <= columns; x += 8) {
      const at = x * 4;
      v128.store(
        inner + at,
        f32x4.add(
          f32x4.add(f32x4.mul(v128.load(a + at), y0), f32x4.mul(v128.load(b + at), y1)),
          f32x4.add(f32x4.mul(v128.load(c + at), y2), f32x4.mul(v128.load(d + at), y3)),
        ),
      );
      v128.store(
        inner + at,
        f32x4.add(
          f32x4.add(f32x4.mul(v128.load(a + at, 16), y0), f32x4.mul(v128.load(b + at, 16), y1)),
          f32x4.add(f32x4.mul(v128.load(c + at, 16), y2), f32x4.mul(v128.load(d + at, 16), y3)),
        ),
        16,
      );
    }
    for (; x + 4 <= columns; x += 4) {
      const at = x * 4;
      v128.store(
        inner + at,
        f32x4.add(
          f32x4.add(f32x4.mul(v128.load(a + at), y0), f32x4.mul(v128.load(b + at), y1)),
          f32x4.add(f32x4.mul(v128.load(c + at), y2), f32x4.mul(v128.load(d + at), y3)),
        ),
      );
    }
    for (; x < columns; x++) {
      const at = x * 4;
      store<f32>(
        inner + at,
        load<f32>(a + at) * f32x4.extract_lane(y0, 0) +
          load<f32>(b + at) * f32x4.extract_lane(y1, 0) +
          (load<f32>(c + at) * f32x4.extract_lane(y2, 0) + load<f32>(d + at) * f32x4.extract_lane(y3, 0)),
      );
    }
    const left = v128.load32_splat(inner);
    v128.store(line, left);
    v128.store(line, left, 16);
    const right = v128.load32_splat(inner + (columns - 1) * 4);
    v128.store(inner + columns * 4, right);
    v128.store(inner + columns * 4, right, 16);
    let at = inner + (firstX - 1) * 4;
    let to = out;
    for (x = 0; x + 8 <= outColumns; x += 8) {
      v128.store(
        to,
        f32x4.add(
          f32x4.add(f32x4.mul(v128.load(at), x0), f32x4.mul(v128.load(at, 4), x1)),
          f32x4.add(f32x4.mul(v128.load(at, 8), x2), f32x4.mul(v128.load(at, 12), x3)),
        ),
      );
      v128.store(
        to,
        f32x4.add(
          f32x4.add(f32x4.mul(v128.load(at, 16), x0), f32x4.mul(v128.load(at, 20), x1)),
          f32x4.add(f32x4.mul(v128.load(at, 24), x2), f32x4.mul(v128.load(at, 28), x3)),
        ),
        16,
      );
      at += 32;
      to += 32;
    }
    for (; x + 4 <= outColumns; x += 4) {
      v128.store(
        to,
        f32x4.add(
          f32x4.add(f32x4.mul(v128.load(at), x0), f32x4.mul(v128.load(at, 4), x1)),
          f32x4.add(f32x4.mul(v128.load(at, 8), x2), f32x4.mul(v128.load(at, 12), x3)),
        ),
      );
      at += 16;
      to += 16;
    }
    for (; x < outColumns; x++) {
      store<f32>(
        to,
        load<f32>(at) * f32x4.extract_lane(x0, 0) +
          load<f32>(at, 4) * f32x4.extract_lane(x1, 0) +
          (load<f32>(at, 8) * f32x4.extract_lane(x2, 0) + load<f32>(at, 12) * f32x4.extract_lane(x3, 0)),
      );
      at += 4;
      to += 4;
    }
    out += outStride * 4;
  }
}

/** Repeats the last column and the last row once, so that a bilinear reading at the very end finds a neighbour. */
export function repeatEnds(picture: usize, stride: usize, columns: usize, rows: usize): void {
  let end = picture + columns * 4;
  for (let y: usize = 0; y < rows; y++) {
    store<f32>(end, load<f32>(end - 4));
    end += stride * 4;
  }
  const last = picture + (rows - 1) * stride * 4;
  memory.copy(last + stride * 4, last, (columns + 1) * 4);
}

/** The (left, right) pairs at two addresses. */
@inline
function loadPairs(first: usize, second: usize): v128 {
  return v128.load64_lane(second, v128.load64_zero(first), 1);
}

/** Linear reading between neighbours: two vectors of (left, right) pairs and four places between them. */
@inline
function between(low: v128, high: v128, share: v128): v128 {
  const left = v128.shuffle<f32>(low, high, 0, 2, 4, 6);
  const right = v128.shuffle<f32>(low, high, 1, 3, 5, 7);
  return f32x4.add(left, f32x4.mul(f32x4.sub(right, left), share));
}

/** Bilinear reading of a picture of floats at four places, given as byte offsets of their upper left neighbours. */
@inline
function bilinear(
  picture: usize,
  rowBytes: usize,
  at0: usize,
  at1: usize,
  at2: usize,
  at3: usize,
  shareX: v128,
  shareY: v128,
): v128 {
  const upper = between(
    loadPairs(picture + at0, picture + at1),
    loadPairs(picture + at2, picture + at3),
    shareX,
  );
  const next = picture + rowBytes;
  const lower = between(loadPairs(next + at0, next + at1), loadPairs(next + at2, next + at3), shareX);
  return f32x4.add(upper, f32x4.mul(f32x4.sub(lower, upper), shareY));
}

@inline
function clamp(value: v128, low: v128, high: v128): v128 {
  return f32x4.pmin(high, f32x4.pmax(low, value));
}

/** One of R, G and B: a row of the colour matrix, clipped to 0..1, then scaled. */
@inline
function colour(matrix: usize, p0: v128, p1: v128, p2: v128, scale: v128, offset: v128): v128 {
  const value = f32x4.add(
    f32x4.add(
      f32x4.mul(p0, v128.load32_splat(matrix)),
      f32x4.mul(p1, v128.load32_splat(matrix, 4)),
    ),
    f32x4.add(f32x4.mul(p2, v128.load32_splat(matrix, 8)), v128.load32_splat(matrix, 12)),
  );
  const clipped = clamp(value, f32x4.splat(0), f32x4.splat(1));
  return f32x4.add(f32x4.mul(clipped, scale), offset);
}

@inline
function storeSome(at: usize, value: v128, count: usize): void {
  if (count >= 4) {
    v128.store(at, value);
    return;
  }
  v128.store32_lane(at, value, 0);
  if (count > 1) v128.store32_lane(at, value, 1, 4);
  if (count > 2) v128.store32_lane(at, value, 2, 8);
}

function fill(at: usize, count: usize, value: f32): void {
  for (let i: usize = 0; i < count; i++) store<f32>(at + i * 4, value);
}

/**
 * Reads three pictures of floats bilinearly along the rows of a crop and converts to planar RGB floats. The second and the
 * third picture have the same size and are read at the same places.
 *
 * @param rows per row of the crop six floats: x and y in the first picture and in the others at column 0, then the
 *   first column that lies in the frame and the one after the last; the others get `offset`
 * @param parameters floats: per column the steps of x and y in the first picture, then its lowest and highest x, lowest
 *   and highest y; the same six for the others; 3 × 4 coefficients of R, G and B (of the three samples, and a constant); scale; offset
 * @param out width × height floats of R, then of G, then of B
 */
export function cropToRgb(
  rows: usize,
  parameters: usize,
  first: usize,
  firstStride: i32,
  second: usize,
  third: usize,
  othersStride: i32,
  out: usize,
  width: usize,
  height: usize,
): void {
  const stepX = v128.load32_splat(parameters);
  const stepY = v128.load32_splat(parameters, 4);
  const lowX = v128.load32_splat(parameters, 8);
  const highX = v128.load32_splat(parameters, 12);
  const lowY = v128.load32_splat(parameters, 16);
  const highY = v128.load32_splat(parameters, 20);
  const othersStepX = v128.load32_splat(parameters, 24);
  const othersStepY = v128.load32_splat(parameters, 28);
  const othersLowX = v128.load32_splat(parameters, 32);
  const othersHighX = v128.load32_splat(parameters, 36);
  const othersLowY = v128.load32_splat(parameters, 40);
  const othersHighY = v128.load32_splat(parameters, 44);
  const matrix = parameters + 48;
  const scale = v128.load32_splat(parameters, 96);
  const offset = v128.load32_splat(parameters, 100);
  const strides = i32x4.splat(firstStride);
  const othersStrides = i32x4.splat(othersStride);
  const rowBytes = <usize>firstStride * 4;
  const othersRowBytes = <usize>othersStride * 4;
  const planeBytes = width * 4 * height;
  const lanes = f32x4(0, 1, 2, 3);
  for (let row: usize = 0; row < height; row++) {
    const startX = v128.load32_splat(rows);
    const startY = v128.load32_splat(rows, 4);
    const othersStartX = v128.load32_splat(rows, 8);
    const othersStartY = v128.load32_splat(rows, 12);
    const from = <usize>load<f32>(rows, 16);
    const to = <usize>load<f32>(rows, 20);
    rows += 24;
    const line = out + row * width * 4;
    const outside = f32x4.extract_lane(offset, 0);
    for (let plane: usize = 0; plane < 3; plane++) {
      fill(line + plane * planeBytes, from, outside);
      fill(line + plane * planeBytes + to * 4, width - to, outside);
    }
    for (let column = from; column < to; column += 4) {
      const columns = f32x4.add(f32x4.splat(<f32>column), lanes);
      let x = clamp(f32x4.add(startX, f32x4.mul(columns, stepX)), lowX, highX);
      let y = clamp(f32x4.add(startY, f32x4.mul(columns, stepY)), lowY, highY);
      let wholeX = i32x4.trunc_sat_f32x4_s(x);
      let wholeY = i32x4.trunc_sat_f32x4_s(y);
      let shareX = f32x4.sub(x, f32x4.convert_i32x4_s(wholeX));
      let shareY = f32x4.sub(y, f32x4.convert_i32x4_s(wholeY));
      let places = i32x4.shl(i32x4.add(i32x4.mul(wholeY, strides), wholeX), 2);
      const p0 = bilinear(
        first,
        rowBytes,
        i32x4.extract_lane(places, 0),
        i32x4.extract_lane(places, 1),
        i32x4.extract_lane(places, 2),
        i32x4.extract_lane(places, 3),
        shareX,
        shareY,
      );
      x = clamp(f32x4.add(othersStartX, f32x4.mul(columns, othersStepX)), othersLowX, othersHighX);
      y = clamp(f32x4.add(othersStartY, f32x4.mul(columns, othersStepY)), othersLowY, othersHighY);
      wholeX = i32x4.trunc_sat_f32x4_s(x);
      wholeY = i32x4.trunc_sat_f32x4_s(y);
      shareX = f32x4.sub(x, f32x4.convert_i32x4_s(wholeX));
      shareY = f32x4.sub(y, f32x4.convert_i32x4_s(wholeY));
      places = i32x4.shl(i32x4.add(i32x4.mul(wholeY, othersStrides), wholeX), 2);
      const at0 = i32x4.extract_lane(places, 0);
      const at1 = i32x4.extract_lane(places, 1);
      const at2 = i32x4.extract_lane(places, 2);
      const at3 = i32x4.extract_lane(places, 3);
      const p1 = bilinear(second, othersRowBytes, at0, at1, at2, at3, shareX, shareY);
      const p2 = bilinear(third, othersRowBytes, at0, at1, at2, at3, shareX, shareY);
      const target = line + column * 4;
      const count = to - column;
      storeSome(target, colour(matrix, p0, p1, p2, scale, offset), count);
      storeSome(target + planeBytes, colour(matrix + 16, p0, p1, p2, scale, offset), count);
      storeSome(target + 2 * planeBytes, colour(matrix + 32, p0, p1, p2, scale, offset), count);
    }
  }
}
