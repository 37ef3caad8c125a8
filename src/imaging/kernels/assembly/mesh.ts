// Drawing a textured triangle mesh. First every triangle leaves its number and depth where it is the nearest
// (`rasterizeTriangles`); then each row is shaded from its runs of one triangle (`shadeTriangles`), so that a pixel is
// coloured once however many triangles lie over it. Edges are found in doubles, so that no pixel between two triangles is
// missed; values along a run are floats.
import { labToSrgbPlanes } from './lab';
import { wideToSignal } from './tone';

// A prepared triangle: where the barycentric coordinates b and c of its second and third corner are 0, and their slopes;
// six values at its three corners; its texture levels.
const originX: usize = 0;
const originY: usize = 8;
const slopeBx: usize = 16;
const slopeBy: usize = 24;
const slopeCx: usize = 32;
const slopeCy: usize = 40;
const cornerU: usize = 48;
const cornerV: usize = 60;
const cornerWeight: usize = 72;
const cornerPlaceX: usize = 84;
const cornerPlaceY: usize = 96;
const cornerDepth: usize = 108;
const footprintAt: usize = 120;
const fineLevel: usize = 124;
const fineSide: usize = 128;
const coarseLevel: usize = 132;
const coarseSide: usize = 136;
const coarseShare: usize = 140;
const recordBytes: usize = 144;

/** Bytes of one prepared triangle. */
export function triangleRecordBytes(): usize {
  return recordBytes;
}

/** A triangle covers a pixel if no barycentric coordinate is below this: a pixel on an edge belongs to either side. */
const edgeTolerance: f64 = -1e-5;

/**
 * Draws the triangles that face the viewer with a depth test: the first of the nearest wins. Pixel centres lie on integers.
 *
 * @param points vertices × (x, y, z) floats in pixels; @param uv vertices × (u, v); @param weights one per vertex
 * @param places vertices × (x, y, z), of which x and y are carried
 * @param triangles count × three 16-bit vertex numbers
 * @param left the box that is drawn, in pixels, half-open
 * @param depth cleared and filled: floats, row by row of the box, and room for 3 more
 * @param nearest cleared and filled likewise: the address of the pixel's triangle in `records`, or 0
 * @param records room for `count` prepared triangles
 * @returns how many triangles were prepared
 */
export function rasterizeTriangles(
  points: usize,
  uv: usize,
  weights: usize,
  places: usize,
  triangles: usize,
  count: i32,
  left: i32,
  top: i32,
  right: i32,
  bottom: i32,
  depth: usize,
  nearest: usize,
  records: usize,
): i32 {
  const stride: usize = <usize>(right - left) * 4;
  // Every byte 0x7f is the float 3.4e38: further than anything.
  memory.fill(depth, 0x7f, stride * <usize>(bottom - top));
  memory.fill(nearest, 0, stride * <usize>(bottom - top));
  let record = records;
  for (let t = 0; t < count; t++, triangles += 6) {
    const i0: usize = load<u16>(triangles);
    const i1: usize = load<u16>(triangles, 2);
    const i2: usize = load<u16>(triangles, 4);
    const p0 = points + 12 * i0;
    const p1 = points + 12 * i1;
    const p2 = points + 12 * i2;
    const x0 = <f64>load<f32>(p0);
    const y0 = <f64>load<f32>(p0, 4);
    const x1 = <f64>load<f32>(p1);
    const y1 = <f64>load<f32>(p1, 4);
    const x2 = <f64>load<f32>(p2);
    const y2 = <f64>load<f32>(p2, 4);
    const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
    const u0 = <f64>load<f32>(uv + 8 * i0);
    const v0 = <f64>load<f32>(uv + 8 * i0, 4);
    const u1 = <f64>load<f32>(uv + 8 * i1);
    const v1 = <f64>load<f32>(uv + 8 * i1, 4);
    const u2 = <f64>load<f32>(uv + 8 * i2);
    const v2 = <f64>load<f32>(uv + 8 * i2, 4);
    const uvArea = (u1 - u0) * (v2 - v0) - (u2 - u0) * (v1 - v0);
    if (!(area * uvArea > 0) || abs(area) < 1e-6) continue;
    const firstX = max(<f64>left, ceil(min(x0, min(x1, x2))));
    const lastX = min(<f64>(right - 1), floor(max(x0, max(x1, x2))));
    const firstY = <i32>max(<f64>top, ceil(min(y0, min(y1, y2))));
    const lastY = <i32>min(<f64>(bottom - 1), floor(max(y0, max(y1, y2))));
    if (firstX > lastX || firstY > lastY) continue;
    const inverse = 1 / area;
    const bx = (y2 - y0) * inverse;
    const by = -(x2 - x0) * inverse;
    const cx = -(y1 - y0) * inverse;
    const cy = (x1 - x0) * inverse;
    store<f64>(record, x0, originX);
    store<f64>(record, y0, originY);
    store<f64>(record, bx, slopeBx);
    store<f64>(record, by, slopeBy);
    store<f64>(record, cx, slopeCx);
    store<f64>(record, cy, slopeCy);
    storeCorners(record + cornerU, <f32>u0, <f32>u1, <f32>u2);
    storeCorners(record + cornerV, <f32>v0, <f32>v1, <f32>v2);
    storeCorners(
      record + cornerWeight,
      load<f32>(weights + 4 * i0),
      load<f32>(weights + 4 * i1),
      load<f32>(weights + 4 * i2),
    );
    storeCorners(
      record + cornerPlaceX,
      load<f32>(places + 12 * i0),
      load<f32>(places + 12 * i1),
      load<f32>(places + 12 * i2),
    );
    storeCorners(
      record + cornerPlaceY,
      load<f32>(places + 12 * i0, 4),
      load<f32>(places + 12 * i1, 4),
      load<f32>(places + 12 * i2, 4),
    );
    storeCorners(record + cornerDepth, load<f32>(p0, 8), load<f32>(p1, 8), load<f32>(p2, 8));
    store<f32>(record, <f32>sqrt(abs(uvArea * inverse)), footprintAt);
    const z0 = <f64>load<f32>(p0, 8);
    const zb = <f64>load<f32>(p1, 8) - z0;
    const zc = <f64>load<f32>(p2, 8) - z0;
    const ax = -bx - cx;
    const perB = 1 / bx;
    const perC = 1 / cx;
    const perA = 1 / ax;
    const stepZ = f32x4.mul(f32x4(0, 1, 2, 3), f32x4.splat(<f32>(bx * zb + cx * zc)));
    const stepZ4 = f32x4.splat(<f32>(4 * (bx * zb + cx * zc)));
    const own = i32x4.splat(<i32>record);
    for (let y = firstY; y <= lastY; y++) {
      // The part of the row where all three coordinates are within the tolerance.
      const rowB = by * (<f64>y - y0);
      const rowC = cy * (<f64>y - y0);
      const rowA = 1 - rowB - rowC;
      let first = firstX;
      let last = lastX;
      const edgeB = (edgeTolerance - rowB) * perB + x0;
      const edgeC = (edgeTolerance - rowC) * perC + x0;
      const edgeA = (edgeTolerance - rowA) * perA + x0;
      if (bx > 0) first = max(first, ceil(edgeB));
      else if (bx < 0) last = min(last, floor(edgeB));
      else if (rowB < edgeTolerance) continue;
      if (cx > 0) first = max(first, ceil(edgeC));
      else if (cx < 0) last = min(last, floor(edgeC));
      else if (rowC < edgeTolerance) continue;
      if (ax > 0) first = max(first, ceil(edgeA));
      else if (ax < 0) last = min(last, floor(edgeA));
      else if (rowA < edgeTolerance) continue;
      if (first > last) continue;
      const b = rowB + bx * (first - x0);
      const c = rowC + cx * (first - x0);
      let z = f32x4.add(f32x4.splat(<f32>(z0 + b * zb + c * zc)), stepZ);
      const offset = stride * <usize>(y - top) + 4 * <usize>(<i32>first - left);
      let near = depth + offset;
      let tag = nearest + offset;
      for (let rest = <i32>(last - first) + 1; rest > 0; rest -= 4, near += 16, tag += 16) {
        const before = v128.load(near);
        const wins = v128.and(f32x4.lt(z, before), i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(rest)));
        v128.store(near, v128.bitselect(z, before, wins));
        v128.store(tag, v128.bitselect(own, v128.load(tag), wins));
        z = f32x4.add(z, stepZ4);
      }
    }
    record += recordBytes;
  }
  return <i32>((record - records) / recordBytes);
}

function storeCorners(at: usize, first: f32, second: f32, third: f32): void {
  store<f32>(at, first);
  store<f32>(at, second, 4);
  store<f32>(at, third, 8);
}

/** A triangle's value where its barycentric coordinates are b and c. */
function valueAt(corners: usize, b: f64, c: f64): f64 {
  const value = <f64>load<f32>(corners);
  return value + b * (<f64>load<f32>(corners, 4) - value) + c * (<f64>load<f32>(corners, 8) - value);
}

/** What a triangle's value gains per pixel along a row. */
function slopeOf(corners: usize, bx: f64, cx: f64): f32 {
  const value = <f64>load<f32>(corners);
  return <f32>(bx * (<f64>load<f32>(corners, 4) - value) + cx * (<f64>load<f32>(corners, 8) - value));
}

/**
 * Writes out what `rasterizeTriangles` found as planes of the box. Where nothing is, u is −1 and the depth infinite; the
 * others keep what they held.
 *
 * @param depth changed in place: the clear value becomes infinity
 */
export function resolveTriangles(
  nearest: usize,
  width: i32,
  height: i32,
  left: i32,
  top: i32,
  depth: usize,
  u: usize,
  v: usize,
  weight: usize,
  placeX: usize,
  placeY: usize,
  footprint: usize,
): void {
  let at: usize = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const record = <usize>load<u32>(nearest + at);
      if (record === 0) {
        store<f32>(u + at, -1);
        store<f32>(depth + at, Infinity);
        continue;
      }
      const dx = <f64>(x + left) - load<f64>(record, originX);
      const dy = <f64>(y + top) - load<f64>(record, originY);
      const b = load<f64>(record, slopeBx) * dx + load<f64>(record, slopeBy) * dy;
      const c = load<f64>(record, slopeCx) * dx + load<f64>(record, slopeCy) * dy;
      store<f32>(u + at, <f32>valueAt(record + cornerU, b, c));
      store<f32>(v + at, <f32>valueAt(record + cornerV, b, c));
      store<f32>(weight + at, <f32>valueAt(record + cornerWeight, b, c));
      store<f32>(placeX + at, <f32>valueAt(record + cornerPlaceX, b, c));
      store<f32>(placeY + at, <f32>valueAt(record + cornerPlaceY, b, c));
      store<f32>(footprint + at, load<f32>(record, footprintAt));
    }
  }
}

/**
 * Chooses for each prepared triangle the two levels of a mip texture between which its size lies.
 *
 * @param records what `rasterizeTriangles` prepared
 * @param levels levelCount × (32-bit address, 32-bit side), finest first; a texel is four floats
 */
export function chooseTextureLevels(records: usize, count: i32, levels: usize, levelCount: i32): void {
  const side = <f32>load<u32>(levels, 4);
  for (let i = 0; i < count; i++, records += recordBytes) {
    const level = max<f32>(0, Mathf.log2(max<f32>(1e-6, load<f32>(records, footprintAt) * side)));
    const fine = min(levelCount - 1, <i32>level);
    const coarse = min(levelCount - 1, fine + 1);
    store<u32>(records, load<u32>(levels + 8 * <usize>fine), fineLevel);
    store<u32>(records, load<u32>(levels + 8 * <usize>fine, 4), fineSide);
    store<u32>(records, load<u32>(levels + 8 * <usize>coarse), coarseLevel);
    store<u32>(records, load<u32>(levels + 8 * <usize>coarse, 4), coarseSide);
    store<f32>(records, coarse === fine ? 0 : min<f32>(1, level - <f32>fine), coarseShare);
  }
}

/**
 * Lays the four corners of each bilinear cell of a square map side by side, so that one load fetches them.
 *
 * @param out 4 × side² floats; the last row and column are not used
 */
export function gatherCorners(map: usize, side: i32, out: usize): void {
  const stride = <usize>side * 4;
  for (let y = 0; y < side - 1; y++) {
    const row = map + stride * <usize>y;
    let to = out + 4 * stride * <usize>y;
    for (let at: usize = 0; at < stride - 4; at += 4, to += 16) {
      // (here, right, below, below right)
      v128.store(
        to,
        v128.shuffle<i64>(v128.load64_zero(row + at), v128.load64_zero(row + stride + at), 0, 2),
      );
    }
  }
}

/** Bilinear values of a map made by {@link gatherCorners} at four places. */
function sampleCorners(corners: usize, side: i32, u: v128, v: v128): v128 {
  const scale = f32x4.splat(<f32>side);
  const half = f32x4.splat(0.5);
  const limit = f32x4.splat(<f32>side - 1.001);
  const zero = f32x4.splat(0);
  const x = f32x4.pmin(limit, f32x4.pmax(zero, f32x4.sub(f32x4.mul(u, scale), half)));
  const y = f32x4.pmin(limit, f32x4.pmax(zero, f32x4.sub(f32x4.mul(v, scale), half)));
  const x0 = i32x4.trunc_sat_f32x4_s(x);
  const y0 = i32x4.trunc_sat_f32x4_s(y);
  const fx = f32x4.sub(x, f32x4.convert_i32x4_s(x0));
  const fy = f32x4.sub(y, f32x4.convert_i32x4_s(y0));
  const at = i32x4.shl(i32x4.add(i32x4.mul(y0, i32x4.splat(side)), x0), 4);
  const c0 = v128.load(corners + <usize>i32x4.extract_lane(at, 0));
  const c1 = v128.load(corners + <usize>i32x4.extract_lane(at, 1));
  const c2 = v128.load(corners + <usize>i32x4.extract_lane(at, 2));
  const c3 = v128.load(corners + <usize>i32x4.extract_lane(at, 3));
  const upper01 = v128.shuffle<f32>(c0, c1, 0, 4, 1, 5);
  const upper23 = v128.shuffle<f32>(c2, c3, 0, 4, 1, 5);
  const lower01 = v128.shuffle<f32>(c0, c1, 2, 6, 3, 7);
  const lower23 = v128.shuffle<f32>(c2, c3, 2, 6, 3, 7);
  const upperLeft = v128.shuffle<f32>(upper01, upper23, 0, 1, 4, 5);
  const upperRight = v128.shuffle<f32>(upper01, upper23, 2, 3, 6, 7);
  const lowerLeft = v128.shuffle<f32>(lower01, lower23, 0, 1, 4, 5);
  const lowerRight = v128.shuffle<f32>(lower01, lower23, 2, 3, 6, 7);
  const upper = f32x4.add(upperLeft, f32x4.mul(fx, f32x4.sub(upperRight, upperLeft)));
  const lower = f32x4.add(lowerLeft, f32x4.mul(fx, f32x4.sub(lowerRight, lowerLeft)));
  return f32x4.add(upper, f32x4.mul(fy, f32x4.sub(lower, upper)));
}

/** Writes for four places of a row where their texels lie in a level, and the fractions: three vectors at `to`. */
function placeInLevel(side: i32, u: v128, v: v128, to: usize): void {
  const scale = f32x4.splat(<f32>side);
  const half = f32x4.splat(0.5);
  const limit = f32x4.splat(<f32>side - 1.001);
  const zero = f32x4.splat(0);
  const x = f32x4.pmin(limit, f32x4.pmax(zero, f32x4.sub(f32x4.mul(u, scale), half)));
  const y = f32x4.pmin(limit, f32x4.pmax(zero, f32x4.sub(f32x4.mul(v, scale), half)));
  const x0 = i32x4.trunc_sat_f32x4_s(x);
  const y0 = i32x4.trunc_sat_f32x4_s(y);
  v128.store(to, i32x4.shl(i32x4.add(i32x4.mul(y0, i32x4.splat(side)), x0), 4));
  v128.store(to, f32x4.sub(x, f32x4.convert_i32x4_s(x0)), 16);
  v128.store(to, f32x4.sub(y, f32x4.convert_i32x4_s(y0)), 32);
}

/** One bilinear texel: a place as {@link placeInLevel} wrote it. */
function fetch(level: usize, rowBytes: usize, place: usize): v128 {
  const at = level + <usize>load<u32>(place);
  const fx = v128.load32_splat(place, 16);
  const fy = v128.load32_splat(place, 32);
  const below = at + rowBytes;
  const upperLeft = v128.load(at);
  const lowerLeft = v128.load(below);
  const upper = f32x4.add(upperLeft, f32x4.mul(fx, f32x4.sub(v128.load(at, 16), upperLeft)));
  const lower = f32x4.add(lowerLeft, f32x4.mul(fx, f32x4.sub(v128.load(below, 16), lowerLeft)));
  return f32x4.add(upper, f32x4.mul(fy, f32x4.sub(lower, upper)));
}

// The rows that `shadeTriangles` works in: floats of the box's width with a margin on both sides that stays 0.
const marginBefore: usize = 16;
const marginAfter: usize = 80;
const rowCount: usize = 14;
/** Two places of four texels each. */
const placeBytes: usize = 96;

/** Bytes of work memory that `shadeTriangles` needs for a box of that width. */
export function shadingRowBytes(width: i32): usize {
  // Four rows more for the texels, which have four floats.
  return (rowCount + 4) * rowBytesOf(width) + placeBytes;
}

function rowBytesOf(width: i32): usize {
  return marginBefore + ((4 * <usize>width + 15) & ~15) + marginAfter;
}

/**
 * Colours what `rasterizeTriangles` found, after `chooseTextureLevels`. Only the box is visited: outside of it the planes must
 * hold zeros already, like everywhere that nothing covers.
 *
 * Chroma samples lie on the even columns (MPEG-2, H.264 by default): these count twice, odd ones once to either side; over
 * covered pixels only.
 *
 * @param left the box, in pixels of the region: left and top even, at least four wide
 * @param open the map of what may be replaced, and `interior` that of what may be moved: from `gatherCorners`
 * @param colour 18 floats: gain and offset of L, a, b; three rows of a matrix R'G'B' 0..1 → planes and its offset
 * @param field what is added to L, a, b by place: three maps of fieldSide² from `gatherCorners`, one behind the other; 0 for nothing
 * @param tone what turns the wide scale, which R'G'B' are then of, into the frame's own R'G'B' (`toneAddress`), 0 for standard range
 * @param first three planes in frame order, the first of regionWidth, the others of chromaWidth
 * @param coverage regionWidth wide like the five that follow
 * @param rows `shadingRowBytes` of work memory
 * @returns 1 when the mask is more than nothing anywhere
 */
export function shadeTriangles(
  nearest: usize,
  left: i32,
  top: i32,
  right: i32,
  bottom: i32,
  regionWidth: i32,
  chromaWidth: i32,
  chromaShiftX: i32,
  chromaShiftY: i32,
  open: usize,
  openSide: i32,
  interior: usize,
  interiorSide: i32,
  colour: usize,
  field: usize,
  fieldSide: i32,
  tone: usize,
  first: usize,
  second: usize,
  third: usize,
  coverage: usize,
  mask: usize,
  outline: usize,
  placeX: usize,
  placeY: usize,
  rows: usize,
): i32 {
  const width = right - left;
  const rowBytes = rowBytesOf(width);
  memory.fill(rows, 0, shadingRowBytes(width));
  const places = rows;
  const texels = rows + placeBytes;
  const rowU = texels + 4 * rowBytes + marginBefore;
  const rowV = rowU + rowBytes;
  const rowWeight = rowV + rowBytes;
  const rowPlaceX = rowWeight + rowBytes;
  const rowPlaceY = rowPlaceX + rowBytes;
  const rowRed = rowPlaceY + rowBytes;
  const rowGreen = rowRed + rowBytes;
  const rowBlue = rowGreen + rowBytes;
  // For even and odd rows: how much is covered, and the two chroma values.
  const chromaRows = rowBlue + rowBytes;
  const zero = f32x4.splat(0);
  const ramp = f32x4(0, 1, 2, 3);
  let most = zero;
  for (let y = top; y < bottom; y++) {
    const tags = nearest + 4 * <usize>width * <usize>(y - top);
    let x = 0;
    // The part of the row from the first covered pixel to the last: outside of it there is nothing to do.
    let begin = width;
    let finish = 0;
    while (x < width) {
      const record = <usize>load<u32>(tags + 4 * <usize>x);
      let end = x + 1;
      while (end < width && <usize>load<u32>(tags + 4 * <usize>end) === record) end++;
      if (record !== 0) {
        begin = min(begin, x);
        finish = end;
        shadeRun(record, x + left, y, end - x, rowBytes, rowU + 4 * <usize>x, texels + 16 * <usize>x, places);
      }
      x = end;
    }
    const chromaRow = chromaRows + (chromaShiftY !== 0 && (y & 1) !== 0 ? 3 * rowBytes : 0);
    if (chromaShiftX !== 0) memory.fill(chromaRow - marginBefore, 0, 3 * rowBytes);
    if (begin < finish) {
      begin &= ~3;
      const firstByte: usize = 4 * <usize>begin;
      for (let at = firstByte, end: usize = 4 * <usize>finish; at < end; at += 16) {
        const t0 = v128.load(texels + 4 * at);
        const t1 = v128.load(texels + 4 * at, 16);
        const t2 = v128.load(texels + 4 * at, 32);
        const t3 = v128.load(texels + 4 * at, 48);
        const low01 = v128.shuffle<f32>(t0, t1, 0, 4, 1, 5);
        const low23 = v128.shuffle<f32>(t2, t3, 0, 4, 1, 5);
        const high01 = v128.shuffle<f32>(t0, t1, 2, 6, 3, 7);
        const high23 = v128.shuffle<f32>(t2, t3, 2, 6, 3, 7);
        v128.store(rowRed + at, line(v128.shuffle<f32>(low01, low23, 0, 1, 4, 5), colour));
        v128.store(rowGreen + at, line(v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), colour + 8));
        v128.store(rowBlue + at, line(v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), colour + 16));
        // The opacity takes the place of the texels that it came with.
        v128.store(texels + at, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7));
      }
      if (field !== 0) {
        const mapBytes: usize = 16 * <usize>fieldSide * <usize>fieldSide;
        for (let at = firstByte, end: usize = 4 * <usize>finish; at < end; at += 16) {
          const u = v128.load(rowU + at);
          const v = v128.load(rowV + at);
          addTo(rowRed + at, sampleCorners(field, fieldSide, u, v));
          addTo(rowGreen + at, sampleCorners(field + mapBytes, fieldSide, u, v));
          addTo(rowBlue + at, sampleCorners(field + 2 * mapBytes, fieldSide, u, v));
        }
      }
      labToSrgbPlanes(
        rowRed + firstByte,
        rowGreen + firstByte,
        rowBlue + firstByte,
        <usize>((finish - begin + 3) & ~3),
      );
      if (tone !== 0) {
        wideToSignal(
          rowRed + firstByte,
          rowGreen + firstByte,
          rowBlue + firstByte,
          <usize>((finish - begin + 3) & ~3),
          tone,
        );
      }
      const out: usize = 4 * (<usize>regionWidth * <usize>y + <usize>left);
      for (let group = begin; group < finish; group += 4) {
        // The last group reaches back over the one before it, so that nothing is written past the box.
        const from = min(group, width - 4);
        const at: usize = 4 * <usize>from;
        const to = out + at;
        const hides = i32x4.ne(v128.load(tags + at), i32x4.splat(0));
        const one = v128.and(f32x4.splat(1), hides);
        const red = v128.load(rowRed + at);
        const green = v128.load(rowGreen + at);
        const blue = v128.load(rowBlue + at);
        v128.store(first + to, v128.and(mixed(red, green, blue, colour + 24), hides));
        const secondValue = v128.and(mixed(red, green, blue, colour + 40), hides);
        const thirdValue = v128.and(mixed(red, green, blue, colour + 56), hides);
        if (chromaShiftX === 0) {
          v128.store(second + to, secondValue);
          v128.store(third + to, thirdValue);
        } else {
          v128.store(chromaRow + at, one);
          v128.store(chromaRow + rowBytes + at, secondValue);
          v128.store(chromaRow + 2 * rowBytes + at, thirdValue);
        }
        v128.store(coverage + to, one);
        const u = v128.load(rowU + at);
        const v = v128.load(rowV + at);
        const free = f32x4.mul(v128.load(rowWeight + at), sampleCorners(open, openSide, u, v));
        const opacity = v128.and(f32x4.mul(v128.load(texels + at), free), hides);
        v128.store(mask + to, opacity);
        most = f32x4.pmax(most, opacity);
        const inside = sampleCorners(interior, interiorSide, u, v);
        v128.store(outline + to, v128.and(inside, hides));
        const moved = f32x4.mul(free, inside);
        const hereX = f32x4.add(f32x4.splat(<f32>(left + from)), ramp);
        const hereY = f32x4.splat(<f32>y);
        const fromX = f32x4.mul(moved, f32x4.sub(v128.load(rowPlaceX + at), hereX));
        const fromY = f32x4.mul(moved, f32x4.sub(v128.load(rowPlaceY + at), hereY));
        v128.store(placeX + to, f32x4.add(hereX, fromX));
        v128.store(placeY + to, f32x4.add(hereY, fromY));
      }
    }
    if (chromaShiftX === 0) continue;
    if (chromaShiftY === 0) {
      averageChroma(
        chromaRow,
        chromaRow + 3 * rowBytes,
        rowBytes,
        left,
        width,
        chromaWidth,
        second + 4 * <usize>chromaWidth * <usize>y,
        third + 4 * <usize>chromaWidth * <usize>y,
      );
    } else if ((y & 1) !== 0 || y === bottom - 1) {
      // A last row without a partner is averaged alone.
      if ((y & 1) === 0) memory.fill(chromaRows + 3 * rowBytes - marginBefore, 0, 3 * rowBytes);
      averageChroma(
        chromaRows,
        chromaRows + 3 * rowBytes,
        rowBytes,
        left,
        width,
        chromaWidth,
        second + 4 * <usize>chromaWidth * <usize>(y >> 1),
        third + 4 * <usize>chromaWidth * <usize>(y >> 1),
      );
    }
  }
  most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1));
  most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 1, 0, 3, 2));
  return f32x4.extract_lane(most, 0) > 0.002 ? 1 : 0;
}

/** Values and texels of a run of pixels of one triangle. */
function shadeRun(
  record: usize,
  x: i32,
  y: i32,
  count: i32,
  rowBytes: usize,
  row: usize,
  texels: usize,
  places: usize,
): void {
  const dx = <f64>x - load<f64>(record, originX);
  const dy = <f64>y - load<f64>(record, originY);
  const bx = load<f64>(record, slopeBx);
  const cx = load<f64>(record, slopeCx);
  const b = bx * dx + load<f64>(record, slopeBy) * dy;
  const c = cx * dx + load<f64>(record, slopeCy) * dy;
  const u = f32x4.splat(<f32>valueAt(record + cornerU, b, c));
  const v = f32x4.splat(<f32>valueAt(record + cornerV, b, c));
  const weight = f32x4.splat(<f32>valueAt(record + cornerWeight, b, c));
  const placeX = f32x4.splat(<f32>valueAt(record + cornerPlaceX, b, c));
  const placeY = f32x4.splat(<f32>valueAt(record + cornerPlaceY, b, c));
  const stepU = f32x4.splat(slopeOf(record + cornerU, bx, cx));
  const stepV = f32x4.splat(slopeOf(record + cornerV, bx, cx));
  const stepWeight = f32x4.splat(slopeOf(record + cornerWeight, bx, cx));
  const stepPlaceX = f32x4.splat(slopeOf(record + cornerPlaceX, bx, cx));
  const stepPlaceY = f32x4.splat(slopeOf(record + cornerPlaceY, bx, cx));
  const fine = <usize>load<u32>(record, fineLevel);
  const fineWidth = load<i32>(record, fineSide);
  const fineBytes: usize = 16 * <usize>fineWidth;
  const coarse = <usize>load<u32>(record, coarseLevel);
  const coarseWidth = load<i32>(record, coarseSide);
  const coarseBytes: usize = 16 * <usize>coarseWidth;
  const share = load<f32>(record, coarseShare);
  const shares = f32x4.splat(share);
  let steps = f32x4(0, 1, 2, 3);
  for (let done = 0; done < count; done += 4, row += 16) {
    const atU = f32x4.add(u, f32x4.mul(steps, stepU));
    const atV = f32x4.add(v, f32x4.mul(steps, stepV));
    // What is written past the run is overwritten by the next one, or covered by nothing.
    v128.store(row, atU);
    v128.store(row + rowBytes, atV);
    v128.store(row + 2 * rowBytes, f32x4.add(weight, f32x4.mul(steps, stepWeight)));
    v128.store(row + 3 * rowBytes, f32x4.add(placeX, f32x4.mul(steps, stepPlaceX)));
    v128.store(row + 4 * rowBytes, f32x4.add(placeY, f32x4.mul(steps, stepPlaceY)));
    steps = f32x4.add(steps, f32x4.splat(4));
    placeInLevel(fineWidth, atU, atV, places);
    const end = places + 4 * <usize>min(4, count - done);
    if (share > 0) {
      placeInLevel(coarseWidth, atU, atV, places + 48);
      for (let place = places; place < end; place += 4, texels += 16) {
        const sharp = fetch(fine, fineBytes, place);
        const soft = fetch(coarse, coarseBytes, place + 48);
        v128.store(texels, f32x4.add(sharp, f32x4.mul(shares, f32x4.sub(soft, sharp))));
      }
    } else {
      for (let place = places; place < end; place += 4, texels += 16) {
        v128.store(texels, fetch(fine, fineBytes, place));
      }
    }
  }
}

function addTo(address: usize, more: v128): void {
  v128.store(address, f32x4.add(v128.load(address), more));
}

/** `value` times the first float at `gainAndOffset`, plus the second. */
function line(value: v128, gainAndOffset: usize): v128 {
  return f32x4.add(f32x4.mul(value, v128.load32_splat(gainAndOffset)), v128.load32_splat(gainAndOffset, 4));
}

/** A row of a colour matrix: three weights and an offset at `weights`. */
function mixed(red: v128, green: v128, blue: v128, weights: usize): v128 {
  return f32x4.add(
    f32x4.add(f32x4.mul(red, v128.load32_splat(weights)), f32x4.mul(green, v128.load32_splat(weights, 4))),
    f32x4.add(f32x4.mul(blue, v128.load32_splat(weights, 8)), v128.load32_splat(weights, 12)),
  );
}

/**
 * The chroma samples of one or two rows of pixels.
 *
 * @param upper rows of coverage, second and third plane, `rowBytes` apart; `lower` likewise, zeros when there is none
 * @param second address of the chroma row's first sample
 */
function averageChroma(
  upper: usize,
  lower: usize,
  rowBytes: usize,
  left: i32,
  width: i32,
  chromaWidth: i32,
  second: usize,
  third: usize,
): void {
  const begin = left >> 1;
  // An odd last column reaches into the sample behind it.
  const end = min(chromaWidth, begin + (width >> 1) + 1);
  for (let sample = begin; sample < end; sample += 4) {
    const at: usize = 8 * <usize>(sample - begin);
    const weight = filtered(upper + at, lower + at);
    if (!v128.any_true(weight)) continue;
    const some = f32x4.gt(weight, f32x4.splat(0));
    const secondSum = filtered(upper + rowBytes + at, lower + rowBytes + at);
    const thirdSum = filtered(upper + 2 * rowBytes + at, lower + 2 * rowBytes + at);
    const count = min(4, end - sample);
    storeLanes(second + 4 * <usize>sample, v128.and(f32x4.div(secondSum, weight), some), count);
    storeLanes(third + 4 * <usize>sample, v128.and(f32x4.div(thirdSum, weight), some), count);
  }
}

/** Four chroma columns of two rows: 1 2 1 around every second value. */
function filtered(upper: usize, lower: usize): v128 {
  const here = f32x4.add(v128.load(upper), v128.load(lower));
  const next = f32x4.add(v128.load(upper, 16), v128.load(lower, 16));
  const before = f32x4.add(v128.load(upper - 4), v128.load(lower - 4));
  const between = f32x4.add(v128.load(upper + 12), v128.load(lower + 12));
  const even = v128.shuffle<f32>(here, next, 0, 2, 4, 6);
  const after = v128.shuffle<f32>(here, next, 1, 3, 5, 7);
  const odd = v128.shuffle<f32>(before, between, 0, 2, 4, 6);
  return f32x4.add(f32x4.add(even, even), f32x4.add(after, odd));
}

/** Stores the first `count` floats of four. */
function storeLanes(to: usize, values: v128, count: i32): void {
  if (count === 4) {
    v128.store(to, values);
    return;
  }
  store<f32>(to, f32x4.extract_lane(values, 0));
  if (count > 1) store<f32>(to, f32x4.extract_lane(values, 1), 4);
  if (count > 2) store<f32>(to, f32x4.extract_lane(values, 2), 8);
}
