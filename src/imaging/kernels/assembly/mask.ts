// Masks of crops.

/**
 * Softens a mask inwards: clipped to 0..1, blurred by a symmetric kernel across and down with the border mirrored without its last
 * sample, and the upper half of what comes out stretched over 0..1.
 *
 * @param mask rows of `stride` floats, a multiple of 4, `size` of them in use; changed in place
 * @param size side, more than `radius`
 * @param weights radius + 1 floats, the middle one first
 * @param rows stride × size floats of room
 * @param line size + 2 · radius + 8 floats of room
 * @param offsets 2 · radius + 1 integers of room
 */
export function softenMask(
  mask: usize,
  stride: i32,
  size: i32,
  weights: usize,
  radius: i32,
  rows: usize,
  line: usize,
  offsets: usize,
): void {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const rowBytes: usize = <usize>stride << 2;
  const middle = line + (<usize>radius << 2);
  const own = v128.load32_splat(weights);
  for (let y = 0; y < size; y++) {
    const from = mask + rowBytes * <usize>y;
    for (let x = 0; x < size; x += 4) {
      const at: usize = <usize>x << 2;
      v128.store(middle + at, f32x4.min(one, f32x4.max(zero, v128.load(from + at))));
    }
    for (let k = 1; k <= radius; k++) {
      store<f32>(middle - (<usize>k << 2), load<f32>(middle + (<usize>k << 2)));
      store<f32>(middle + (<usize>(size - 1 + k) << 2), load<f32>(middle + (<usize>(size - 1 - k) << 2)));
    }
    const to = rows + rowBytes * <usize>y;
    for (let x = 0; x < size; x += 4) {
      const at = middle + (<usize>x << 2);
      let sum = f32x4.mul(own, v128.load(at));
      for (let k = 1; k <= radius; k++) {
        const away: usize = <usize>k << 2;
        const weight = v128.load32_splat(weights + away);
        sum = f32x4.add(sum, f32x4.mul(weight, f32x4.add(v128.load(at - away), v128.load(at + away))));
      }
      v128.store(to + (<usize>x << 2), sum);
    }
  }
  const half = f32x4.splat(0.5);
  for (let y = 0; y < size; y++) {
    for (let k = 0; k <= 2 * radius; k++) {
      let row = abs(y + k - radius);
      if (row >= size) row = 2 * (size - 1) - row;
      store<usize>(offsets + (<usize>k << 2), rows + rowBytes * <usize>row);
    }
    const above = offsets + (<usize>radius << 2);
    const to = mask + rowBytes * <usize>y;
    for (let x = 0; x < size; x += 4) {
      const at: usize = <usize>x << 2;
      let sum = f32x4.mul(own, v128.load(load<usize>(above) + at));
      for (let k = 1; k <= radius; k++) {
        const away: usize = <usize>k << 2;
        const pair = f32x4.add(
          v128.load(load<usize>(above - away) + at),
          v128.load(load<usize>(above + away) + at),
        );
        sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(weights + away), pair));
      }
      const stretched = f32x4.mul(f32x4.splat(2), f32x4.sub(sum, half));
      v128.store(to + at, f32x4.min(one, f32x4.max(zero, stretched)));
    }
  }
}
