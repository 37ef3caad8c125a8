import type { FaceAppearance } from './appearance.js';

/** Per-channel line in Lab: `out = value · gain + offset`. */
export type ColourMatch = { readonly gain: Float32Array; readonly offset: Float32Array };

export const unmatched: ColourMatch = { gain: Float32Array.of(1, 1, 1), offset: new Float32Array(3) };

/**
 * Limits of the lightness gain. A target in flat light would otherwise wipe out the source's features, and a blotchy one
 * blow up its pores.
 */
const lightnessLimits = { low: 0.8, high: 1.25 } as const;

/** Limits of the chroma gains; the lower one falls with the target's own colourfulness, to nothing in black and white. */
const chromaLimits = { low: 0.6, high: 1.25 } as const;

/**
 * Moment matching in CIE Lab over plain skin (Reinhard et al., "Color Transfer between Images", 2001, who use lαβ): mean to
 * mean, spread to spread within limits. Chosen over masked histograms after looking at both: in flat light a
 * histogram irons the source's features out, in hard light it tears its shading into streaks; moments within limits do neither.
 */
export function matchColour(
  source: FaceAppearance,
  target: Pick<FaceAppearance, 'mean' | 'std'>,
): ColourMatch {
  const gain = new Float32Array(3);
  const offset = new Float32Array(3);
  const colourfulness = Math.min(1, chromaOf(target.mean) / Math.max(3, chromaOf(source.mean)));
  for (let c = 0; c < 3; c++) {
    const ratio = (target.std[c] as number) / Math.max(0.5, source.std[c] as number);
    const { low, high } =
      c === 0 ? lightnessLimits : { low: chromaLimits.low * colourfulness, high: chromaLimits.high };
    gain[c] = Math.min(high, Math.max(low, ratio));
    offset[c] = (target.mean[c] as number) - (source.mean[c] as number) * (gain[c] as number);
  }
  return { gain, offset };
}

function chromaOf(mean: Float32Array): number {
  return Math.hypot(mean[1] as number, mean[2] as number);
}

/**
 * Limits of the detail gain, finest band first. The finest carries focus and compression blur, which must match the
 * picture; the coarser ones carry the features that make the person, which must not be flattened.
 */
const detailLimits = [
  { low: 0.65, high: 1.25 },
  { low: 0.95, high: 1.2 },
  { low: 1, high: 1.15 },
] as const;

/**
 * How much stronger the mesh swapper's features are drawn than the source's texture has them: what a warp between two
 * heads and the target's own light take from them. Set by looking and by `bench/plain-warp.ts`.
 */
export const meshFeatureLift = 0.5;

/**
 * Gain of each detail band that brings the source's texture (after its lightness gain) to the target's own sharpness and
 * contrast.
 */
export function matchDetail(
  source: FaceAppearance,
  target: Pick<FaceAppearance, 'bands'>,
  lightnessGain: number,
): Float32Array {
  return source.bands.map((energy, band) => {
    const ratio = (target.bands[band] as number) / Math.max(0.2, energy * lightnessGain);
    const { low, high } = detailLimits[band] ?? { low: 1, high: 1 };
    return Math.min(high, Math.max(low, ratio));
  });
}
