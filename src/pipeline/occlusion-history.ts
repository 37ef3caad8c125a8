import {
  allocateExpectedFace,
  type ExpectedFace,
  mostFirstPortraits,
  OcclusionDetector,
  type SeenFace,
} from '../processors/face-masker/occlusion-detector.js';
import { OcclusionMapper } from '../processors/face-masker/occlusion-mapper.js';
import { type Portrait, portraitTexels } from '../processors/face-masker/portrait.js';
import { headPose } from '../processors/face-swapper/head-pose.js';
import { chainNeighbourFrames } from './chain-neighbours.js';

/** A frame with what was seen of its faces. */
export type PortraitFrame = {
  readonly index: number;
  /** True for the first frame of a shot. */
  readonly sceneCut: boolean;
  /** By track id. */
  readonly faces: ReadonlyMap<number, { readonly portrait: Portrait; readonly points: Float32Array }>;
};

/** Weights of deviations by their distance in frames: noise and a blink are shorter than anything that comes before a face. */
const scoreWeights = [3, 2, 1] as const;
const scoreReachFrames = scoreWeights.length - 1;

/** Maps of this many frames to either side are averaged, so that edges move softly. */
const mapReachFrames = 2;

/** In a gap the map comes from the nearest sightings before and after, so far away at most. */
const gapReachFrames = chainNeighbourFrames.after - scoreReachFrames;

/** A track that was not seen for longer is learnt anew. */
const memoryFrames = 48;

/** The map of a face with nothing over it. */
const openMap = new Float32Array(portraitTexels);

/** What is kept of a track. */
type TrackHistory = {
  readonly expected: ExpectedFace;
  hasBegun: boolean;
  /** Last frame that was judged. */
  judgedTo: number;
  /** Deviations, and maps of what lies over the face, by frame. */
  readonly scores: Map<number, Float32Array>;
  readonly maps: Map<number, Float32Array>;
};

/**
 * Keeps what lies over the faces of a segment from being painted over: learns what each track looks like, and tells from a frame and a few
 * neighbours on both sides where something else is seen. Frames are pushed in order, and asked about in order when the frames after them
 * that a segment may look at are there. Nothing crosses a cut.
 *
 * In steady state it allocates no arrays.
 */
export class OcclusionHistory {
  readonly #detector: OcclusionDetector;
  readonly #mapper = new OcclusionMapper();
  readonly #frames: PortraitFrame[] = [];
  readonly #tracks = new Map<number, TrackHistory>();
  readonly #spareTracks: TrackHistory[] = [];
  readonly #sparePlanes: Float32Array[] = [];
  readonly #first: SeenFace[] = [];
  readonly #sum = new Float32Array(portraitTexels);
  readonly #closed = new Float32Array(portraitTexels);

  /** @param leniency how lenient each texel is judged, from `leniencyOf` */
  constructor(leniency: Float32Array) {
    this.#detector = new OcclusionDetector(leniency);
  }

  /** Adds the next frame; its portraits must stay as they are until {@link dropBefore} or {@link clear}. */
  push(frame: PortraitFrame): void {
    this.#frames.push(frame);
  }

  /** Forgets frames before `index`; none of them is asked about any more. */
  dropBefore(index: number): void {
    while (this.#frames[0] !== undefined && this.#frames[0].index < index) this.#frames.shift();
    for (const [trackId, track] of this.#tracks) {
      this.#dropPlanes(track.scores, index);
      this.#dropPlanes(track.maps, index);
      if (index <= track.judgedTo + memoryFrames) continue;
      this.#tracks.delete(trackId);
      this.#spareTracks.push(track);
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.dropBefore(Number.POSITIVE_INFINITY);
  }

  /**
   * Closes what is open where something lies over a face.
   *
   * @param open `appearanceSize`² numbers, changed in place
   */
  close(trackId: number, index: number, open: Float32Array): void {
    const track = this.#tracks.get(trackId) ?? this.#newTrack(trackId);
    this.#judge(trackId, track, index);
    const closed = this.#closed.fill(0);
    this.#averageMaps(track, index, closed);
    this.#mapper.close(closed, open);
  }

  #newTrack(trackId: number): TrackHistory {
    const track = this.#spareTracks.pop() ?? {
      expected: allocateExpectedFace(),
      hasBegun: false,
      judgedTo: 0,
      scores: new Map<number, Float32Array>(),
      maps: new Map<number, Float32Array>(),
    };
    track.hasBegun = false;
    track.judgedTo = Number.NEGATIVE_INFINITY;
    this.#tracks.set(trackId, track);
    return track;
  }

  #dropPlanes(planes: Map<number, Float32Array>, before: number): void {
    for (const [index, plane] of planes) {
      if (index >= before) continue;
      planes.delete(index);
      if (plane !== openMap) this.#sparePlanes.push(plane);
    }
  }

  /** Judges the track's frames that were not judged yet, up to the last one that a frame may look at. */
  #judge(trackId: number, track: TrackHistory, index: number): void {
    const last = index + chainNeighbourFrames.after;
    for (let at = 0; at < this.#frames.length; at++) {
      const frame = this.#frames[at] as PortraitFrame;
      if (frame.index > last || (frame.sceneCut && frame.index > index)) return;
      if (frame.index <= track.judgedTo) continue;
      if (frame.sceneCut) {
        track.hasBegun = false;
        this.#dropPlanes(track.scores, frame.index);
        this.#dropPlanes(track.maps, frame.index);
      }
      const face = frame.faces.get(trackId);
      if (face === undefined) continue;
      if (frame.index > track.judgedTo + memoryFrames) track.hasBegun = false;
      const seen = seenFace(face);
      if (track.hasBegun && this.#detector.hasTurnedAway(track.expected, seen)) track.hasBegun = false;
      if (!track.hasBegun) this.#begin(trackId, track, at, last);
      const scores = this.#sparePlanes.pop() ?? new Float32Array(portraitTexels);
      this.#detector.judge(track.expected, seen, scores);
      this.#detector.adapt(track.expected, scores);
      track.scores.set(frame.index, scores);
      track.judgedTo = frame.index;
    }
  }

  /** Begins with pictures spread evenly over all that is there of the track's shot. */
  #begin(trackId: number, track: TrackHistory, from: number, last: number): void {
    const faces = this.#first;
    faces.length = 0;
    for (let at = from; at < this.#frames.length; at++) {
      const frame = this.#frames[at] as PortraitFrame;
      if (frame.index > last || (at > from && frame.sceneCut)) break;
      const face = frame.faces.get(trackId);
      if (face !== undefined) faces.push(seenFace(face));
    }
    const count = Math.min(mostFirstPortraits, faces.length);
    for (let i = 0; i < count; i++) {
      faces[i] = faces[Math.floor((i * faces.length) / count)] as SeenFace;
    }
    faces.length = count;
    this.#detector.begin(faces, track.expected);
    track.hasBegun = true;
  }

  /** The mean of the maps around a frame; in a gap of the nearest before and after it, the nearer the more. */
  #averageMaps(track: TrackHistory, index: number, out: Float32Array): void {
    let total = 0;
    for (let at = index - mapReachFrames; at <= index + mapReachFrames; at++) {
      total += this.#addMap(track, at, 1, out);
    }
    if (total === 0) {
      total += this.#addNearest(track, index, -1, out);
      total += this.#addNearest(track, index, 1, out);
    }
    if (total === 0) return;
    for (let i = 0; i < portraitTexels; i++) out[i] = (out[i] as number) / total;
  }

  /** @returns the weight that was added, 0 where there is no map near enough */
  #addNearest(track: TrackHistory, index: number, direction: -1 | 1, out: Float32Array): number {
    for (let distance = 1; distance <= gapReachFrames; distance++) {
      const added = this.#addMap(track, index + direction * distance, 1 / distance, out);
      if (added > 0) return added;
    }
    return 0;
  }

  #addMap(track: TrackHistory, index: number, weight: number, out: Float32Array): number {
    const map = this.#mapOf(track, index);
    if (map === null) return 0;
    if (map === openMap) return weight;
    for (let i = 0; i < portraitTexels; i++) out[i] = (out[i] as number) + weight * (map[i] as number);
    return weight;
  }

  /** What lies over the face in a frame, by its own deviations and its neighbours'; null where the face was not seen. */
  #mapOf({ scores, maps }: TrackHistory, index: number): Float32Array | null {
    if (!scores.has(index)) return null;
    const known = maps.get(index);
    if (known !== undefined) return known;
    const sum = this.#sum.fill(0);
    let total = 0;
    for (let offset = -scoreReachFrames; offset <= scoreReachFrames; offset++) {
      const deviations = scores.get(index + offset);
      if (deviations === undefined) continue;
      const weight = scoreWeights[Math.abs(offset)] as number;
      total += weight;
      for (let i = 0; i < portraitTexels; i++) {
        sum[i] = (sum[i] as number) + weight * (deviations[i] as number);
      }
    }
    for (let i = 0; i < portraitTexels; i++) sum[i] = (sum[i] as number) / total;
    const map = this.#sparePlanes.pop() ?? new Float32Array(portraitTexels);
    if (this.#mapper.map(sum, map)) {
      maps.set(index, map);
      return map;
    }
    this.#sparePlanes.push(map);
    maps.set(index, openMap);
    return openMap;
  }
}

function seenFace({
  portrait,
  points,
}: {
  readonly portrait: Portrait;
  readonly points: Float32Array;
}): SeenFace {
  const { yaw, pitch } = headPose(points);
  return { portrait, yaw, pitch };
}
