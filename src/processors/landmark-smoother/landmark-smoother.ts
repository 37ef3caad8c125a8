import { FaceswapError } from '../../errors.js';
import { leftEyeOuter, meshPointCount, rightEyeOuter } from '../face-landmarker/mesh-indices.js';

/** A mesh of one track at a distance from the frame that is being smoothed. */
export type TimedMesh = {
  /** Frames from the frame in question: negative is the past. */
  readonly offset: number;
  /** 468 × (x, y, z) in frame pixels. */
  readonly points: Float32Array;
};

/** Frames to either side that `window` looks at; `ema` looks at this many before, itself included. */
export const smootherReach = { window: 5, ema: 4 } as const;

/** Standard deviation of the time weights in frames. */
const sigmaFrames = 2.2;

/** Distances, in inter-ocular units, that count as movement rather than as noise of the landmark model. */
const shapeNoise = 0.022;
const poseNoise = 0.012;

/** Share of the past in the causal average: 75 % history. */
const emaHistory = 0.75;

/** Most neighbours that one call can be given: one per frame, as far as anything looks to both sides. */
const mostNeighbours = 64;

/** Working memory, so that nothing is allocated per face and frame. One thread works on one mesh at a time. */
const filledIn = new Float32Array(3 * meshPointCount);
const aligned = new Float32Array(3 * meshPointCount);
const weightSums = new Float32Array(meshPointCount);
const offsets = new Float64Array(mostNeighbours);
const values = new Float64Array(mostNeighbours);
/** Poses of the neighbours, four numbers each; then those of the frame itself, of its averaged shape, and the fitted one. */
const poses = new Float64Array(4 * mostNeighbours);
const centrePose = new Float64Array(4);
const shapePose = new Float64Array(4);
const fittedPose = new Float64Array(4);

/**
 * Steadies a mesh with its neighbours in time, inside one shot and one track (the caller passes no others).
 *
 * `window` has no lag: place, size and roll of the face are fitted by a line over the window (least squares, weights fall
 * with time), by a parabola where the movement bends; the shape that is left is averaged point by point over the
 * neighbours brought onto the frame's own pose, and a neighbour whose point really moved (speech, blink) counts less.
 *
 * @param neighbours sorted by offset, at most 64; offset 0 may be missing, then the mesh is filled in
 * @param out receives the mesh, and is none of the neighbours' own; a new list when left out
 * @returns `out`: 468 × (x, y, z), or null when a missing frame has no neighbours on both sides
 * @throws FaceswapError (bug) for more neighbours
 */
export function smoothMesh(
  neighbours: readonly TimedMesh[],
  mode: 'window' | 'ema' | 'none',
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
    writeCausalAverage(neighbours, centre, isSeen, scale, out);
    return out;
  }
  writeAveragedShape(neighbours, centre, scale, out);
  writePose(out, shapePose, 0);
  writeSmoothedPose(neighbours, centre, scale);
  moveToPose(out, shapePose, fittedPose);
  return out;
}

const isInReach = (offset: number): boolean => Math.abs(offset) <= smootherReach.window;

// Places in a pose: centre, log-size and roll of a mesh.
const poseX = 0;
const poseY = 1;
const poseSize = 2;
const poseRoll = 3;

function writePose(points: Float32Array, out: Float64Array, at: number): void {
  let x = 0;
  let y = 0;
  for (let i = 0; i < meshPointCount; i++) {
    x += points[3 * i] as number;
    y += points[3 * i + 1] as number;
  }
  x /= meshPointCount;
  y /= meshPointCount;
  let spread = 0;
  for (let i = 0; i < meshPointCount; i++) {
    spread += ((points[3 * i] as number) - x) ** 2 + ((points[3 * i + 1] as number) - y) ** 2;
  }
  out[at + poseX] = x;
  out[at + poseY] = y;
  out[at + poseSize] = Math.log(Math.sqrt(spread / meshPointCount) || 1);
  // The roll over many pairs of mirrored points would be steadier still; eye corners and the face's midline are enough.
  out[at + poseRoll] = Math.atan2(
    (points[3 * leftEyeOuter + 1] as number) -
      (points[3 * rightEyeOuter + 1] as number) +
      ((points[3 * 10] as number) - (points[3 * 152] as number)),
    (points[3 * leftEyeOuter] as number) -
      (points[3 * rightEyeOuter] as number) +
      ((points[3 * 152 + 1] as number) - (points[3 * 10 + 1] as number)),
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

function timeWeight(offset: number): number {
  return Math.exp(-(offset * offset) / (2 * sigmaFrames * sigmaFrames));
}

/** Fits the frame's pose by those of its neighbours into {@link fittedPose}. */
function writeSmoothedPose(neighbours: readonly TimedMesh[], centre: Float32Array, scale: number): void {
  writePose(centre, centrePose, 0);
  let count = 0;
  for (const { offset, points } of neighbours) {
    if (!isInReach(offset)) continue;
    offsets[count] = offset;
    writePose(points, poses, 4 * count);
    count++;
  }
  fitPosePart(poseX, count, poseNoise * scale);
  fitPosePart(poseY, count, poseNoise * scale);
  fitPosePart(poseSize, count, poseNoise * 0.6);
  fitPosePart(poseRoll, count, poseNoise * 0.8);
}

/** @param unit what counts as noise in this part of the pose */
function fitPosePart(part: number, count: number, unit: number): void {
  const middle = centrePose[part] as number;
  for (let i = 0; i < count; i++) {
    const value = (poses[4 * i + part] as number) - middle;
    values[i] = part === poseRoll ? Math.atan2(Math.sin(value), Math.cos(value)) : value;
  }
  const line = fitAtZero(count, 1);
  const curve = fitAtZero(count, 2);
  // Where line and parabola disagree by more than the noise, the movement bends and the line would cut the corner.
  const bend = Math.abs(line - curve) / unit;
  const straight = 1 / (1 + (bend * 0.8) ** 4);
  const fitted = line * straight + curve * (1 - straight);
  // A jump that no smooth movement explains (a tracker that snaps, a shaken camera) is followed, not smeared.
  const miss = Math.abs(fitted) / unit;
  fittedPose[part] = middle + fitted / (1 + (miss / 6) ** 4);
}

/** How many of the first `count` offsets differ from each other. */
function distinctOffsets(count: number): number {
  let distinct = 0;
  for (let i = 0; i < count; i++) {
    let isNew = true;
    for (let k = 0; k < i; k++) if (offsets[k] === offsets[i]) isNew = false;
    if (isNew) distinct++;
  }
  return distinct;
}

/**
 * Value at offset 0 of the weighted least-squares polynomial of the given degree through the first `count` values; falls back
 * to fewer degrees.
 */
function fitAtZero(count: number, degree: 1 | 2): number {
  const usable = Math.min(degree, distinctOffsets(count) - 1);
  if (usable <= 0) return count > 0 ? (values[0] as number) : 0;
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
    const w = timeWeight(offset);
    s0 += w;
    s1 += w * offset;
    s2 += w * offset ** 2;
    s3 += w * offset ** 3;
    s4 += w * offset ** 4;
    t0 += w * value;
    t1 += w * offset * value;
    t2 += w * offset ** 2 * value;
  }
  if (usable === 1) {
    const determinant = s0 * s2 - s1 * s1;
    return determinant === 0 ? t0 / s0 : (t0 * s2 - t1 * s1) / determinant;
  }
  const c0 = s2 * s4 - s3 * s3;
  const c1 = s2 * s3 - s1 * s4;
  const c2 = s1 * s3 - s2 * s2;
  return (t0 * c0 + t1 * c1 + t2 * c2) / (s0 * c0 + s1 * c1 + s2 * c2);
}

function writeAveragedShape(
  neighbours: readonly TimedMesh[],
  centre: Float32Array,
  scale: number,
  out: Float32Array,
): void {
  out.set(centre);
  weightSums.fill(1);
  const inverse = 1 / (shapeNoise * scale) ** 2;
  for (const { offset, points } of neighbours) {
    if (offset === 0 || !isInReach(offset)) continue;
    alignOnto(points, centre);
    const time = timeWeight(offset);
    for (let i = 0; i < meshPointCount; i++) {
      const dx = (aligned[3 * i] as number) - (centre[3 * i] as number);
      const dy = (aligned[3 * i + 1] as number) - (centre[3 * i + 1] as number);
      const weight = time * Math.exp(-(dx * dx + dy * dy) * inverse);
      weightSums[i] = (weightSums[i] as number) + weight;
      out[3 * i] = (out[3 * i] as number) + weight * (aligned[3 * i] as number);
      out[3 * i + 1] = (out[3 * i + 1] as number) + weight * (aligned[3 * i + 1] as number);
      out[3 * i + 2] = (out[3 * i + 2] as number) + weight * (aligned[3 * i + 2] as number);
    }
  }
  for (let i = 0; i < meshPointCount; i++) {
    for (let c = 0; c < 3; c++) out[3 * i + c] = (out[3 * i + c] as number) / (weightSums[i] as number);
  }
}

/**
 * Least-squares similarity (shift, turn, scale in the picture plane) of one mesh onto another, applied into {@link aligned};
 * z is scaled. Closed form of the two-dimensional Procrustes problem.
 */
function alignOnto(points: Float32Array, onto: Float32Array): void {
  let ax = 0;
  let ay = 0;
  let az = 0;
  let bx = 0;
  let by = 0;
  let bz = 0;
  for (let i = 0; i < meshPointCount; i++) {
    ax += points[3 * i] as number;
    ay += points[3 * i + 1] as number;
    az += points[3 * i + 2] as number;
    bx += onto[3 * i] as number;
    by += onto[3 * i + 1] as number;
    bz += onto[3 * i + 2] as number;
  }
  ax /= meshPointCount;
  ay /= meshPointCount;
  az /= meshPointCount;
  bx /= meshPointCount;
  by /= meshPointCount;
  bz /= meshPointCount;
  let same = 0;
  let turned = 0;
  let norm = 0;
  for (let i = 0; i < meshPointCount; i++) {
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

/** The missing frame on the straight line between its nearest neighbours in time, in {@link filledIn}. */
function interpolated(neighbours: readonly TimedMesh[]): Float32Array | null {
  let before: TimedMesh | null = null;
  let after: TimedMesh | null = null;
  for (const mesh of neighbours) {
    if (mesh.offset < 0) before = mesh;
    else if (mesh.offset > 0) after ??= mesh;
  }
  if (before === null || after === null) return null;
  const share = -before.offset / (after.offset - before.offset);
  for (let i = 0; i < filledIn.length; i++) {
    filledIn[i] = (before.points[i] as number) * (1 - share) + (after.points[i] as number) * share;
  }
  return filledIn;
}

/** Finite exponential average of this frame and the four before it; a far neighbour (fast movement) counts less. */
function writeCausalAverage(
  neighbours: readonly TimedMesh[],
  centre: Float32Array,
  isSeen: boolean,
  scale: number,
  out: Float32Array,
): void {
  out.fill(0);
  let total = 0;
  for (const { offset, points } of neighbours) {
    if (offset > 0 || offset < -smootherReach.ema) continue;
    total += addCausal(points, offset, centre, scale, out);
  }
  // A filled-in frame takes part like a seen one; without it the average would be the past alone, and lag.
  if (!isSeen) total += addCausal(centre, 0, centre, scale, out);
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
  centre: Float32Array,
  scale: number,
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
  const weight = emaHistory ** -offset * Math.exp(-((movement / 0.05) ** 2));
  for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) + weight * (points[i] as number);
  return weight;
}
