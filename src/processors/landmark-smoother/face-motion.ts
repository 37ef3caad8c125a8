import { type Affine, cropToFrame, invertAffine } from '../../imaging/affine.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { type FaceMesh, landmarkInputPx } from '../face-landmarker/face-landmarker.js';
import { meshPointCount } from '../face-landmarker/mesh-indices.js';
import { rigidPoints } from './rigid-points.js';

/** Numbers of a {@link FaceMotion} in a list: a, b, c, d, sureness. */
export const motionLength = 5;

/**
 * How a face moved since it was last seen, measured on its pixels: `x' = a·x − b·y + c`, `y' = b·x + a·y + d` in frame pixels, and
 * how sure that is, 0 (nothing is known) to 1. A list of {@link motionLength} numbers.
 */
export type FaceMotion = Float32Array;

/** Side of the picture of a face that is compared: half of the landmark model's input. */
const viewPx = landmarkInputPx / 2;
const viewLength = viewPx * viewPx;

/** Steps of the search; the last change nothing any more. */
const mostSteps = 8;
/** A step that moves the face's edge by less than this, in pixels of the view, is the last. */
const smallestStepPx = 0.002;
/** Steps before outliers (lids, shadows, a hand) lose their weight. */
const plainSteps = 2;

/** What moves further than this from where the landmarks say, in pixels of the view, is not believed: about 8 % of the eye distance. */
const largestCorrectionPx = 3;

/** Squared Mahalanobis radius of the ellipse of pixels around the rigid points: their own extent in a frontal face. */
const ellipseRadius = 3.2;

/** Unknowns: shift in x and y, growth, turn, gain and offset of light. */
const unknowns = 6;

/** What is kept of a face until it is seen again. */
type View = {
  luma: Float32Array;
  points: Float32Array;
  crop: FaceMesh['crop'];
  index: number;
};

/** A similarity in pixels of views around their middle: `x' = a·x − b·y + c`. */
type Similarity = { a: number; b: number; c: number; d: number };

const luma = { red: 0.299, green: 0.587, blue: 0.114 } as const;

/**
 * Measures how faces move from frame to frame on their pixels: the landmark model's own reading trembles by more than a percent of
 * the distance between the eyes, while a face's skin, nose and brows can be laid over those of the frame before to some hundredths of a percent.
 *
 * The face as the landmark model saw it is laid over what it saw in the frame before (Baker and Matthews, "Lucas-Kanade 20 years on", 2004,
 * inverse compositional search; a similarity, with gain and offset of light), beginning where the landmarks say. Only what is above
 * the base of the nose counts, since speech moves the rest, and pixels that fit badly count less. One per segment; about half a millisecond a
 * face.
 */
export class FaceMotionReader {
  readonly #views = new Map<number, View>();
  /** Faces that were looked at and belong to no track yet. */
  readonly #unsettled = new Map<object, View>();
  readonly #spare: View[] = [];
  readonly #work = {
    pixels: new Uint16Array(viewLength),
    gradients: new Float32Array(unknowns * viewLength),
    weights: new Float32Array(viewLength),
    errors: new Float32Array(viewLength),
    hessian: new Float64Array(unknowns * unknowns),
    right: new Float64Array(unknowns),
  };

  /** Forgets all faces: at a cut. What was looked at and is not settled stays. */
  reset(): void {
    for (const view of this.#views.values()) this.#spare.push(view);
    this.#views.clear();
  }

  /**
   * Looks at a face while the landmark model's input still holds it; which track it belongs to is told later, by {@link settle}.
   *
   * @param key of the face until then
   * @param input what the landmark model saw: planar RGB 0..1, 3 × 192 × 192
   */
  look(key: object, mesh: FaceMesh, input: Float32Array): void {
    const view = this.#unsettled.get(key) ??
      this.#spare.pop() ?? {
        luma: new Float32Array(viewLength),
        points: new Float32Array(3 * meshPointCount),
        crop: mesh.crop,
        index: 0,
      };
    this.#read(input, view.luma);
    view.points.set(mesh.points);
    view.crop = mesh.crop;
    this.#unsettled.set(key, view);
  }

  /**
   * Reads the motion of a face that was looked at, since its track was last seen.
   *
   * @param out receives the motion; sureness 0 when the track was not seen in the last `reachFrames` frames
   */
  settle(
    key: object,
    trackId: number,
    index: number,
    { out, reachFrames }: { readonly out: FaceMotion; readonly reachFrames: number },
  ): void {
    out.fill(0);
    const view = this.#unsettled.get(key);
    if (view === undefined) return;
    this.#unsettled.delete(key);
    const before = this.#views.get(trackId);
    if (before !== undefined) {
      if (index - before.index <= reachFrames) this.#measure(before, view, out);
      this.#spare.push(before);
    }
    view.index = index;
    this.#views.set(trackId, view);
  }

  /** Forgets what was looked at and belongs to no track. */
  dropUnsettled(): void {
    for (const view of this.#unsettled.values()) this.#spare.push(view);
    this.#unsettled.clear();
  }

  /** Luma of the input at half size, in 8-bit levels, blurred a little, so that what lies between pixels can be told. */
  #read(input: Float32Array, out: Float32Array): void {
    const plane = landmarkInputPx * landmarkInputPx;
    const { errors: half } = this.#work;
    for (let y = 0; y < viewPx; y++) {
      for (let x = 0; x < viewPx; x++) {
        const at = 2 * y * landmarkInputPx + 2 * x;
        half[y * viewPx + x] =
          63.75 *
          (luma.red * sumOfBlock(input, at) +
            luma.green * sumOfBlock(input, at + plane) +
            luma.blue * sumOfBlock(input, at + 2 * plane));
      }
    }
    const last = viewPx - 1;
    const across = this.#work.weights;
    for (let i = 0; i < viewLength; i++) {
      const x = i % viewPx;
      across[i] =
        0.5 * (half[i] as number) +
        0.25 * ((half[x > 0 ? i - 1 : i] as number) + (half[x < last ? i + 1 : i] as number));
    }
    for (let i = 0; i < viewLength; i++) {
      const above = i >= viewPx ? i - viewPx : i;
      const below = i < viewLength - viewPx ? i + viewPx : i;
      out[i] = 0.5 * (across[i] as number) + 0.25 * ((across[above] as number) + (across[below] as number));
    }
  }

  #measure(before: View, now: View, out: FaceMotion): void {
    const fromBefore = cropToFrame(before.crop.centre, before.crop.sidePx, before.crop.rollRadians, viewPx);
    const toNow = invertAffine(cropToFrame(now.crop.centre, now.crop.sidePx, now.crop.rollRadians, viewPx));
    const guess = rigidSimilarity(before.points, fromBefore, now.points, toNow);
    const count = this.#choosePixels(before.points, invertAffine(fromBefore));
    if (count < 100) return;
    this.#takeGradients(before.luma, count);
    const found = { ...guess };
    this.#work.weights.fill(1, 0, count);
    this.#weighSteps(count);
    let sureness = 0;
    for (let step = 0; step < mostSteps; step++) {
      const fit = this.#compare(before.luma, now.luma, { similarity: found, count });
      if (step === plainSteps) {
        this.#weighPixels(fit.spread, count);
        this.#weighSteps(count);
      }
      sureness = smoothstep(0.5, 0.85, fit.explained);
      const moved = this.#step(found);
      if (moved === null) return;
      if (moved < smallestStepPx && step > plainSteps) break;
    }
    const radius = viewPx / 4;
    const off =
      Math.hypot(found.c - guess.c, found.d - guess.d) +
      radius * Math.hypot(found.a - guess.a, found.b - guess.b);
    sureness *= 1 - smoothstep(0.6 * largestCorrectionPx, largestCorrectionPx, off);
    if (sureness > 0) writeMotion(found, fromBefore, now.crop, sureness, out);
  }

  /** Lists the pixels of the view that lie in the ellipse of the rigid points. */
  #choosePixels(points: Float32Array, toView: Affine): number {
    let x = 0;
    let y = 0;
    for (const i of rigidPoints) {
      x += points[3 * i] as number;
      y += points[3 * i + 1] as number;
    }
    x /= rigidPoints.length;
    y /= rigidPoints.length;
    const middleX = toView.a * x + toView.b * y + toView.c;
    const middleY = toView.d * x + toView.e * y + toView.f;
    let xx = 0;
    let xy = 0;
    let yy = 0;
    for (const i of rigidPoints) {
      const px = points[3 * i] as number;
      const py = points[3 * i + 1] as number;
      const dx = toView.a * px + toView.b * py + toView.c - middleX;
      const dy = toView.d * px + toView.e * py + toView.f - middleY;
      xx += dx * dx;
      xy += dx * dy;
      yy += dy * dy;
    }
    xx /= rigidPoints.length;
    xy /= rigidPoints.length;
    yy /= rigidPoints.length;
    const determinant = xx * yy - xy * xy;
    if (!(determinant > 1)) return 0;
    const { pixels } = this.#work;
    let count = 0;
    for (let row = 1; row < viewPx - 1; row++) {
      const dy = row - middleY;
      for (let column = 1; column < viewPx - 1; column++) {
        const dx = column - middleX;
        if (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy > ellipseRadius * determinant) continue;
        pixels[count] = row * viewPx + column;
        count++;
      }
    }
    return count;
  }

  /** How the pixels would change with each unknown. */
  #takeGradients(view: Float32Array, count: number): void {
    const { pixels, gradients } = this.#work;
    const middle = (viewPx - 1) / 2;
    for (let i = 0; i < count; i++) {
      const at = pixels[i] as number;
      const gx = 0.5 * ((view[at + 1] as number) - (view[at - 1] as number));
      const gy = 0.5 * ((view[at + viewPx] as number) - (view[at - viewPx] as number));
      const x = (at % viewPx) - middle;
      const y = Math.floor(at / viewPx) - middle;
      const to = unknowns * i;
      gradients[to] = gx;
      gradients[to + 1] = gy;
      gradients[to + 2] = gx * x + gy * y;
      gradients[to + 3] = gy * x - gx * y;
      gradients[to + 4] = view[at] as number;
      gradients[to + 5] = 1;
    }
  }

  /** The normal equations' matrix for the present weights. */
  #weighSteps(count: number): void {
    const { gradients, weights, hessian } = this.#work;
    hessian.fill(0);
    for (let i = 0; i < count; i++) {
      const weight = weights[i] as number;
      const from = unknowns * i;
      for (let r = 0; r < unknowns; r++) {
        const value = weight * (gradients[from + r] as number);
        for (let c = r; c < unknowns; c++) {
          const to = unknowns * r + c;
          hessian[to] = (hessian[to] as number) + value * (gradients[from + c] as number);
        }
      }
    }
    for (let r = 0; r < unknowns; r++) {
      for (let c = 0; c < r; c++) hessian[unknowns * r + c] = hessian[unknowns * c + r] as number;
    }
  }

  /**
   * Lays the present view over the one before, and writes errors and the right side of the normal equations.
   *
   * @returns the errors' spread, and the share of the contrast that is explained
   */
  #compare(
    view: Float32Array,
    now: Float32Array,
    { similarity: { a, b, c, d }, count }: { readonly similarity: Similarity; readonly count: number },
  ): { readonly spread: number; readonly explained: number } {
    const { pixels, errors, weights, gradients, right } = this.#work;
    const middle = (viewPx - 1) / 2;
    const last = viewPx - 1.001;
    right.fill(0);
    let total = 0;
    let sum = 0;
    let squares = 0;
    let errorSum = 0;
    let errorSquares = 0;
    for (let i = 0; i < count; i++) {
      const at = pixels[i] as number;
      const x = (at % viewPx) - middle;
      const y = Math.floor(at / viewPx) - middle;
      const fromX = Math.min(last, Math.max(0, a * x - b * y + c + middle));
      const fromY = Math.min(last, Math.max(0, b * x + a * y + d + middle));
      const wholeX = Math.floor(fromX);
      const wholeY = Math.floor(fromY);
      const fx = fromX - wholeX;
      const fy = fromY - wholeY;
      const corner = wholeY * viewPx + wholeX;
      const above = (now[corner] as number) * (1 - fx) + (now[corner + 1] as number) * fx;
      const below = (now[corner + viewPx] as number) * (1 - fx) + (now[corner + viewPx + 1] as number) * fx;
      const value = view[at] as number;
      const error = above * (1 - fy) + below * fy - value;
      errors[i] = error;
      const weight = weights[i] as number;
      for (let r = 0; r < unknowns; r++) {
        right[r] = (right[r] as number) + weight * (gradients[unknowns * i + r] as number) * error;
      }
      total += weight;
      sum += weight * value;
      squares += weight * value * value;
      errorSum += weight * error;
      errorSquares += weight * error * error;
    }
    const variance = squares / total - (sum / total) ** 2;
    const errorVariance = errorSquares / total - (errorSum / total) ** 2;
    return { spread: Math.sqrt(Math.max(0, errorVariance)), explained: 1 - errorVariance / (variance || 1) };
  }

  /** Weights that fall with the error against the spread of all, which has a floor: grain is no outlier. */
  #weighPixels(spread: number, count: number): void {
    const { errors, weights } = this.#work;
    let mean = 0;
    for (let i = 0; i < count; i++) mean += errors[i] as number;
    mean /= count;
    const unit = 1.5 * Math.max(1, spread);
    for (let i = 0; i < count; i++) {
      const error = ((errors[i] as number) - mean) / unit;
      weights[i] = 1 / (1 + error * error) ** 2;
    }
  }

  /** @returns how far the step moved the face's edge in pixels, or null where the pixels do not say */
  #step(found: Similarity): number | null {
    const { hessian, right } = this.#work;
    const step = solve(hessian, right);
    if (step === null) return null;
    const [dx, dy, growth, turn] = step as unknown as [number, number, number, number];
    // The step is of the view before; its inverse is appended to what was found.
    const scale = 1 + growth;
    const norm = scale * scale + turn * turn;
    const a = scale / norm;
    const b = -turn / norm;
    const c = -(a * dx - b * dy);
    const d = -(b * dx + a * dy);
    const next = {
      a: found.a * a - found.b * b,
      b: found.b * a + found.a * b,
      c: found.a * c - found.b * d + found.c,
      d: found.b * c + found.a * d + found.d,
    };
    Object.assign(found, next);
    return Math.hypot(dx, dy) + (viewPx / 4) * Math.hypot(growth, turn);
  }
}

/** The sum of two by two pixels of the landmark model's input. */
const sumOfBlock = (input: Float32Array, at: number): number =>
  (input[at] as number) +
  (input[at + 1] as number) +
  (input[at + landmarkInputPx] as number) +
  (input[at + landmarkInputPx + 1] as number);

/** The least-squares similarity of the rigid points from the view before to the present one, around the views' middles. */
function rigidSimilarity(
  before: Float32Array,
  fromBefore: Affine,
  now: Float32Array,
  toNow: Affine,
): Similarity {
  const toBefore = invertAffine(fromBefore);
  const middle = (viewPx - 1) / 2;
  const n = rigidPoints.length;
  let px = 0;
  let py = 0;
  let qx = 0;
  let qy = 0;
  const from = new Float64Array(2 * n);
  const to = new Float64Array(2 * n);
  for (let k = 0; k < n; k++) {
    const i = rigidPoints[k] as number;
    const [x, y] = [before[3 * i] as number, before[3 * i + 1] as number];
    const [u, v] = [now[3 * i] as number, now[3 * i + 1] as number];
    from[2 * k] = toBefore.a * x + toBefore.b * y + toBefore.c - middle;
    from[2 * k + 1] = toBefore.d * x + toBefore.e * y + toBefore.f - middle;
    to[2 * k] = toNow.a * u + toNow.b * v + toNow.c - middle;
    to[2 * k + 1] = toNow.d * u + toNow.e * v + toNow.f - middle;
    px += (from[2 * k] as number) / n;
    py += (from[2 * k + 1] as number) / n;
    qx += (to[2 * k] as number) / n;
    qy += (to[2 * k + 1] as number) / n;
  }
  let same = 0;
  let turned = 0;
  let norm = 0;
  for (let k = 0; k < n; k++) {
    const x = (from[2 * k] as number) - px;
    const y = (from[2 * k + 1] as number) - py;
    const u = (to[2 * k] as number) - qx;
    const v = (to[2 * k + 1] as number) - qy;
    same += x * u + y * v;
    turned += x * v - y * u;
    norm += x * x + y * y;
  }
  const a = same / (norm || 1);
  const b = turned / (norm || 1);
  return { a, b, c: qx - a * px + b * py, d: qy - b * px - a * py };
}

/** The motion in frame pixels: out of the view before, over, and out into the present frame. */
function writeMotion(
  { a, b, c, d }: Similarity,
  fromBefore: Affine,
  crop: FaceMesh['crop'],
  sureness: number,
  out: FaceMotion,
): void {
  const toBefore = invertAffine(fromBefore);
  const toFrame = cropToFrame(crop.centre, crop.sidePx, crop.rollRadians, viewPx);
  const middle = (viewPx - 1) / 2;
  // All three are similarities, so that the first column tells the turn and the scale.
  const placed = (x: number, y: number): readonly [number, number] => {
    const u = toBefore.a * x + toBefore.b * y + toBefore.c - middle;
    const v = toBefore.d * x + toBefore.e * y + toBefore.f - middle;
    const p = a * u - b * v + c + middle;
    const q = b * u + a * v + d + middle;
    return [toFrame.a * p + toFrame.b * q + toFrame.c, toFrame.d * p + toFrame.e * q + toFrame.f];
  };
  const [originX, originY] = placed(0, 0);
  const [oneX, oneY] = placed(1, 0);
  out[0] = oneX - originX;
  out[1] = oneY - originY;
  out[2] = originX;
  out[3] = originY;
  out[4] = sureness;
}

/** Solves a symmetric system by Gaussian elimination with scaling of the diagonal; null where it is singular. */
function solve(matrix: Float64Array, right: Float64Array): Float64Array | null {
  const n = right.length;
  const scale = Float64Array.from(right, (_, r) => 1 / Math.sqrt((matrix[n * r + r] as number) || 1));
  const rows = Float64Array.from(
    matrix,
    (value, k) => value * (scale[Math.floor(k / n)] as number) * (scale[k % n] as number),
  );
  const out = Float64Array.from(right, (value, r) => value * (scale[r] as number));
  for (let p = 0; p < n; p++) {
    const pivot = rows[n * p + p] as number;
    if (!(pivot > 1e-6)) return null;
    for (let r = p + 1; r < n; r++) {
      const share = (rows[n * r + p] as number) / pivot;
      for (let c = p; c < n; c++) {
        rows[n * r + c] = (rows[n * r + c] as number) - share * (rows[n * p + c] as number);
      }
      out[r] = (out[r] as number) - share * (out[p] as number);
    }
  }
  for (let p = n - 1; p >= 0; p--) {
    let value = out[p] as number;
    for (let c = p + 1; c < n; c++) value -= (rows[n * p + c] as number) * (out[c] as number);
    out[p] = value / (rows[n * p + p] as number);
  }
  for (let r = 0; r < n; r++) out[r] = (out[r] as number) * (scale[r] as number);
  return out;
}
