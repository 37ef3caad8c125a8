import { smoothstep } from '../../imaging/plane-ops.js';
import type { FaceAppearance } from './appearance.js';
import { lightTerms, shapeAt, toneShares, toneSide } from './skin-tones.js';

/** How the new face's colours are fitted to the target's: see {@link ColourMatcher}. */
export type ColourMatchMode = 'none' | 'moments' | 'histogram' | 'light';

/** Per-channel line in Lab, `out = value · gain + offset`, and what differs from it by place. */
export type ColourMatch = {
  readonly gain: Float32Array;
  readonly offset: Float32Array;
  /** 3 × toneSide² numbers that are added to L, a, b at each place of the flattened face; null for nothing. */
  readonly field: Float32Array | null;
};

export const unmatched: ColourMatch = {
  gain: Float32Array.of(1, 1, 1),
  offset: new Float32Array(3),
  field: null,
};

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
  source: Pick<FaceAppearance, 'mean' | 'std'>,
  target: Pick<FaceAppearance, 'mean' | 'std'>,
): ColourMatch {
  return lineBetween(source, target, source.std, target.std);
}

/** A line from mean to mean, its slope from spread to spread within limits. */
function lineBetween(
  source: Pick<FaceAppearance, 'mean'>,
  target: Pick<FaceAppearance, 'mean'>,
  sourceSpread: Float32Array,
  targetSpread: Float32Array,
): ColourMatch {
  const gain = new Float32Array(3);
  const offset = new Float32Array(3);
  const colourfulness = colourfulnessOf(source, target);
  for (let c = 0; c < 3; c++) {
    const ratio = (targetSpread[c] as number) / Math.max(0.5, sourceSpread[c] as number);
    const { low, high } =
      c === 0 ? lightnessLimits : { low: chromaLimits.low * colourfulness, high: chromaLimits.high };
    gain[c] = Math.min(high, Math.max(low, ratio));
    offset[c] = (target.mean[c] as number) - (source.mean[c] as number) * (gain[c] as number);
  }
  return { gain, offset, field: null };
}

/** What a match reads of a source. */
export type ColourSource = {
  readonly appearance: Pick<FaceAppearance, 'mean' | 'std' | 'tones'>;
  /** 3 × toneSide² numbers: its skin's tones, L, a and b, all over the flattened face. */
  readonly toneMaps: Float32Array;
};

/**
 * Slopes of a tone curve. Flatter than this it would iron shading out, steeper it would tear it into streaks. The lower one of chroma
 * falls with the target's colourfulness.
 */
const curveLimits = [
  { low: 0.6, high: 1.7 },
  { low: 0.4, high: 1.7 },
  { low: 0.4, high: 1.7 },
] as const;

/** Most that a place may differ from the line, in L, a and b: the light of a whole face, not a shadow's edge. */
const fieldLimits = [25, 10, 10] as const;

const placeCount = toneSide * toneSide;
const middleShare = toneShares.length >> 1;

/**
 * Fits the colours of sources to targets, in one of four ways:
 *
 * - `moments`: {@link matchColour}, the same line everywhere.
 * - `histogram`: the tones of the source's skin take the target's distribution, each of L, a and b by a rising curve from quantile
 *   to quantile whose slope is limited and smoothed. Only the tones of the skin below, blurred to blocks of a thirtieth of the face,
 *   go through the curve; what a feature or a pore differs from them stays on the line. So it neither irons features out nor sharpens blotches.
 * - `light`: the parabola that best describes light and colour over the source's skin is replaced by the target's: a
 *   face that was lit from its left is drawn as lit from its right.
 * - `none`: as photographed.
 *
 * Everything it reads of the target is averaged over time before. One per thread; owns its buffer.
 */
export class ColourMatcher {
  readonly #mode: ColourMatchMode;
  readonly #field = new Float32Array(3 * placeCount);
  readonly #from = new Float64Array(toneShares.length);
  readonly #to = new Float64Array(toneShares.length);
  readonly #slopes = new Float64Array(toneShares.length - 1);

  constructor(mode: ColourMatchMode) {
    this.#mode = mode;
  }

  /** @returns a match whose field stays valid until the next call */
  match(source: ColourSource, target: Pick<FaceAppearance, 'mean' | 'std' | 'tones'>): ColourMatch {
    switch (this.#mode) {
      case 'none':
        return unmatched;
      case 'moments':
        return matchColour(source.appearance, target);
      case 'histogram':
        return this.#histogram(source, target);
      case 'light':
        return this.#light(source.appearance, target);
    }
  }

  #histogram(
    { appearance, toneMaps }: ColourSource,
    target: Pick<FaceAppearance, 'mean' | 'std' | 'tones'>,
  ): ColourMatch {
    const line = matchColour(appearance, target);
    const colourfulness = colourfulnessOf(appearance, target);
    for (let c = 0; c < 3; c++) {
      const { low, high } = curveLimits[c] as (typeof curveLimits)[number];
      const limits = { low: c === 0 ? low : low * colourfulness, high };
      this.#bend(c, appearance.tones.quantiles, target.tones.quantiles, limits);
      const gain = line.gain[c] as number;
      const offset = line.offset[c] as number;
      const limit = fieldLimits[c] as number;
      for (let i = placeCount * c; i < placeCount * (c + 1); i++) {
        const tone = toneMaps[i] as number;
        this.#field[i] = clamp(this.#curveAt(tone) - (gain * tone + offset), limit);
      }
    }
    return { ...line, field: this.#field };
  }

  /** Makes the curve of a channel: from the median outwards, segment by segment. */
  #bend(
    channel: number,
    from: Float32Array,
    to: Float32Array,
    { low, high }: { readonly low: number; readonly high: number },
  ): void {
    const first = toneShares.length * channel;
    const slopes = this.#slopes;
    for (let k = 0; k < toneShares.length; k++) {
      const value = from[first + k] as number;
      // Quantiles of an even skin may lie in one place.
      this.#from[k] = k === 0 ? value : Math.max((this.#from[k - 1] as number) + 0.2, value);
    }
    for (let k = 0; k < slopes.length; k++) {
      const rise = (to[first + k + 1] as number) - (to[first + k] as number);
      const run = (this.#from[k + 1] as number) - (this.#from[k] as number);
      slopes[k] = Math.min(high, Math.max(low, rise / run));
    }
    smooth(slopes);
    this.#to[middleShare] = to[first + middleShare] as number;
    for (let k = middleShare; k < slopes.length; k++) {
      const run = (this.#from[k + 1] as number) - (this.#from[k] as number);
      this.#to[k + 1] = (this.#to[k] as number) + run * (slopes[k] as number);
    }
    for (let k = middleShare - 1; k >= 0; k--) {
      const run = (this.#from[k + 1] as number) - (this.#from[k] as number);
      this.#to[k] = (this.#to[k + 1] as number) - run * (slopes[k] as number);
    }
  }

  #curveAt(tone: number): number {
    const last = this.#slopes.length - 1;
    let k = 0;
    while (k < last && tone > (this.#from[k + 1] as number)) k++;
    return (this.#to[k] as number) + (tone - (this.#from[k] as number)) * (this.#slopes[k] as number);
  }

  #light(
    source: Pick<FaceAppearance, 'mean' | 'tones'>,
    target: Pick<FaceAppearance, 'mean' | 'tones'>,
  ): ColourMatch {
    const line = lineBetween(source, target, source.tones.rest, target.tones.rest);
    for (let c = 0; c < 3; c++) {
      const own = source.tones.light.subarray(lightTerms * c, lightTerms * (c + 1));
      const wanted = target.tones.light.subarray(lightTerms * c, lightTerms * (c + 1));
      const gain = line.gain[c] as number;
      const offset = line.offset[c] as number;
      const limit = fieldLimits[c] as number;
      for (let i = 0; i < placeCount; i++) {
        const change = shapeAt(wanted, i) - (gain * shapeAt(own, i) + offset);
        this.#field[placeCount * c + i] = clamp(change, limit);
      }
    }
    return { ...line, field: this.#field };
  }
}

const clamp = (value: number, limit: number): number => Math.min(limit, Math.max(-limit, value));

/** 1 2 1 over a list, its ends repeated; in place. */
function smooth(values: Float64Array): void {
  let before = values[0] as number;
  for (let k = 0; k < values.length; k++) {
    const here = values[k] as number;
    values[k] = (before + 2 * here + (values[k + 1] ?? here)) / 4;
    before = here;
  }
}

/** The target's chroma as a share of the source's, at most 1: 0 in black and white. */
function colourfulnessOf(source: Pick<FaceAppearance, 'mean'>, target: Pick<FaceAppearance, 'mean'>): number {
  return Math.min(1, chromaOf(target.mean) / Math.max(3, chromaOf(source.mean)));
}

function chromaOf(mean: Float32Array): number {
  return Math.hypot(mean[1] as number, mean[2] as number);
}

/**
 * Limits of the detail gain, finest band first. The finest carries focus and compression blur, which must match the
 * picture; the coarser ones carry the features that make the person, which must not be flattened. Those of a face of many fine lines do it
 * less harm: at full strength they stand out from a soft picture like scratches.
 */
const detailLimits = [
  { low: 0.65, lined: 0.45, high: 1.25 },
  { low: 0.95, lined: 0.8, high: 1.2 },
  { low: 1, lined: 1, high: 1.15 },
] as const;

/** RMS of L in the source's second band from which on its lines count as many, and as very many. Most photos have 3 to 4.7. */
const linedContrast = { some: 5, many: 6 } as const;

/** Most that features are drawn stronger, as a share. */
const mostLift = 0.5;

/**
 * Contrast of features that a lift may reach, as a share of what the photo shows: a little more than that, because some of it
 * is lost to the target's light under it.
 */
const liftedShare = 1.15;

/** RMS of L in the second band up to which features are lifted: a face of strong lines or in hard light shows enough of itself. */
const liftedContrast = 5;

/**
 * How much stronger, as a share, the mesh swapper draws a face's features than the match gives them: what a warp between two
 * heads, a flatter target and the target's own light take from them, but no more than the photo shows. Less than nothing where the match
 * would draw a face of strong lines harder than its photo. Numbers were set by looking and by `bench/plain-warp.ts`: without these limits
 * folds become gashes.
 */
export function featureLift(source: Pick<FaceAppearance, 'bands'>, lightnessGain: number): number {
  const contrast = Math.max(0.2, lightnessGain * (source.bands[1] as number));
  const room = liftedContrast / contrast;
  const lift = Math.min(mostLift, liftedShare / lightnessGain - 1, room - 1);
  return lift > 0 ? lift : Math.min(0, Math.max(1 / lightnessGain, room) - 1);
}

/**
 * Gain of each detail band that brings the source's texture (after its lightness gain) to the target's own sharpness and
 * contrast.
 */
export function matchDetail(
  source: FaceAppearance,
  target: Pick<FaceAppearance, 'bands'>,
  lightnessGain: number,
): Float32Array {
  const lines = smoothstep(linedContrast.some, linedContrast.many, source.bands[1] as number);
  return source.bands.map((energy, band) => {
    const ratio = (target.bands[band] as number) / Math.max(0.2, energy * lightnessGain);
    const { low, lined, high } = detailLimits[band] ?? { low: 1, lined: 1, high: 1 };
    return Math.min(high, Math.max(low + (lined - low) * lines, ratio));
  });
}
