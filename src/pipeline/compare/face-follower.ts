import type { PlanarFrame } from '../../imaging/planar-frame.js';
import type { CutVerdict } from '../../processors/landmark-smoother/scene-cut-detector.js';
import type { ChainModels } from '../chain-models.js';
import { FaceFinder } from '../face-finder.js';
import type { SmootherSettings } from '../../processors/landmark-smoother/landmark-smoother.js';
import { ShotWindow } from '../shot-window.js';

/**
 * Finds and follows the faces of one video exactly as a run does, without reading how they look. What it saw is in {@link window};
 * of an observation only the points and how they moved are ever written or read.
 */
export class FaceFollower {
  readonly window: ShotWindow;
  readonly #finder: FaceFinder;
  readonly #cutFrames = new Set<number>();

  constructor(models: ChainModels, framesPerSecond: number, smoother: SmootherSettings) {
    this.window = new ShotWindow(smoother);
    this.#finder = new FaceFinder(models);
    this.#finder.begin(framesPerSecond, this.window);
  }

  /** See `FaceFinder.look`. */
  look(frame: PlanarFrame): CutVerdict | null {
    return this.#finder.look(frame);
  }

  /** See `FaceFinder.lastLook`. */
  lastLook(): CutVerdict | null {
    return this.#finder.lastLook();
  }

  /** Finds the faces of the next frame; the verdict is the one on this frame. */
  async follow(frame: PlanarFrame, index: number, verdict: CutVerdict): Promise<void> {
    const analysed = await this.#finder.find(frame, index, { verdict, read: () => {} });
    if (analysed.sceneCut) this.#cutFrames.add(index);
    this.window.push(analysed);
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
