// Detail of a picture apart by octaves, without losing its place: each octave is the picture less what a wider and wider binomial
// leaves of it ("à trous": Holschneider, Kronland-Martinet, Morlet and Tchamitchian, 1989).

/**
 * Low-passes a plane by the binomial 1 4 6 4 1 across and down, with its samples `step` apart. Behind the border its last sample is
 * repeated.
 *
 * @param plane rows of `stride` floats, a multiple of 8; `width` of them count
 * @param out another plane of the same layout
 * @param work stride + 4 · step + 8 floats
 */
export function smoothApart(
  plane: usize,
  stride: i32,
  width: i32,
  height: i32,
  step: i32,
  out: usize,
  work: usize,
): void {
  const row: usize = <usize>stride << 2;
  const margin: usize = <usize>(2 * step) << 2;
  const near: usize = <usize>step << 2;
  const line = work + margin;
  const middle = f32x4.splat(0.375);
  const beside = f32x4.splat(0.25);
  const outer = f32x4.splat(0.0625);
  const last = height - 1;
  for (let y = 0; y < height; y++) {
    const a = plane + row * <usize>max(0, y - 2 * step);
    const b = plane + row * <usize>max(0, y - step);
    const c = plane + row * <usize>y;
    const d = plane + row * <usize>min(last, y + step);
    const e = plane + row * <usize>min(last, y + 2 * step);
    for (let x = 0; x < width; x += 4) {
      const at: usize = <usize>x << 2;
      const sum = f32x4.add(
        f32x4.mul(middle, v128.load(c + at)),
        f32x4.add(
          f32x4.mul(beside, f32x4.add(v128.load(b + at), v128.load(d + at))),
          f32x4.mul(outer, f32x4.add(v128.load(a + at), v128.load(e + at))),
        ),
      );
      v128.store(line + at, sum);
    }
    const first = load<f32>(line);
    const end = load<f32>(line + (<usize>(width - 1) << 2));
    for (let i: usize = 0; i < margin; i += 4) {
      store<f32>(work + i, first);
      store<f32>(line + (<usize>width << 2) + i, end);
    }
    const to = out + row * <usize>y;
    for (let x = 0; x < width; x += 4) {
      const at = line + (<usize>x << 2);
      const sum = f32x4.add(
        f32x4.mul(middle, v128.load(at)),
        f32x4.add(
          f32x4.mul(beside, f32x4.add(v128.load(at - near), v128.load(at + near))),
          f32x4.mul(outer, f32x4.add(v128.load(at - margin), v128.load(at + margin))),
        ),
      );
      v128.store(to + (<usize>x << 2), sum);
    }
  }
}

/**
 * Adds an octave of a plane, as far as it is neither noise nor a strong edge: with b = fine − coarse,
 *
 *     sum += gain · b · b² / (b² + noise) · edge / (b² + edge)
 *
 * @param sum starts with zeros where `isFirst` is 1
 * @param count samples, a multiple of 4
 * @param noise, edge squares of levels, above 0
 */
export function gatherDetail(
  fine: usize,
  coarse: usize,
  sum: usize,
  count: i32,
  gain: f32,
  noise: f32,
  edge: f32,
  isFirst: i32,
): void {
  const gains = f32x4.splat(gain * edge);
  const noises = f32x4.splat(noise);
  const edges = f32x4.splat(edge);
  for (let i = 0; i < count; i += 4) {
    const at: usize = <usize>i << 2;
    const band = f32x4.sub(v128.load(fine + at), v128.load(coarse + at));
    const energy = f32x4.mul(band, band);
    const part = f32x4.div(
      f32x4.mul(gains, f32x4.mul(band, energy)),
      f32x4.mul(f32x4.add(energy, noises), f32x4.add(energy, edges)),
    );
    v128.store(sum + at, isFirst ? part : f32x4.add(v128.load(sum + at), part));
  }
}

/** Bends values towards a limit that they never reach: v · limit / (limit + |v|). @param count a multiple of 4 */
export function limitDetail(values: usize, count: i32, limit: f32): void {
  const limits = f32x4.splat(limit);
  for (let i = 0; i < count; i += 4) {
    const at: usize = values + (<usize>i << 2);
    const value = v128.load(at);
    v128.store(at, f32x4.div(f32x4.mul(value, limits), f32x4.add(limits, f32x4.abs(value))));
  }
}
