import { chromaZero, lightSteps, type Portrait, portraitSize, portraitTexels } from './portrait.js';

/** Added to L: light that is multiplied by a factor multiplies L + 16 (and a and b) by the cube root of that factor. */
const lightOffset = 16;

/** Least deviation, in Lab units, that counts once: of the light, of the colour, of the fine structure. Found with `bench/occlusion.ts`. */
const leastDeviation = { light: 7, colour: 3.5, structure: 3 } as const;

/** A deviation counts less where the track itself deviated by this many times as much. */
const learntFactor = 2.5;

/** Share of a new frame in what a track is expected to look like. */
const learningRate = 1 / 12;

/** Whatever has lain over a place for longer is learnt after all, so that a mistake heals. At most 255. */
const mostForeignFrames = 150;

/** A head that is turned farther than this from how it was, in radians, shows another face: shadows, hair, another half. */
const farthestTurn = 0.35;

/** A deviation counts at most this much, so that a single frame cannot speak for its neighbours. */
const mostScore = 4;

/** Deviation that a quarter of the face stays below where face and mesh fit. */
const mostQuarterScore = 0.4;

/** A texel that deviates more is not learnt from, nor are those around it. */
const mostLearntScore = 1.3;

/** Radius in texels of the mean that light and colour are compared by, of the mean that structure is freed from, and of a patch. */
const radii = { mean: 2, coarse: 5, patch: 3 } as const;

/** Most texels by which structure may lie beside its expected place. */
const mostShift = 2;

/** What a track's face is expected to look like: learnt by an {@link OcclusionDetector}. */
export type ExpectedFace = {
  /** L + 16, a, b of every texel. */
  readonly lab: Float32Array;
  /** 1 where anything was learnt. */
  readonly known: Uint8Array;
  /** Mean square deviations of light, colour and structure, which are normal for the place. */
  readonly spread: Float32Array;
  /** For how many frames each texel has been something else, at most 255. */
  readonly foreignFrames: Uint8Array;
  /** How the head was turned when it was begun, in radians, and how it usually is. */
  firstYaw: number;
  firstPitch: number;
  yaw: number;
  pitch: number;
};

/** What a face shows in one frame. */
export type SeenFace = {
  readonly portrait: Portrait;
  /** How the head is turned, in radians. */
  readonly yaw: number;
  readonly pitch: number;
};

/** An expectation of nothing. */
export const allocateExpectedFace = (): ExpectedFace => ({
  lab: new Float32Array(3 * portraitTexels),
  known: new Uint8Array(portraitTexels),
  spread: new Float32Array(3 * portraitTexels),
  foreignFrames: new Uint8Array(portraitTexels),
  firstYaw: 0,
  firstPitch: 0,
  yaw: 0,
  pitch: 0,
});

const floats = (): Float32Array => new Float32Array(portraitTexels);

/** Most frames that an expectation is begun with. */
export const mostFirstPortraits = 15;

/** Terms of the light's change over the face: 1, x, y, x², xy, y². */
const lightTerms = 6;

/** How much each term is held back, per texel that is compared: what lies over a face must not pass for a lamp. */
const heldBack = [0, 0.02, 0.02, 0.15, 0.15, 0.15] as const;

/**
 * Tells what lies over a face: how far each texel deviates from what the track is expected to look like, after a change of light that is
 * smooth over the face has been taken out. One per thread; owns its buffers.
 */
export class OcclusionDetector {
  /** How lenient each place is judged: 1, and more around mouth and eyes, which move. */
  readonly #leniency: Float32Array;
  readonly #light = floats();
  readonly #a = floats();
  readonly #b = floats();
  readonly #seen = floats();
  /** 1 where the picture can be compared with the expectation. */
  readonly #weight = floats();
  readonly #deviation = [floats(), floats(), floats()] as const;
  readonly #means = [floats(), floats(), floats()] as const;
  readonly #counts = floats();
  readonly #gradients = [floats(), floats()] as const;
  readonly #sums = [floats(), floats(), floats(), floats(), floats(), floats()] as const;
  readonly #product = floats();
  readonly #column = floats();
  /** Mean square deviations of the face that was judged last, as in {@link ExpectedFace.spread}. */
  readonly #squares = new Float32Array(3 * portraitTexels);
  /** The face that was judged last. */
  #pose: Pick<SeenFace, 'yaw' | 'pitch'> = { yaw: 0, pitch: 0 };
  readonly #normal = new Float64Array(lightTerms * (lightTerms + 1));
  readonly #change = new Float64Array(lightTerms);
  readonly #first = new Float32Array(mostFirstPortraits);

  /** @param leniency one number per texel of a portrait */
  constructor(leniency: Float32Array) {
    this.#leniency = leniency;
  }

  /**
   * Begins an expectation: the median of what was seen, each picture in the light of the first.
   *
   * @param faces at least one, at most {@link mostFirstPortraits}
   * @param expected is overwritten
   */
  begin(faces: readonly SeenFace[], expected: ExpectedFace): void {
    const pictures = faces.map(({ portrait }) => {
      this.#decode(portrait);
      return { l: this.#light.slice(), a: this.#a.slice(), b: this.#b.slice(), seen: this.#weight.slice() };
    });
    const { lab, known, spread } = expected;
    const reference = pictures[0] as (typeof pictures)[number];
    known.fill(0);
    spread.fill(0);
    for (let i = 0; i < portraitTexels; i++) if ((reference.seen[i] as number) > 0) known[i] = 1;
    lab.set(reference.l);
    lab.set(reference.a, portraitTexels);
    lab.set(reference.b, 2 * portraitTexels);
    for (const [at, { portrait }] of faces.entries()) {
      if (at === 0) continue;
      this.#decode(portrait);
      this.#fitLight(expected);
      const picture = pictures[at] as (typeof pictures)[number];
      picture.l.set(this.#light);
      picture.a.set(this.#a);
      picture.b.set(this.#b);
    }
    const values = this.#first;
    expected.yaw = middle(faces.map(({ yaw }) => yaw));
    expected.pitch = middle(faces.map(({ pitch }) => pitch));
    expected.firstYaw = expected.yaw;
    expected.firstPitch = expected.pitch;
    expected.foreignFrames.fill(0);
    for (let i = 0; i < portraitTexels; i++) {
      for (let c = 0; c < 3; c++) {
        let count = 0;
        for (const { l, a, b, seen } of pictures) {
          if ((seen[i] as number) > 0) values[count++] = (c === 0 ? l : c === 1 ? a : b)[i] as number;
        }
        known[i] = count === 0 ? 0 : 1;
        lab[c * portraitTexels + i] = count === 0 ? 0 : medianOf(values.subarray(0, count));
      }
    }
  }

  /** Whether a face is turned too far from what was expected to be compared with it: begin anew. */
  hasTurnedAway({ firstYaw, firstPitch }: ExpectedFace, { yaw, pitch }: SeenFace): boolean {
    return (yaw - firstYaw) ** 2 + (pitch - firstPitch) ** 2 > farthestTurn ** 2;
  }

  /**
   * Judges one picture.
   *
   * @param out receives a number per texel: up to 1 it is the face itself, from 2 on something else; 0 where nothing is known
   */
  judge(expected: ExpectedFace, face: SeenFace, out: Float32Array): void {
    this.#decode(face.portrait);
    this.#fitLight(expected);
    this.#measure(expected);
    const { spread } = expected;
    const squares = this.#squares;
    const turned = toleranceOf(expected, face);
    this.#pose = face;
    for (let i = 0; i < portraitTexels; i++) {
      if ((this.#weight[i] as number) === 0) {
        out[i] = 0;
        continue;
      }
      const lenient = turned * (this.#leniency[i] as number);
      let sum = 0;
      for (let c = 0; c < 3; c++) {
        const floor = (floors[c] as number) * lenient;
        const at = c * portraitTexels + i;
        const normal = Math.max(floor * floor, learntFactor * learntFactor * (spread[at] as number));
        sum += (squares[at] as number) / normal;
      }
      out[i] = Math.min(mostScore, Math.sqrt(sum));
    }
    this.#settle(out);
  }

  /**
   * Brings down the deviations of a face that deviates all over: blurred by movement, or with its mesh beside it. Even where something
   * lies over half of a face, its least quarter is the face itself.
   */
  #settle(out: Float32Array): void {
    const values = this.#product;
    let count = 0;
    for (let i = 0; i < portraitTexels; i += fitStep) {
      if ((this.#weight[i] as number) > 0) values[count++] = out[i] as number;
    }
    if (count === 0) return;
    const quarter = values.subarray(0, count).sort()[count >> 2] as number;
    if (quarter <= mostQuarterScore) return;
    for (let i = 0; i < portraitTexels; i++) out[i] = ((out[i] as number) * mostQuarterScore) / quarter;
  }

  /**
   * Learns from the picture that was judged last, wherever nothing else is near.
   *
   * @param scores what {@link judge} gave
   */
  adapt(expected: ExpectedFace, scores: Float32Array): void {
    const { lab, known, spread, foreignFrames } = expected;
    expected.yaw += learningRate * (this.#pose.yaw - expected.yaw);
    expected.pitch += learningRate * (this.#pose.pitch - expected.pitch);
    const planes = [this.#light, this.#a, this.#b] as const;
    const foreign = this.#product;
    for (let i = 0; i < portraitTexels; i++) foreign[i] = (scores[i] as number) < mostLearntScore ? 0 : 1;
    boxSums(foreign, radii.mean, this.#column, this.#counts);
    for (let i = 0; i < portraitTexels; i++) {
      if ((this.#seen[i] as number) === 0) continue;
      if ((this.#counts[i] as number) === 0) foreignFrames[i] = 0;
      else if ((foreignFrames[i] as number) < mostForeignFrames) {
        foreignFrames[i] = (foreignFrames[i] as number) + 1;
        continue;
      }
      // A place that comes into sight is taken as it is.
      const rate = known[i] === 0 ? 1 : learningRate;
      known[i] = 1;
      for (let c = 0; c < 3; c++) {
        const at = c * portraitTexels + i;
        const value = (planes[c] as Float32Array)[i] as number;
        lab[at] = (lab[at] as number) + rate * (value - (lab[at] as number));
        spread[at] =
          (spread[at] as number) + learningRate * ((this.#squares[at] as number) - (spread[at] as number));
      }
    }
  }

  /** Planes of a portrait, and its weight: 1 where it was seen. */
  #decode(portrait: Portrait): void {
    for (let i = 0; i < portraitTexels; i++) {
      const light = portrait[i] as number;
      this.#seen[i] = light === 0 ? 0 : 1;
      this.#light[i] = light / lightSteps + lightOffset;
      this.#a[i] = (portrait[portraitTexels + i] as number) - chromaZero;
      this.#b[i] = (portrait[2 * portraitTexels + i] as number) - chromaZero;
    }
    this.#weight.set(this.#seen);
  }

  /** Brings the picture into the light of the expectation; the weight becomes 1 where the two can be compared. */
  #fitLight({ lab, known }: ExpectedFace): void {
    const weight = this.#weight;
    for (let i = 0; i < portraitTexels; i++) weight[i] = (known[i] as number) * (this.#seen[i] as number);
    this.#fitFactor(lab);
    for (let i = 0; i < portraitTexels; i++) {
      const factor = this.#factorAt(i);
      this.#light[i] = factor * (this.#light[i] as number);
      this.#a[i] = factor * (this.#a[i] as number);
      this.#b[i] = factor * (this.#b[i] as number);
    }
    this.#fitTint(this.#a, lab, portraitTexels);
    this.#fitTint(this.#b, lab, 2 * portraitTexels);
  }

  #fitFactor(lab: Float32Array): void {
    const change = this.#change;
    const values = this.#product;
    let count = 0;
    for (let i = 0; i < portraitTexels; i += fitStep) {
      if ((this.#weight[i] as number) > 0) values[count++] = (lab[i] as number) / (this.#light[i] as number);
    }
    change.fill(0);
    change[0] = count === 0 ? 1 : medianOf(values.subarray(0, count));
    for (const reach of fitReaches) {
      this.#normal.fill(0);
      for (let i = 0; i < portraitTexels; i += fitStep) {
        if ((this.#weight[i] as number) === 0) continue;
        const light = this.#light[i] as number;
        const wanted = lab[i] as number;
        const error = (this.#factorAt(i) * light - wanted) / reach;
        if (Math.abs(error) >= 1) continue;
        const share = (1 - error * error) ** 2;
        addEquation(this.#normal, i, wanted / light - (change[0] as number), share);
      }
      const [first] = change;
      solve(this.#normal, change);
      change[0] = (change[0] as number) + (first as number);
    }
  }

  #factorAt(i: number): number {
    const x = (i % portraitSize) / half - 1;
    const y = Math.floor(i / portraitSize) / half - 1;
    const c = this.#change;
    return (
      (c[0] as number) +
      (c[1] as number) * x +
      (c[2] as number) * y +
      (c[3] as number) * x * x +
      (c[4] as number) * x * y +
      (c[5] as number) * y * y
    );
  }

  /** Takes the usual difference from what is expected out of a plane of colour. */
  #fitTint(plane: Float32Array, lab: Float32Array, offset: number): void {
    const values = this.#product;
    let count = 0;
    for (let i = 0; i < portraitTexels; i += fitStep) {
      if ((this.#weight[i] as number) > 0) {
        values[count++] = (lab[offset + i] as number) - (plane[i] as number);
      }
    }
    const tint = count === 0 ? 0 : medianOf(values.subarray(0, count));
    for (let i = 0; i < portraitTexels; i++) plane[i] = (plane[i] as number) + tint;
  }

  /** Squares of the three deviations. */
  #measure({ lab }: ExpectedFace): void {
    const [dl, da, db] = this.#deviation;
    const weight = this.#weight;
    for (let i = 0; i < portraitTexels; i++) {
      const w = weight[i] as number;
      dl[i] = w * ((this.#light[i] as number) - (lab[i] as number));
      da[i] = w * ((this.#a[i] as number) - (lab[portraitTexels + i] as number));
      db[i] = w * ((this.#b[i] as number) - (lab[2 * portraitTexels + i] as number));
    }
    const [ml, ma, mb] = this.#means;
    const counts = this.#counts;
    boxSums(weight, radii.mean, this.#column, counts);
    boxSums(dl, radii.mean, this.#column, ml);
    boxSums(da, radii.mean, this.#column, ma);
    boxSums(db, radii.mean, this.#column, mb);
    for (let i = 0; i < portraitTexels; i++) {
      const n = Math.max(1, counts[i] as number);
      this.#squares[i] = ((ml[i] as number) / n) ** 2;
      this.#squares[portraitTexels + i] = ((ma[i] as number) ** 2 + (mb[i] as number) ** 2) / (n * n);
    }
    this.#measureStructure(lab);
  }

  /** What is left of the fine deviation of light when each patch may lie a little beside its expected place. */
  #measureStructure(lab: Float32Array): void {
    const [dl] = this.#deviation;
    const weight = this.#weight;
    const counts = this.#counts;
    const [ml] = this.#means;
    boxSums(weight, radii.coarse, this.#column, counts);
    boxSums(dl, radii.coarse, this.#column, ml);
    const [gx, gy] = this.#gradients;
    for (let i = 0; i < portraitTexels; i++) {
      const w = weight[i] as number;
      dl[i] = w * ((dl[i] as number) - (ml[i] as number) / Math.max(1, counts[i] as number));
      const x = i % portraitSize;
      const isInner = x > 0 && x < portraitSize - 1 && i >= portraitSize && i < portraitTexels - portraitSize;
      const hasX = isInner && (weight[i - 1] as number) * (weight[i + 1] as number) * w > 0;
      const hasY =
        isInner && (weight[i - portraitSize] as number) * (weight[i + portraitSize] as number) * w > 0;
      gx[i] = hasX ? ((lab[i + 1] as number) - (lab[i - 1] as number)) / 2 : 0;
      gy[i] = hasY ? ((lab[i + portraitSize] as number) - (lab[i - portraitSize] as number)) / 2 : 0;
    }
    boxSums(weight, radii.patch, this.#column, counts);
    const [xx, xy, yy, xd, yd, dd] = this.#sums;
    this.#patchSums(gx, gx, xx);
    this.#patchSums(gx, gy, xy);
    this.#patchSums(gy, gy, yy);
    this.#patchSums(gx, dl, xd);
    this.#patchSums(gy, dl, yd);
    this.#patchSums(dl, dl, dd);
    for (let i = 0; i < portraitTexels; i++) {
      const n = Math.max(1, counts[i] as number);
      const a = (xx[i] as number) + n * shiftCost;
      const b = xy[i] as number;
      const c = (yy[i] as number) + n * shiftCost;
      const p = xd[i] as number;
      const q = yd[i] as number;
      const determinant = a * c - b * b;
      let u = (c * p - b * q) / determinant;
      let v = (a * q - b * p) / determinant;
      const length = Math.sqrt(u * u + v * v);
      if (length > mostShift) {
        u *= mostShift / length;
        v *= mostShift / length;
      }
      const rest = (dd[i] as number) - 2 * (u * p + v * q) + a * u * u + 2 * b * u * v + c * v * v;
      this.#squares[2 * portraitTexels + i] = Math.max(0, rest) / n;
    }
  }

  #patchSums(first: Float32Array, second: Float32Array, out: Float32Array): void {
    const product = this.#product;
    for (let i = 0; i < portraitTexels; i++) product[i] = (first[i] as number) * (second[i] as number);
    boxSums(product, radii.patch, this.#column, out);
  }
}

const floors = [leastDeviation.light, leastDeviation.colour, leastDeviation.structure] as const;

/** Middle of a portrait's side. */
const half = (portraitSize - 1) / 2;

/** Light is fitted to every so manieth texel; odd, so that all columns are met. */
const fitStep = 5;

/** Deviations of L beyond which a texel says nothing about the light, fit by fit. */
const fitReaches = [25, 15, 12] as const;

/** Keeps patches without structure where they are. */
const shiftCost = 0.5;

const middle = (values: number[]): number => medianOf(Float32Array.from(values));

/**
 * How much more a face may deviate because its head is turned otherwise than it usually is, or so far that the mesh is a guess in part.
 */
function toleranceOf(usual: ExpectedFace, { yaw, pitch }: SeenFace): number {
  const turn = Math.sqrt((yaw - usual.yaw) ** 2 + (pitch - usual.pitch) ** 2);
  const far = Math.max(0, Math.abs(yaw) - 0.25) + Math.max(0, Math.abs(pitch) - 0.35);
  return 1 + 4 * Math.max(0, turn - 0.06) + 6 * far;
}

/** Of two middle values the lower one; reorders the values. */
function medianOf(values: Float32Array): number {
  values.sort();
  return values[(values.length - 1) >> 1] as number;
}

/** Sums over squares of 2 × radius + 1 texels; beyond the border there is nothing. */
function boxSums(plane: Float32Array, radius: number, work: Float32Array, out: Float32Array): void {
  for (let y = 0; y < portraitSize; y++) {
    const row = y * portraitSize;
    let sum = 0;
    for (let x = 0; x < radius; x++) sum += plane[row + x] as number;
    for (let x = 0; x < portraitSize; x++) {
      if (x + radius < portraitSize) sum += plane[row + x + radius] as number;
      work[row + x] = sum;
      if (x >= radius) sum -= plane[row + x - radius] as number;
    }
  }
  // Down the columns row by row, which is the order of the memory.
  columnSums.fill(0);
  for (let y = -radius; y < portraitSize; y++) {
    const entering = (y + radius) * portraitSize;
    const leaving = (y - radius - 1) * portraitSize;
    const row = y * portraitSize;
    if (y + radius < portraitSize) {
      for (let x = 0; x < portraitSize; x++) {
        columnSums[x] = (columnSums[x] as number) + (work[entering + x] as number);
      }
    }
    if (leaving >= 0) {
      for (let x = 0; x < portraitSize; x++) {
        columnSums[x] = (columnSums[x] as number) - (work[leaving + x] as number);
      }
    }
    if (y >= 0) out.set(columnSums, row);
  }
}

const columnSums = new Float32Array(portraitSize);

const termsAt = new Float64Array(lightTerms);

/** The terms of the light's change at a texel. */
function writeTerms(i: number): void {
  const x = (i & (portraitSize - 1)) / half - 1;
  const y = Math.floor(i / portraitSize) / half - 1;
  termsAt[0] = 1;
  termsAt[1] = x;
  termsAt[2] = y;
  termsAt[3] = x * x;
  termsAt[4] = x * y;
  termsAt[5] = y * y;
}

/** Adds a texel to the normal equations: rows of `lightTerms` and the right side. */
function addEquation(normal: Float64Array, i: number, value: number, share: number): void {
  writeTerms(i);
  for (let r = 0; r < lightTerms; r++) {
    const row = r * (lightTerms + 1);
    const term = share * (termsAt[r] as number);
    for (let c = 0; c < lightTerms; c++) {
      normal[row + c] = (normal[row + c] as number) + term * (termsAt[c] as number);
    }
    normal[row + r] = (normal[row + r] as number) + (heldBack[r] as number);
    normal[row + lightTerms] = (normal[row + lightTerms] as number) + term * value;
  }
}

/** Gaussian elimination; the equations are positive definite wherever there is any. A term without any becomes 0. */
function solve(normal: Float64Array, out: Float64Array): void {
  const width = lightTerms + 1;
  for (let r = 0; r < lightTerms; r++) {
    const pivot = normal[r * width + r] as number;
    if (pivot < 1e-9) continue;
    for (let below = r + 1; below < lightTerms; below++) {
      const factor = (normal[below * width + r] as number) / pivot;
      for (let c = r; c < width; c++) {
        normal[below * width + c] =
          (normal[below * width + c] as number) - factor * (normal[r * width + c] as number);
      }
    }
  }
  for (let r = lightTerms - 1; r >= 0; r--) {
    const pivot = normal[r * width + r] as number;
    let value = normal[r * width + lightTerms] as number;
    for (let c = r + 1; c < lightTerms; c++) value -= (normal[r * width + c] as number) * (out[c] as number);
    out[r] = pivot < 1e-9 ? 0 : value / pivot;
  }
}
