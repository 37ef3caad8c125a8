import type { PlanarFrame } from '../imaging/planar-frame.js';
import {
  type FaceMesh,
  landmarkInputPx,
  pointsInCrop,
} from '../processors/face-landmarker/face-landmarker.js';
import { meshPointCount } from '../processors/face-landmarker/mesh-indices.js';
import type { FaceZones } from '../processors/face-swapper/face-layout.js';
import { AppearanceReader } from '../processors/face-swapper/appearance.js';
import { faceShape } from '../processors/face-swapper/face-shape.js';
import { facingOf, hideOutside } from '../processors/face-swapper/rectify.js';
import { FaceTracker, type MeshReader } from '../processors/face-tracker/face-tracker.js';
import { FaceJumpDetector } from '../processors/landmark-smoother/face-jump-detector.js';
import { type CutVerdict, SceneCutDetector } from '../processors/landmark-smoother/scene-cut-detector.js';
import type { ChainModels } from './chain-models.js';
import { IdentitySampler } from './cast/identity-sampler.js';
import type { AnalysedFrame, Observation, ObservationBuffer, ShotWindow } from './shot-window.js';
import type { StageSamples } from './stage-samples.js';

/**
 * Finds cuts and faces, frame by frame: everything about a frame that does not depend on the source photos, so that it can be
 * kept for the next run on the same target. One per thread.
 */
export class SegmentAnalyser {
  readonly #models: ChainModels;
  readonly #reader: AppearanceReader;
  readonly #samples: StageSamples;
  /** Null: nobody asks who is in the target. */
  readonly #sampler: IdentitySampler | null;
  readonly #facing = new Float32Array(meshPointCount);
  readonly #cropPoints = new Float32Array(3 * meshPointCount);
  readonly #cuts = new SceneCutDetector();
  readonly #jumps = new FaceJumpDetector();
  /** Faces of the frame before; the window still holds them. */
  #facesBefore: ReadonlyMap<number, Observation> = new Map();
  #tracker: FaceTracker | null = null;
  #window: ShotWindow | null = null;

  /** @param needsCast whether to take identity samples */
  constructor(
    models: ChainModels,
    { zones, samples, needsCast }: { zones: FaceZones; samples: StageSamples; needsCast: boolean },
  ) {
    this.#models = models;
    this.#reader = new AppearanceReader(zones);
    this.#samples = samples;
    this.#sampler = needsCast ? new IdentitySampler(models.recognizer) : null;
  }

  /**
   * Forgets everything: the next frame is the first of a segment.
   *
   * @param window where the results will be pushed, which lends the arrays that they are written into
   */
  begin(framesPerSecond: number, window: ShotWindow): void {
    this.#window = window;
    this.#tracker = new FaceTracker(this.#models, framesPerSecond);
    this.#sampler?.reset();
    this.#cuts.reset();
    this.#jumps.reset();
    this.#facesBefore = new Map();
  }

  /**
   * Looks at a frame for the verdict on an earlier one: see `SceneCutDetector.push`. Frames must come in order, each before it
   * is analysed.
   */
  look(frame: PlanarFrame): CutVerdict | null {
    const startMs = performance.now();
    const verdict = this.#cuts.push(frame);
    this.#samples.add('detect', performance.now() - startMs);
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
  async analyse(frame: PlanarFrame, index: number, verdict: CutVerdict): Promise<AnalysedFrame> {
    if (verdict === 'cut') this.#startShot();
    let faces = await this.#findFaces(frame, index);
    let sceneCut = verdict === 'cut';
    if (this.#jumps.push(this.#facesBefore, faces) && verdict === 'doubtful') {
      // What was found is the old faces' tracks carried over to new ones.
      for (const observation of faces.values()) (this.#window as ShotWindow).giveBack(observation);
      this.#startShot();
      this.#cuts.startShot();
      faces = await this.#findFaces(frame, index);
      sceneCut = true;
    }
    this.#facesBefore = faces;
    return { index, sceneCut, faces };
  }

  #startShot(): void {
    (this.#tracker as FaceTracker).startShot();
    this.#jumps.reset();
    this.#facesBefore = new Map();
  }

  async #findFaces(frame: PlanarFrame, index: number): Promise<Map<number, Observation>> {
    const tracker = this.#tracker as FaceTracker;
    const window = this.#window as ShotWindow;
    const observations = new Map<FaceMesh, ObservationBuffer>();
    let readingMs = 0;
    const read: MeshReader = (mesh) => {
      const readMs = performance.now();
      const observation = window.takeObservation();
      observation.identity = null;
      observation.points.set(mesh.points);
      faceShape(mesh.points, observation.shape);
      this.#reader.read(
        this.#models.landmarker.input,
        landmarkInputPx,
        pointsInCrop(mesh, this.#cropPoints),
        hideOutside(facingOf(mesh.points, this.#facing), mesh.points, frame.format),
        observation.appearance,
        frame.format.hdr,
      );
      observations.set(mesh, observation);
      readingMs += performance.now() - readMs;
    };
    const sightings = await tracker.follow(frame, index, read);
    const faces = new Map<number, Observation>();
    for (const { trackId, mesh } of sightings) {
      const observation = observations.get(mesh) as ObservationBuffer;
      observations.delete(mesh);
      faces.set(trackId, observation);
      await this.#sample(frame, index, { trackId, observation });
    }
    // A track that slid onto another one's face was read before the tracker dropped it.
    for (const observation of observations.values()) window.giveBack(observation);
    this.#samples.add('detect', tracker.times.detectMs);
    this.#samples.add('landmarks', tracker.times.landmarksMs + readingMs);
    this.#samples.add('identity', tracker.times.identityMs);
    tracker.times.detectMs = 0;
    tracker.times.landmarksMs = 0;
    tracker.times.identityMs = 0;
    return faces;
  }

  async #sample(
    frame: PlanarFrame,
    index: number,
    { trackId, observation }: { trackId: number; observation: ObservationBuffer },
  ): Promise<void> {
    if (this.#sampler === null) return;
    const startMs = performance.now();
    observation.identity = await this.#sampler.sample(frame, index, { trackId, observation });
    this.#samples.add('identity', performance.now() - startMs);
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#reader.dispose();
  }
}
