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

/**
 * Steadies a mesh with its neighbours in time, inside one shot and one track (the caller passes no others).
 *
 * `window` has no lag: place, size and roll of the face are fitted by a line over the window (least squares, weights fall
 * with time), by a parabola where the movement bends; the shape that is left is averaged point by point over the
 * neighbours brought onto the frame's own pose, and a neighbour whose point really moved (speech, blink) counts less.
 *
 * @param neighbours sorted by offset; offset 0 may be missing, then the mesh is filled in
 * @returns 468 × (x, y, z), or null when a missing frame has no neighbours on both sides
 */
export function smoothMesh(
  neighbours: readonly TimedMesh[],
  mode: 'window' | 'ema' | 'none',
): Float32Array | null {
  const own = neighbours.find(({ offset }) => offset === 0);
  const centre = own?.points ?? interpolated(neighbours);
  if (centre === null) return null;
  if (mode === 'none') return Float32Array.from(centre);
  const scale = interOcular(centre);
  if (mode === 'ema') return causalAverage(neighbours, centre, scale);
  const inReach = neighbours.filter(({ offset }) => Math.abs(offset) <= smootherReach.window);
  const shape = averagedShape(inReach, centre, scale);
  return moveToPose(shape, poseOf(shape), smoothedPose(inReach, centre, scale));
}

/** Centre, log-size and roll of a mesh. */
type Pose = { x: number; y: number; size: number; roll: number };

function poseOf(points: Float32Array): Pose {
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
  // The roll over many pairs of mirrored points would be steadier still; eye corners and the face's midline are enough.
  const roll = Math.atan2(
    (points[3 * leftEyeOuter + 1] as number) -
      (points[3 * rightEyeOuter + 1] as number) +
      ((points[3 * 10] as number) - (points[3 * 152] as number)),
    (points[3 * leftEyeOuter] as number) -
      (points[3 * rightEyeOuter] as number) +
      ((points[3 * 152 + 1] as number) - (points[3 * 10 + 1] as number)),
  );
  return { x, y, size: Math.log(Math.sqrt(spread / meshPointCount) || 1), roll };
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

function smoothedPose(neighbours: readonly TimedMesh[], centre: Float32Array, scale: number): Pose {
  const middle = poseOf(centre);
  const samples = neighbours.map(({ offset, points }) => ({ offset, pose: poseOf(points) }));
  const units: Record<keyof Pose, number> = {
    x: poseNoise * scale,
    y: poseNoise * scale,
    size: poseNoise * 0.6,
    roll: poseNoise * 0.8,
  };
  const out = { ...middle };
  for (const key of ['x', 'y', 'size', 'roll'] as const) {
    const values = samples.map(({ offset, pose }) => {
      let value = pose[key] - middle[key];
      if (key === 'roll') value = Math.atan2(Math.sin(value), Math.cos(value));
      return { offset, value };
    });
    const line = fitAtZero(values, 1, null);
    const curve = fitAtZero(values, 2, null);
    // Where line and parabola disagree by more than the noise, the movement bends and the line would cut the corner.
    const bend = Math.abs(line - curve) / units[key];
    const straight = 1 / (1 + (bend * 0.8) ** 4);
    const fitted = line * straight + curve * (1 - straight);
    // A jump that no smooth movement explains (a tracker that snaps, a shaken camera) is followed, not smeared.
    const miss = Math.abs(fitted) / units[key];
    out[key] = middle[key] + fitted / (1 + (miss / 6) ** 4);
  }
  return out;
}

/** Value at offset 0 of the weighted least-squares polynomial of the given degree; falls back to fewer degrees. */
function fitAtZero(
  values: readonly { offset: number; value: number }[],
  degree: 1 | 2,
  weights: readonly number[] | null,
): number {
  const usable = Math.min(degree, new Set(values.map(({ offset }) => offset)).size - 1);
  if (usable <= 0) return values[0]?.value ?? 0;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let s4 = 0;
  let t0 = 0;
  let t1 = 0;
  let t2 = 0;
  values.forEach(({ offset, value }, i) => {
    const w = timeWeight(offset) * (weights?.[i] ?? 1);
    s0 += w;
    s1 += w * offset;
    s2 += w * offset ** 2;
    s3 += w * offset ** 3;
    s4 += w * offset ** 4;
    t0 += w * value;
    t1 += w * offset * value;
    t2 += w * offset ** 2 * value;
  });
  if (usable === 1) {
    const determinant = s0 * s2 - s1 * s1;
    return determinant === 0 ? t0 / s0 : (t0 * s2 - t1 * s1) / determinant;
  }
  const c0 = s2 * s4 - s3 * s3;
  const c1 = s2 * s3 - s1 * s4;
  const c2 = s1 * s3 - s2 * s2;
  return (t0 * c0 + t1 * c1 + t2 * c2) / (s0 * c0 + s1 * c1 + s2 * c2);
}

function averagedShape(neighbours: readonly TimedMesh[], centre: Float32Array, scale: number): Float32Array {
  const sum = Float32Array.from(centre);
  const total = new Float32Array(meshPointCount).fill(1);
  const inverse = 1 / (shapeNoise * scale) ** 2;
  for (const { offset, points } of neighbours) {
    if (offset === 0) continue;
    const aligned = alignOnto(points, centre);
    const time = timeWeight(offset);
    for (let i = 0; i < meshPointCount; i++) {
      const dx = (aligned[3 * i] as number) - (centre[3 * i] as number);
      const dy = (aligned[3 * i + 1] as number) - (centre[3 * i + 1] as number);
      const weight = time * Math.exp(-(dx * dx + dy * dy) * inverse);
      total[i] = (total[i] as number) + weight;
      for (let c = 0; c < 3; c++)
        sum[3 * i + c] = (sum[3 * i + c] as number) + weight * (aligned[3 * i + c] as number);
    }
  }
  for (let i = 0; i < meshPointCount; i++) {
    for (let c = 0; c < 3; c++) sum[3 * i + c] = (sum[3 * i + c] as number) / (total[i] as number);
  }
  return sum;
}

/**
 * Least-squares similarity (shift, turn, scale in the picture plane) of one mesh onto another, applied; z is scaled.
 * Closed form of the two-dimensional Procrustes problem.
 */
function alignOnto(points: Float32Array, onto: Float32Array): Float32Array {
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
  const out = new Float32Array(points.length);
  for (let i = 0; i < meshPointCount; i++) {
    const px = (points[3 * i] as number) - ax;
    const py = (points[3 * i + 1] as number) - ay;
    out[3 * i] = bx + cos * px - sin * py;
    out[3 * i + 1] = by + sin * px + cos * py;
    out[3 * i + 2] = bz + size * ((points[3 * i + 2] as number) - az);
  }
  return out;
}

function moveToPose(points: Float32Array, from: Pose, to: Pose): Float32Array {
  const size = Math.exp(to.size - from.size);
  const cos = Math.cos(to.roll - from.roll) * size;
  const sin = Math.sin(to.roll - from.roll) * size;
  const out = new Float32Array(points.length);
  for (let i = 0; i < meshPointCount; i++) {
    const x = (points[3 * i] as number) - from.x;
    const y = (points[3 * i + 1] as number) - from.y;
    out[3 * i] = to.x + cos * x - sin * y;
    out[3 * i + 1] = to.y + sin * x + cos * y;
    out[3 * i + 2] = (points[3 * i + 2] as number) * size;
  }
  return out;
}

/** The missing frame on the straight line between its nearest neighbours in time. */
function interpolated(neighbours: readonly TimedMesh[]): Float32Array | null {
  const before = neighbours.filter(({ offset }) => offset < 0).at(-1);
  const after = neighbours.find(({ offset }) => offset > 0);
  if (before === undefined || after === undefined) return null;
  const share = -before.offset / (after.offset - before.offset);
  return before.points.map((value, i) => value * (1 - share) + (after.points[i] as number) * share);
}

/** Finite exponential average of this frame and the four before it; a far neighbour (fast movement) counts less. */
function causalAverage(neighbours: readonly TimedMesh[], centre: Float32Array, scale: number): Float32Array {
  const sum = new Float32Array(centre.length);
  let total = 0;
  // A filled-in frame takes part like a seen one; without it the average would be the past alone, and lag.
  const samples = neighbours.some(({ offset }) => offset === 0)
    ? neighbours
    : [...neighbours, { offset: 0, points: centre }];
  for (const { offset, points } of samples) {
    if (offset > 0 || offset < -smootherReach.ema) continue;
    let distance = 0;
    for (let i = 0; i < meshPointCount; i++) {
      distance += Math.hypot(
        (points[3 * i] as number) - (centre[3 * i] as number),
        (points[3 * i + 1] as number) - (centre[3 * i + 1] as number),
      );
    }
    const movement = distance / meshPointCount / scale;
    const weight = emaHistory ** -offset * Math.exp(-((movement / 0.05) ** 2));
    total += weight;
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + weight * (points[i] as number);
  }
  if (total === 0) return Float32Array.from(centre);
  return sum.map((value) => value / total);
}
