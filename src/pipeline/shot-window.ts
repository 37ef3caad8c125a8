import { motionLength } from '../processors/landmark-smoother/face-motion.js';
import {
  smoothMesh,
  type SmootherSettings,
  type TimedMesh,
} from '../processors/landmark-smoother/landmark-smoother.js';
import {
  similarityLength,
  type SureSimilarity,
  writeIdentity,
  writeInverse,
  writePart,
  writeProduct,
} from '../processors/landmark-smoother/similarity.js';
import { smootherWindowLimits } from '../processors/landmark-smoother/smoother-limits.js';
import { boundsOf } from '../processors/face-landmarker/mesh-bounds.js';
import { boxOverlap } from '../imaging/affine.js';
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
  /** How it moved since the track was last seen, on its pixels: a `FaceMotion`. All zeros where it was not seen within {@link longestGapFrames}. */
  readonly motion: Float32Array;
  /** How many frames before this one, without a break, show the same picture of the face: 0 where it changed. */
  readonly repeats: number;
};

/** An observation to be written: from {@link ShotWindow.takeObservation}. */
export type ObservationBuffer = Omit<Observation, 'appearance' | 'repeats' | 'identity'> & {
  readonly appearance: AppearanceBuffer;
  repeats: number;
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
  /** Less than 1 where the face comes or goes inside a shot, so that it does not pop. */
  readonly opacity: number;
};

/** Longest gap, in frames, that is filled between two sightings of a track. */
export const longestGapFrames = 6;

/** Colours change slowly: they are averaged over this many frames to either side, however fast the face moves. */
const appearanceReachFrames = 6;
const appearanceSigmaFrames = 3.5;

/** Frames to either side that the steadied landmarks depend on at most. */
const pointsReachFrames = Math.max(longestGapFrames, smootherWindowLimits.highest);

/** Frames over which a face that comes or goes inside a shot fades. */
export const fadeFrames = 4;

/** Frames to either side that decide whether a face comes or goes: a fade, and a gap that is too long to be filled. */
const fadeReachFrames = fadeFrames + longestGapFrames;

/** From this sureness on a measured movement counts as the true one. */
const sureMotion = 0.5;

/** Overlap of the boxes of two tracks that are one face. */
const sameFaceOverlap = 0.3;

/** A picture that is repeated is drawn the same for so many frames; then it is looked at anew, which changes next to nothing. */
const holdFrames = 6;

/** Frames before the one being rendered that are looked back at: what was held, with all that it was steadied from. */
export const lookBackFrames = pointsReachFrames + holdFrames + 3;

/** A steady face that can be written again. */
type SteadyBuffer = {
  points: Float32Array;
  readonly shape: Float32Array;
  readonly appearance: AppearanceBuffer;
  filled: boolean;
  opacity: number;
};

/** A reading that is handed to the smoother; used again. */
type WindowMesh = {
  offset: number;
  points: Float32Array;
  motion: Float32Array;
  toCentre: SureSimilarity | undefined;
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
  readonly #settings: SmootherSettings;
  readonly #occlusion: OcclusionHistory | null;
  readonly #range: EntryRange = { first: 0, end: 0 };
  readonly #meshes: WindowMesh[] = [];
  /** Room for the movements of {@link #meshes}. */
  readonly #maps: SureSimilarity[] = [];
  readonly #link: SureSimilarity = new Float64Array(similarityLength);
  readonly #carriedBefore = new Float32Array(3 * meshPointCount);
  readonly #carriedAfter = new Float32Array(3 * meshPointCount);
  /** The first frame that was pushed. */
  #firstIndex = Number.NaN;
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
  constructor(settings: SmootherSettings, occlusion: OcclusionHistory | null = null) {
    this.#settings = settings;
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
      motion: new Float32Array(motionLength),
      repeats: 0,
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
    if (Number.isNaN(this.#firstIndex)) this.#firstIndex = frame.index;
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
    this.#firstIndex = Number.NaN;
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
    const held = this.#heldSince(trackId, index);
    if (held !== index) {
      const points = this.steadyPoints(trackId, held);
      if (points === null) return null;
      const copy = this.#spareMeshes.pop() ?? new Float32Array(3 * meshPointCount);
      copy.set(points);
      return copy;
    }
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
    const points = smoothMesh(meshes, this.#settings, out);
    if (points === null) this.#spareMeshes.push(out);
    return points;
  }

  /** The frame whose steady face stands for this one's: an earlier one where the picture of the face is only repeated. */
  #heldSince(trackId: number, index: number): number {
    if (this.#settings.mode === 'none') return index;
    const { repeats = 0 } = this.#seenAt(trackId, index) ?? {};
    const since = index - (repeats % (holdFrames + 1));
    return this.#seenAt(trackId, since) === undefined ? index : since;
  }

  #seenAt(trackId: number, index: number): Observation | undefined {
    const at = this.#positionOf(index);
    return at < 0 ? undefined : this.#at(at).frame.faces.get(trackId);
  }

  /** The readings of a track around a frame, with how the face moved from there to the frame; valid until the next call. */
  #meshesAround(trackId: number, index: number): readonly TimedMesh[] {
    const { first, end } = this.#shotAround(index, pointsReachFrames);
    const meshes = this.#meshes;
    let count = 0;
    for (let i = first; i < end; i++) {
      const { frame } = this.#at(i);
      const seen = frame.faces.get(trackId);
      if (seen === undefined) continue;
      const offset = frame.index - index;
      const mesh = meshes[count];
      if (mesh === undefined) {
        meshes.push({ offset, points: seen.points, motion: seen.motion, toCentre: undefined });
        this.#maps.push(new Float64Array(similarityLength));
      } else {
        mesh.offset = offset;
        mesh.points = seen.points;
        mesh.motion = seen.motion;
        mesh.toCentre = undefined;
      }
      count++;
    }
    meshes.length = count;
    this.#chainMotions();
    return meshes;
  }

  /** Tells each reading how the face moved from it to the frame in question, as far as the chain of movements reaches. */
  #chainMotions(): void {
    const meshes = this.#meshes;
    const next = meshes.findIndex(({ offset }) => offset >= 0);
    if (next < 0) return;
    const mesh = meshes[next] as WindowMesh;
    const map = this.#maps[next] as SureSimilarity;
    let last = next;
    if (mesh.offset === 0) {
      writeIdentity(map);
      mesh.toCentre = map;
    } else {
      const before = meshes[next - 1];
      if (before === undefined || !isKnown(mesh.motion)) return;
      const way = this.#maps[next - 1] as SureSimilarity;
      const { x, y, width, height } = boundsOf(before.points);
      const share = -before.offset / (mesh.offset - before.offset);
      writePart(mesh.motion, share, { x: x + width / 2, y: y + height / 2 }, way);
      before.toCentre = way;
      writeInverse(mesh.motion, this.#link);
      writeProduct(way, this.#link, map);
      mesh.toCentre = map;
      last = next - 1;
    }
    for (let i = last - 1; i >= 0; i--) {
      const { motion, toCentre } = meshes[i + 1] as WindowMesh;
      if (toCentre === undefined || !isKnown(motion)) break;
      const to = this.#maps[i] as SureSimilarity;
      writeProduct(toCentre, motion, to);
      (meshes[i] as WindowMesh).toCentre = to;
    }
    for (let i = next + 1; i < meshes.length; i++) {
      const one = meshes[i] as WindowMesh;
      const { toCentre } = meshes[i - 1] as WindowMesh;
      if (toCentre === undefined || !isKnown(one.motion)) break;
      const to = this.#maps[i] as SureSimilarity;
      writeInverse(one.motion, this.#link);
      writeProduct(toCentre, this.#link, to);
      one.toCentre = to;
    }
  }

  /**
   * Landmarks of a track in a frame beside another one, taken to that frame by the movement of the face's pixels where it is
   * known; else as they are. Valid until the next call for the same side.
   */
  carriedPoints(points: Float32Array, trackId: number, from: number, to: number): Float32Array {
    const { motion } = this.#seenAt(trackId, Math.max(from, to)) ?? {};
    const isMeasured = this.#seenAt(trackId, Math.min(from, to)) !== undefined;
    if (motion === undefined || !isMeasured || (motion[4] as number) < sureMotion) return points;
    const map = this.#link;
    if (from < to) map.set(motion);
    else writeInverse(motion, map);
    const [a, b, c, d] = map as unknown as [number, number, number, number];
    const out = from < to ? this.#carriedBefore : this.#carriedAfter;
    for (let i = 0; i < points.length; i += 3) {
      const x = points[i] as number;
      const y = points[i + 1] as number;
      out[i] = a * x - b * y + c;
      out[i + 1] = b * x + a * y + d;
    }
    return out;
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
    this.#sampleAround(trackId, this.#heldSince(trackId, index));
    if (this.#seen.length === 0) return null;
    const face = this.#spareFaces.pop() ?? {
      points,
      shape: new Float32Array(3 * meshPointCount),
      appearance: allocateAppearance(),
      filled: false,
      opacity: 1,
    };
    face.points = points;
    face.filled = this.rawPoints(trackId, index) === null;
    face.opacity = this.#opacity(trackId, index);
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
   * How far a face that comes or goes inside its shot is faded in or out. It is there at once where the shot or the run begins, and to the end
   * where they end; so is one whose track only goes on under another number.
   */
  #opacity(trackId: number, index: number): number {
    const { first, end } = this.#shotAround(index, fadeReachFrames);
    const here = this.#positionOf(index);
    const opening = this.#lastSighting(trackId, here, first, -1);
    const closing = this.#lastSighting(trackId, here, end - 1, 1);
    const start = this.#at(opening).frame;
    const comes =
      here - opening < fadeFrames &&
      !start.sceneCut &&
      start.index !== this.#firstIndex &&
      !this.#isTakenOver(trackId, opening, first, -1);
    const goes =
      closing - here < fadeFrames &&
      end - 1 - closing > longestGapFrames &&
      !this.#isTakenOver(trackId, closing, end - 1, 1);
    const share = (frames: number): number => smoothstep(0, 1, (frames + 1) / (fadeFrames + 1));
    return Math.min(comes ? share(here - opening) : 1, goes ? share(closing - here) : 1);
  }

  /**
   * The furthest sighting of a track in one direction that is reached over gaps that are filled, but no further than a fade is long.
   *
   * @param limit last position that may be looked at
   */
  #lastSighting(trackId: number, here: number, limit: number, step: 1 | -1): number {
    let last = here;
    for (let i = here + step, gap = 0; step * (limit - i) >= 0; i += step) {
      if (Math.abs(last - here) >= fadeFrames) return last;
      if (this.#at(i).frame.faces.has(trackId)) {
        last = i;
        gap = 0;
      } else if (++gap > longestGapFrames) return last;
    }
    return last;
  }

  /** Whether another track is seen at the same place beyond one end of a track, and not beside it. */
  #isTakenOver(trackId: number, from: number, limit: number, step: 1 | -1): boolean {
    const { faces } = this.#at(from).frame;
    const own = faces.get(trackId);
    if (own === undefined) return false;
    const box = boundsOf(own.points);
    for (let i = from + step; step * (limit - i) >= 0 && Math.abs(i - from) <= longestGapFrames; i += step) {
      for (const [otherId, { points }] of this.#at(i).frame.faces) {
        if (!faces.has(otherId) && boxOverlap(boundsOf(points), box) > sameFaceOverlap) return true;
      }
    }
    return false;
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

/** Whether a motion says anything at all. */
const isKnown = (motion: Float32Array): boolean => motion[0] !== 0 || motion[1] !== 0;

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
