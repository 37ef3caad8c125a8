import type { PlanarFrame } from '../imaging/planar-frame.js';
import type { FaceMesh } from '../processors/face-landmarker/face-landmarker.js';
import { FaceTracker } from '../processors/face-tracker/face-tracker.js';
import { FaceJumpDetector } from '../processors/landmark-smoother/face-jump-detector.js';
import { type CutVerdict, SceneCutDetector } from '../processors/landmark-smoother/scene-cut-detector.js';
import type { ChainModels } from './chain-models.js';
import type { AnalysedFrame, Observation, ObservationBuffer, ShotWindow } from './shot-window.js';

/** Fills an observation in, besides its points. Called while the landmark model's input still holds the crop of the mesh. */
export type ObservationReader = (mesh: FaceMesh, observation: ObservationBuffer) => void;

/** Busy milliseconds by model, and those of the search for cuts. */
export type FindingTimes = {
  cutsMs: number;
  detectMs: number;
  landmarksMs: number;
  identityMs: number;
};

/** Finds cuts and follows faces, frame by frame. One segment at a time. */
export class FaceFinder {
  readonly #models: ChainModels;
  readonly #cuts = new SceneCutDetector();
  readonly #jumps = new FaceJumpDetector();
  readonly #meshes = new Map<FaceMesh, ObservationBuffer>();
  /** Faces of the frame before; the window still holds them. */
  #facesBefore: ReadonlyMap<number, Observation> = new Map();
  #tracker: FaceTracker | null = null;
  #window: ShotWindow | null = null;
  #cutsMs = 0;

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
    return { index, sceneCut, faces };
  }

  /** What was spent since this was last asked. */
  takeTimes(): FindingTimes {
    const { times } = this.#tracker as FaceTracker;
    const taken = { cutsMs: this.#cutsMs, ...times };
    this.#cutsMs = 0;
    times.detectMs = 0;
    times.landmarksMs = 0;
    times.identityMs = 0;
    return taken;
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
