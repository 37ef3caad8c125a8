/** What the weights 0 and 1 take over from the target's own embedding. */
const mostOfTarget = 0.35;

/**
 * The share of the target's own embedding that a weight mixes into the source's: 0.35 at 0, nothing at 0.5, −0.35 at 1, where the
 * target is taken away.
 */
export const targetShare = (weight: number): number =>
  weight === 0.5 ? 0 : mostOfTarget - 2 * mostOfTarget * weight;

/**
 * `source · (1 − share) + target · share`, not normalised again.
 *
 * @param out receives as many numbers as the source has
 */
export function mixTarget(
  source: Float32Array,
  target: Float32Array,
  { share, targetNorm }: { readonly share: number; readonly targetNorm: number },
  out: Float32Array,
): void {
  const targetGain = share / targetNorm;
  for (let i = 0; i < out.length; i++) {
    out[i] = (source[i] as number) * (1 - share) + (target[i] as number) * targetGain;
  }
}
