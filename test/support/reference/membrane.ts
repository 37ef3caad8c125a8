/** The plain loops behind the kernels of `MembraneSolver`, one level at a time; planes are tight. */
export type MembraneLevel = {
  readonly width: number;
  readonly height: number;
  readonly values: Float32Array;
  readonly rhs: Float32Array;
  /** 4 + a. */
  readonly diagonal: Float32Array;
};

/** The sum of a cell's neighbours; a cell without one on some side has itself there. */
const neighbours = ({ width, height, values }: MembraneLevel, x: number, y: number): number => {
  const at = y * width + x;
  const own = values[at] as number;
  return (
    (x > 0 ? (values[at - 1] as number) : own) +
    (x + 1 < width ? (values[at + 1] as number) : own) +
    (y > 0 ? (values[at - width] as number) : own) +
    (y + 1 < height ? (values[at + width] as number) : own)
  );
};

/** One sweep: first the cells whose column and row sum to an even number. */
export const plainRelax = (level: MembraneLevel): void => {
  const { width, height, values, rhs, diagonal } = level;
  for (const colour of [0, 1]) {
    for (let y = 0; y < height; y++) {
      for (let x = (y + colour) & 1; x < width; x += 2) {
        const at = y * width + x;
        values[at] = (neighbours(level, x, y) + (rhs[at] as number)) / (diagonal[at] as number);
      }
    }
  }
};

/** What is missing in the equations of each block of 2 × 2. */
export const plainRestrict = (level: MembraneLevel): Float32Array => {
  const { width, height, values, rhs, diagonal } = level;
  const out = new Float32Array((width / 2) * (height / 2));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const missing =
        (rhs[at] as number) + neighbours(level, x, y) - (diagonal[at] as number) * (values[at] as number);
      const to = (y >> 1) * (width / 2) + (x >> 1);
      out[to] = (out[to] as number) + missing;
    }
  }
  return out;
};

export const plainSumBlocks = (
  plane: Float32Array,
  width: number,
  height: number,
  offset: number,
): Float32Array => {
  const out = new Float32Array((width / 2) * (height / 2)).fill(offset);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const to = (y >> 1) * (width / 2) + (x >> 1);
      out[to] = (out[to] as number) + (plane[y * width + x] as number) - offset;
    }
  }
  return out;
};

/** Adds a coarse level to a fine one, bilinear between the middles of the cells. */
export const plainProlong = (coarse: MembraneLevel, fine: MembraneLevel): void => {
  const { width, height } = coarse;
  const value = (x: number, y: number): number =>
    coarse.values[
      Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))
    ] as number;
  for (let y = 0; y < fine.height; y++) {
    const [nearY, farY] = [y >> 1, (y >> 1) + (y & 1 ? 1 : -1)];
    for (let x = 0; x < fine.width; x++) {
      const [nearX, farX] = [x >> 1, (x >> 1) + (x & 1 ? 1 : -1)];
      const at = y * fine.width + x;
      fine.values[at] =
        (fine.values[at] as number) +
        0.75 * (0.75 * value(nearX, nearY) + 0.25 * value(nearX, farY)) +
        0.25 * (0.75 * value(farX, nearY) + 0.25 * value(farX, farY));
    }
  }
};

/** The exact solution, by Gauss's elimination in doubles. */
export const directMembrane = ({
  width,
  height,
  rhs,
  diagonal,
}: Omit<MembraneLevel, 'values'>): Float64Array => {
  const count = width * height;
  const matrix = Array.from({ length: count }, (_, i) => {
    const row = new Float64Array(count);
    const [x, y] = [i % width, Math.floor(i / width)];
    row[i] = diagonal[i] as number;
    for (const [nextX, nextY] of [
      [x - 1, y],
      [x + 1, y],
      [x, y - 1],
      [x, y + 1],
    ] as const) {
      const isInside = nextX >= 0 && nextX < width && nextY >= 0 && nextY < height;
      const next = isInside ? nextY * width + nextX : i;
      row[next] = (row[next] as number) - 1;
    }
    return row;
  });
  const out = Float64Array.from(rhs);
  // Symmetric and positive definite: no pivots needed, and nothing is farther than a row's length from the diagonal.
  for (let i = 0; i < count; i++) {
    const pivot = matrix[i] as Float64Array;
    for (let k = i + 1; k < Math.min(count, i + width + 1); k++) {
      const row = matrix[k] as Float64Array;
      const factor = (row[i] as number) / (pivot[i] as number);
      if (factor === 0) continue;
      for (let j = i; j < Math.min(count, i + width + 1); j++) {
        row[j] = (row[j] as number) - factor * (pivot[j] as number);
      }
      out[k] = (out[k] as number) - factor * (out[i] as number);
    }
  }
  for (let i = count - 1; i >= 0; i--) {
    const row = matrix[i] as Float64Array;
    for (let j = i + 1; j < Math.min(count, i + width + 1); j++) {
      out[i] = (out[i] as number) - (row[j] as number) * (out[j] as number);
    }
    out[i] = (out[i] as number) / (row[i] as number);
  }
  return out;
};

const cycle = (levels: readonly MembraneLevel[], l: number): void => {
  const level = levels[l] as MembraneLevel;
  const next = levels[l + 1];
  if (next === undefined) {
    level.values.set(directMembrane(level));
    return;
  }
  plainRelax(level);
  next.rhs.set(plainRestrict(level));
  next.values.fill(0);
  cycle(levels, l + 1);
  plainProlong(next, level);
  plainRelax(level);
};

/** The finest level of a membrane, and how often it is halved. */
export type MembraneSize = { readonly width: number; readonly height: number; readonly halvings: number };

/** What `MembraneSolver` works on when so many cells are wanted: halvings down to 10 to 20 along the longer side. */
export const membraneSize = (width: number, height: number): MembraneSize => {
  const halvings = Math.max(0, Math.floor(Math.log2(Math.max(width, height) / 10)));
  const whole = (length: number): number => Math.ceil(length / 2 ** halvings) * 2 ** halvings;
  return { width: whole(width), height: whole(height), halvings };
};

/** The plain twin of `MembraneSolver.solve`. */
export const plainMembrane = (
  rhs: Float32Array,
  diagonal: Float32Array,
  { width, height, halvings }: MembraneSize,
): Float32Array => {
  const levels: MembraneLevel[] = [
    { width, height, values: new Float32Array(width * height), rhs, diagonal },
  ];
  for (let l = 0; l < halvings; l++) {
    const finer = levels[l] as MembraneLevel;
    levels.push({
      width: finer.width / 2,
      height: finer.height / 2,
      values: new Float32Array((finer.width / 2) * (finer.height / 2)),
      rhs: plainSumBlocks(finer.rhs, finer.width, finer.height, 0),
      diagonal: plainSumBlocks(finer.diagonal, finer.width, finer.height, 4),
    });
  }
  cycle(levels, halvings);
  for (let l = halvings - 1; l >= 0; l--) {
    plainProlong(levels[l + 1] as MembraneLevel, levels[l] as MembraneLevel);
    for (let n = 0; n < (l === 0 ? 2 : 1); n++) cycle(levels, l);
  }
  return (levels[0] as MembraneLevel).values;
};
