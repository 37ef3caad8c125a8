import { smoothstep } from '../../imaging/plane-ops.js';

/** Robust centre and spread of a skin's colour. */
export type SkinModel = { readonly centre: readonly number[]; readonly spread: readonly number[] };

/**
 * Median and median absolute deviation of L, a, b where `weightAt` is above one half; spreads have a floor, since a clean
 * studio skin would otherwise call its own shading foreign.
 */
export function skinModel(lab: Float32Array, count: number, weightAt: (i: number) => number): SkinModel {
  const members: number[] = [];
  // Every third place: medians of neighbouring texels hardly differ, and sorting is what costs.
  for (let i = 0; i < count; i += 3) if (weightAt(i) > 0.5) members.push(i);
  const floors = [9, 3.5, 4];
  const centre: number[] = [];
  const spread: number[] = [];
  for (let c = 0; c < 3; c++) {
    const values = Float32Array.from(members, (i) => lab[c * count + i] as number).sort();
    const median = values[values.length >> 1] ?? 0;
    const deviations = values.map((value) => Math.abs(value - median)).sort();
    centre.push(median);
    // 1.4826 turns a MAD into a standard deviation for a normal distribution.
    spread.push(Math.max(floors[c] as number, 1.4826 * (deviations[deviations.length >> 1] ?? 0)));
  }
  return { centre, spread };
}

/** 1 for the skin's own colours, 0 for something else (beyond about three spreads), smooth between. */
export function skinLikeness(model: SkinModel, lightness: number, a: number, b: number): number {
  const { centre, spread } = model;
  const dl = (lightness - (centre[0] as number)) / (spread[0] as number);
  const da = (a - (centre[1] as number)) / (spread[1] as number);
  const db = (b - (centre[2] as number)) / (spread[2] as number);
  return 1 - smoothstep(2.2, 3.6, Math.sqrt(dl * dl + 0.5 * (da * da + db * db)));
}
