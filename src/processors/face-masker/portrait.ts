/** Side of a portrait in texels: half of an appearance, about two pixels of the landmark crop each. */
export const portraitSize = 64;

/** Texels of a portrait. */
export const portraitTexels = portraitSize * portraitSize;

/** Bytes of a portrait: planes L, a, b. */
export const portraitBytes = 3 * portraitTexels;

/** Bytes per unit of L: highlights of high dynamic range reach L 170. */
export const lightSteps = 1.5;

/** What lies at 0 in a plane of a or b. */
export const chromaZero = 128;

/** A texel was seen when its mean `seen` is above this: the surface then faces the camera by a quarter, sharply enough to compare. */
const leastSeen = 0.5;

/**
 * A small picture of a flattened face: three planes of bytes, L in steps of 1 / {@link lightSteps}, a and b in units around
 * {@link chromaZero}. An L of 0 says that the camera did not see the place. Small enough to be kept for every frame.
 */
export type Portrait = Uint8Array;

/** A new portrait of which nothing is seen. */
export const allocatePortrait = (): Portrait => new Uint8Array(portraitBytes);

const inBytes = (value: number, lowest: number): number => Math.min(255, Math.max(lowest, Math.round(value)));

/**
 * Halves the planes of a flattened face.
 *
 * @param lab L, a, b: (2 × {@link portraitSize})² numbers each
 * @param seen how well the camera saw each place, 0..1, likewise
 * @param out receives the portrait
 */
export function writePortrait(
  lab: readonly [Float32Array, Float32Array, Float32Array],
  seen: Float32Array,
  out: Portrait,
): void {
  const side = 2 * portraitSize;
  for (let y = 0; y < portraitSize; y++) {
    for (let x = 0; x < portraitSize; x++) {
      const texel = y * portraitSize + x;
      const at = 2 * y * side + 2 * x;
      const w0 = seen[at] as number;
      const w1 = seen[at + 1] as number;
      const w2 = seen[at + side] as number;
      const w3 = seen[at + side + 1] as number;
      const total = w0 + w1 + w2 + w3;
      if (total <= 4 * leastSeen) {
        out[texel] = 0;
        out[portraitTexels + texel] = chromaZero;
        out[2 * portraitTexels + texel] = chromaZero;
        continue;
      }
      for (let c = 0; c < 3; c++) {
        const plane = lab[c] as Float32Array;
        const mean =
          (w0 * (plane[at] as number) +
            w1 * (plane[at + 1] as number) +
            w2 * (plane[at + side] as number) +
            w3 * (plane[at + side + 1] as number)) /
          total;
        out[c * portraitTexels + texel] =
          c === 0 ? inBytes(lightSteps * mean, 1) : inBytes(mean + chromaZero, 0);
      }
    }
  }
}
