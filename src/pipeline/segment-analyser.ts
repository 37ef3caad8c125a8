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
import { GrainMatcher } from '../processors/grain-matcher/grain-matcher.js';
import { facingOf, hideOutside } from '../processors/face-swapper/rectify.js';
import type { CutVerdict } from '../processors/landmark-smoother/scene-cut-detector.js';
import { IdentitySampler } from './cast/identity-sampler.js';
import type { ChainModels } from './chain-models.js';
import { FaceFinder } from './face-finder.js';
import type { AnalysedFrame, ObservationBuffer, ShotWindow } from './shot-window.js';
import type { StageSamples } from './stage-samples.js';

/**
 * Finds cuts and faces, frame by frame: everything about a frame that does not depend on the source photos, so that it can be
 * kept for the next run on the same target. One per thread.
 */
export class SegmentAnalyser {
  readonly #models: ChainModels;
  readonly #finder: FaceFinder;
  readonly #reader: AppearanceReader;
  readonly #samples: StageSamples;
  /** Null: nobody asks who is in the target. */
  readonly #sampler: IdentitySampler | null;
  /** Null: nobody asked for grain. */
  readonly #grain: GrainMatcher | null;
  readonly #facing = new Float32Array(meshPointCount);
  readonly #cropPoints = new Float32Array(3 * meshPointCount);

  /** @param needsCast whether to take identity samples; `matchesGrain`: whether to measure the picture's noise */
  constructor(
    models: ChainModels,
    {
      zones,
      samples,
      needsCast,
      matchesGrain,
    }: { zones: FaceZones; samples: StageSamples; needsCast: boolean; matchesGrain: boolean },
  ) {
    this.#models = models;
    this.#finder = new FaceFinder(models);
    this.#reader = new AppearanceReader(zones);
    this.#samples = samples;
    this.#sampler = needsCast ? new IdentitySampler(models.recognizer, models.classifier) : null;
    this.#grain = matchesGrain ? new GrainMatcher() : null;
  }

  /**
   * Forgets everything: the next frame is the first of a segment.
   *
   * @param window where the results will be pushed, which lends the arrays that they are written into
   */
  begin(framesPerSecond: number, window: ShotWindow): void {
    this.#finder.begin(framesPerSecond, window);
    this.#sampler?.reset();
  }

  /** See `FaceFinder.look`. */
  look(frame: PlanarFrame): CutVerdict | null {
    return this.#finder.look(frame);
  }

  /** See `FaceFinder.lastLook`. */
  lastLook(): CutVerdict | null {
    return this.#finder.lastLook();
  }

  /**
   * Frames must come in order, each with the verdict that {@link look} gave on it. The result is for the window that {@link begin}
   * was given.
   */
  async analyse(frame: PlanarFrame, index: number, verdict: CutVerdict): Promise<AnalysedFrame> {
    let readingMs = 0;
    const read = (mesh: FaceMesh, observation: ObservationBuffer): void => {
      const startMs = performance.now();
      observation.identity = null;
      faceShape(mesh.points, observation.shape);
      this.#reader.read(
        this.#models.landmarker.input,
        landmarkInputPx,
        pointsInCrop(mesh, this.#cropPoints),
        hideOutside(facingOf(mesh.points, this.#facing), mesh.points, frame.format),
        observation.appearance,
        frame.format.hdr,
      );
      this.#reader.copyPortrait(observation.portrait);
      if (this.#grain === null) observation.appearance.grain.fill(0);
      else this.#grain.measure(frame, mesh.points, observation.appearance.grain);
      readingMs += performance.now() - startMs;
    };
    const analysed = await this.#finder.find(frame, index, { verdict, read });
    const times = this.#finder.takeTimes();
    this.#samples.add('detect', times.cutsMs + times.detectMs);
    this.#samples.add('landmarks', times.landmarksMs + times.motionMs + readingMs);
    this.#samples.add('identity', times.identityMs);
    if (this.#sampler !== null) {
      const startMs = performance.now();
      for (const [trackId, observation] of analysed.faces) {
        observation.identity = await this.#sampler.sample(frame, index, { trackId, observation });
      }
      this.#samples.add('identity', performance.now() - startMs);
    }
    return analysed;
  }

  /** Gives the kernel memory back. */
  dispose(): void {
    this.#reader.dispose();
    this.#grain?.dispose();
  }
}
