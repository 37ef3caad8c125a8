import { smoothstep } from '../../imaging/plane-ops.js';
import { faceLayout } from './face-layout.js';
import type { SkinModel } from './skin-model.js';

/**
 * Ridge contrast (in Lab units) along the lower half of both lenses from which a face is taken to wear glasses. Measured
 * on the test photographs: 16 at the weaker eye with glasses, at most 11.5 without (a laughing face reaches 10, grainy small
 * faces 11.5; nose shadow and lid creases reach more, but only on one side).
 */
export const glassesContrastThreshold = 13.5;

/**
 * How much a place is a thin line: over four directions and three channels, the least of its two contrasts against the
 * places `reach` texels to either side, if both have the same sign. Edges and shading score nothing.
 */
function ridge(lab: readonly Float32Array[], sizePx: number, x: number, y: number, reach: number): number {
  const at = y * sizePx + x;
  const diagonal = Math.round(reach * 0.7);
  let best = 0;
  for (const [dx, dy] of [
    [reach, 0],
    [0, reach],
    [diagonal, diagonal],
    [diagonal, -diagonal],
  ] as const) {
    const before = clampIndex(y - dy, sizePx) * sizePx + clampIndex(x - dx, sizePx);
    const after = clampIndex(y + dy, sizePx) * sizePx + clampIndex(x + dx, sizePx);
    for (const plane of lab) {
      const here = plane[at] as number;
      const first = plane[before] as number;
      const second = plane[after] as number;
      best = Math.max(best, Math.min(first, second) - here, here - Math.max(first, second));
    }
  }
  return best;
}

const clampIndex = (index: number, length: number): number => Math.min(length - 1, Math.max(0, index));

/**
 * How clearly a rim runs below both eyes: at the weaker eye, the median ridge along the lower arc of a lens, each place of the
 * arc taking its best distance from the eye. Compare with {@link glassesContrastThreshold}.
 *
 * @param lab planes L, a, b of a flattened face, sizePx² each
 */
export function glassesContrast(lab: readonly Float32Array[], sizePx: number): number {
  const { uv } = faceLayout;
  const reaches = ridgeReaches(sizePx);
  const perEye = [
    [33, 133],
    [362, 263],
  ].map(([outer, inner]) => {
    const u = ((uv[2 * (outer as number)] as number) + (uv[2 * (inner as number)] as number)) / 2;
    const v = ((uv[2 * (outer as number) + 1] as number) + (uv[2 * (inner as number) + 1] as number)) / 2;
    const contrasts: number[] = [];
    for (let degrees = 15; degrees <= 165; degrees += 10) {
      const angle = (degrees * Math.PI) / 180;
      let best = 0;
      for (let radius = 0.075; radius <= 0.17; radius += 0.004) {
        const x = Math.round((u + Math.cos(angle) * radius) * sizePx);
        const y = Math.round((v + Math.sin(angle) * radius) * sizePx);
        for (const reach of reaches) best = Math.max(best, ridge(lab, sizePx, x, y, reach));
      }
      contrasts.push(best);
    }
    contrasts.sort((first, second) => first - second);
    return contrasts[contrasts.length >> 1] as number;
  });
  return Math.min(...perEye);
}

/** Half widths, in texels, at which rims are looked for: a wire and a thick frame. */
function ridgeReaches(sizePx: number): readonly number[] {
  return [sizePx / 50, sizePx / 36].map((reach) => Math.max(1, Math.round(reach)));
}

/**
 * How much each place looks like a rim: a thin line in the band around the eyes, or what is as dark as a thick frame.
 * Meaningful only on a face that wears glasses, since lashes and wrinkles are thin lines too.
 *
 * @param lab planes L, a, b, slightly smoothed; @param zoneAt where rims may run, 0..1, by texel
 * @param out sizePx² numbers, 0..1
 */
export function drawRims(
  lab: readonly Float32Array[],
  sizePx: number,
  zoneAt: (at: number) => number,
  model: SkinModel,
  out: Float32Array,
): void {
  const reaches = ridgeReaches(sizePx);
  const dark = (model.centre[0] as number) - 24;
  const [lightness] = lab as [Float32Array];
  for (let y = 0; y < sizePx; y++) {
    for (let x = 0; x < sizePx; x++) {
      const at = y * sizePx + x;
      const zone = zoneAt(at);
      out[at] = 0;
      if (zone === 0) continue;
      let line = 0;
      for (const reach of reaches) line = Math.max(line, ridge(lab, sizePx, x, y, reach));
      const shadow = smoothstep(dark + 6, dark - 6, lightness[at] as number);
      out[at] = zone * Math.max(smoothstep(4, 7.5, line), shadow);
    }
  }
}
