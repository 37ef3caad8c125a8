// Laying a square crop back over the place in the frame that it was cut from.

/** A texel holds the values of the frame's three planes, in 8-bit levels, and the opacity. */
const texelBytes: usize = 16;

/**
 * Interleaves a crop with its mask, optionally averaged over blocks and already in the frame's own colours (which is
 * the same as doing that after sampling, since both are linear), and puts a rim of one texel around it: the crop's
 * edge repeated, with opacity 0, so that sampling between texels needs no border cases.
 *
 * @param crop planar RGB 0..1 (clipped to that), 3 × sizePx × sizePx floats
 * @param mask sizePx × sizePx floats
 * @param block side of the blocks; those at the right and lower edge average what is there
 * @param colour five vectors of four floats: what a texel gets from red, green, blue and opacity, and what is added
 *   to it
 * @param out (reducedPx + 2)² texels, where reducedPx = ⌈sizePx / block⌉
 */
export function packCrop(
  crop: usize,
  mask: usize,
  sizePx: i32,
  block: i32,
  colour: usize,
  out: usize,
  reducedPx: i32,
): void {
  const area = (<usize>sizePx * <usize>sizePx) << 2;
  const pitch = <usize>(reducedPx + 2) * texelBytes;
  const clear = f32x4(1, 1, 1, 0);
  for (let row = 0; row < reducedPx; row++) {
    const y0 = row * block;
    const y1 = min(sizePx, y0 + block);
    const line = out + <usize>(row + 1) * pitch;
    for (let column = 0; column < reducedPx; column++) {
      const x0 = column * block;
      const x1 = min(sizePx, x0 + block);
      let sum = f32x4.splat(0);
      for (let y = y0; y < y1; y++) {
        for (let x = x0; x < x1; x++) {
          const at = (<usize>y * <usize>sizePx + <usize>x) << 2;
          const red = crop + at;
          let pixel = v128.load32_zero(red);
          pixel = v128.load32_lane(red + area, pixel, 1);
          pixel = v128.load32_lane(red + 2 * area, pixel, 2);
          pixel = v128.load32_lane(mask + at, pixel, 3);
          sum = f32x4.add(sum, f32x4.min(f32x4.splat(1), f32x4.max(f32x4.splat(0), pixel)));
        }
      }
      const share: f32 = 1 / <f32>((y1 - y0) * (x1 - x0));
      const mean = f32x4.mul(f32x4.splat(share), sum);
      const warm = f32x4.add(
        f32x4.mul(v128.load(colour), v128.shuffle<f32>(mean, mean, 0, 0, 0, 0)),
        f32x4.mul(v128.load(colour, 16), v128.shuffle<f32>(mean, mean, 1, 1, 1, 1)),
      );
      const cold = f32x4.add(
        f32x4.mul(v128.load(colour, 32), v128.shuffle<f32>(mean, mean, 2, 2, 2, 2)),
        f32x4.mul(v128.load(colour, 48), v128.shuffle<f32>(mean, mean, 3, 3, 3, 3)),
      );
      const texel = f32x4.add(f32x4.add(warm, cold), v128.load(colour, 64));
      v128.store(line + <usize>(column + 1) * texelBytes, texel);
    }
    v128.store(line, f32x4.mul(clear, v128.load(line + texelBytes)));
    const end = line + <usize>(reducedPx + 1) * texelBytes;
    v128.store(end, f32x4.mul(clear, v128.load(end - texelBytes)));
  }
  const last = out + <usize>(reducedPx + 1) * pitch;
  for (let at: usize = 0; at < pitch; at += texelBytes) {
    v128.store(out + at, f32x4.mul(clear, v128.load(out + pitch + at)));
    v128.store(last + at, f32x4.mul(clear, v128.load(last - pitch + at)));
  }
}

/** The texel between four, `shareX` and `shareY` (all lanes alike) of the way to the right and down. */
@inline
function texelAt(at: usize, pitch: usize, shareX: v128, shareY: v128): v128 {
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const c = v128.load(at + pitch);
  const d = v128.load(at + pitch, 16);
  const upper = f32x4.add(a, f32x4.mul(shareX, f32x4.sub(b, a)));
  const lower = f32x4.add(c, f32x4.mul(shareX, f32x4.sub(d, c)));
  return f32x4.add(upper, f32x4.mul(shareY, f32x4.sub(lower, upper)));
}

/** Stores the first `count` of four floats. */
@inline
function storeSome(at: usize, values: v128, count: i32): void {
  if (count >= 4) {
    v128.store(at, values);
    return;
  }
  store<f32>(at, f32x4.extract_lane(values, 0));
  if (count > 1) store<f32>(at, f32x4.extract_lane(values, 1), 4);
  if (count > 2) store<f32>(at, f32x4.extract_lane(values, 2), 8);
}

/**
 * Draws a packed crop into tight planes of a region of the frame. Chroma is the mean of the covered luma places: 1 2
 * 1 around the sample's own column, since chroma sits there (MPEG-2, H.264 default), over its rows.
 *
 * @param texture from {@link packCrop}; `sizePx` is its side without the rim
 * @param map six floats: texture x (the rim's first texel is 0) = m0·x + m1·y + m2 for the pixel x, y of the region,
 *   texture y likewise
 * @param coverage receives 1 where the crop covers the pixel, else 0; `mask` its opacity, 0 where it does not
 * @param work 3 × (width + 16) floats
 * @returns 1 when something of it is opaque at all, else 0
 */
export function pasteCrop(
  texture: usize,
  sizePx: i32,
  map: usize,
  width: i32,
  height: i32,
  shiftX: i32,
  shiftY: i32,
  first: usize,
  second: usize,
  third: usize,
  coverage: usize,
  mask: usize,
  work: usize,
): i32 {
  const pitch = <usize>(sizePx + 2) * texelBytes;
  const row = (<usize>width + 16) << 2;
  const seconds = work + 16;
  const thirds = seconds + row;
  const counts = thirds + row;
  const zero = f32x4.splat(0);
  const limit = f32x4.splat(<f32>(sizePx + 1));
  const one = f32x4.splat(1);
  const lanes = f32x4(0, 1, 2, 3);
  const stepX = v128.load32_splat(map);
  const stepY = v128.load32_splat(map, 12);
  let opaque = zero;
  for (let y = 0; y < height; y++) {
    const line = (<usize>y * <usize>width) << 2;
    const rowX = load<f32>(map, 4) * <f32>y + load<f32>(map, 8);
    const rowY = load<f32>(map, 16) * <f32>y + load<f32>(map, 20);
    const isSecondRow = shiftY && (y & 1);
    for (let x = 0; x < width; x += 4) {
      const across = f32x4.add(f32x4.splat(<f32>x), lanes);
      const textureX = f32x4.add(f32x4.mul(stepX, across), f32x4.splat(rowX));
      const textureY = f32x4.add(f32x4.mul(stepY, across), f32x4.splat(rowY));
      const isInside = v128.and(
        v128.and(f32x4.gt(textureX, zero), f32x4.lt(textureX, limit)),
        v128.and(f32x4.gt(textureY, zero), f32x4.lt(textureY, limit)),
      );
      let p0 = zero;
      let p1 = zero;
      let p2 = zero;
      let opacity = zero;
      if (v128.any_true(isInside)) {
        const insideX = v128.and(isInside, textureX);
        const insideY = v128.and(isInside, textureY);
        const wholeX = f32x4.floor(insideX);
        const wholeY = f32x4.floor(insideY);
        const shareX = f32x4.sub(insideX, wholeX);
        const shareY = f32x4.sub(insideY, wholeY);
        const indices = i32x4.trunc_sat_f32x4_s(
          f32x4.add(f32x4.mul(wholeY, f32x4.splat(<f32>(sizePx + 2))), wholeX),
        );
        const a = texelAt(
          texture + <usize>i32x4.extract_lane(indices, 0) * texelBytes,
          pitch,
          v128.shuffle<f32>(shareX, shareX, 0, 0, 0, 0),
          v128.shuffle<f32>(shareY, shareY, 0, 0, 0, 0),
        );
        const b = texelAt(
          texture + <usize>i32x4.extract_lane(indices, 1) * texelBytes,
          pitch,
          v128.shuffle<f32>(shareX, shareX, 1, 1, 1, 1),
          v128.shuffle<f32>(shareY, shareY, 1, 1, 1, 1),
        );
        const c = texelAt(
          texture + <usize>i32x4.extract_lane(indices, 2) * texelBytes,
          pitch,
          v128.shuffle<f32>(shareX, shareX, 2, 2, 2, 2),
          v128.shuffle<f32>(shareY, shareY, 2, 2, 2, 2),
        );
        const d = texelAt(
          texture + <usize>i32x4.extract_lane(indices, 3) * texelBytes,
          pitch,
          v128.shuffle<f32>(shareX, shareX, 3, 3, 3, 3),
          v128.shuffle<f32>(shareY, shareY, 3, 3, 3, 3),
        );
        const ab01 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
        const ab23 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
        const cd01 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
        const cd23 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
        p0 = v128.and(isInside, v128.shuffle<f32>(ab01, cd01, 0, 1, 4, 5));
        p1 = v128.and(isInside, v128.shuffle<f32>(ab01, cd01, 2, 3, 6, 7));
        p2 = v128.and(isInside, v128.shuffle<f32>(ab23, cd23, 0, 1, 4, 5));
        opacity = v128.and(isInside, v128.shuffle<f32>(ab23, cd23, 2, 3, 6, 7));
      }
      const left = width - x;
      const at = line + (<usize>x << 2);
      const covered = v128.and(isInside, one);
      storeSome(first + at, p0, left);
      storeSome(coverage + at, covered, left);
      storeSome(mask + at, opacity, left);
      opaque = f32x4.max(opaque, opacity);
      if (!shiftX) {
        storeSome(second + at, p1, left);
        storeSome(third + at, p2, left);
        continue;
      }
      const to = <usize>x << 2;
      if (isSecondRow) {
        v128.store(seconds + to, f32x4.add(v128.load(seconds + to), p1));
        v128.store(thirds + to, f32x4.add(v128.load(thirds + to), p2));
        v128.store(counts + to, f32x4.add(v128.load(counts + to), covered));
      } else {
        v128.store(seconds + to, p1);
        v128.store(thirds + to, p2);
        v128.store(counts + to, covered);
      }
    }
    if (!shiftX || (shiftY && !isSecondRow && y + 1 < height)) continue;
    const halfWidth = (width + 1) >> 1;
    closeRow(seconds, width);
    closeRow(thirds, width);
    closeRow(counts, width);
    const chromaLine = (<usize>(y >> shiftY) * <usize>halfWidth) << 2;
    for (let i = 0; i < halfWidth; i += 4) {
      const at = <usize>i << 3;
      const count = f32x4.max(aroundEven(counts + at), f32x4.splat(0.5));
      const to = chromaLine + (<usize>i << 2);
      storeSome(second + to, f32x4.div(aroundEven(seconds + at), count), halfWidth - i);
      storeSome(third + to, f32x4.div(aroundEven(thirds + at), count), halfWidth - i);
    }
  }
  return v128.any_true(f32x4.gt(opaque, zero)) ? 1 : 0;
}

/** Zeros before a row's first sample and from its width on. */
@inline
function closeRow(row: usize, width: i32): void {
  store<f32>(row - 4, 0);
  v128.store(row + (<usize>width << 2), f32x4.splat(0));
  v128.store(row + (<usize>width << 2), f32x4.splat(0), 16);
}

/** 1 2 1 around four even columns. */
@inline
function aroundEven(at: usize): v128 {
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const here = v128.shuffle<f32>(a, b, 0, 2, 4, 6);
  const after = v128.shuffle<f32>(a, b, 1, 3, 5, 7);
  const before = v128.shuffle<f32>(v128.load(at - 4), v128.load(at + 12), 0, 2, 4, 6);
  return f32x4.add(f32x4.add(before, after), f32x4.add(here, here));
}
