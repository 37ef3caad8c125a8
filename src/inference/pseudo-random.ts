/**
 * Fills an array with uniform numbers in [low, high), the same for the same seed: xorshift32 (Marsaglia, "Xorshift RNGs", 2003).
 * For inputs and weights whose values do not matter.
 *
 * @param seed a whole number; neighbouring seeds give unlike sequences
 */
export function fillPseudoRandom(values: Float32Array, seed: number, low = 0, high = 1): void {
  let state = Math.imul(seed, 0x9e3779b9) | 1;
  for (let i = 0; i < values.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = low + ((high - low) * (state >>> 0)) / 2 ** 32;
  }
}
