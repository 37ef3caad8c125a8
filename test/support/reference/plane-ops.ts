/**
 * The plain twin of `blurPlane`, one line after another: three box passes each way, whose convolution has the Gaussian's variance and
 * differs from it by at most 6 % of its peak along a line, 12 % in the plane; edges repeated. Cost is independent of the radius.
 */
export function plainBlurPlane(
  plane: Float32Array,
  widthPx: number,
  heightPx: number,
  sigmaPx: number,
): void {
  // Three boxes of width w have the variance (w²−1)/4.
  const radius = Math.round((Math.sqrt(4 * sigmaPx * sigmaPx + 1) - 1) / 2);
  if (radius < 1) return;
  const line = new Float32Array(Math.max(widthPx, heightPx));
  for (let pass = 0; pass < 3; pass++) {
    for (let y = 0; y < heightPx; y++) boxLine(plane, y * widthPx, 1, widthPx, radius, line);
    for (let x = 0; x < widthPx; x++) boxLine(plane, x, widthPx, heightPx, radius, line);
  }
}

function boxLine(
  plane: Float32Array,
  base: number,
  stride: number,
  length: number,
  radius: number,
  line: Float32Array,
): void {
  for (let i = 0; i < length; i++) line[i] = plane[base + i * stride] as number;
  const at = (i: number): number => line[i < 0 ? 0 : i >= length ? length - 1 : i] as number;
  let sum = 0;
  for (let i = -radius; i <= radius; i++) sum += at(i);
  const scale = 1 / (2 * radius + 1);
  for (let i = 0; i < length; i++) {
    plane[base + i * stride] = sum * scale;
    sum += at(i + radius + 1) - at(i - radius);
  }
}

/**
 * The plain twin of `inpaint`, one place after another with all its channels: fills the places of low weight from their surroundings: averages are pushed down a pyramid of halves and pulled back
 * up where the finer level knows nothing (pull-push, Gortler et al., "The Lumigraph", 1996).
 *
 * @param channels planes of widthPx × heightPx, changed in place where `weight` < 1
 * @param weight 0 (unknown) .. 1 (known); when nothing is known, nothing is changed
 */
export function plainInpaint(
  channels: readonly Float32Array[],
  weight: Float32Array,
  widthPx: number,
  heightPx: number,
): void {
  if ((widthPx <= 1 && heightPx <= 1) || weight.every((value) => value === 0)) return;
  const halfWidth = (widthPx + 1) >> 1;
  const halfHeight = (heightPx + 1) >> 1;
  const coarse = channels.map(() => new Float32Array(halfWidth * halfHeight));
  const coarseWeight = new Float32Array(halfWidth * halfHeight);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const from = y * widthPx + x;
      const to = (y >> 1) * halfWidth + (x >> 1);
      const w = weight[from] as number;
      coarseWeight[to] = (coarseWeight[to] as number) + w;
      coarse.forEach((plane, c) => {
        plane[to] = (plane[to] as number) + w * ((channels[c] as Float32Array)[from] as number);
      });
    }
  }
  for (let i = 0; i < coarseWeight.length; i++) {
    const w = coarseWeight[i] as number;
    if (w > 0) for (const plane of coarse) plane[i] = (plane[i] as number) / w;
    coarseWeight[i] = Math.min(1, w);
  }
  plainInpaint(coarse, coarseWeight, halfWidth, halfHeight);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const at = y * widthPx + x;
      const w = weight[at] as number;
      if (w >= 1) continue;
      const cx = Math.min(halfWidth - 1, Math.max(0, (x - 0.5) / 2));
      const cy = Math.min(halfHeight - 1, Math.max(0, (y - 0.5) / 2));
      const x0 = Math.floor(cx);
      const y0 = Math.floor(cy);
      const x1 = Math.min(halfWidth - 1, x0 + 1);
      const y1 = Math.min(halfHeight - 1, y0 + 1);
      const fx = cx - x0;
      const fy = cy - y0;
      channels.forEach((plane, c) => {
        const from = coarse[c] as Float32Array;
        const upper =
          (from[y0 * halfWidth + x0] as number) * (1 - fx) + (from[y0 * halfWidth + x1] as number) * fx;
        const lower =
          (from[y1 * halfWidth + x0] as number) * (1 - fx) + (from[y1 * halfWidth + x1] as number) * fx;
        plane[at] = w * (plane[at] as number) + (1 - w) * (upper * (1 - fy) + lower * fy);
      });
    }
  }
}
