import type { PlanarFrame } from '../imaging/planar-frame.js';
import { landmarkInputPx, pointsInCrop } from '../processors/face-landmarker/face-landmarker.js';
import { meshPointCount } from '../processors/face-landmarker/mesh-indices.js';
import type { FaceZones } from '../processors/face-swapper/face-layout.js';
import { AppearanceReader } from '../processors/face-swapper/appearance.js';
import { faceShape } from '../processors/face-swapper/face-shape.js';
import { facingOf, hideOutside } from '../processors/face-swapper/rectify.js';
import { FaceTracker, type SightingReader } from '../processors/face-tracker/face-tracker.js';
import { boundsOf } from '../processors/face-landmarker/mesh-bounds.js';
import { FaceMotionReader } from '../processors/landmark-smoother/face-motion.js';
import { RepeatDetector } from '../processors/landmark-smoother/repeat-detector.js';
import { SceneCutDetector } from '../processors/landmark-smoother/scene-cut-detector.js';
import type { ChainModels } from './chain-models.js';
import {
  type AnalysedFrame,
  longestGapFrames,
  type ObservationBuffer,
  type ShotWindow,
} from './shot-window.js';
import type { StageSamples } from './stage-samples.js';

/**
 * Finds cuts and faces, frame by frame: everything about a frame that does not depend on the source photos, so that it can be
 * kept for the next run on the same target. One per thread.
 */
export class SegmentAnalyser {
  readonly #models: ChainModels;
  readonly #reader: AppearanceReader;
  readonly #samples: StageSamples;
  readonly #facing = new Float32Array(meshPointCount);
  readonly #cropPoints = new Float32Array(3 * meshPointCount);
  readonly #cuts = new SceneCutDetector();
  readonly #motions = new FaceMotionReader();
  readonly #repeats = new RepeatDetector();
  #tracker: FaceTracker | null = null;
  #window: ShotWindow | null = null;

  constructor(models: ChainModels, zones: FaceZones, samples: StageSamples) {
    this.#models = models;
    this.#reader = new AppearanceReader(zones);
    this.#samples = samples;
  }

  /**
   * Forgets everything: the next frame is the first of a segment.
   *
   * @param window where the results will be pushed, which lends the arrays that they are written into
   */
  begin(framesPerSecond: number, window: ShotWindow): void {
    this.#window = window;
    this.#tracker = new FaceTracker(this.#models.detector, this.#models.landmarker, framesPerSecond);
    this.#cuts.reset();
    this.#motions.reset();
    this.#repeats.reset();
  }

  /** Frames must come in order. The result is for the window that {@link begin} was given. */
  async analyse(frame: PlanarFrame, index: number): Promise<AnalysedFrame> {
    const tracker = this.#tracker as FaceTracker;
    const window = this.#window as ShotWindow;
    const startMs = performance.now();
    const sceneCut = this.#cuts.push(frame);
    if (sceneCut) {
      tracker.startShot();
      this.#motions.reset();
      this.#repeats.reset();
    }
    this.#repeats.push(frame);
    const cutMs = performance.now() - startMs;
    const faces = new Map<number, ObservationBuffer>();
    let readingMs = 0;
    const read: SightingReader = ({ trackId, mesh }) => {
      const readMs = performance.now();
      const observation = window.takeObservation();
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
      this.#motions.read({ trackId, mesh }, index, this.#models.landmarker.input, {
        out: observation.motion,
        reachFrames: longestGapFrames + 1,
      });
      const face = { trackId, box: boundsOf(mesh.points), motion: observation.motion };
      observation.repeats = this.#repeats.count(face, index, frame.format);
      faces.set(trackId, observation);
      readingMs += performance.now() - readMs;
    };
    const sightings = await tracker.follow(frame, index, read);
    // A track that slid onto another one's face was read before the tracker dropped it.
    for (const [trackId, observation] of faces) {
      if (sightings.some((sighting) => sighting.trackId === trackId)) continue;
      faces.delete(trackId);
      window.giveBack(observation);
    }
    this.#samples.add('detect', tracker.times.detectMs + cutMs);
    this.#samples.add('landmarks', tracker.times.landmarksMs + readingMs);
    tracker.times.detectMs = 0;
    tracker.times.landmarksMs = 0;
    return { index, sceneCut, faces };
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#reader.dispose();
  }
}
