import type { PlanarFrame } from '../../imaging/planar-frame.js';
import { FaceTracker } from '../../processors/face-tracker/face-tracker.js';
import { SceneCutDetector } from '../../processors/landmark-smoother/scene-cut-detector.js';
import type { ChainModels } from '../chain-models.js';
import type { SmootherMode } from '../run-options.js';
import { type Observation, ShotWindow } from '../shot-window.js';

/**
 * Finds and follows the faces of one video exactly as a run does, without reading how they look. What it saw is in {@link window};
 * of an observation only the points are ever written or read.
 */
export class FaceFollower {
  readonly window: ShotWindow;
  readonly #tracker: FaceTracker;
  readonly #cuts = new SceneCutDetector();
  readonly #cutFrames = new Set<number>();

  constructor(models: ChainModels, framesPerSecond: number, smoother: SmootherMode) {
    this.window = new ShotWindow(smoother);
    this.#tracker = new FaceTracker(models.detector, models.landmarker, framesPerSecond);
  }

  /** Looks at the next frame. */
  async follow(frame: PlanarFrame, index: number): Promise<void> {
    const sceneCut = this.#cuts.push(frame);
    if (sceneCut) {
      this.#tracker.startShot();
      this.#cutFrames.add(index);
    }
    const faces = new Map<number, Observation>();
    const sightings = await this.#tracker.follow(frame, index, ({ trackId, mesh }) => {
      const observation = this.window.takeObservation();
      observation.points.set(mesh.points);
      faces.set(trackId, observation);
    });
    for (const [trackId, observation] of faces) {
      if (sightings.some((sighting) => sighting.trackId === trackId)) continue;
      faces.delete(trackId);
      this.window.giveBack(observation);
    }
    this.window.push({ index, sceneCut, faces });
  }

  /** Whether a frame is the first of a shot. */
  isCut(index: number): boolean {
    return this.#cutFrames.has(index);
  }

  /** Forgets frames before `index`. */
  dropBefore(index: number): void {
    this.window.dropBefore(index);
    for (const cut of this.#cutFrames) if (cut < index) this.#cutFrames.delete(cut);
  }
}
