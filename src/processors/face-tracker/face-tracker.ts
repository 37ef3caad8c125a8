import { type Box, boxOverlap } from '../../imaging/affine.js';
import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { smallestFacePx } from '../face-detector/detection-tiles.js';
import type { FaceDetection, FaceDetector } from '../face-detector/face-detector.js';
import {
  cropFromBox,
  cropFromMesh,
  type FaceCrop,
  type FaceLandmarker,
  type FaceMesh,
  faceFlagThreshold,
} from '../face-landmarker/face-landmarker.js';
import { boundsOf } from '../face-landmarker/mesh-bounds.js';

/** A face seen in one frame. */
export type FaceSighting = {
  /** Unique within one segment. */
  readonly trackId: number;
  readonly mesh: FaceMesh;
};

/** Called while the landmark model's input still holds the crop of this sighting. */
export type SightingReader = (sighting: FaceSighting) => void;

type Track = {
  readonly id: number;
  points: Float32Array;
  /** Movement of the centre from the last frame to this one, in pixels. */
  velocityX: number;
  velocityY: number;
  /** Frames since the face was last seen; 0 while it is tracked. */
  lostFrames: number;
};

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

/** A mesh that moved further than this (in face sizes) from one frame to the next has jumped to something else. */
const jumpLimit = 0.55;

/**
 * Follows faces from frame to frame: the previous mesh gives the next crop, so that most frames cost one landmark pass
 * per face and no detection. The detector runs on the whole frame every {@link detectEveryFrames} frames (keyed to the
 * frame's index, so that it does not depend on where a segment starts), in tiles for small faces once a second and at the
 * start of every shot, frame by frame at the start of a shot while it shows no face, and around the last place of a face that was lost.
 * What the tiles find new and small costs one more detection, in a window four times its size, which places its box.
 */
export class FaceTracker {
  readonly #detector: FaceDetector;
  readonly #landmarker: FaceLandmarker;
  readonly #scanEveryFrames: number;
  #tracks: Track[] = [];
  #nextId = 1;
  /** Frames of this shot so far. */
  #shotFrames = 0;
  /** Busy milliseconds since the last reset of the counters, by model. */
  readonly times = { detectMs: 0, landmarksMs: 0 };

  /** @param framesPerSecond sets the rhythm of the full scans */
  constructor(detector: FaceDetector, landmarker: FaceLandmarker, framesPerSecond: number) {
    this.#detector = detector;
    this.#landmarker = landmarker;
    this.#scanEveryFrames = Math.max(detectEveryFrames, Math.round(framesPerSecond));
  }

  /** Forgets all faces: the next frame starts a shot. Ids go on counting. */
  startShot(): void {
    this.#tracks = [];
    this.#shotFrames = 0;
  }

  /** Finds the faces of one frame. Frames must come in order. */
  async follow(frame: PlanarFrame, index: number, read: SightingReader): Promise<FaceSighting[]> {
    const sightings: FaceSighting[] = [];
    const lost: Track[] = [];
    for (const track of this.#tracks) {
      if (track.lostFrames > 0) continue;
      const mesh = await this.#landmarks(frame, this.#predictedCrop(track));
      if (mesh.flag >= faceFlagThreshold && isPlausible(track.points, mesh.points)) {
        this.#see(track, mesh, sightings, read);
      } else {
        lost.push(track);
      }
    }
    for (const track of lost) track.lostFrames = 1;
    this.#dropDuplicates(sightings);
    const isScan = this.#shotFrames === 0 || index % this.#scanEveryFrames === 0;
    for (const detection of await this.#detections(frame, index, isScan)) {
      const isNew = !isKnown(sightings, detection.box);
      const closer = isScan && isNew ? await this.#lookCloser(frame, detection) : [];
      for (const candidate of closer.length > 0 ? closer : [detection]) {
        await this.#consider(frame, candidate, sightings, read);
      }
    }
    for (const track of this.#tracks) {
      if (track.lostFrames > 0 && !lost.includes(track)) track.lostFrames++;
    }
    this.#tracks = this.#tracks.filter(({ lostFrames }) => lostFrames <= patienceFrames);
    this.#shotFrames++;
    return sightings;
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
        if (lostFrames > 0) found.push(...(await this.#detector.detectAround(frame, boundsOf(points))));
      }
      return found;
    } finally {
      this.times.detectMs += performance.now() - started;
    }
  }

  async #consider(
    frame: PlanarFrame,
    detection: FaceDetection,
    sightings: FaceSighting[],
    read: SightingReader,
  ): Promise<void> {
    if (isKnown(sightings, detection.box)) return;
    const started = performance.now();
    const mesh = await this.#landmarker.refine(frame, cropFromBox(detection.box, detection.rollRadians));
    this.times.landmarksMs += performance.now() - started;
    if (mesh.flag < faceFlagThreshold) return;
    const bounds = boundsOf(mesh.points);
    if (isKnown(sightings, bounds)) return;
    const lost = this.#tracks.find(
      ({ lostFrames, points }) => lostFrames > 0 && isSameFace(boundsOf(points), bounds),
    );
    const track = lost ?? {
      id: this.#nextId++,
      points: mesh.points,
      velocityX: 0,
      velocityY: 0,
      lostFrames: 0,
    };
    if (lost === undefined) this.#tracks.push(track);
    track.points = mesh.points;
    this.#see(track, mesh, sightings, read);
  }

  #see(track: Track, mesh: FaceMesh, sightings: FaceSighting[], read: SightingReader): void {
    const before = centreOf(track.points);
    const after = centreOf(mesh.points);
    track.velocityX = after.x - before.x;
    track.velocityY = after.y - before.y;
    track.points = mesh.points;
    track.lostFrames = 0;
    const sighting = { trackId: track.id, mesh };
    read(sighting);
    sightings.push(sighting);
  }

  #predictedCrop(track: Track): FaceCrop {
    const crop = cropFromMesh(track.points);
    return {
      ...crop,
      centre: { x: crop.centre.x + track.velocityX, y: crop.centre.y + track.velocityY },
    };
  }

  async #landmarks(frame: PlanarFrame, crop: FaceCrop): Promise<FaceMesh> {
    const started = performance.now();
    const mesh = await this.#landmarker.read(frame, crop);
    this.times.landmarksMs += performance.now() - started;
    return mesh;
  }

  /** Two tracks that have slid onto one face: the younger ends. */
  #dropDuplicates(sightings: FaceSighting[]): void {
    for (let i = sightings.length - 1; i > 0; i--) {
      const { trackId, mesh } = sightings[i] as FaceSighting;
      const bounds = boundsOf(mesh.points);
      const older = sightings
        .slice(0, i)
        .some((other) => boxOverlap(boundsOf(other.mesh.points), bounds) > 0.55);
      if (!older) continue;
      sightings.splice(i, 1);
      this.#tracks = this.#tracks.filter(({ id }) => id !== trackId);
    }
  }
}

function centreOf(points: Float32Array): { x: number; y: number } {
  const { x, y, width, height } = boundsOf(points);
  return { x: x + width / 2, y: y + height / 2 };
}

function isKnown(sightings: readonly FaceSighting[], box: Box): boolean {
  return sightings.some(({ mesh }) => isSameFace(boundsOf(mesh.points), box));
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
