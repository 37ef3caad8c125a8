import { FaceswapError } from '../../errors.js';
import { smoothstep } from '../../imaging/plane-ops.js';
import { leftEyeOuter, meshPointCount, rightEyeOuter } from '../face-landmarker/mesh-indices.js';
import { restoreExpression } from './expression.js';
import { rigidPoints } from './rigid-points.js';
import type { SureSimilarity } from './similarity.js';

/** A mesh of one track at a distance from the frame that is being smoothed. */
export type TimedMesh = {
  /** Frames from the frame in question: negative is the past. */
  readonly offset: number;
  /** 468 × (x, y, z) in frame pixels. */
  readonly points: Float32Array;
  /** How the face moved from this frame to the one in question, as its pixels say; absent: nothing is known. */
  readonly toCentre?: SureSimilarity | undefined;
};

/** How landmarks are steadied over time: two-sided window, causal exponential average, or not at all. */
export type SmootherSettings = {
  readonly mode: 'window' | 'ema' | 'none';
  /** `window`: frames to either side; `ema`: frames that are averaged, the present one included. 2..7 */
  readonly windowFrames: number;
  /** `ema`: weight of the present frame, 0..1; the frame before has 1 − alpha of it, and so on. */
  readonly alpha: number;
};

/** Standard deviations of the time weights, as shares of the window. */
const shapeSigmaShare = 0.44;
const poseSigmaShare = 0.44;
const surePoseSigmaShare = 0.44;

/** Distances, in inter-ocular units, that count as movement rather than as noise of the landmark model. */
const shapeNoise = 0.022;
const poseNoise = 0.012;
/** Two averages of a point that lie further apart mean that it moves. */
const shapeChange = 0.012;

/** Most neighbours that one call can be given: one per frame, as far as anything looks to both sides. */
const mostNeighbours = 64;

/** Working memory, so that nothing is allocated per face and frame. One thread works on one mesh at a time. */
const filledIn = new Float32Array(3 * meshPointCount);
const aligned = new Float32Array(3 * meshPointCount);
const evenShape = new Float32Array(3 * meshPointCount);
const weightSums = new Float32Array(meshPointCount);
const offsets = new Float64Array(mostNeighbours);
const values = new Float64Array(mostNeighbours);
const fitWeights = new Float64Array(mostNeighbours);
const sureWeights = new Float64Array(mostNeighbours);
/** Poses of the neighbours, four numbers each, where they are and where their movement takes them; then those of the frame itself, of its averaged shape, and the fitted one. */
const poses = new Float64Array(4 * mostNeighbours);
const carriedPoses = new Float64Array(4 * mostNeighbours);
const centrePose = new Float64Array(4);
const shapePose = new Float64Array(4);
const fittedPose = new Float64Array(4);

/**
 * Steadies a mesh with its neighbours in time, inside one shot and one track (the caller passes no others).
 *
 * `window` has no lag. Place, size and roll of the head come from all neighbours, each carried to this frame by the movement that was
 * measured on the face's pixels (`face-motion.ts`), so that neither shake nor a sudden stop is damped. Where that movement is not sure, they are
 * fitted by a line over the window (least squares, weights fall with time), by a parabola where the movement bends. The shape that is left is averaged point by point over the
 * neighbours brought onto the frame's own pose, and a neighbour whose point really moved (speech, blink) counts less.
 *
 * @param neighbours sorted by offset, at most 64; offset 0 may be missing, then the mesh is filled in
 * @param out receives the mesh, and is none of the neighbours' own; a new list when left out
 * @returns `out`: 468 × (x, y, z), or null when a missing frame has no neighbours on both sides
 * @throws FaceswapError (bug) for more neighbours
 */
export function smoothMesh(
  neighbours: readonly TimedMesh[],
  { mode, windowFrames, alpha }: SmootherSettings,
  out: Float32Array = new Float32Array(3 * meshPointCount),
): Float32Array | null {
  if (neighbours.length > mostNeighbours) {
    throw new FaceswapError('bug', `The smoother was given ${neighbours.length} meshes`);
  }
  let centre: Float32Array | null = null;
  for (const { offset, points } of neighbours) if (offset === 0) centre = points;
  const isSeen = centre !== null;
  centre ??= interpolated(neighbours);
  if (centre === null) return null;
  if (mode === 'none') {
    out.set(centre);
    return out;
  }
  const scale = interOcular(centre);
  if (mode === 'ema') {
    writeCausalAverage(neighbours, { centre, isSeen, scale, windowFrames, alpha }, out);
    return out;
  }
  writeAveragedShape(neighbours, centre, { scale, windowFrames }, out);
  restoreExpression(out, centre, scale);
  writePose(out, shapePose, 0);
  writeSmoothedPose(neighbours, centre, { scale, windowFrames });
  moveToPose(out, shapePose, fittedPose);
  return out;
}

/** Two points of the face's midline that no expression moves. */
const browMiddle = 9;
const noseTip = 4;

// Places in a pose: centre, log-size and roll of the rigid points.
const poseX = 0;
const poseY = 1;
const poseSize = 2;
const poseRoll = 3;

function writePose(points: Float32Array, out: Float64Array, at: number): void {
  let x = 0;
  let y = 0;
  for (const i of rigidPoints) {
    x += points[3 * i] as number;
    y += points[3 * i + 1] as number;
  }
  x /= rigidPoints.length;
  y /= rigidPoints.length;
  let spread = 0;
  for (const i of rigidPoints) {
    spread += ((points[3 * i] as number) - x) ** 2 + ((points[3 * i + 1] as number) - y) ** 2;
  }
  out[at + poseX] = x;
  out[at + poseY] = y;
  out[at + poseSize] = Math.log(Math.sqrt(spread / rigidPoints.length) || 1);
  // The roll over many pairs of mirrored points would be steadier still; eye corners and the face's midline are enough.
  out[at + poseRoll] = Math.atan2(
    (points[3 * leftEyeOuter + 1] as number) -
      (points[3 * rightEyeOuter + 1] as number) +
      ((points[3 * browMiddle] as number) - (points[3 * noseTip] as number)),
    (points[3 * leftEyeOuter] as number) -
      (points[3 * rightEyeOuter] as number) +
      ((points[3 * noseTip + 1] as number) - (points[3 * browMiddle + 1] as number)),
  );
}

/** Distance of the outer eye corners in 3-D, so that a turned head keeps its measure. */
export function interOcular(points: Float32Array): number {
  return (
    Math.hypot(
      (points[3 * leftEyeOuter] as number) - (points[3 * rightEyeOuter] as number),
      (points[3 * leftEyeOuter + 1] as number) - (points[3 * rightEyeOuter + 1] as number),
      (points[3 * leftEyeOuter + 2] as number) - (points[3 * rightEyeOuter + 2] as number),
    ) || 1
  );
}

const timeWeight = (offset: number, sigmaFrames: number): number =>
  Math.exp(-(offset * offset) / (2 * sigmaFrames * sigmaFrames));

type Reach = { readonly scale: number; readonly windowFrames: number };

/** Fits the frame's pose by those of its neighbours into {@link fittedPose}. */
function writeSmoothedPose(
  neighbours: readonly TimedMesh[],
  centre: Float32Array,
  { scale, windowFrames }: Reach,
): void {
  writePose(centre, centrePose, 0);
  let count = 0;
  let sure = 0;
  let total = 0;
  for (const { offset, points, toCentre } of neighbours) {
    if (Math.abs(offset) > windowFrames) continue;
    offsets[count] = offset;
    fitWeights[count] = timeWeight(offset, poseSigmaShare * windowFrames);
    writePose(points, poses, 4 * count);
    const weight = timeWeight(offset, surePoseSigmaShare * windowFrames);
    const sureness = toCentre === undefined ? 0 : (toCentre[4] as number);
    sureWeights[count] = weight * sureness;
    if (toCentre !== undefined) carryPose(toCentre, count);
    if (offset !== 0) {
      sure += weight * sureness;
      total += weight;
    }
    count++;
  }
  const trust = total === 0 ? 0 : smoothstep(0.2, 0.6, sure / total);
  for (const [part, unit] of [
    [poseX, poseNoise * scale],
    [poseY, poseNoise * scale],
    [poseSize, poseNoise * 0.6],
    [poseRoll, poseNoise * 0.8],
  ] as const) {
    const plain = trust < 1 ? fitPosePart(part, count, unit, poses, fitWeights) : 0;
    const carried = trust > 0 ? fitPosePart(part, count, unit, carriedPoses, sureWeights) : 0;
    fittedPose[part] = (centrePose[part] as number) + plain * (1 - trust) + carried * trust;
  }
}

/** Takes a neighbour's pose to where its movement leads. */
function carryPose(toCentre: SureSimilarity, at: number): void {
  const [a, b, c, d] = toCentre as unknown as [number, number, number, number];
  const x = poses[4 * at + poseX] as number;
  const y = poses[4 * at + poseY] as number;
  carriedPoses[4 * at + poseX] = a * x - b * y + c;
  carriedPoses[4 * at + poseY] = b * x + a * y + d;
  carriedPoses[4 * at + poseSize] = (poses[4 * at + poseSize] as number) + Math.log(Math.hypot(a, b) || 1);
  carriedPoses[4 * at + poseRoll] = (poses[4 * at + poseRoll] as number) + Math.atan2(b, a);
}

/**
 * @param unit what counts as noise in this part of the pose
 * @returns the difference to the frame's own pose
 */
function fitPosePart(
  part: number,
  count: number,
  unit: number,
  from: Float64Array,
  weights: Float64Array,
): number {
  const middle = centrePose[part] as number;
  for (let i = 0; i < count; i++) {
    const value = (from[4 * i + part] as number) - middle;
    values[i] = part === poseRoll ? Math.atan2(Math.sin(value), Math.cos(value)) : value;
  }
  const line = fitAtZero(count, 1, weights);
  const curve = fitAtZero(count, 2, weights);
  // Where line and parabola disagree by more than the noise, the movement bends and the line would cut the corner.
  const bend = Math.abs(line - curve) / unit;
  const straight = 1 / (1 + (bend * 0.8) ** 4);
  const fitted = line * straight + curve * (1 - straight);
  // A jump that no smooth movement explains (a tracker that snaps, a shaken camera) is followed, not smeared.
  const miss = Math.abs(fitted) / unit;
  return fitted / (1 + (miss / 6) ** 4);
}

/** How many of the first `count` offsets differ from each other and have a weight. */
function distinctOffsets(count: number, weights: Float64Array): number {
  let distinct = 0;
  for (let i = 0; i < count; i++) {
    let isNew = weights[i] !== 0;
    for (let k = 0; k < i; k++) if (offsets[k] === offsets[i] && weights[k] !== 0) isNew = false;
    if (isNew) distinct++;
  }
  return distinct;
}

/**
 * Value at offset 0 of the weighted least-squares polynomial of the given degree through the first `count` values; falls back
 * to fewer degrees.
 */
function fitAtZero(count: number, degree: 1 | 2, weights: Float64Array): number {
  const usable = Math.min(degree, distinctOffsets(count, weights) - 1);
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let s4 = 0;
  let t0 = 0;
  let t1 = 0;
  let t2 = 0;
  for (let i = 0; i < count; i++) {
    const offset = offsets[i] as number;
    const value = values[i] as number;
    const w = weights[i] as number;
    s0 += w;
    s1 += w * offset;
    s2 += w * offset ** 2;
    s3 += w * offset ** 3;
    s4 += w * offset ** 4;
    t0 += w * value;
    t1 += w * offset * value;
    t2 += w * offset ** 2 * value;
  }
  if (usable <= 0) return s0 > 0 ? t0 / s0 : 0;
  if (usable === 1) {
    const determinant = s0 * s2 - s1 * s1;
    return determinant === 0 ? t0 / s0 : (t0 * s2 - t1 * s1) / determinant;
  }
  const c0 = s2 * s4 - s3 * s3;
  const c1 = s2 * s3 - s1 * s4;
  const c2 = s1 * s3 - s2 * s2;
  return (t0 * c0 + t1 * c1 + t2 * c2) / (s0 * c0 + s1 * c1 + s2 * c2);
}

/**
 * The frame's shape in two averages: one of all neighbours alike, and one in which a neighbour counts less the further its point
 * lies away. Where both agree but for noise the first is taken, which is the steadier one; where they do not, the point really moves and the second
 * follows it.
 */
function writeAveragedShape(
  neighbours: readonly TimedMesh[],
  centre: Float32Array,
  { scale, windowFrames }: Reach,
  out: Float32Array,
): void {
  out.set(centre);
  weightSums.fill(1);
  evenShape.set(centre);
  let evenSum = 1;
  const inverse = 1 / (shapeNoise * scale) ** 2;
  for (const { offset, points } of neighbours) {
    if (offset === 0 || Math.abs(offset) > windowFrames) continue;
    alignOnto(points, centre);
    const time = timeWeight(offset, shapeSigmaShare * windowFrames);
    evenSum += time;
    for (let i = 0; i < meshPointCount; i++) {
      const x = aligned[3 * i] as number;
      const y = aligned[3 * i + 1] as number;
      const z = aligned[3 * i + 2] as number;
      const dx = x - (centre[3 * i] as number);
      const dy = y - (centre[3 * i + 1] as number);
      const weight = time * Math.exp(-(dx * dx + dy * dy) * inverse);
      weightSums[i] = (weightSums[i] as number) + weight;
      out[3 * i] = (out[3 * i] as number) + weight * x;
      out[3 * i + 1] = (out[3 * i + 1] as number) + weight * y;
      out[3 * i + 2] = (out[3 * i + 2] as number) + weight * z;
      evenShape[3 * i] = (evenShape[3 * i] as number) + time * x;
      evenShape[3 * i + 1] = (evenShape[3 * i + 1] as number) + time * y;
      evenShape[3 * i + 2] = (evenShape[3 * i + 2] as number) + time * z;
    }
  }
  const unit = 1 / (shapeChange * scale);
  for (let i = 0; i < meshPointCount; i++) {
    let apart = 0;
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      out[k] = (out[k] as number) / (weightSums[i] as number);
      evenShape[k] = (evenShape[k] as number) / evenSum;
      if (k < 3 * i + 2) apart += ((out[k] as number) - (evenShape[k] as number)) ** 2;
    }
    const moves = 1 - 1 / (1 + (Math.sqrt(apart) * unit) ** 4);
    for (let k = 3 * i; k < 3 * i + 3; k++) {
      out[k] = (evenShape[k] as number) + moves * ((out[k] as number) - (evenShape[k] as number));
    }
  }
}

/**
 * Least-squares similarity (shift, turn, scale in the picture plane) of one mesh's rigid points onto another's, applied to all of its points into {@link aligned};
 * z is scaled. Closed form of the two-dimensional Procrustes problem.
 */
function alignOnto(points: Float32Array, onto: Float32Array): void {
  const n = rigidPoints.length;
  let ax = 0;
  let ay = 0;
  let az = 0;
  let bx = 0;
  let by = 0;
  let bz = 0;
  for (const i of rigidPoints) {
    ax += points[3 * i] as number;
    ay += points[3 * i + 1] as number;
    az += points[3 * i + 2] as number;
    bx += onto[3 * i] as number;
    by += onto[3 * i + 1] as number;
    bz += onto[3 * i + 2] as number;
  }
  ax /= n;
  ay /= n;
  az /= n;
  bx /= n;
  by /= n;
  bz /= n;
  let same = 0;
  let turned = 0;
  let norm = 0;
  for (const i of rigidPoints) {
    const px = (points[3 * i] as number) - ax;
    const py = (points[3 * i + 1] as number) - ay;
    const qx = (onto[3 * i] as number) - bx;
    const qy = (onto[3 * i + 1] as number) - by;
    same += px * qx + py * qy;
    turned += px * qy - py * qx;
    norm += px * px + py * py;
  }
  const cos = same / (norm || 1);
  const sin = turned / (norm || 1);
  const size = Math.hypot(cos, sin);
  for (let i = 0; i < meshPointCount; i++) {
    const px = (points[3 * i] as number) - ax;
    const py = (points[3 * i + 1] as number) - ay;
    aligned[3 * i] = bx + cos * px - sin * py;
    aligned[3 * i + 1] = by + sin * px + cos * py;
    aligned[3 * i + 2] = bz + size * ((points[3 * i + 2] as number) - az);
  }
}

/** Moves a mesh in place from one pose to another. */
function moveToPose(points: Float32Array, from: Float64Array, to: Float64Array): void {
  const size = Math.exp((to[poseSize] as number) - (from[poseSize] as number));
  const roll = (to[poseRoll] as number) - (from[poseRoll] as number);
  const cos = Math.cos(roll) * size;
  const sin = Math.sin(roll) * size;
  for (let i = 0; i < meshPointCount; i++) {
    const x = (points[3 * i] as number) - (from[poseX] as number);
    const y = (points[3 * i + 1] as number) - (from[poseY] as number);
    points[3 * i] = (to[poseX] as number) + cos * x - sin * y;
    points[3 * i + 1] = (to[poseY] as number) + sin * x + cos * y;
    points[3 * i + 2] = (points[3 * i + 2] as number) * size;
  }
}

/**
 * The missing frame between its nearest neighbours in time, in {@link filledIn}: both carried there by their movement, or where that is
 * not known on the straight line between them.
 */
function interpolated(neighbours: readonly TimedMesh[]): Float32Array | null {
  let before: TimedMesh | null = null;
  let after: TimedMesh | null = null;
  for (const mesh of neighbours) {
    if (mesh.offset < 0) before = mesh;
    else if (mesh.offset > 0) after ??= mesh;
  }
  if (before === null || after === null) return null;
  const share = -before.offset / (after.offset - before.offset);
  filledIn.fill(0);
  addCarried(before, 1 - share, filledIn);
  addCarried(after, share, filledIn);
  return filledIn;
}

/** Adds a share of a mesh, carried by its movement where that is known. */
function addCarried({ points, toCentre }: TimedMesh, share: number, out: Float32Array): void {
  const [a, b, c, d] = (toCentre ?? unmoved) as unknown as [number, number, number, number];
  const size = Math.hypot(a, b);
  for (let i = 0; i < 3 * meshPointCount; i += 3) {
    const x = points[i] as number;
    const y = points[i + 1] as number;
    out[i] = (out[i] as number) + share * (a * x - b * y + c);
    out[i + 1] = (out[i + 1] as number) + share * (b * x + a * y + d);
    out[i + 2] = (out[i + 2] as number) + share * size * (points[i + 2] as number);
  }
}

const unmoved = [1, 0, 0, 0] as const;

type CausalInput = {
  readonly centre: Float32Array;
  readonly isSeen: boolean;
  readonly scale: number;
  readonly windowFrames: number;
  readonly alpha: number;
};

/** Finite exponential average of this frame and those before it; a far neighbour (fast movement) counts less. */
function writeCausalAverage(neighbours: readonly TimedMesh[], input: CausalInput, out: Float32Array): void {
  const { centre, isSeen, windowFrames } = input;
  out.fill(0);
  let total = 0;
  for (const { offset, points } of neighbours) {
    if (offset > 0 || offset <= -windowFrames) continue;
    total += addCausal(points, offset, input, out);
  }
  // A filled-in frame takes part like a seen one; without it the average would be the past alone, and lag.
  if (!isSeen) total += addCausal(centre, 0, input, out);
  if (total === 0) {
    out.set(centre);
    return;
  }
  for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) / total;
}

/** @returns the weight with which the mesh was added */
function addCausal(
  points: Float32Array,
  offset: number,
  { centre, scale, alpha }: CausalInput,
  out: Float32Array,
): number {
  let distance = 0;
  for (let i = 0; i < meshPointCount; i++) {
    distance += Math.hypot(
      (points[3 * i] as number) - (centre[3 * i] as number),
      (points[3 * i + 1] as number) - (centre[3 * i + 1] as number),
    );
  }
  const movement = distance / meshPointCount / scale;
  const weight = (1 - alpha) ** -offset * Math.exp(-((movement / 0.05) ** 2));
  for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) + weight * (points[i] as number);
  return weight;
}
