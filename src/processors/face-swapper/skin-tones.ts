import { inpaint } from '../../imaging/plane-ops.js';

/** Side of the grid that a face's tones are measured on: one place for 4 × 4 of the appearance map. */
export const toneSide = 32;

const placeCount = toneSide * toneSide;

/**
 * Terms of the light's shape over the flattened face: 1, x, y, x², xy, y², x and y from −1 to 1. A parabola has one bright side
 * and a hollow or a hill, which is what one lamp or window makes of a face; more terms would begin to draw nose and cheeks.
 */
export const lightTerms = 6;

/** Shares of the skin that are darker than each of the quantiles. */
export const toneShares = [0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97] as const;

/** How a skin's tones are spread: over the face, and among each other. Averages of it over time have a meaning, place by place. */
export type SkinTones = {
  /** 3 × {@link lightTerms}: the shape of light and colour over the face, L first, then a, then b. */
  readonly light: Float32Array;
  /** Standard deviation of L, a, b that the shape does not explain. */
  readonly rest: Float32Array;
  /** 3 × 9: the values of L, a, b at {@link toneShares}. */
  readonly quantiles: Float32Array;
};

/** Tones that can be written again. */
export const allocateSkinTones = (): SkinTones => ({
  light: new Float32Array(3 * lightTerms),
  rest: new Float32Array(3),
  quantiles: new Float32Array(3 * toneShares.length),
});

/**
 * What keeps the shape from running away where little was seen, as shares of the total weight: a profile shows half of the face,
 * and a parabola through that half would be anything on the other.
 */
const damping = [0, 0.01, 0.01, 0.03, 0.03, 0.03] as const;

/** Less skin than this many whole places tells nothing of its shape. */
const leastWeight = 8;

/** The terms at each place of the grid. */
const termsAt = Float64Array.from({ length: placeCount * lightTerms }, (_, i) => {
  const place = Math.floor(i / lightTerms);
  const x = (2 * ((place % toneSide) + 0.5)) / toneSide - 1;
  const y = (2 * (Math.floor(place / toneSide) + 0.5)) / toneSide - 1;
  return [1, x, y, x * x, x * y, y * y][i % lightTerms] as number;
});

/** Bins for the quantiles: a hundredth of the tones' range or finer. */
const binCount = 128;

const bins = new Float64Array(binCount);
const normal = new Float64Array(lightTerms * lightTerms);
const right = new Float64Array(lightTerms);
const values = new Float64Array(placeCount);

/**
 * Measures the tones of the blocks that the kernel `skinBlocks` found.
 *
 * @param blocks toneSide² × (weight, weighted sums of L, a, b as distances from `centre`)
 * @param centre of L, a, b
 */
export function measureTones(blocks: Float32Array, centre: Float32Array, out: SkinTones): void {
  let total = 0;
  for (let i = 0; i < placeCount; i++) total += blocks[4 * i] as number;
  for (let c = 0; c < 3; c++) {
    const middle = centre[c] as number;
    for (let i = 0; i < placeCount; i++) {
      const weight = blocks[4 * i] as number;
      values[i] = weight === 0 ? 0 : (blocks[4 * i + 1 + c] as number) / weight;
    }
    const coefficients = out.light.subarray(lightTerms * c, lightTerms * (c + 1));
    const quantiles = out.quantiles.subarray(toneShares.length * c, toneShares.length * (c + 1));
    if (total < 16 * leastWeight) {
      coefficients.fill(0);
      coefficients[0] = middle;
      quantiles.fill(middle);
      out.rest[c] = 0;
      continue;
    }
    out.rest[c] = fitShape(blocks, total, coefficients);
    findQuantiles(blocks, total, quantiles);
    coefficients[0] = (coefficients[0] as number) + middle;
    for (let k = 0; k < quantiles.length; k++) quantiles[k] = (quantiles[k] as number) + middle;
  }
}

/** Least squares of {@link values} with damped slopes. @returns the standard deviation of what is left */
function fitShape(blocks: Float32Array, total: number, out: Float32Array): number {
  normal.fill(0);
  right.fill(0);
  for (let i = 0; i < placeCount; i++) {
    const weight = blocks[4 * i] as number;
    if (weight === 0) continue;
    for (let r = 0; r < lightTerms; r++) {
      const weighted = weight * (termsAt[lightTerms * i + r] as number);
      right[r] = (right[r] as number) + weighted * (values[i] as number);
      for (let k = 0; k <= r; k++) {
        const at = lightTerms * r + k;
        normal[at] = (normal[at] as number) + weighted * (termsAt[lightTerms * i + k] as number);
      }
    }
  }
  for (let r = 0; r < lightTerms; r++) {
    const at = (lightTerms + 1) * r;
    normal[at] = (normal[at] as number) + (damping[r] as number) * total;
  }
  solve(out);
  let squares = 0;
  for (let i = 0; i < placeCount; i++) {
    const weight = blocks[4 * i] as number;
    if (weight === 0) continue;
    squares += weight * ((values[i] as number) - shapeAt(out, i)) ** 2;
  }
  return Math.sqrt(squares / total);
}

/** Solves the damped equations (Cholesky; they are positive definite by their damping). Uses {@link normal} and {@link right} up. */
function solve(out: Float32Array): void {
  const n = lightTerms;
  for (let r = 0; r < n; r++) {
    for (let k = 0; k <= r; k++) {
      let sum = normal[n * r + k] as number;
      for (let j = 0; j < k; j++) sum -= (normal[n * r + j] as number) * (normal[n * k + j] as number);
      normal[n * r + k] = k === r ? Math.sqrt(Math.max(1e-9, sum)) : sum / (normal[n * k + k] as number);
    }
    let sum = right[r] as number;
    for (let j = 0; j < r; j++) sum -= (normal[n * r + j] as number) * (right[j] as number);
    right[r] = sum / (normal[n * r + r] as number);
  }
  for (let r = n - 1; r >= 0; r--) {
    let sum = right[r] as number;
    for (let j = r + 1; j < n; j++) sum -= (normal[n * j + r] as number) * (right[j] as number);
    right[r] = sum / (normal[n * r + r] as number);
    out[r] = right[r] as number;
  }
}

/** The shape's value at a place of the grid. */
export function shapeAt(coefficients: Float32Array, place: number): number {
  let sum = 0;
  for (let r = 0; r < lightTerms; r++) {
    sum += (coefficients[r] as number) * (termsAt[lightTerms * place + r] as number);
  }
  return sum;
}

/** Weighted quantiles of {@link values}, by bins between their ends and linearly inside a bin. */
function findQuantiles(blocks: Float32Array, total: number, out: Float32Array): void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < placeCount; i++) {
    if (blocks[4 * i] === 0) continue;
    low = Math.min(low, values[i] as number);
    high = Math.max(high, values[i] as number);
  }
  const step = Math.max(1e-3, (high - low) / binCount);
  bins.fill(0);
  for (let i = 0; i < placeCount; i++) {
    const weight = blocks[4 * i] as number;
    if (weight === 0) continue;
    const bin = Math.min(binCount - 1, Math.floor(((values[i] as number) - low) / step));
    bins[bin] = (bins[bin] as number) + weight;
  }
  let bin = 0;
  let below = 0;
  for (let k = 0; k < toneShares.length; k++) {
    const wanted = (toneShares[k] as number) * total;
    while (bin < binCount - 1 && below + (bins[bin] as number) < wanted) below += bins[bin++] as number;
    const inBin = bins[bin] as number;
    out[k] = low + step * (bin + (inBin > 0 ? Math.min(1, (wanted - below) / inBin) : 0));
  }
}

/**
 * The skin's own tones all over the flattened face, those under brows, eyes and lips continued from the skin around them.
 *
 * @param blocks as for {@link measureTones}
 * @returns 3 × toneSide² numbers: L, a, b
 */
export function toneMaps(blocks: Float32Array, centre: Float32Array): Float32Array {
  const maps = new Float32Array(3 * placeCount);
  const known = new Float32Array(placeCount);
  for (let i = 0; i < placeCount; i++) {
    const weight = blocks[4 * i] as number;
    known[i] = Math.min(1, weight / 16);
    for (let c = 0; c < 3; c++) {
      const middle = centre[c] as number;
      maps[placeCount * c + i] = weight > 0 ? middle + (blocks[4 * i + 1 + c] as number) / weight : middle;
    }
  }
  inpaint(
    [0, 1, 2].map((c) => maps.subarray(placeCount * c, placeCount * (c + 1))),
    known,
    toneSide,
    toneSide,
  );
  return maps;
}
