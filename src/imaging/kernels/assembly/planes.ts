// Work on whole planes that is done once per source photo: blurring, filling, stretching, distances to outlines. Sums are doubles,
// rounded to floats where a plane is written, so that results do not depend on how the loops are arranged.

/**
 * Three box passes each way over a plane in place, edges repeated.
 *
 * @param line width + 2 radius + 1 floats
 * @param kept (2 radius + 1) × width floats; @param sums width doubles
 */
export function boxBlurPlane(
  plane: usize,
  width: i32,
  height: i32,
  radius: i32,
  line: usize,
  kept: usize,
  sums: usize,
): void {
  for (let pass = 0; pass < 3; pass++) {
    for (let y = 0; y < height; y++) boxRow(plane + 4 * <usize>(y * width), width, radius, line);
    boxColumns(plane, width, height, radius, kept, sums);
  }
}

function boxRow(row: usize, length: i32, radius: i32, line: usize): void {
  const first = load<f32>(row);
  const last = load<f32>(row + 4 * <usize>(length - 1));
  for (let i = 0; i < radius; i++) store<f32>(line + 4 * <usize>i, first);
  memory.copy(line + 4 * <usize>radius, row, 4 * <usize>length);
  for (let i = radius + length, end = length + 2 * radius + 1; i < end; i++) {
    store<f32>(line + 4 * <usize>i, last);
  }
  const reach: usize = 8 * <usize>radius + 4;
  const scale: f64 = 1.0 / <f64>(2 * radius + 1);
  let sum: f64 = 0;
  for (let at = line, end = line + reach; at < end; at += 4) sum += <f64>load<f32>(at);
  for (let at = line, to = row, end = row + 4 * <usize>length; to < end; at += 4, to += 4) {
    store<f32>(to, <f32>(sum * scale));
    sum += <f64>load<f32>(at + reach) - <f64>load<f32>(at);
  }
}

// All columns at once, row by row: going down each column on its own would touch a cache line per place. `kept` holds the rows
// under the box as they were before: row y at y modulo the box's length.
function boxColumns(plane: usize, width: i32, height: i32, radius: i32, kept: usize, sums: usize): void {
  const reach = 2 * radius + 1;
  const last = height - 1;
  const stride: usize = 4 * <usize>width;
  const scale: f64 = 1.0 / <f64>reach;
  const scales = f64x2.splat(scale);
  memory.fill(sums, 0, 2 * stride);
  for (let y = -radius; y <= radius; y++) {
    const from: usize = plane + stride * <usize>min(last, max(0, y));
    memory.copy(kept + stride * <usize>((y + reach) % reach), from, stride);
    for (let x: usize = 0; x < stride; x += 4) {
      const sum: usize = sums + 2 * x;
      store<f64>(sum, load<f64>(sum) + <f64>load<f32>(from + x));
    }
  }
  for (let y = 0; y < height; y++) {
    const to: usize = plane + stride * <usize>y;
    // The row that enters takes the place of the one that leaves; it lies further down, or is this one's last, which nobody reads.
    const entering: usize = plane + stride * <usize>min(last, y + radius + 1);
    const leaving: usize = kept + stride * <usize>((y + radius + 1) % reach);
    let x: usize = 0;
    for (; x + 8 <= stride; x += 8) {
      const value = v128.load64_zero(entering + x);
      const before = v128.load64_zero(leaving + x);
      const sum = v128.load(sums + 2 * x);
      v128.store64_lane(to + x, f32x4.demote_f64x2_zero(f64x2.mul(sum, scales)), 0);
      v128.store(
        sums + 2 * x,
        f64x2.add(sum, f64x2.sub(f64x2.promote_low_f32x4(value), f64x2.promote_low_f32x4(before))),
      );
      v128.store64_lane(leaving + x, value, 0);
    }
    if (x < stride) {
      const value = load<f32>(entering + x);
      const sum = load<f64>(sums + 2 * x);
      store<f32>(to + x, <f32>(sum * scale));
      store<f64>(sums + 2 * x, sum + (<f64>value - <f64>load<f32>(leaving + x)));
      store<f32>(leaving + x, value);
    }
  }
}

/**
 * Fills the places of low weight from their surroundings: averages are pushed down a pyramid of halves and pulled back up.
 *
 * @param planes `channels` planes one behind the other
 * @param weight 0 (unknown) .. 1 (known); when nothing is known, nothing is changed
 * @param work for each half, down to one place, `channels` + 1 planes of its size
 */
export function inpaintPlanes(
  planes: usize,
  channels: i32,
  weight: usize,
  width: i32,
  height: i32,
  work: usize,
): void {
  const bytes: usize = 4 * <usize>(width * height);
  if ((width <= 1 && height <= 1) || !knowsAny(weight, bytes)) return;
  const halfWidth = (width + 1) >> 1;
  const halfHeight = (height + 1) >> 1;
  const halfBytes: usize = 4 * <usize>(halfWidth * halfHeight);
  const sums = work;
  const halves = sums + halfBytes;
  sumWeights(weight, width, height, sums);
  for (let c: usize = 0; c < <usize>channels; c++) {
    const half = halves + c * halfBytes;
    averageCells(planes + c * bytes, weight, width, height, sums, half);
  }
  for (let at = sums; at < halves; at += 4) store<f32>(at, min<f32>(1, load<f32>(at)));
  inpaintPlanes(halves, channels, sums, halfWidth, halfHeight, halves + <usize>channels * halfBytes);
  for (let c: usize = 0; c < <usize>channels; c++) {
    pullUp(planes + c * bytes, weight, width, height, halves + c * halfBytes, halfWidth, halfHeight);
  }
}

function knowsAny(weight: usize, bytes: usize): bool {
  for (let at = weight, end = weight + bytes; at < end; at += 4) if (load<f32>(at) != 0) return true;
  return false;
}

function sumWeights(weight: usize, width: i32, height: i32, out: usize): void {
  const stride: usize = 4 * <usize>width;
  for (let y = 0; y < height; y += 2) {
    const upper: usize = weight + stride * <usize>y;
    const lower = upper + stride;
    const hasLower = y + 1 < height;
    for (let x: usize = 0; x < stride; x += 8, out += 4) {
      const hasRight = x + 4 < stride;
      let sum = load<f32>(upper + x);
      if (hasRight) sum += load<f32>(upper + x, 4);
      if (hasLower) {
        sum += load<f32>(lower + x);
        if (hasRight) sum += load<f32>(lower + x, 4);
      }
      store<f32>(out, sum);
    }
  }
}

/** Weighted means over cells of two by two places; 0 where nothing is known. */
function averageCells(plane: usize, weight: usize, width: i32, height: i32, sums: usize, out: usize): void {
  const stride: usize = 4 * <usize>width;
  for (let y = 0; y < height; y += 2) {
    const upper: usize = stride * <usize>y;
    const lower = upper + stride;
    const hasLower = y + 1 < height;
    for (let x: usize = 0; x < stride; x += 8, out += 4, sums += 4) {
      const total = load<f32>(sums);
      if (total <= 0) {
        store<f32>(out, 0);
        continue;
      }
      const hasRight = x + 4 < stride;
      let sum = weighed(0, plane, weight, upper + x);
      if (hasRight) sum = weighed(sum, plane, weight, upper + x + 4);
      if (hasLower) {
        sum = weighed(sum, plane, weight, lower + x);
        if (hasRight) sum = weighed(sum, plane, weight, lower + x + 4);
      }
      store<f32>(out, sum / total);
    }
  }
}

/** Adds a place's share to the sum of its cell. */
function weighed(sum: f32, plane: usize, weight: usize, at: usize): f32 {
  return <f32>(<f64>sum + <f64>load<f32>(weight + at) * <f64>load<f32>(plane + at));
}

/** Mixes a plane with its half, read bilinearly, where it is not wholly known. */
function pullUp(
  plane: usize,
  weight: usize,
  width: i32,
  height: i32,
  half: usize,
  halfWidth: i32,
  halfHeight: i32,
): void {
  for (let y = 0; y < height; y++) {
    const cy = min<f64>(<f64>(halfHeight - 1), max<f64>(0, (<f64>y - 0.5) / 2));
    const y0 = <i32>cy;
    const fy = cy - <f64>y0;
    const upper = half + 4 * <usize>(y0 * halfWidth);
    const lower = half + 4 * <usize>(min(halfHeight - 1, y0 + 1) * halfWidth);
    for (let x = 0; x < width; x++, plane += 4, weight += 4) {
      const w = <f64>load<f32>(weight);
      if (w >= 1) continue;
      const cx = min<f64>(<f64>(halfWidth - 1), max<f64>(0, (<f64>x - 0.5) / 2));
      const x0 = <i32>cx;
      const fx = cx - <f64>x0;
      const near: usize = 4 * <usize>x0;
      const far: usize = 4 * <usize>min(halfWidth - 1, x0 + 1);
      const above = <f64>load<f32>(upper + near) * (1 - fx) + <f64>load<f32>(upper + far) * fx;
      const below = <f64>load<f32>(lower + near) * (1 - fx) + <f64>load<f32>(lower + far) * fx;
      store<f32>(plane, <f32>(w * <f64>load<f32>(plane) + (1 - w) * (above * (1 - fy) + below * fy)));
    }
  }
}

/**
 * Reads a square map bilinearly into a square of another size; the centres of the outer places are its edge.
 *
 * @param map fromSize² floats, fromSize at least 2; @param out toSize² floats
 */
export function stretchMap(map: usize, fromSize: i32, out: usize, toSize: i32): void {
  const limit: f64 = <f64>fromSize - 1.001;
  const stride: usize = 4 * <usize>fromSize;
  for (let y = 0; y < toSize; y++) {
    const sy = min<f64>(limit, max<f64>(0, ((<f64>y + 0.5) * <f64>fromSize) / <f64>toSize - 0.5));
    const y0 = <i32>sy;
    const fy = sy - <f64>y0;
    const row: usize = map + stride * <usize>y0;
    for (let x = 0; x < toSize; x++, out += 4) {
      const sx = min<f64>(limit, max<f64>(0, ((<f64>x + 0.5) * <f64>fromSize) / <f64>toSize - 0.5));
      const x0 = <i32>sx;
      const fx = sx - <f64>x0;
      const at: usize = row + 4 * <usize>x0;
      const upper = <f64>load<f32>(at) * (1 - fx) + <f64>load<f32>(at, 4) * fx;
      const lower = <f64>load<f32>(at + stride) * (1 - fx) + <f64>load<f32>(at + stride, 4) * fx;
      store<f32>(out, <f32>(upper * (1 - fy) + lower * fy));
    }
  }
}

/** Doubles that one edge of a polygon takes in `raiseToPolygon`'s work memory. */
const edgeDoubles: usize = 7;

/**
 * Raises a map to the signed distance to a closed polygon, positive inside (even-odd rule), in a box of it.
 *
 * @param corners count × (x, y) doubles; @param work count × 7 doubles
 * @param out size² doubles: the place of texel (i, j) is ((i + ½) / size, (j + ½) / size)
 * @param left the box in texels, half-open, an even number of columns
 */
export function raiseToPolygon(
  corners: usize,
  count: i32,
  work: usize,
  left: i32,
  top: i32,
  right: i32,
  bottom: i32,
  size: i32,
  out: usize,
): void {
  const end = work + 8 * edgeDoubles * <usize>count;
  const zero = f64x2.splat(0);
  const one = f64x2.splat(1);
  for (let y = top; y < bottom; y++) {
    const v = (<f64>y + 0.5) / <f64>size;
    prepareEdges(corners, count, v, work);
    for (let x = left; x < right; x += 2) {
      const u = f64x2((<f64>x + 0.5) / <f64>size, (<f64>x + 1.5) / <f64>size);
      let nearest = f64x2.splat(Infinity);
      let inside = zero;
      for (let edge = work; edge < end; edge += 8 * edgeDoubles) {
        const fromX = f64x2.sub(u, v128.load64_splat(edge));
        const dx = v128.load64_splat(edge, 8);
        const along = f64x2.add(f64x2.mul(fromX, dx), v128.load64_splat(edge, 16));
        const t = f64x2.pmax(zero, f64x2.pmin(one, f64x2.div(along, v128.load64_splat(edge, 24))));
        const awayX = f64x2.sub(fromX, f64x2.mul(t, dx));
        const awayY = f64x2.sub(v128.load64_splat(edge, 32), f64x2.mul(t, v128.load64_splat(edge, 40)));
        nearest = f64x2.pmin(nearest, f64x2.add(f64x2.mul(awayX, awayX), f64x2.mul(awayY, awayY)));
        inside = v128.xor(inside, f64x2.lt(u, v128.load64_splat(edge, 48)));
      }
      const away = f64x2.sqrt(nearest);
      const signed = v128.bitselect(away, f64x2.neg(away), inside);
      const to: usize = out + 8 * <usize>(y * size + x);
      v128.store(to, f64x2.max(v128.load(to), signed));
    }
  }
}

/** What the edges mean for one row: start x, extent x, share along y, squared length, start to row, extent y, crossing's x. */
function prepareEdges(corners: usize, count: i32, v: f64, work: usize): void {
  let before = corners + 16 * <usize>(count - 1);
  for (let i = 0; i < count; i++, work += 8 * edgeDoubles) {
    const here = corners + 16 * <usize>i;
    const x0 = load<f64>(before);
    const y0 = load<f64>(before, 8);
    const x1 = load<f64>(here);
    const y1 = load<f64>(here, 8);
    const dx = x1 - x0;
    const dy = y1 - y0;
    store<f64>(work, x0);
    store<f64>(work, dx, 8);
    store<f64>(work, (v - y0) * dy, 16);
    store<f64>(work, dx * dx + dy * dy, 24);
    store<f64>(work, v - y0, 32);
    store<f64>(work, dy, 40);
    const crosses = y1 > v != y0 > v;
    store<f64>(work, crosses ? ((x0 - x1) * (v - y1)) / (y0 - y1) + x1 : -Infinity, 48);
    before = here;
  }
}

/** 0 below `low`, 1 above `high`, smooth between; falling when `low` is the greater one. */
function smooth(low: f64, high: f64, value: f64): f64 {
  const t = (value - low) / (high - low);
  if (t <= 0) return 0;
  if (t >= 1) return 1;
  return t * t * (3 - 2 * t);
}

/**
 * Mixes distances to the outlines of face, eyes, inner lips, lips and brows into the soft maps of the flattened face.
 *
 * @param distances five maps of size² doubles one behind the other, in that order
 * @param lines doubles: the feather's width; left, top, right and bottom edge of the mask; and the heights of the brows' top, the
 *   eyes' outer corners, the nose's tip, the nostrils and the mouth's corners
 * @param out seven maps of size² floats: interior, openings, skin, core, hairline, rims, brows
 */
export function mixZones(distances: usize, lines: usize, size: i32, out: usize): void {
  const map: usize = 4 * <usize>(size * size);
  const feather = load<f64>(lines);
  const left = load<f64>(lines, 8);
  const top = load<f64>(lines, 16);
  const right = load<f64>(lines, 24);
  const bottom = load<f64>(lines, 32);
  const browTop = load<f64>(lines, 40);
  const eyeLine = load<f64>(lines, 48);
  const noseTip = load<f64>(lines, 56);
  const nostrilLine = load<f64>(lines, 64);
  const mouthLine = load<f64>(lines, 72);
  for (let y = 0; y < size; y++) {
    const v = (<f64>y + 0.5) / <f64>size;
    const fromMaskRow = min(v - top, bottom - v);
    const aboveBrows = smooth(browTop + 0.02, browTop - 0.04, v);
    const aboveMouth = smooth(mouthLine + 0.03, mouthLine - 0.05, v);
    const belowBridge = smooth(eyeLine + 0.04, eyeLine + 0.07, v);
    const aroundEyes = smooth(browTop - 0.05, browTop - 0.01, v) * smooth(noseTip + 0.05, noseTip - 0.01, v);
    const nostrilY = v - nostrilLine;
    for (let x = 0; x < size; x++, distances += 8, out += 4) {
      const u = (<f64>x + 0.5) / <f64>size;
      const fromOutline = load<f64>(distances);
      const inEye = load<f64>(distances + 2 * map);
      const inMouth = load<f64>(distances + 4 * map);
      const inLips = load<f64>(distances + 6 * map);
      const inBrow = load<f64>(distances + 8 * map);
      const fromMaskEdge = min(min(fromOutline, fromMaskRow), min(u - left, right - u));
      const nostrilX = max<f64>(0, abs(u - 0.5) - 0.03);
      const inNostril = 0.045 - sqrt(nostrilX * nostrilX + nostrilY * nostrilY);
      // The lower nose has lines of its own; higher up a line is the bridge or a pad.
      const onNose = smooth(0.055, 0.035, abs(u - 0.5)) * belowBridge;
      const interior = smooth(0.002, feather, fromMaskEdge);
      const openings = max(smooth(0, 0.01, inEye), smooth(-0.007, 0.006, inMouth));
      const skin =
        smooth(0.02, 0.06, fromOutline) *
        smooth(0.01, 0.03, -inEye) *
        smooth(0.01, 0.03, -inLips) *
        smooth(0.02, 0.05, -inBrow) *
        smooth(0, 0.02, -inNostril);
      // Lashes and the corners of the eyes are dark, but no hair.
      const hairline =
        smooth(0.02, 0.05, -inEye) * max(aboveBrows, smooth(0.24, 0.15, fromOutline) * aboveMouth);
      store<f32>(out, <f32>interior);
      store<f32>(out + map, <f32>openings);
      store<f32>(out + 2 * map, <f32>skin);
      store<f32>(out + 3 * map, <f32>smooth(0.16, 0.22, fromOutline));
      store<f32>(out + 4 * map, <f32>hairline);
      store<f32>(out + 5 * map, <f32>(aroundEyes * smooth(0.012, 0.03, -inEye) * (1 - onNose)));
      store<f32>(out + 6 * map, <f32>smooth(-0.03, 0, inBrow));
    }
  }
}
