// What a face looks like, measured on its flattened layout: sampling the layout out of a crop, robust skin colours, moments,
// thin lines, energy of detail.

/** Bytes of a flattened texel: three 16-bit vertex numbers, a 16-bit flag (1: inside the face), three float weights. */
const texelBytes: usize = 20;

/**
 * Lays the three planes of a crop side by side: four floats per pixel, the last one 0.
 *
 * @param area pixels per plane, a multiple of 4
 */
export function interleavePlanes(planes: usize, area: usize, out: usize): void {
  const second = planes + 4 * area;
  const third = second + 4 * area;
  const zero = f32x4.splat(0);
  for (let at: usize = 0; at < 4 * area; at += 16, out += 64) {
    const a = v128.load(planes + at);
    const b = v128.load(second + at);
    const c = v128.load(third + at);
    const lowAb = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const highAb = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const lowC = v128.shuffle<f32>(c, zero, 0, 4, 1, 5);
    const highC = v128.shuffle<f32>(c, zero, 2, 6, 3, 7);
    v128.store(out, v128.shuffle<f32>(lowAb, lowC, 0, 1, 4, 5));
    v128.store(out, v128.shuffle<f32>(lowAb, lowC, 2, 3, 6, 7), 16);
    v128.store(out, v128.shuffle<f32>(highAb, highC, 0, 1, 4, 5), 32);
    v128.store(out, v128.shuffle<f32>(highAb, highC, 2, 3, 6, 7), 48);
  }
}

/**
 * Samples a crop (bilinear) at the place of every texel of the layout, and says how well the camera saw it: 0 where the surface
 * turns away (facing 0.1), 1 where it faces the camera (0.4). Texels outside of the face become 0.
 *
 * @param crop from `interleavePlanes`, sidePx² pixels
 * @param vertices 468 × (x, y, facing, 0)
 * @param texels groupCount × 4 records of `texelBytes`
 * @param groups 16-bit numbers of the groups of four texels that have any inside the face
 * @param first three planes, and `seen` a fourth
 */
export function flattenFace(
  crop: usize,
  sidePx: i32,
  vertices: usize,
  texels: usize,
  groups: usize,
  groupCount: i32,
  first: usize,
  second: usize,
  third: usize,
  seen: usize,
): void {
  const zero = f32x4.splat(0);
  const limit = f32x4.splat(<f32>sidePx - 1.001);
  const rowBytes = <usize>sidePx * 16;
  for (let group = 0; group < groupCount; group++, groups += 2, texels += 4 * texelBytes) {
    const t0 = sampleTexel(crop, rowBytes, vertices, texels, limit);
    const t1 = sampleTexel(crop, rowBytes, vertices, texels + texelBytes, limit);
    const t2 = sampleTexel(crop, rowBytes, vertices, texels + 2 * texelBytes, limit);
    const t3 = sampleTexel(crop, rowBytes, vertices, texels + 3 * texelBytes, limit);
    const low01 = v128.shuffle<f32>(t0, t1, 0, 4, 1, 5);
    const low23 = v128.shuffle<f32>(t2, t3, 0, 4, 1, 5);
    const high01 = v128.shuffle<f32>(t0, t1, 2, 6, 3, 7);
    const high23 = v128.shuffle<f32>(t2, t3, 2, 6, 3, 7);
    const at = <usize>load<u16>(groups) * 16;
    v128.store(first + at, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
    v128.store(second + at, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7));
    v128.store(third + at, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5));
    const facing = v128.shuffle<f32>(high01, high23, 2, 3, 6, 7);
    const rise = f32x4.mul(f32x4.sub(facing, f32x4.splat(0.1)), f32x4.splat(1.0 / 0.3));
    v128.store(seen + at, smooth(f32x4.pmin(f32x4.splat(1), f32x4.pmax(zero, rise))));
  }
}

/** R, G, B of one texel and how squarely it faces the camera. */
function sampleTexel(crop: usize, rowBytes: usize, vertices: usize, texel: usize, limit: v128): v128 {
  const place = f32x4.add(
    f32x4.add(
      f32x4.mul(v128.load(vertices + 16 * <usize>load<u16>(texel)), v128.load32_splat(texel, 8)),
      f32x4.mul(v128.load(vertices + 16 * <usize>load<u16>(texel, 2)), v128.load32_splat(texel, 12)),
    ),
    f32x4.mul(v128.load(vertices + 16 * <usize>load<u16>(texel, 4)), v128.load32_splat(texel, 16)),
  );
  const inside = f32x4.pmin(limit, f32x4.pmax(f32x4.splat(0), place));
  const whole = i32x4.trunc_sat_f32x4_s(inside);
  const fraction = f32x4.sub(inside, f32x4.convert_i32x4_s(whole));
  const fx = v128.shuffle<f32>(fraction, fraction, 0, 0, 0, 0);
  const fy = v128.shuffle<f32>(fraction, fraction, 1, 1, 1, 1);
  const at = crop + rowBytes * <usize>i32x4.extract_lane(whole, 1) + 16 * <usize>i32x4.extract_lane(whole, 0);
  const below = at + rowBytes;
  const upperLeft = v128.load(at);
  const lowerLeft = v128.load(below);
  const upper = f32x4.add(upperLeft, f32x4.mul(fx, f32x4.sub(v128.load(at, 16), upperLeft)));
  const lower = f32x4.add(lowerLeft, f32x4.mul(fx, f32x4.sub(v128.load(below, 16), lowerLeft)));
  const colour = f32x4.add(upper, f32x4.mul(fy, f32x4.sub(lower, upper)));
  const all = v128.shuffle<f32>(colour, place, 0, 1, 2, 6);
  return v128.and(all, i32x4.splat(-(<i32>load<u16>(texel, 6))));
}

/** 3t² − 2t³ for t in 0..1. */
function smooth(t: v128): v128 {
  return f32x4.mul(f32x4.mul(t, t), f32x4.sub(f32x4.splat(3), f32x4.add(t, t)));
}

/** Products of two maps. @param count a multiple of 4 */
export function multiplyMaps(first: usize, second: usize, out: usize, count: usize): void {
  for (let at: usize = 0; at < 4 * count; at += 16) {
    v128.store(out + at, f32x4.mul(v128.load(first + at), v128.load(second + at)));
  }
}

/**
 * Median and median distance from it. Exact: of two middle values the upper one; zeros when there are none.
 *
 * @param values count floats, which are lost
 * @param out receives the two
 */
export function robustSpread(values: usize, count: i32, out: usize): void {
  if (count === 0) {
    store<f32>(out, 0);
    store<f32>(out, 0, 4);
    return;
  }
  const median = select(values, count, count >> 1);
  for (let i = 0; i < count; i++) {
    const at = values + 4 * <usize>i;
    store<f32>(at, abs(load<f32>(at) - median));
  }
  store<f32>(out, median);
  store<f32>(out, select(values, count, count >> 1), 4);
}

/** The value that would stand at `wanted` if the values were sorted (Hoare's quickselect; reorders them). */
function select(values: usize, count: i32, wanted: i32): f32 {
  let left = 0;
  let right = count - 1;
  while (left < right) {
    const a = load<f32>(values + 4 * <usize>left);
    const b = load<f32>(values + 4 * <usize>((left + right) >> 1));
    const c = load<f32>(values + 4 * <usize>right);
    const pivot = max(min(a, b), min(max(a, b), c));
    let i = left;
    let j = right;
    while (i <= j) {
      while (load<f32>(values + 4 * <usize>i) < pivot) i++;
      while (load<f32>(values + 4 * <usize>j) > pivot) j--;
      if (i > j) break;
      const swapped = load<f32>(values + 4 * <usize>i);
      store<f32>(values + 4 * <usize>i, load<f32>(values + 4 * <usize>j));
      store<f32>(values + 4 * <usize>j, swapped);
      i++;
      j--;
    }
    if (wanted <= j) right = j;
    else if (wanted >= i) left = i;
    else break;
  }
  return load<f32>(values + 4 * <usize>wanted);
}

/**
 * Where the surface may be replaced, and the moments of the skin's colours.
 *
 * A colour is the skin's own (1) up to 2.2 spreads from its centre, something else (0) beyond 3.6.
 *
 * @param first planes L, a, b; @param seen how well the camera saw the place, 0..1
 * @param skin 1 on plain skin; @param guard 1 where hair may lie over the face
 * @param model six floats: centre of L, a, b, then their spreads
 * @param open receives 1 where the surface may be replaced; 0 where the camera saw nothing
 * @param sums receives seven doubles: the total weight, then for L, a, b the weighted sums of the distances from the centre and of
 *   their squares
 * @param count places, a multiple of 4 × `rowLength`, which is a multiple of 4: floats are summed per row, doubles over rows
 */
export function measureSkin(
  first: usize,
  second: usize,
  third: usize,
  seen: usize,
  skin: usize,
  guard: usize,
  model: usize,
  open: usize,
  sums: usize,
  count: usize,
  rowLength: usize,
): void {
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  memory.fill(sums, 0, 56);
  for (let row: usize = 0; row < 4 * count; row += 4 * rowLength) {
    let total = zero;
    let sumL = zero;
    let sumA = zero;
    let sumB = zero;
    let squareL = zero;
    let squareA = zero;
    let squareB = zero;
    for (let at = row; at < row + 4 * rowLength; at += 16) {
      const visible = v128.load(seen + at);
      const some = f32x4.ne(visible, zero);
      if (!v128.any_true(some)) {
        v128.store(open + at, zero);
        continue;
      }
      const l = f32x4.sub(v128.load(first + at), v128.load32_splat(model));
      const a = f32x4.sub(v128.load(second + at), v128.load32_splat(model, 4));
      const b = f32x4.sub(v128.load(third + at), v128.load32_splat(model, 8));
      const foreign = foreignShare(l, a, b, model);
      const shut = f32x4.mul(v128.load(guard + at), foreign);
      v128.store(open + at, v128.and(f32x4.sub(one, shut), some));
      const weight = f32x4.mul(f32x4.mul(visible, v128.load(skin + at)), f32x4.sub(one, foreign));
      total = f32x4.add(total, weight);
      const weightedL = f32x4.mul(weight, l);
      const weightedA = f32x4.mul(weight, a);
      const weightedB = f32x4.mul(weight, b);
      sumL = f32x4.add(sumL, weightedL);
      sumA = f32x4.add(sumA, weightedA);
      sumB = f32x4.add(sumB, weightedB);
      squareL = f32x4.add(squareL, f32x4.mul(weightedL, l));
      squareA = f32x4.add(squareA, f32x4.mul(weightedA, a));
      squareB = f32x4.add(squareB, f32x4.mul(weightedB, b));
    }
    addLanes(sums, total);
    addLanes(sums + 8, sumL);
    addLanes(sums + 16, sumA);
    addLanes(sums + 24, sumB);
    addLanes(sums + 32, squareL);
    addLanes(sums + 40, squareA);
    addLanes(sums + 48, squareB);
  }
}

/**
 * How much of a colour is something else than skin, 0..1.
 *
 * @param l distances from the model's centre
 */
function foreignShare(l: v128, a: v128, b: v128, model: usize): v128 {
  const dl = f32x4.div(l, v128.load32_splat(model, 12));
  const da = f32x4.div(a, v128.load32_splat(model, 16));
  const db = f32x4.div(b, v128.load32_splat(model, 20));
  const chroma = f32x4.mul(f32x4.splat(0.5), f32x4.add(f32x4.mul(da, da), f32x4.mul(db, db)));
  const distance = f32x4.sqrt(f32x4.add(f32x4.mul(dl, dl), chroma));
  const rise = f32x4.mul(f32x4.sub(distance, f32x4.splat(2.2)), f32x4.splat(1.0 / 1.4));
  return smooth(f32x4.pmin(f32x4.splat(1), f32x4.pmax(f32x4.splat(0), rise)));
}

/**
 * The skin's colours in blocks of 4 × 4 places: what is none, by the same measure as in `measureSkin`, does not count.
 *
 * @param first planes L, a, b of side² floats, side a multiple of 4
 * @param weight how much each place counts; @param model as for `measureSkin`
 * @param out (side / 4)² × (total weight, and the weighted sums of the distances of L, a, b from the model's centre)
 */
export function skinBlocks(
  first: usize,
  second: usize,
  third: usize,
  weight: usize,
  model: usize,
  side: i32,
  out: usize,
): void {
  const one = f32x4.splat(1);
  const stride: usize = 4 * <usize>side;
  for (let y = 0; y < side; y += 4) {
    const row: usize = stride * <usize>y;
    for (let at = row; at < row + stride; at += 16, out += 16) {
      let total = f32x4.splat(0);
      let sumL = f32x4.splat(0);
      let sumA = f32x4.splat(0);
      let sumB = f32x4.splat(0);
      for (let place = at; place < at + 4 * stride; place += stride) {
        const given = v128.load(weight + place);
        if (!v128.any_true(given)) continue;
        const l = f32x4.sub(v128.load(first + place), v128.load32_splat(model));
        const a = f32x4.sub(v128.load(second + place), v128.load32_splat(model, 4));
        const b = f32x4.sub(v128.load(third + place), v128.load32_splat(model, 8));
        const w = f32x4.mul(given, f32x4.sub(one, foreignShare(l, a, b, model)));
        total = f32x4.add(total, w);
        sumL = f32x4.add(sumL, f32x4.mul(w, l));
        sumA = f32x4.add(sumA, f32x4.mul(w, a));
        sumB = f32x4.add(sumB, f32x4.mul(w, b));
      }
      store<f32>(out, laneSum(total));
      store<f32>(out, laneSum(sumL), 4);
      store<f32>(out, laneSum(sumA), 8);
      store<f32>(out, laneSum(sumB), 12);
    }
  }
}

function laneSum(lanes: v128): f32 {
  const pairs = f32x4.add(lanes, v128.shuffle<f32>(lanes, lanes, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

function addLanes(to: usize, lanes: v128): void {
  const sum =
    <f64>f32x4.extract_lane(lanes, 0) +
    <f64>f32x4.extract_lane(lanes, 1) +
    <f64>f32x4.extract_lane(lanes, 2) +
    <f64>f32x4.extract_lane(lanes, 3);
  store<f64>(to, load<f64>(to) + sum);
}

/**
 * How much each of some places is a thin line: over two widths, four directions and three planes, the least of its two contrasts
 * against the places to either side, if both have the same sign. Edges and shading score nothing.
 *
 * @param first planes of side² floats; @param places count × (x, y), 32 bits each, inside the planes
 * @param near half widths in texels, and the same along a diagonal
 * @param out count floats
 */
export function ridgesAt(
  first: usize,
  second: usize,
  third: usize,
  side: i32,
  places: usize,
  count: i32,
  near: i32,
  nearDiagonal: i32,
  far: i32,
  farDiagonal: i32,
  out: usize,
): void {
  for (let i = 0; i < count; i++, places += 8, out += 4) {
    const x = load<i32>(places);
    const y = load<i32>(places, 4);
    store<f32>(
      out,
      max(
        ridgeAt(first, second, third, side, x, y, near, nearDiagonal),
        ridgeAt(first, second, third, side, x, y, far, farDiagonal),
      ),
    );
  }
}

function ridgeAt(
  first: usize,
  second: usize,
  third: usize,
  side: i32,
  x: i32,
  y: i32,
  reach: i32,
  diagonal: i32,
): f32 {
  const across = ridgeAlong(first, second, third, side, x, y, reach, 0);
  const down = ridgeAlong(first, second, third, side, x, y, 0, reach);
  const falling = ridgeAlong(first, second, third, side, x, y, diagonal, diagonal);
  const rising = ridgeAlong(first, second, third, side, x, y, diagonal, -diagonal);
  return max(max(across, down), max(falling, rising));
}

function ridgeAlong(
  first: usize,
  second: usize,
  third: usize,
  side: i32,
  x: i32,
  y: i32,
  dx: i32,
  dy: i32,
): f32 {
  const last = side - 1;
  const at: usize = 4 * <usize>(y * side + x);
  const before: usize = 4 * <usize>(clamped(y - dy, last) * side + clamped(x - dx, last));
  const after: usize = 4 * <usize>(clamped(y + dy, last) * side + clamped(x + dx, last));
  const inFirst = contrast(load<f32>(first + at), load<f32>(first + before), load<f32>(first + after));
  const inSecond = contrast(load<f32>(second + at), load<f32>(second + before), load<f32>(second + after));
  const inThird = contrast(load<f32>(third + at), load<f32>(third + before), load<f32>(third + after));
  return max<f32>(0, max(inFirst, max(inSecond, inThird)));
}

function clamped(index: i32, last: i32): i32 {
  return min(last, max(0, index));
}

function contrast(here: f32, before: f32, after: f32): f32 {
  return max(min(before, after) - here, here - max(before, after));
}

/**
 * How much each place of a zone looks like the rim of glasses: a thin line as in `ridgesAt` (from 4 to 7.5 Lab units), or as dark
 * as a thick frame (from 6 above `dark` to 6 below it), times the zone.
 *
 * @param first planes L, a, b of side² floats; side is a multiple of 4
 * @param zone and `out` likewise
 */
export function drawThinLines(
  first: usize,
  second: usize,
  third: usize,
  side: i32,
  zone: usize,
  dark: f32,
  near: i32,
  nearDiagonal: i32,
  far: i32,
  farDiagonal: i32,
  out: usize,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const margin = max(max(near, nearDiagonal), max(far, farDiagonal));
  const stride: isize = 4 * <isize>side;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x += 4) {
      const at: usize = 4 * <usize>(y * side + x);
      const share = v128.load(zone + at);
      if (!v128.any_true(f32x4.ne(share, zero))) {
        v128.store(out + at, zero);
        continue;
      }
      let line: v128;
      if (y >= margin && y + margin < side && x >= margin && x + 3 + margin < side) {
        line = max4(
          ridges(first + at, second + at, third + at, stride, near, nearDiagonal),
          ridges(first + at, second + at, third + at, stride, far, farDiagonal),
        );
      } else {
        line = f32x4(
          borderRidge(first, second, third, side, x, y, near, nearDiagonal, far, farDiagonal),
          borderRidge(first, second, third, side, x + 1, y, near, nearDiagonal, far, farDiagonal),
          borderRidge(first, second, third, side, x + 2, y, near, nearDiagonal, far, farDiagonal),
          borderRidge(first, second, third, side, x + 3, y, near, nearDiagonal, far, farDiagonal),
        );
      }
      const thin = f32x4.mul(f32x4.sub(line, f32x4.splat(4)), f32x4.splat(1.0 / 3.5));
      const deep = f32x4.mul(f32x4.sub(f32x4.splat(dark + 6), v128.load(first + at)), f32x4.splat(1.0 / 12));
      const most = f32x4.pmin(one, f32x4.pmax(zero, max4(thin, deep)));
      v128.store(out + at, f32x4.mul(share, smooth(most)));
    }
  }
}

function borderRidge(
  first: usize,
  second: usize,
  third: usize,
  side: i32,
  x: i32,
  y: i32,
  near: i32,
  nearDiagonal: i32,
  far: i32,
  farDiagonal: i32,
): f32 {
  return max(
    ridgeAt(first, second, third, side, x, y, near, nearDiagonal),
    ridgeAt(first, second, third, side, x, y, far, farDiagonal),
  );
}

function max4(first: v128, second: v128): v128 {
  return f32x4.pmax(first, second);
}

/** `ridgeAt` for four neighbouring places whose surroundings lie inside the planes: addresses of the first place. */
function ridges(first: usize, second: usize, third: usize, stride: isize, reach: i32, diagonal: i32): v128 {
  const across: isize = 4 * <isize>reach;
  const aside: isize = 4 * <isize>diagonal;
  const falling = <isize>diagonal * stride + aside;
  const rising: isize = aside - <isize>diagonal * stride;
  const down = <isize>reach * stride;
  return max4(
    planeRidges(first, across, down, falling, rising),
    max4(
      planeRidges(second, across, down, falling, rising),
      planeRidges(third, across, down, falling, rising),
    ),
  );
}

function planeRidges(place: usize, across: isize, down: isize, falling: isize, rising: isize): v128 {
  const here = v128.load(place);
  return max4(
    max4(contrasts(here, place, across), contrasts(here, place, down)),
    max4(contrasts(here, place, falling), contrasts(here, place, rising)),
  );
}

function contrasts(here: v128, place: usize, distance: isize): v128 {
  const before = v128.load(place - distance);
  const after = v128.load(place + distance);
  return max4(
    f32x4.sub(f32x4.pmin(before, after), here),
    max4(f32x4.splat(0), f32x4.sub(here, max4(before, after))),
  );
}

/** Copies a plane and gives the places where `inside` is 0 another value. @param count a multiple of 4 */
export function fillOutside(plane: usize, inside: usize, value: f32, out: usize, count: usize): void {
  const filling = f32x4.splat(value);
  const zero = f32x4.splat(0);
  for (let at: usize = 0; at < 4 * count; at += 16) {
    const isOutside = f32x4.eq(v128.load(inside + at), zero);
    v128.store(out + at, v128.bitselect(filling, v128.load(plane + at), isOutside));
  }
}

/**
 * RMS of a band of detail.
 *
 * @param band (side >> level)² floats; @param weight side² floats, read at the band's places
 */
export function bandEnergy(band: usize, side: i32, level: i32, weight: usize): f64 {
  let sum: f64 = 0;
  let total: f64 = 0;
  const step: usize = 4 << level;
  const size = side >> level;
  for (let y = 0; y < size; y++) {
    let at = weight + 4 * <usize>((y << level) * side);
    for (let x = 0; x < size; x++, at += step, band += 4) {
      const w = <f64>load<f32>(at);
      const value = <f64>load<f32>(band);
      sum += w * value * value;
      total += w;
    }
  }
  return sqrt(sum / max(total, 1e-6));
}
