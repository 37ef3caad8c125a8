import {
  smootherReach,
  smoothMesh,
  type TimedMesh,
} from '../processors/landmark-smoother/landmark-smoother.js';
import { smoothstep } from '../imaging/plane-ops.js';
import { meshPointCount } from '../processors/face-landmarker/mesh-indices.js';
import { allocatePortrait, type Portrait } from '../processors/face-masker/portrait.js';
import {
  allocateAppearance,
  type AppearanceBuffer,
  type FaceAppearance,
} from '../processors/face-swapper/appearance.js';
import { glassesContrastThreshold } from '../processors/face-swapper/glasses.js';
import type { IdentitySample } from './cast/identity-sample.js';
import type { OcclusionHistory } from './occlusion-history.js';
import type { SmootherMode } from './run-options.js';

/** What was seen of one face in one frame. */
export type Observation = {
  readonly points: Float32Array;
  /** Proportions: 468 × (x, y, z) on the mean face. */
  readonly shape: Float32Array;
  readonly appearance: FaceAppearance;
  /** Absent or null in most frames, and everywhere in a run that does not ask who is in the target. */
  readonly identity?: IdentitySample | null;
  /** What was seen, for telling what lies over the face. */
  readonly portrait: Portrait;
};

/** An observation to be written: from {@link ShotWindow.takeObservation}. */
export type ObservationBuffer = Observation & {
  readonly appearance: AppearanceBuffer;
  identity: IdentitySample | null;
};

/** One analysed frame in the look-ahead ring. */
export type AnalysedFrame = {
  readonly index: number;
  /** True for the first frame of a shot. */
  readonly sceneCut: boolean;
  /** By track id. */
  readonly faces: ReadonlyMap<number, Observation>;
};

/**
 * A face as it is rendered: steadied, and `filled` when this frame's own detection is missing. Its arrays belong to the window
 * and stay as they are until the frame is dropped.
 */
export type SteadyFace = {
  readonly points: Float32Array;
  /** Proportions, averaged over the window. */
  readonly shape: Float32Array;
  readonly appearance: Pick<FaceAppearance, 'mean' | 'std' | 'bands' | 'open' | 'tones' | 'grain'>;
  readonly filled: boolean;
};

/** Longest gap, in frames, that is filled between two sightings of a track. */
export const longestGapFrames = 6;

/** Colours change slowly: they are averaged over this many frames to either side, however fast the face moves. */
const appearanceReachFrames = 6;
const appearanceSigmaFrames = 3.5;

/** Frames to either side that the steadied landmarks depend on. */
const pointsReachFrames = Math.max(longestGapFrames, smootherReach.window);

/** A steady face that can be written again. */
type SteadyBuffer = {
  points: Float32Array;
  readonly shape: Float32Array;
  readonly appearance: AppearanceBuffer;
  filled: boolean;
};

/** A frame of the window with what was made of it. */
type WindowEntry = {
  frame: AnalysedFrame;
  /** Steadied meshes by track: each is asked for three times, for its own jitter and its neighbours'. */
  readonly steady: Map<number, Float32Array | null>;
  readonly faces: Map<number, SteadyBuffer | null>;
};

/** Part of the window, half-open, as positions in it. */
type EntryRange = { first: number; end: number };

/**
 * The analysed frames around the one being rendered. Gives steadied faces; looks neither across a scene cut nor into
 * another track. Frames are pushed in order and dropped when nothing looks back at them any more. What it says of a face is settled when it is
 * first asked, so it is asked only when the frames that follow are there.
 *
 * In steady state it allocates no arrays: what belongs to a dropped frame is used again, its steady faces and its observations
 * if they came from {@link takeObservation}.
 */
export class ShotWindow {
  readonly #entries: WindowEntry[] = [];
  readonly #mode: SmootherMode;
  readonly #occlusion: OcclusionHistory | null;
  readonly #range: EntryRange = { first: 0, end: 0 };
  readonly #meshes: { offset: number; points: Float32Array }[] = [];
  readonly #weights: number[] = [];
  readonly #seen: Observation[] = [];
  readonly #rims = allocateAppearance().rims;

  /** Observations that this window made; others are never written. */
  readonly #own = new WeakSet<Observation>();
  readonly #spareEntries: WindowEntry[] = [];
  readonly #spareObservations: ObservationBuffer[] = [];
  readonly #spareMeshes: Float32Array[] = [];
  readonly #spareFaces: SteadyBuffer[] = [];

  /** @param occlusion keeps what lies over the faces; null: nothing is looked for */
  constructor(mode: SmootherMode, occlusion: OcclusionHistory | null = null) {
    this.#mode = mode;
    this.#occlusion = occlusion;
  }

  /**
   * An observation to be filled and pushed, with old contents. It is the caller's until it is pushed as a part of a frame, then the
   * window's until that frame is dropped; one that is not pushed goes back by {@link giveBack}.
   */
  takeObservation(): ObservationBuffer {
    const spare = this.#spareObservations.pop();
    if (spare !== undefined) return spare;
    const fresh = {
      points: new Float32Array(3 * meshPointCount),
      shape: new Float32Array(3 * meshPointCount),
      appearance: allocateAppearance(),
      identity: null,
      portrait: allocatePortrait(),
    };
    this.#own.add(fresh);
    return fresh;
  }

  /** Takes back an observation that was not pushed; one that another made is left alone. */
  giveBack(observation: Observation): void {
    if (this.#own.has(observation)) this.#spareObservations.push(observation as ObservationBuffer);
  }

  push(frame: AnalysedFrame): void {
    const entry = this.#spareEntries.pop() ?? { frame, steady: new Map(), faces: new Map() };
    entry.frame = frame;
    this.#entries.push(entry);
    this.#occlusion?.push(frame);
  }

  /** Forgets frames before `index`; nothing of them may be read any more. */
  dropBefore(index: number): void {
    this.#occlusion?.dropBefore(index);
    while (this.#entries[0] !== undefined && this.#entries[0].frame.index < index) {
      this.#release(this.#entries.shift() as WindowEntry);
    }
  }

  clear(): void {
    this.#occlusion?.clear();
    for (const entry of this.#entries.splice(0)) this.#release(entry);
  }

  #release(entry: WindowEntry): void {
    for (const observation of entry.frame.faces.values()) this.giveBack(observation);
    for (const mesh of entry.steady.values()) if (mesh !== null) this.#spareMeshes.push(mesh);
    for (const face of entry.faces.values()) if (face !== null) this.#spareFaces.push(face);
    entry.steady.clear();
    entry.faces.clear();
    this.#spareEntries.push(entry);
  }

  /** Ids of the tracks that are seen or can be filled in a frame, oldest first. */
  tracksAt(index: number): number[] {
    const { first, end } = this.#shotAround(index, longestGapFrames);
    const ids: number[] = [];
    for (let i = first; i < end; i++) {
      for (const id of this.#at(i).frame.faces.keys()) if (!ids.includes(id)) ids.push(id);
    }
    return ids.sort((one, other) => one - other);
  }

  /** The landmark model's own reading, or null where the track was not seen. */
  rawPoints(trackId: number, index: number): Float32Array | null {
    const at = this.#positionOf(index);
    return at < 0 ? null : (this.#at(at).frame.faces.get(trackId)?.points ?? null);
  }

  /** The steadied landmarks of a track, or null where it is neither seen nor within a short gap. */
  steadyPoints(trackId: number, index: number): Float32Array | null {
    const at = this.#positionOf(index);
    if (at < 0) return null;
    const { steady } = this.#at(at);
    let points = steady.get(trackId);
    if (points === undefined) {
      points = this.#smooth(trackId, index);
      steady.set(trackId, points);
    }
    return points;
  }

  #smooth(trackId: number, index: number): Float32Array | null {
    const meshes = this.#meshesAround(trackId, index);
    let before = -Infinity;
    let after = Infinity;
    let isSeen = false;
    for (const { offset } of meshes) {
      if (offset < 0) before = offset;
      else if (offset > 0) after = Math.min(after, offset);
      else isSeen = true;
    }
    if (!isSeen && after - before - 1 > longestGapFrames) return null;
    const out = this.#spareMeshes.pop() ?? new Float32Array(3 * meshPointCount);
    const points = smoothMesh(meshes, this.#mode, out);
    if (points === null) this.#spareMeshes.push(out);
    return points;
  }

  /** The readings of a track around a frame; valid until the next call. */
  #meshesAround(trackId: number, index: number): readonly TimedMesh[] {
    const { first, end } = this.#shotAround(index, pointsReachFrames);
    const meshes = this.#meshes;
    let count = 0;
    for (let i = first; i < end; i++) {
      const { frame } = this.#at(i);
      const points = frame.faces.get(trackId)?.points;
      if (points === undefined) continue;
      const offset = frame.index - index;
      const mesh = meshes[count];
      if (mesh === undefined) meshes.push({ offset, points });
      else {
        mesh.offset = offset;
        mesh.points = points;
      }
      count++;
    }
    meshes.length = count;
    return meshes;
  }

  /** Everything that rendering a track in a frame needs, or null where there is no face to render. */
  steadyFace(trackId: number, index: number): SteadyFace | null {
    const at = this.#positionOf(index);
    if (at < 0) return null;
    const { faces } = this.#at(at);
    let face = faces.get(trackId);
    if (face === undefined) {
      face = this.#steady(trackId, index);
      faces.set(trackId, face);
    }
    return face;
  }

  #steady(trackId: number, index: number): SteadyBuffer | null {
    const points = this.steadyPoints(trackId, index);
    if (points === null) return null;
    this.#sampleAround(trackId, index);
    if (this.#seen.length === 0) return null;
    const face = this.#spareFaces.pop() ?? {
      points,
      shape: new Float32Array(3 * meshPointCount),
      appearance: allocateAppearance(),
      filled: false,
    };
    face.points = points;
    face.filled = this.rawPoints(trackId, index) === null;
    const { mean, std, bands, open, tones, grain } = face.appearance;
    this.#average(readShape, face.shape);
    this.#average(readMean, mean);
    this.#average(readStd, std);
    this.#average(readBands, bands);
    this.#average(readOpen, open);
    this.#average(readLight, tones.light);
    this.#average(readRest, tones.rest);
    this.#average(readQuantiles, tones.quantiles);
    this.#average(readGrain, grain);
    this.#closeRims(open);
    this.#occlusion?.close(trackId, index, open);
    return face;
  }

  /**
   * The weighted mean of a list over the sightings that were collected. Four at a time: the maps are long, and each pass over one
   * costs more than the additions.
   */
  #average(read: (seen: Observation) => Float32Array, out: Float32Array): void {
    const seen = this.#seen;
    const weights = this.#weights;
    out.fill(0);
    let i = 0;
    for (; i + 4 <= seen.length; i += 4) {
      const first = read(seen[i] as Observation);
      const second = read(seen[i + 1] as Observation);
      const third = read(seen[i + 2] as Observation);
      const fourth = read(seen[i + 3] as Observation);
      const a = weights[i] as number;
      const b = weights[i + 1] as number;
      const c = weights[i + 2] as number;
      const d = weights[i + 3] as number;
      for (let k = 0; k < out.length; k++) {
        out[k] =
          (out[k] as number) +
          a * (first[k] as number) +
          b * (second[k] as number) +
          c * (third[k] as number) +
          d * (fourth[k] as number);
      }
    }
    for (; i < seen.length; i++) {
      const values = read(seen[i] as Observation);
      const share = weights[i] as number;
      for (let k = 0; k < out.length; k++) out[k] = (out[k] as number) + share * (values[k] as number);
    }
  }

  /** Collects the sightings of a track around a frame with their shares in an average. */
  #sampleAround(trackId: number, index: number): void {
    const { first, end } = this.#shotAround(index, appearanceReachFrames);
    this.#seen.length = 0;
    this.#weights.length = 0;
    let total = 0;
    for (let i = first; i < end; i++) {
      const { frame } = this.#at(i);
      const seen = frame.faces.get(trackId);
      if (seen === undefined) continue;
      const offset = frame.index - index;
      const weight = Math.exp(-(offset * offset) / (2 * appearanceSigmaFrames ** 2));
      total += weight;
      this.#seen.push(seen);
      this.#weights.push(weight);
    }
    for (let i = 0; i < this.#weights.length; i++) this.#weights[i] = (this.#weights[i] as number) / total;
  }

  /**
   * Closes what is open where the rims of the target's glasses run: they stay like everything else that it wears. Whether it wears
   * any is decided by the whole window, fading in between, so that single frames cannot flicker.
   */
  #closeRims(open: Float32Array): void {
    let contrast = 0;
    for (let i = 0; i < this.#seen.length; i++) {
      contrast += (this.#weights[i] as number) * (this.#seen[i] as Observation).appearance.glasses;
    }
    const worn = smoothstep(glassesContrastThreshold - 2, glassesContrastThreshold + 1, contrast);
    if (worn === 0) return;
    const rims = this.#rims;
    this.#average(readRims, rims);
    for (let i = 0; i < open.length; i++) open[i] = (open[i] as number) * (1 - worn * (rims[i] as number));
  }

  #at(position: number): WindowEntry {
    return this.#entries[position] as WindowEntry;
  }

  /** Position of a frame in the window, or −1. */
  #positionOf(index: number): number {
    for (let i = this.#entries.length - 1; i >= 0; i--) if (this.#at(i).frame.index === index) return i;
    return -1;
  }

  /** Frames within `reach` of `index` that belong to its shot, in order; valid until the next call. */
  #shotAround(index: number, reach: number): EntryRange {
    const range = this.#range;
    const at = this.#positionOf(index);
    range.first = Math.max(0, at);
    range.end = at + 1;
    if (at < 0) return range;
    while (range.first > 0 && at - range.first < reach && !this.#at(range.first).frame.sceneCut)
      range.first--;
    while (
      range.end < this.#entries.length &&
      range.end - 1 - at < reach &&
      !this.#at(range.end).frame.sceneCut
    ) {
      range.end++;
    }
    return range;
  }
}

const readShape = ({ shape }: Observation): Float32Array => shape;
const readMean = ({ appearance }: Observation): Float32Array => appearance.mean;
const readStd = ({ appearance }: Observation): Float32Array => appearance.std;
const readBands = ({ appearance }: Observation): Float32Array => appearance.bands;
const readOpen = ({ appearance }: Observation): Float32Array => appearance.open;
const readLight = ({ appearance }: Observation): Float32Array => appearance.tones.light;
const readRest = ({ appearance }: Observation): Float32Array => appearance.tones.rest;
const readQuantiles = ({ appearance }: Observation): Float32Array => appearance.tones.quantiles;
const readGrain = ({ appearance }: Observation): Float32Array => appearance.grain;
const readRims = ({ appearance }: Observation): Float32Array => appearance.rims;
