/** The plain twin of the noise in `assembly/grain.ts`: mean 0, variance 1, by place and seed. */
export function plainNoise(x: number, y: number, seed: number): number {
  let hash = Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca77) ^ seed;
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  hash = (hash ^ (hash >>> 16)) >>> 0;
  const sum = (hash & 255) + ((hash >>> 8) & 255) + ((hash >>> 16) & 255) + (hash >>> 24);
  return (sum - 510) / 147.80054;
}

/** Noise of half the resolution between its values, variance 1. */
export function plainSmoothNoise(x: number, y: number, seed: number): number {
  const [nearX, farX] = [x >> 1, (x >> 1) + (x & 1 ? 1 : -1)];
  const [nearY, farY] = [y >> 1, (y >> 1) + (y & 1 ? 1 : -1)];
  const column = (at: number): number =>
    0.75 * plainNoise(at, nearY, seed) + 0.25 * plainNoise(at, farY, seed);
  return (0.75 * column(nearX) + 0.25 * column(farX)) / 0.625;
}

/** Mean and the two energies of the 8 × 8 block whose samples are given in 8-bit levels. */
export function plainBlock(valueAt: (x: number, y: number) => number): {
  readonly mean: number;
  readonly fine: number;
  readonly coarse: number;
} {
  const halved = (x: number, y: number): number =>
    (valueAt(2 * x, 2 * y) +
      valueAt(2 * x + 1, 2 * y) +
      valueAt(2 * x, 2 * y + 1) +
      valueAt(2 * x + 1, 2 * y + 1)) /
    4;
  const energy = (at: (x: number, y: number) => number, side: number): number => {
    let sum = 0;
    for (let y = 1; y < side - 1; y++) {
      for (let x = 1; x < side - 1; x++) {
        const down = (column: number): number => at(column, y - 1) - 2 * at(column, y) + at(column, y + 1);
        sum += (down(x - 1) - 2 * down(x) + down(x + 1)) ** 2;
      }
    }
    return sum / (36 * (side - 2) ** 2);
  };
  let total = 0;
  for (let i = 0; i < 64; i++) total += valueAt(i % 8, i >> 3);
  return { mean: total / 64, fine: energy(valueAt, 8), coarse: energy(halved, 4) };
}

/** What is added to one sample: `strengths` as for the kernel. */
export function plainGrain(
  level: number,
  x: number,
  y: number,
  strengths: Float32Array,
  seed: number,
): number {
  const place = Math.min(3, Math.max(0, (level - 48) / 48));
  const knot = Math.min(2, Math.floor(place));
  const strength = (first: number): number => {
    const low = strengths[first + knot] as number;
    return low + (place - knot) * ((strengths[first + knot + 1] as number) - low);
  };
  return strength(0) * plainNoise(x, y, seed) + strength(4) * plainSmoothNoise(x, y, seed ^ 0x5bd1e995);
}
