// Between the R'G'B' values of a picture of high dynamic range and those that sRGB shows: a curve per channel, and other primaries.
// The curves and matrices come from `imaging/tone-curve.ts`.
import { decodeSrgb, encodeSrgb } from './lab';

/** Parts that the tables divide 0..1 into. */
const parts: i32 = 4096;
/** Where in the tables' floats the matrix back and the two curves begin. */
const back: usize = 4 * 9;
const toDisplay: usize = 4 * 18;
const toSignal: usize = toDisplay + 4 * <usize>(parts + 1);
const toWide: usize = toSignal + 4 * <usize>(parts + 1);
const wideToCode: usize = toWide + 4 * <usize>(parts + 1);

/** The first `count` floats of four; the others are 0. */
@inline
function loadSome(at: usize, count: usize): v128 {
  if (count >= 4) return v128.load(at);
  let some = v128.load32_zero(at);
  if (count > 1) some = v128.load32_lane(at, some, 1, 4);
  if (count > 2) some = v128.load32_lane(at, some, 2, 8);
  return some;
}

/** Stores the first `count` floats of four. */
@inline
function storeSome(at: usize, values: v128, count: usize): void {
  if (count >= 4) {
    v128.store(at, values);
    return;
  }
  v128.store32_lane(at, values, 0);
  if (count > 1) v128.store32_lane(at, values, 1, 4);
  if (count > 2) v128.store32_lane(at, values, 2, 8);
}

@inline
function between(table: usize, index: i32, share: f32): f32 {
  const at = table + ((<usize>index) << 2);
  const low = load<f32>(at);
  return low + share * (load<f32>(at, 4) - low);
}

/** Four values 0..1 (clipped) through a table of `parts` + 1 floats, linearly between its entries. */
@inline
function curve(table: usize, values: v128): v128 {
  const inside = f32x4.pmin(f32x4.splat(1), f32x4.pmax(f32x4.splat(0), values));
  const place = f32x4.mul(inside, f32x4.splat(<f32>parts));
  const whole = i32x4.min_s(i32x4.trunc_sat_f32x4_s(place), i32x4.splat(parts - 1));
  const share = f32x4.sub(place, f32x4.convert_i32x4_s(whole));
  return f32x4(
    between(table, i32x4.extract_lane(whole, 0), f32x4.extract_lane(share, 0)),
    between(table, i32x4.extract_lane(whole, 1), f32x4.extract_lane(share, 1)),
    between(table, i32x4.extract_lane(whole, 2), f32x4.extract_lane(share, 2)),
    between(table, i32x4.extract_lane(whole, 3), f32x4.extract_lane(share, 3)),
  );
}

/** A row of a matrix times three values. */
@inline
function weighted(row: usize, r: v128, g: v128, b: v128): v128 {
  return f32x4.add(
    f32x4.add(f32x4.mul(r, v128.load32_splat(row)), f32x4.mul(g, v128.load32_splat(row, 4))),
    f32x4.mul(b, v128.load32_splat(row, 8)),
  );
}

/**
 * Turns planes R', G', B' of a signal (0..1) into sRGB values (0..1, clipped to its gamut) in place, and scales them.
 *
 * @param tables from `toneAddress`
 * @param count values per plane
 */
export function signalToDisplay(
  first: usize,
  second: usize,
  third: usize,
  count: usize,
  tables: usize,
  scale: f32,
  offset: f32,
): void {
  const scales = f32x4.splat(scale);
  const offsets = f32x4.splat(offset);
  for (let i: usize = 0; i < count; i += 4) {
    const at = i << 2;
    const some = count - i;
    const r = decodeSrgb(curve(tables + toDisplay, loadSome(first + at, some)));
    const g = decodeSrgb(curve(tables + toDisplay, loadSome(second + at, some)));
    const b = decodeSrgb(curve(tables + toDisplay, loadSome(third + at, some)));
    const red = encodeSrgb(weighted(tables, r, g, b));
    const green = encodeSrgb(weighted(tables + 12, r, g, b));
    const blue = encodeSrgb(weighted(tables + 24, r, g, b));
    storeSome(first + at, f32x4.add(f32x4.mul(red, scales), offsets), some);
    storeSome(second + at, f32x4.add(f32x4.mul(green, scales), offsets), some);
    storeSome(third + at, f32x4.add(f32x4.mul(blue, scales), offsets), some);
  }
}

/**
 * The inverse of {@link signalToDisplay} without scaling: planes of sRGB values (clipped to 0..1) become R', G', B' of the signal in place.
 *
 * @param count values per plane
 */
export function displayToSignal(first: usize, second: usize, third: usize, count: usize, tables: usize): void {
  writeSignal(first, second, third, count, tables, tables + toSignal);
}

/** {@link displayToSignal} for values of the wide scale. */
export function wideToSignal(first: usize, second: usize, third: usize, count: usize, tables: usize): void {
  writeSignal(first, second, third, count, tables, tables + wideToCode);
}

function writeSignal(
  first: usize,
  second: usize,
  third: usize,
  count: usize,
  tables: usize,
  table: usize,
): void {
  for (let i: usize = 0; i < count; i += 4) {
    const at = i << 2;
    const some = count - i;
    const r = decodeSrgb(loadSome(first + at, some));
    const g = decodeSrgb(loadSome(second + at, some));
    const b = decodeSrgb(loadSome(third + at, some));
    const red = curve(table, encodeSrgb(weighted(tables + back, r, g, b)));
    const green = curve(table, encodeSrgb(weighted(tables + back + 12, r, g, b)));
    const blue = curve(table, encodeSrgb(weighted(tables + back + 24, r, g, b)));
    storeSome(first + at, red, some);
    storeSome(second + at, green, some);
    storeSome(third + at, blue, some);
  }
}

/** Turns planes of display values (clipped to 0..1) into those of the wide scale in place. @param count values per plane */
export function displayToWide(first: usize, second: usize, third: usize, count: usize, tables: usize): void {
  const table = tables + toWide;
  for (let i: usize = 0; i < count; i += 4) {
    const at = i << 2;
    const some = count - i;
    storeSome(first + at, curve(table, loadSome(first + at, some)), some);
    storeSome(second + at, curve(table, loadSome(second + at, some)), some);
    storeSome(third + at, curve(table, loadSome(third + at, some)), some);
  }
}

/**
 * Lab of the wide scale becomes Lab relative to diffuse white, in place: L + 16, a and b grow by the cube root of the light's factor.
 *
 * @param count values per plane, a multiple of 4
 */
export function widenLab(first: usize, second: usize, third: usize, count: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  const more = f32x4.splat(16 * (factor - 1));
  for (let i: usize = 0; i < count * 4; i += 16) {
    v128.store(first + i, f32x4.add(f32x4.mul(v128.load(first + i), factors), more));
    v128.store(second + i, f32x4.mul(v128.load(second + i), factors));
    v128.store(third + i, f32x4.mul(v128.load(third + i), factors));
  }
}
