/** Levels at which a curve of luma's noise has its knots: the middles of its bands, which are 48 levels wide. */
export const grainKnots = [48, 96, 144, 192] as const;

/** A band of luma: weight, then weight times the energy of single samples, then of means of 2 × 2. */
const bandFloats = 3;

/** Where the parts of a grain lie in its list. */
const aroundAt = bandFloats * grainKnots.length;
const chromaAt = 2 * aroundAt;

/**
 * Floats of a grain: how noisy a face is by luma, the same around it, and how noisy its two planes of chroma are (fine, coarse
 * each). Energies are squares of 8-bit levels. Everything is weighted, so that grains can be averaged float by float.
 */
export const grainFloats = chromaAt + 4;

/** Energies of noise in single samples and in means of 2 × 2. White noise has a quarter of the first in the second. */
export type NoiseEnergy = { readonly fine: number; readonly coarse: number };

/** A block of the picture: mean level and energies. */
export type GrainBlock = NoiseEnergy & { readonly mean: number };

/** The share of the blocks that count, the quietest ones: many of a face's blocks hold some edge or pore. */
const quietShare = 0.4;

/** What the quietest blocks show of the energy of white noise, of which blocks differ by chance. Measured. */
const quietFactor = { fine: 0.633, coarse: 0.277 } as const;

/** Fewer blocks say nothing. */
const leastBlocks = 5;

/** Blocks darker or lighter than this have lost their noise to the end of the range. */
const usableMeans = { low: 20, high: 235 } as const;

/** The quiet energy of some blocks, or null when there are too few. */
export function quietEnergy(blocks: readonly GrainBlock[]): NoiseEnergy | null {
  const usable = blocks.filter(({ mean }) => mean >= usableMeans.low && mean <= usableMeans.high);
  if (usable.length < leastBlocks) return null;
  const count = Math.ceil(quietShare * usable.length);
  const quiet = (values: number[]): number => {
    values.sort((first, second) => first - second);
    return values.slice(0, count).reduce((sum, value) => sum + value, 0) / count;
  };
  return {
    fine: quiet(usable.map(({ fine }) => fine)) / quietFactor.fine,
    coarse: quiet(usable.map(({ coarse }) => coarse)) / quietFactor.coarse,
  };
}

/** Which band of luma a level belongs to. */
const bandOf = (mean: number): number =>
  Math.min(grainKnots.length - 1, Math.max(0, Math.round((mean - grainKnots[0]) / 48)));

/**
 * Writes what blocks of a face, of what is around it and of its chroma say.
 *
 * @param out {@link grainFloats} floats
 */
export function writeGrain(
  face: readonly GrainBlock[],
  around: readonly GrainBlock[],
  chroma: readonly (readonly GrainBlock[])[],
  out: Float32Array,
): void {
  out.fill(0);
  writeBands(face, out.subarray(0, aroundAt));
  writeBands(around, out.subarray(aroundAt, chromaAt));
  chroma.forEach((blocks, plane) => {
    const energy = quietEnergy(blocks);
    if (energy !== null) out.set([energy.fine, energy.coarse], chromaAt + 2 * plane);
  });
}

function writeBands(blocks: readonly GrainBlock[], out: Float32Array): void {
  for (let band = 0; band < grainKnots.length; band++) {
    const own = blocks.filter(({ mean }) => bandOf(mean) === band);
    const energy = quietEnergy(own);
    if (energy === null) continue;
    const weight = Math.sqrt(own.length);
    out.set([weight, weight * energy.fine, weight * energy.coarse], bandFloats * band);
  }
}

/** The energies at each knot; where a band was not seen, those of the nearest that was. Null when none was. */
function bandEnergies(bands: Float32Array): NoiseEnergy[] | null {
  const seen = grainKnots.map((_, band) => {
    const weight = bands[bandFloats * band] as number;
    return weight > 0
      ? {
          fine: (bands[bandFloats * band + 1] as number) / weight,
          coarse: (bands[bandFloats * band + 2] as number) / weight,
        }
      : null;
  });
  const nearest = (band: number): NoiseEnergy | null => {
    for (let away = 0; away < grainKnots.length; away++) {
      const found = seen[band - away] ?? seen[band + away];
      if (found !== undefined && found !== null) return found;
    }
    return null;
  };
  const all = grainKnots.map((_, band) => nearest(band));
  return all.every((energy) => energy !== null) ? (all as NoiseEnergy[]) : null;
}

/** Noise around the face may be less by this before it tells that the face's own is skin and not noise. */
const aroundShare = 1.5;

/** Energies below the first are no grain, above the second they are all of it: half a level, and one. */
const grainEnergy = { none: 0.25, all: 1 } as const;

/**
 * Bounds of the share of the coarse energy in the fine one: that of white noise, and that of grains of about three samples. More is the
 * picture's own.
 */
const widthShare = { white: 0.25, wide: 1 } as const;

/** The noise of a whole picture's grain at each knot of luma, and of both planes of chroma. */
export type GrainLevels = { readonly luma: readonly NoiseEnergy[]; readonly chroma: readonly NoiseEnergy[] };

/**
 * What of a grain is noise of the picture: no more than around the face, where noise is as strong but there are no pores, and nothing
 * where a clip is clean. How wide its grains are is one number for the picture, taken where it is least: content adds to the coarse
 * energy first. Null: there is none.
 */
export function grainLevels(grain: Float32Array): GrainLevels | null {
  const face = bandEnergies(grain.subarray(0, aroundAt));
  const around = bandEnergies(grain.subarray(aroundAt, chromaAt));
  if (face === null) return null;
  let width: number = widthShare.wide;
  for (const { fine, coarse } of [...face, ...(around ?? [])]) {
    if (fine > grainEnergy.none) width = Math.min(width, coarse / fine);
  }
  width = Math.max(widthShare.white, width);
  const luma = face.map(({ fine }, band) => {
    const limit = around?.[band];
    const least = limit === undefined ? fine : Math.min(fine, aroundShare * limit.fine);
    const share = Math.min(1, Math.max(0, (least - grainEnergy.none) / (grainEnergy.all - grainEnergy.none)));
    return { fine: share * least, coarse: share * least * width };
  });
  const kept = luma.reduce((sum, { fine }) => sum + fine, 0);
  if (kept === 0) return null;
  const share = kept / face.reduce((sum, { fine }) => sum + fine, 0);
  const chroma = [0, 1].map((plane) => {
    // Chroma is never noisier than luma but in content.
    const fine = Math.min(kept / luma.length, share * (grain[chromaAt + 2 * plane] as number));
    return { fine, coarse: Math.min(fine * width, share * (grain[chromaAt + 2 * plane + 1] as number)) };
  });
  return { luma, chroma };
}

/** What smooth noise of variance 1 (see `smoothRow` in `assembly/grain.ts`) has of either energy. Measured. */
const smoothEnergy = { fine: 0.0099, coarse: 0.1714 } as const;

/** No more noise than this is ever added, in levels. */
const mostStrength = 14;

/** Standard deviations of the two noises that together have so much of both energies, as nearly as they can. */
export function noiseStrengths({ fine, coarse }: NoiseEnergy): {
  readonly white: number;
  readonly smooth: number;
} {
  const smooth = Math.max(0, (coarse - fine / 4) / (smoothEnergy.coarse - smoothEnergy.fine / 4));
  const white = Math.max(0, fine - smooth * smoothEnergy.fine);
  return {
    white: Math.min(mostStrength, Math.sqrt(white)),
    smooth: Math.min(mostStrength, Math.sqrt(smooth)),
  };
}
