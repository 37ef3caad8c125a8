/** Tiles along each side. */
const tiles = 8;
const levels = 256;
/** Times the even share of a level beyond which its count is cut off. */
const clipLimit = 2;

const histogram = new Int32Array(levels);
const curves = new Float32Array(tiles * tiles * levels);

/**
 * Contrast-limited adaptive histogram equalisation (Zuiderveld, "Graphics Gems IV", 1994) of a square plane, with OpenCV's defaults: 8 × 8
 * tiles, limit 2.
 *
 * @param plane whole levels 0..255, sidePx²; changed in place
 * @param sidePx a multiple of 8
 */
export function limitContrast(plane: Float32Array, sidePx: number): void {
  const tilePx = sidePx / tiles;
  for (let tile = 0; tile < tiles * tiles; tile++) writeCurve(plane, sidePx, tilePx, tile);
  for (let y = 0; y < sidePx; y++) {
    const fromTop = y / tilePx - 0.5;
    const along = fromTop - Math.floor(fromTop);
    const upper = Math.max(0, Math.floor(fromTop));
    const lower = Math.min(tiles - 1, Math.floor(fromTop) + 1);
    for (let x = 0; x < sidePx; x++) {
      const fromLeft = x / tilePx - 0.5;
      const across = fromLeft - Math.floor(fromLeft);
      const left = Math.max(0, Math.floor(fromLeft));
      const right = Math.min(tiles - 1, Math.floor(fromLeft) + 1);
      const level = plane[y * sidePx + x] as number;
      const above = mix(curveAt(upper, left, level), curveAt(upper, right, level), across);
      const below = mix(curveAt(lower, left, level), curveAt(lower, right, level), across);
      plane[y * sidePx + x] = Math.round(mix(above, below, along));
    }
  }
}

/** The curve of one tile: its cumulated histogram, with the counts that were cut off spread over all levels. */
function writeCurve(plane: Float32Array, sidePx: number, tilePx: number, tile: number): void {
  const top = Math.floor(tile / tiles) * tilePx;
  const left = (tile % tiles) * tilePx;
  histogram.fill(0);
  for (let y = top; y < top + tilePx; y++) {
    for (let x = left; x < left + tilePx; x++) {
      const level = plane[y * sidePx + x] as number;
      histogram[level] = (histogram[level] as number) + 1;
    }
  }
  const limit = Math.max(1, Math.trunc((clipLimit * tilePx * tilePx) / levels));
  let cut = 0;
  for (let level = 0; level < levels; level++) {
    const over = (histogram[level] as number) - limit;
    if (over <= 0) continue;
    cut += over;
    histogram[level] = limit;
  }
  const share = Math.floor(cut / levels);
  let rest = cut - share * levels;
  for (let level = 0; level < levels; level++) histogram[level] = (histogram[level] as number) + share;
  if (rest > 0) {
    const step = Math.max(1, Math.floor(levels / rest));
    for (let level = 0; level < levels && rest > 0; level += step, rest--) {
      histogram[level] = (histogram[level] as number) + 1;
    }
  }
  let sum = 0;
  for (let level = 0; level < levels; level++) {
    sum += histogram[level] as number;
    curves[tile * levels + level] = Math.min(255, Math.round((sum * 255) / (tilePx * tilePx)));
  }
}

const curveAt = (row: number, column: number, level: number): number =>
  curves[(row * tiles + column) * levels + level] as number;

const mix = (first: number, second: number, share: number): number => first + (second - first) * share;
