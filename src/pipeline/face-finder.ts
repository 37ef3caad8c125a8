import type { PlanarFrame } from '../imaging/planar-frame.js';
import type { FaceMesh } from '../processors/face-landmarker/face-landmarker.js';
import { boundsOf } from '../processors/face-landmarker/mesh-bounds.js';
import { FaceTracker } from '../processors/face-tracker/face-tracker.js';
import { FaceJumpDetector } from '../processors/landmark-smoother/face-jump-detector.js';
import { FaceMotionReader } from '../processors/landmark-smoother/face-motion.js';
import { RepeatDetector } from '../processors/landmark-smoother/repeat-detector.js';
import { type CutVerdict, SceneCutDetector } from '../processors/landmark-smoother/scene-cut-detector.js';
import type { ChainModels } from './chain-models.js';
import {
  type AnalysedFrame,
  longestGapFrames,
  type Observation,
  type ObservationBuffer,
  type ShotWindow,
} from './shot-window.js';

/** Fills an observation in, besides its points and how they moved. Called while the landmark model's input still holds the crop of the mesh. */
export type ObservationReader = (mesh: FaceMesh, observation: ObservationBuffer) => void;

/** Busy milliseconds by model, and those of the search for cuts. */
export type FindingTimes = {
  cutsMs: number;
  detectMs: number;
  landmarksMs: number;
  identityMs: number;
  /** Of movement and repeated pictures. */
  motionMs: number;
};

/** Finds cuts, follows faces and measures how they move, frame by frame. One segment at a time. */
export class FaceFinder {
  readonly #models: ChainModels;
  readonly #cuts = new SceneCutDetector();
  readonly #jumps = new FaceJumpDetector();
  readonly #motions = new FaceMotionReader();
  readonly #repeats = new RepeatDetector();
  readonly #meshes = new Map<FaceMesh, ObservationBuffer>();
  /** Faces of the frame before; the window still holds them. */
  #facesBefore: ReadonlyMap<number, Observation> = new Map();
  #tracker: FaceTracker | null = null;
  #window: ShotWindow | null = null;
  #cutsMs = 0;
  #motionMs = 0;

  constructor(models: ChainModels) {
    this.#models = models;
  }

  /**
   * Forgets everything: the next frame is the first of a segment.
   *
   * @param window where the results will be pushed, which lends the arrays that they are written into
   */
  begin(framesPerSecond: number, window: ShotWindow): void {
    this.#window = window;
    this.#tracker = new FaceTracker(this.#models, framesPerSecond);
    this.#cuts.reset();
    this.#jumps.reset();
    this.#motions.reset();
    this.#motions.dropUnsettled();
    this.#repeats.reset();
    this.#facesBefore = new Map();
  }

  /**
   * Looks at a frame for the verdict on an earlier one: see `SceneCutDetector.push`. Frames must come in order, each before its faces
   * are looked for.
   */
  look(frame: PlanarFrame): CutVerdict | null {
    const startMs = performance.now();
    const verdict = this.#cuts.push(frame);
    this.#cutsMs += performance.now() - startMs;
    return verdict;
  }

  /** The verdict on the next frame that waits, when no more come; null when none waits. */
  lastLook(): CutVerdict | null {
    return this.#cuts.drain();
  }

  /**
   * Frames must come in order, each with the verdict that {@link look} gave on it. The result is for the window that {@link begin}
   * was given.
   */
  async find(
    frame: PlanarFrame,
    index: number,
    { verdict, read }: { readonly verdict: CutVerdict; readonly read: ObservationReader },
  ): Promise<AnalysedFrame & { readonly faces: ReadonlyMap<number, ObservationBuffer> }> {
    if (verdict === 'cut') this.#startShot();
    let faces = await this.#faces(frame, index, read);
    let sceneCut = verdict === 'cut';
    if (this.#jumps.push(this.#facesBefore, faces) && verdict === 'doubtful') {
      // What was found is the old faces' tracks carried over to new ones.
      for (const observation of faces.values()) (this.#window as ShotWindow).giveBack(observation);
      this.#startShot();
      this.#cuts.startShot();
      faces = await this.#faces(frame, index, read);
      sceneCut = true;
    }
    this.#facesBefore = faces;
    this.#measureMotion(frame, index, { sceneCut, faces });
    return { index, sceneCut, faces };
  }

  /** What was spent since this was last asked. */
  takeTimes(): FindingTimes {
    const { times } = this.#tracker as FaceTracker;
    const taken = { cutsMs: this.#cutsMs, motionMs: this.#motionMs, ...times };
    this.#cutsMs = 0;
    this.#motionMs = 0;
    times.detectMs = 0;
    times.landmarksMs = 0;
    times.identityMs = 0;
    return taken;
  }

  /** How every face moved since its track was last seen, on its pixels, and whether its picture is only repeated. */
  #measureMotion(
    frame: PlanarFrame,
    index: number,
    {
      sceneCut,
      faces,
    }: { readonly sceneCut: boolean; readonly faces: ReadonlyMap<number, ObservationBuffer> },
  ): void {
    const startMs = performance.now();
    if (sceneCut) {
      this.#motions.reset();
      this.#repeats.reset();
    }
    this.#repeats.push(frame);
    for (const [trackId, observation] of faces) {
      const { motion: out, points } = observation;
      this.#motions.settle(observation, trackId, index, { out, reachFrames: longestGapFrames + 1 });
      const face = { trackId, box: boundsOf(points), motion: out };
      observation.repeats = this.#repeats.count(face, index, frame.format);
    }
    this.#motions.dropUnsettled();
    this.#motionMs += performance.now() - startMs;
  }

  #startShot(): void {
    (this.#tracker as FaceTracker).startShot();
    this.#jumps.reset();
    this.#facesBefore = new Map();
  }

  async #faces(
    frame: PlanarFrame,
    index: number,
    read: ObservationReader,
  ): Promise<Map<number, ObservationBuffer>> {
    const window = this.#window as ShotWindow;
    const meshes = this.#meshes;
    meshes.clear();
    const sightings = await (this.#tracker as FaceTracker).follow(frame, index, (mesh) => {
      const observation = window.takeObservation();
      observation.points.set(mesh.points);
      const startMs = performance.now();
      this.#motions.look(observation, mesh, this.#models.landmarker.input);
      this.#motionMs += performance.now() - startMs;
      read(mesh, observation);
      meshes.set(mesh, observation);
    });
    const faces = new Map<number, ObservationBuffer>();
    for (const { trackId, mesh } of sightings) {
      faces.set(trackId, meshes.get(mesh) as ObservationBuffer);
      meshes.delete(mesh);
    }
    // A track that slid onto another one's face was read before the tracker dropped it.
    for (const observation of meshes.values()) window.giveBack(observation);
    return faces;
  }
}
