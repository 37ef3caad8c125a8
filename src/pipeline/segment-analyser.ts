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
import { SceneCutDetector } from '../processors/landmark-smoother/scene-cut-detector.js';
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
  }

  /** Frames must come in order. The result is for the window that {@link begin} was given. */
  async analyse(frame: PlanarFrame, index: number): Promise<AnalysedFrame> {
    const tracker = this.#tracker as FaceTracker;
    const window = this.#window as ShotWindow;
    const startMs = performance.now();
    const sceneCut = this.#cuts.push(frame);
    const cutMs = performance.now() - startMs;
    if (sceneCut) tracker.startShot();
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
    this.#samples.add('detect', tracker.times.detectMs + cutMs);
    this.#samples.add('landmarks', tracker.times.landmarksMs + readingMs);
    this.#samples.add('identity', tracker.times.identityMs);
    tracker.times.detectMs = 0;
    tracker.times.landmarksMs = 0;
    tracker.times.identityMs = 0;
    return { index, sceneCut, faces };
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
