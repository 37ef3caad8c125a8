import {
  smootherReach,
  smoothMesh,
  type TimedMesh,
} from '../processors/landmark-smoother/landmark-smoother.js';
import { smoothstep } from '../imaging/plane-ops.js';
import { glassesContrastThreshold } from '../processors/face-swapper/glasses.js';
import type { FaceAppearance } from '../processors/face-swapper/appearance.js';
import type { SmootherMode } from './run-options.js';

/** What was seen of one face in one frame. */
export type Observation = {
  readonly points: Float32Array;
  /** Proportions: 468 × (x, y, z) on the mean face. */
  readonly shape: Float32Array;
  readonly appearance: FaceAppearance;
};

/** One analysed frame in the look-ahead ring. */
export type AnalysedFrame = {
  readonly index: number;
  /** True for the first frame of a shot. */
  readonly sceneCut: boolean;
  /** By track id. */
  readonly faces: ReadonlyMap<number, Observation>;
};

/** A face as it is rendered: steadied, and `filled` when this frame's own detection is missing. */
export type SteadyFace = {
  readonly points: Float32Array;
  /** Proportions, averaged over the window. */
  readonly shape: Float32Array;
  readonly appearance: Pick<FaceAppearance, 'mean' | 'std' | 'bands' | 'open'>;
  readonly filled: boolean;
};

/** Longest gap, in frames, that is filled between two sightings of a track. */
export const longestGapFrames = 6;

/** Colours change slowly: they are averaged over this many frames to either side, however fast the face moves. */
const appearanceReachFrames = 6;
const appearanceSigmaFrames = 3.5;

/**
 * The analysed frames around the one being rendered. Gives steadied faces; looks neither across a scene cut nor into
 * another track. Frames are pushed in order and dropped when nothing looks back at them any more.
 */
export class ShotWindow {
  readonly #frames: AnalysedFrame[] = [];
  /** Steadied meshes by frame and track: each is asked for three times, for its own jitter and its neighbours'. */
  readonly #steady = new Map<string, Float32Array | null>();
  readonly #mode: SmootherMode;

  constructor(mode: SmootherMode) {
    this.#mode = mode;
  }

  push(frame: AnalysedFrame): void {
    this.#frames.push(frame);
  }

  /** Forgets frames before `index`. */
  dropBefore(index: number): void {
    while (this.#frames[0] !== undefined && this.#frames[0].index < index) this.#frames.shift();
    for (const key of this.#steady.keys()) if (Number.parseInt(key, 10) < index) this.#steady.delete(key);
  }

  clear(): void {
    this.#frames.length = 0;
    this.#steady.clear();
  }

  /** Ids of the tracks that are seen or can be filled in a frame, oldest first. */
  tracksAt(index: number): number[] {
    const ids = new Set<number>();
    for (const frame of this.#shotAround(index, longestGapFrames))
      for (const id of frame.faces.keys()) ids.add(id);
    return [...ids].sort((first, second) => first - second);
  }

  /** The landmark model's own reading, or null where the track was not seen. */
  rawPoints(trackId: number, index: number): Float32Array | null {
    return this.#shotAround(index, 0)[0]?.faces.get(trackId)?.points ?? null;
  }

  /** The steadied landmarks of a track, or null where it is neither seen nor within a short gap. */
  steadyPoints(trackId: number, index: number): Float32Array | null {
    const key = `${index}/${trackId}`;
    let points = this.#steady.get(key);
    if (points === undefined) {
      points = this.#smooth(trackId, index);
      this.#steady.set(key, points);
    }
    return points;
  }

  #smooth(trackId: number, index: number): Float32Array | null {
    const reach = Math.max(longestGapFrames, smootherReach.window);
    const meshes: TimedMesh[] = [];
    for (const frame of this.#shotAround(index, reach)) {
      const seen = frame.faces.get(trackId);
      if (seen !== undefined) meshes.push({ offset: frame.index - index, points: seen.points });
    }
    if (!meshes.some(({ offset }) => offset === 0)) {
      const before = meshes.filter(({ offset }) => offset < 0).at(-1);
      const after = meshes.find(({ offset }) => offset > 0);
      if (before === undefined || after === undefined) return null;
      if (after.offset - before.offset - 1 > longestGapFrames) return null;
    }
    return smoothMesh(meshes, this.#mode);
  }

  /** Everything that rendering a track in a frame needs, or null where there is no face to render. */
  steadyFace(trackId: number, index: number): SteadyFace | null {
    const points = this.steadyPoints(trackId, index);
    if (points === null) return null;
    const samples: { weight: number; seen: Observation }[] = [];
    for (const frame of this.#shotAround(index, appearanceReachFrames)) {
      const seen = frame.faces.get(trackId);
      if (seen === undefined) continue;
      const offset = frame.index - index;
      samples.push({
        weight: Math.exp(-(offset * offset) / (2 * appearanceSigmaFrames ** 2)),
        seen,
      });
    }
    if (samples.length === 0) return null;
    return {
      points,
      shape: average(samples, ({ shape }) => shape),
      appearance: {
        mean: average(samples, ({ appearance }) => appearance.mean),
        std: average(samples, ({ appearance }) => appearance.std),
        bands: average(samples, ({ appearance }) => appearance.bands),
        open: openSurface(samples),
      },
      filled: this.rawPoints(trackId, index) === null,
    };
  }

  /** Frames within `reach` of `index` that belong to its shot, in order. */
  #shotAround(index: number, reach: number): AnalysedFrame[] {
    const at = this.#frames.findIndex((frame) => frame.index === index);
    if (at < 0) return [];
    let first = at;
    while (first > 0 && at - first < reach && !(this.#frames[first] as AnalysedFrame).sceneCut) first--;
    let last = at;
    while (
      last + 1 < this.#frames.length &&
      last - at < reach &&
      !(this.#frames[last + 1] as AnalysedFrame).sceneCut
    ) {
      last++;
    }
    return this.#frames.slice(first, last + 1);
  }
}

function average(
  samples: readonly { weight: number; seen: Observation }[],
  read: (seen: Observation) => Float32Array,
): Float32Array {
  const total = samples.reduce((sum, { weight }) => sum + weight, 0);
  const out = new Float32Array(read((samples[0] as { seen: Observation }).seen).length);
  for (const { weight, seen } of samples) {
    const values = read(seen);
    const share = weight / total;
    for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) + share * (values[i] as number);
  }
  return out;
}

/**
 * Where the target's surface may be replaced: not under its hair, and not on the rims of its glasses, which stay like
 * everything else that it wears. Whether it wears any is decided by the whole window, fading in between, so that single
 * frames cannot flicker.
 */
function openSurface(samples: readonly { weight: number; seen: Observation }[]): Float32Array {
  const open = average(samples, ({ appearance }) => appearance.open);
  const [contrast] = average(samples, ({ appearance }) => Float32Array.of(appearance.glasses));
  const worn = smoothstep(glassesContrastThreshold - 2, glassesContrastThreshold + 1, contrast as number);
  if (worn === 0) return open;
  const rims = average(samples, ({ appearance }) => appearance.rims);
  for (let i = 0; i < open.length; i++) open[i] = (open[i] as number) * (1 - worn * (rims[i] as number));
  return open;
}
