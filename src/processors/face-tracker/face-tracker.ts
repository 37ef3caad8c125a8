import { type Box, boxOverlap } from '../../imaging/affine.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { smallestFacePx } from '../face-detector/detection-tiles.js';
import type { FaceDetection, TargetDetector } from '../face-detector/target-detector.js';
import {
  cropFromBox,
  cropFromMesh,
  type FaceCrop,
  type FaceLandmarker,
  type FaceMesh,
  faceFlagThreshold,
} from '../face-landmarker/face-landmarker.js';
import { boundsOf } from '../face-landmarker/mesh-bounds.js';
import type { MeshFitter } from '../face-landmarker/mesh-fitter.js';
import type { FaceRecognizer } from '../face-recognizer/face-recognizer.js';
import { headPose } from '../face-swapper/head-pose.js';
import { FaceMemory } from './face-memory.js';

/** A face seen in one frame. */
export type FaceSighting = {
  /** Unique within one segment. */
  readonly trackId: number;
  readonly mesh: FaceMesh;
};

/**
 * Called while the landmark model's input still holds the crop of this mesh. Whose face it is, and whether it is one that the
 * tracker keeps, is said by what {@link FaceTracker.follow} returns.
 */
export type MeshReader = (mesh: FaceMesh) => void;

type Track = {
  id: number;
  points: Float32Array;
  /** Where the landmark model looks next if the face stands still. */
  crop: FaceCrop;
  /** Movement of the centre from the last frame to this one, in pixels. */
  velocityX: number;
  velocityY: number;
  /** Frames since the face was last seen; 0 while it is tracked. */
  lostFrames: number;
  readonly memory: FaceMemory;
  /** Tracks that it lay over or under since they were last told apart. */
  readonly tangled: Set<Track>;
};

/** A mesh that a track's crop gave in this frame. */
type Reading = { readonly track: Track; readonly mesh: FaceMesh; readonly next: FaceCrop };

/** The detector looks at the whole frame this often while everything is tracked; new faces wait no longer than this. */
const detectEveryFrames = 5;

/** A shot in which no face has been seen yet is searched frame by frame for this long: it may begin with a blank or a blur. */
const openingFrames = 10;

/**
 * A new detection narrower than this many of the smallest faces is looked at again in a window of its own before it is
 * believed: the detector's coarse grid sees that there is a small face, but its box may be several times as wide and lie
 * beside it, and on such a crop the landmark model sees no face or a misplaced one.
 */
const closerLookFaces = 6;

/**
 * A lost face is looked for around its last place for this long; then it is forgotten, and a face that appears there later
 * is a new track.
 */
const patienceFrames = 12;

/** A lost face that the recogniser knows may come back this much later, from behind another one for example. */
const memoryFrames = 24;

/** Two meshes that overlap more than this lie on one face. */
const sameFaceOverlap = 0.55;
/** Faces that overlap more than this hide parts of each other. */
const tangledOverlap = 0.15;
/** Faces nearer to each other than this share of the larger one may be confused soon. */
const nearShare = 0.75;

/** Faces that are smaller or turned further away say too little to the recogniser. */
const smallestDescribedPx = 26;
const turnedAwayRadians = 1;

/**
 * Cosine similarities of the embedded recogniser: two crops of one person from one shot have 0.7 to 0.95, of two persons 0.4 to 0.65, and
 * a face that is half hidden has 0.5 to 0.7 to itself. A face that comes back where one was lost must not be clearly another one; one that
 * comes back elsewhere must clearly be the same, unless it went behind another face, from where it is expected.
 */
const otherLikeness = 0.58;
const sameLikeness = 0.6;
const expectedLikeness = 0.5;

/** A face that was lost so shortly ago and is back at its place was only misread. */
const blinkFrames = 2;
/** By this much two tracks must fit better the other way round, both faces together, before they count as exchanged. */
const exchangeMargin = 0.2;

/** A mesh that moved further than this (in face sizes) from one frame to the next has jumped to something else. */
const jumpLimit = 0.55;

/**
 * Follows faces from frame to frame: the previous mesh gives the next crop, so that most frames cost one landmark pass
 * per face and no detection. The detector runs on the whole frame every {@link detectEveryFrames} frames (keyed to the
 * frame's index, so that it does not depend on where a segment starts), in tiles for small faces once a second and at the
 * start of every shot, frame by frame at the start of a shot while it shows no face, and around the last place of a face that was lost.
 * What the tiles find new and small costs one more detection, in a window four times its size, which places its box.
 *
 * Who is who is decided by place as long as that is clear, which costs nothing. When faces come near to each other, the recogniser is asked
 * a few times how each looks, and again where they lay over each other: which of two tracks the one face that is left belongs to, whether
 * a face that appears is one that was hidden, and whether the two were exchanged. A track that turns out to show another face than
 * before goes on under a new id, so that no id stands for two persons.
 */
export class FaceTracker {
  readonly #detector: TargetDetector;
  readonly #landmarker: FaceLandmarker;
  readonly #fitter: MeshFitter | null;
  readonly #recognizer: Pick<FaceRecognizer, 'identify'>;
  readonly #scanEveryFrames: number;
  #tracks: Track[] = [];
  #nextId = 1;
  /** Frames of this shot so far. */
  #shotFrames = 0;
  /** Busy milliseconds since the last reset of the counters, by model. */
  readonly times = { detectMs: 0, landmarksMs: 0, identityMs: 0 };

  /** @param framesPerSecond sets the rhythm of the full scans */
  constructor(
    {
      detector,
      landmarker,
      fitter = null,
      recognizer,
    }: {
      readonly detector: TargetDetector;
      readonly landmarker: FaceLandmarker;
      readonly fitter?: MeshFitter | null;
      readonly recognizer: Pick<FaceRecognizer, 'identify'>;
    },
    framesPerSecond: number,
  ) {
    this.#detector = detector;
    this.#landmarker = landmarker;
    this.#fitter = fitter;
    this.#recognizer = recognizer;
    this.#scanEveryFrames = Math.max(detectEveryFrames, Math.round(framesPerSecond));
  }

  /** Forgets all faces: the next frame starts a shot. Ids go on counting. */
  startShot(): void {
    this.#tracks = [];
    this.#shotFrames = 0;
  }

  /** Finds the faces of one frame. Frames must come in order. */
  async follow(frame: PlanarFrame, index: number, read: MeshReader): Promise<FaceSighting[]> {
    const readings: Reading[] = [];
    const lost: Track[] = [];
    for (const track of this.#tracks) {
      if (track.lostFrames > 0) continue;
      const mesh = await this.#landmarks(frame, this.#predictedCrop(track));
      const next = await this.#fit(frame, mesh);
      if (mesh.flag >= faceFlagThreshold && isPlausible(track.points, mesh.points)) {
        read(mesh);
        readings.push({ track, mesh, next });
      } else {
        lost.push(track);
      }
    }
    lost.push(...(await this.#settleDuplicates(frame, readings)));
    for (const track of lost) track.lostFrames = 1;
    for (const { track, mesh, next } of readings) see(track, mesh, next);
    const isScan = this.#shotFrames === 0 || index % this.#scanEveryFrames === 0;
    for (const detection of await this.#detections(frame, index, isScan)) {
      const isNew = !isKnown(readings, detection.box);
      const closer = isScan && isNew ? await this.#lookCloser(frame, detection) : [];
      for (const candidate of closer.length > 0 ? closer : [detection]) {
        await this.#consider(frame, candidate, readings, read);
      }
    }
    await this.#tellApart(frame, index, readings);
    for (const track of this.#tracks) {
      if (track.lostFrames > 0 && !lost.includes(track)) track.lostFrames++;
    }
    this.#keepOnly(
      ({ lostFrames, memory }) => lostFrames <= (memory.isEmpty ? patienceFrames : memoryFrames),
    );
    this.#shotFrames++;
    return readings.map(({ track, mesh }) => ({ trackId: track.id, mesh }));
  }

  /**
   * What the detector is surer of than of a small detection when that fills a quarter of its input; nothing for a large
   * one. A blurred or turned face scores less when it is seen closer, and its first box is the better one.
   */
  async #lookCloser(frame: PlanarFrame, { box, score }: FaceDetection): Promise<FaceDetection[]> {
    if (box.width >= closerLookFaces * smallestFacePx(frame.format.heightPx)) return [];
    const started = performance.now();
    try {
      const seen = await this.#detector.detectAround(frame, box);
      // The neighbours that the window shows as well have detections of their own.
      return seen.filter((closer) => closer.score > score && boxOverlap(closer.box, box) > 0);
    } finally {
      this.times.detectMs += performance.now() - started;
    }
  }

  async #detections(frame: PlanarFrame, index: number, isScan: boolean): Promise<FaceDetection[]> {
    const started = performance.now();
    try {
      if (isScan) return await this.#detector.detectAll(frame);
      const searching = this.#tracks.length === 0 && this.#shotFrames < openingFrames;
      const found =
        searching || index % detectEveryFrames === 0 ? await this.#detector.detectLarge(frame) : [];
      for (const { lostFrames, points } of this.#tracks) {
        if (lostFrames > 0 && lostFrames <= patienceFrames)
          found.push(...(await this.#detector.detectAround(frame, boundsOf(points))));
      }
      return found;
    } finally {
      this.times.detectMs += performance.now() - started;
    }
  }

  async #consider(
    frame: PlanarFrame,
    detection: FaceDetection,
    readings: Reading[],
    read: MeshReader,
  ): Promise<void> {
    if (isKnown(readings, detection.box)) return;
    const started = performance.now();
    const mesh = await this.#landmarker.refine(frame, cropFromBox(detection.box, detection.rollRadians));
    this.times.landmarksMs += performance.now() - started;
    if (mesh.flag < faceFlagThreshold) return;
    const next = await this.#fit(frame, mesh, detection);
    if (isKnown(readings, boundsOf(mesh.points))) return;
    read(mesh);
    const track = (await this.#lostTrackOf(frame, mesh)) ?? this.#newTrack(mesh, next);
    track.points = mesh.points;
    see(track, mesh, next);
    readings.push({ track, mesh, next });
  }

  #keepOnly(isKept: (track: Track) => boolean): void {
    const gone = this.#tracks.filter((track) => !isKept(track));
    if (gone.length === 0) return;
    this.#tracks = this.#tracks.filter(isKept);
    for (const { tangled } of this.#tracks) for (const track of gone) tangled.delete(track);
  }

  #newTrack({ points }: FaceMesh, crop: FaceCrop): Track {
    const track: Track = {
      id: this.#nextId++,
      points,
      crop,
      velocityX: 0,
      velocityY: 0,
      lostFrames: 0,
      memory: new FaceMemory(),
      tangled: new Set(),
    };
    this.#tracks.push(track);
    return track;
  }

  /**
   * The lost track that a face which appears belongs to. Place decides where one track was lost there of which nothing else is known;
   * likeness where several come into question, or where the face was near to another one before.
   */
  async #lostTrackOf(frame: PlanarFrame, { points }: FaceMesh): Promise<Track | undefined> {
    const bounds = boundsOf(points);
    const lost = this.#tracks.filter(({ lostFrames }) => lostFrames > 0);
    const here = lost.filter(
      (track) => track.lostFrames <= patienceFrames && isSameFace(boundsOf(track.points), bounds),
    );
    const [unknown] = here.filter(({ memory }) => memory.isEmpty);
    const known = lost.filter(
      (track) => !track.memory.isEmpty && (here.includes(track) || mayHaveComeTo(track, bounds)),
    );
    if (known.length === 0) return unknown;
    const [only, ...others] = here;
    const isAlone = only !== undefined && others.length === 0;
    if (isAlone && only.lostFrames <= blinkFrames && isPlausible(only.points, points)) return only;
    const descriptor = await this.#describe(frame, points);
    if (descriptor === null) return here[0];
    const [best] = known.sort(
      (first, second) => second.memory.likeness(descriptor) - first.memory.likeness(descriptor),
    ) as [Track];
    const isBack = unknown === undefined && here.length === 1 && here[0] === best;
    const enough = best.tangled.size > 0 ? expectedLikeness : isBack ? otherLikeness : sameLikeness;
    return best.memory.likeness(descriptor) >= enough ? best : unknown;
  }

  /** The recogniser's view of a face, or null of one that it could not tell from others. */
  async #describe(frame: PlanarFrame, points: Float32Array): Promise<Float32Array | null> {
    const { width, height } = boundsOf(points);
    if (Math.max(width, height) < smallestDescribedPx) return null;
    if (Math.abs(headPose(points).yaw) > turnedAwayRadians) return null;
    const started = performance.now();
    const { descriptor } = await this.#recognizer.identify(frame, points);
    this.times.identityMs += performance.now() - started;
    return descriptor;
  }

  #predictedCrop({ crop, velocityX, velocityY }: Track): FaceCrop {
    return { ...crop, centre: { x: crop.centre.x + velocityX, y: crop.centre.y + velocityY } };
  }

  async #landmarks(frame: PlanarFrame, crop: FaceCrop): Promise<FaceMesh> {
    const started = performance.now();
    const mesh = await this.#landmarker.read(frame, crop);
    this.times.landmarksMs += performance.now() - started;
    return mesh;
  }

  /**
   * Brings what image landmarkers see into a mesh that shows a face.
   *
   * @returns the crop of the mesh before: the landmark model must find the face by what it sees itself
   */
  async #fit(frame: PlanarFrame, { flag, points }: FaceMesh, detection?: FaceDetection): Promise<FaceCrop> {
    const next = cropFromMesh(points);
    if (this.#fitter === null || flag < faceFlagThreshold) return next;
    const started = performance.now();
    await this.#fitter.fit(frame, points, detection);
    this.times.landmarksMs += performance.now() - started;
    return next;
  }

  /**
   * Where two tracks have slid onto one face, it stays with the one that it looks like, or else with the older. The other one is lost:
   * its face is hidden, and it keeps the place where that was last seen. One of which nothing is known ends.
   *
   * @returns the tracks that were lost by this; their readings are taken out.
   */
  async #settleDuplicates(frame: PlanarFrame, readings: Reading[]): Promise<Track[]> {
    const lost: Track[] = [];
    for (let i = readings.length - 1; i > 0; i--) {
      const younger = readings[i] as Reading;
      const bounds = boundsOf(younger.mesh.points);
      const at = readings
        .slice(0, i)
        .findIndex(({ mesh }) => boxOverlap(boundsOf(mesh.points), bounds) > sameFaceOverlap);
      if (at < 0) continue;
      const older = readings[at] as Reading;
      const isYoungers = await this.#isRatherOf(frame, younger, older);
      readings.splice(isYoungers ? at : i, 1);
      const loser = isYoungers ? older.track : younger.track;
      tangle(older.track, younger.track);
      if (loser.memory.isEmpty) this.#keepOnly((track) => track !== loser);
      else lost.push(loser);
    }
    return lost;
  }

  /** Whether a face that two tracks have come to is that of the first. */
  async #isRatherOf(frame: PlanarFrame, first: Reading, second: Reading): Promise<boolean> {
    if (first.track.memory.isEmpty || second.track.memory.isEmpty) return false;
    const descriptor = await this.#describe(frame, first.mesh.points);
    if (descriptor === null) return false;
    return first.track.memory.likeness(descriptor) > second.track.memory.likeness(descriptor);
  }

  /**
   * Remembers how faces look that come near to each other while nothing hides them, and looks whether those that lay over each other and
   * have parted are still the same.
   */
  async #tellApart(frame: PlanarFrame, index: number, readings: readonly Reading[]): Promise<void> {
    if (readings.length < 2) return;
    for (const reading of readings) {
      const { track, mesh } = reading;
      const box = boundsOf(mesh.points);
      const others = readings.filter((other) => other !== reading);
      const overlap = Math.max(...others.map((other) => boxOverlap(boundsOf(other.mesh.points), box)));
      for (const other of others) {
        if (boxOverlap(boundsOf(other.mesh.points), box) > tangledOverlap) tangle(track, other.track);
      }
      const isNear = others.some((other) => isNextTo(boundsOf(other.mesh.points), box));
      const isDue = track.memory.isEmpty || index % detectEveryFrames === 0;
      if (!isNear || overlap > 0 || track.memory.isFull || track.tangled.size > 0 || !isDue) continue;
      const descriptor = await this.#describe(frame, mesh.points);
      if (descriptor !== null) track.memory.add(descriptor);
    }
    for (const [at, first] of readings.entries()) {
      for (const second of readings.slice(at + 1)) await this.#untangle(frame, first, second);
    }
  }

  /** Looks at two faces that have parted. Tracks that were exchanged go on as new ones. */
  async #untangle(frame: PlanarFrame, first: Reading, second: Reading): Promise<void> {
    if (!first.track.tangled.has(second.track)) return;
    if (boxOverlap(boundsOf(first.mesh.points), boundsOf(second.mesh.points)) > 0) return;
    first.track.tangled.delete(second.track);
    second.track.tangled.delete(first.track);
    const [one, other] = [first.track.memory, second.track.memory];
    if (one.isEmpty || other.isEmpty) return;
    const ofFirst = await this.#describe(frame, first.mesh.points);
    const ofSecond = await this.#describe(frame, second.mesh.points);
    if (ofFirst === null || ofSecond === null) return;
    const asTheyAre = one.likeness(ofFirst) + other.likeness(ofSecond);
    const exchanged = one.likeness(ofSecond) + other.likeness(ofFirst);
    if (exchanged <= asTheyAre + exchangeMargin) return;
    first.track.id = this.#nextId++;
    second.track.id = this.#nextId++;
  }
}

/** Puts a track where its face is now. */
function see(track: Track, { points }: FaceMesh, next: FaceCrop): void {
  const before = centreOf(track.points);
  const after = centreOf(points);
  track.velocityX = after.x - before.x;
  track.velocityY = after.y - before.y;
  track.points = points;
  track.crop = next;
  track.lostFrames = 0;
}

function tangle(first: Track, second: Track): void {
  first.tangled.add(second);
  second.tangled.add(first);
}

function centreOf(points: Float32Array): { x: number; y: number } {
  const { x, y, width, height } = boundsOf(points);
  return { x: x + width / 2, y: y + height / 2 };
}

function isKnown(readings: readonly Reading[], box: Box): boolean {
  return readings.some(({ mesh }) => isSameFace(boundsOf(mesh.points), box));
}

/** Whether the gap between two boxes is small beside them. */
function isNextTo(first: Box, second: Box): boolean {
  const size = Math.max(first.width, first.height, second.width, second.height);
  const gapX = Math.max(first.x, second.x) - Math.min(first.x + first.width, second.x + second.width);
  const gapY = Math.max(first.y, second.y) - Math.min(first.y + first.height, second.y + second.height);
  return Math.max(gapX, gapY) < nearShare * size;
}

/** Whether a lost face can be in a box by now: it may have gone on as before, stopped or turned back, and changed its size a little. */
function mayHaveComeTo({ points, velocityX, velocityY, lostFrames }: Track, box: Box): boolean {
  const last = boundsOf(points);
  const size = Math.max(last.width, last.height);
  const sizeNow = Math.max(box.width, box.height);
  if (!(sizeNow > 0.6 * size && sizeNow < 1.7 * size)) return false;
  const way = lostFrames * Math.hypot(velocityX, velocityY);
  const from = centreOf(points);
  const distance = Math.hypot(box.x + box.width / 2 - from.x, box.y + box.height / 2 - from.y);
  return distance < 1.2 * size + 1.5 * way;
}

function isSameFace(first: Box, second: Box): boolean {
  const distance = Math.hypot(
    first.x + first.width / 2 - second.x - second.width / 2,
    first.y + first.height / 2 - second.y - second.height / 2,
  );
  const size = Math.max(first.width, first.height, second.width, second.height);
  return boxOverlap(first, second) > 0.2 || distance < 0.35 * size;
}

function isPlausible(before: Float32Array, after: Float32Array): boolean {
  const first = boundsOf(before);
  const second = boundsOf(after);
  const sizeBefore = Math.max(first.width, first.height);
  const sizeAfter = Math.max(second.width, second.height);
  if (!(sizeAfter > 0.66 * sizeBefore && sizeAfter < 1.5 * sizeBefore)) return false;
  const from = centreOf(before);
  const to = centreOf(after);
  return Math.hypot(to.x - from.x, to.y - from.y) < jumpLimit * sizeBefore;
}
