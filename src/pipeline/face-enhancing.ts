import { FaceswapError } from '../errors.js';
import type { PlanarFrame } from '../imaging/planar-frame.js';
import { fivePointLength, fivePointsOf } from '../processors/face-landmarker/five-points.js';
import { eyeDistance } from '../processors/face-enhancer/enhancement-gain.js';
import type { FaceBlender } from '../processors/multiband-blender/face-blender.js';
import type { FrameMonitor } from '../processors/quality-monitor/frame-monitor.js';
import type { ChainSettings } from './face-chain.js';
import { HeldTargets } from './held-targets.js';
import type { OpenedFaceEnhancer } from './open-face-enhancer.js';
import type { SteadyFace } from './shot-window.js';

type EnhancingSettings = Pick<ChainSettings, 'blend' | 'faceEnhancerBlend' | 'faceEnhancerFaces'>;

/** A face of the group that is being enhanced. */
type AddedFace = {
  readonly frameAt: number;
  readonly trackId: number;
  /** Number under which the enhancer knows it. */
  readonly index: number;
  readonly opacity: number;
};

/** Enhances the faces of a group of frames that are drawn, and keeps what the monitor needs of them until then. One per thread. */
export class FaceEnhancing {
  readonly #opened: OpenedFaceEnhancer;
  readonly #settings: EnhancingSettings;
  readonly #blender: FaceBlender;
  readonly #held = new HeldTargets();
  readonly #five = new Float32Array(fivePointLength);
  #faces: AddedFace[] = [];

  /** @param blender lays enhanced faces in */
  constructor(opened: OpenedFaceEnhancer, settings: EnhancingSettings, blender: FaceBlender) {
    this.#opened = opened;
    this.#settings = settings;
    this.#blender = blender;
  }

  /** Keeps a frame's luma before anything is drawn into it. @param at its place in the group */
  hold(at: number, picture: PlanarFrame): void {
    this.#held.hold(at, picture);
  }

  /** Whom to tell where faces are drawn into a frame. */
  marksOf(at: number): Pick<FrameMonitor, 'mark'> {
    return this.#held.at(at);
  }

  /** The frame's luma as it was held. */
  target(at: number): PlanarFrame {
    const { frame } = this.#held.at(at);
    if (frame === null) throw new FaceswapError('bug', `Frame ${at} of the group was not held`);
    return frame;
  }

  /** Tells the monitor where faces were drawn into a frame. */
  replay(at: number, monitor: Pick<FrameMonitor, 'mark'>): void {
    this.#held.at(at).replay(monitor);
  }

  /**
   * Takes a face of a frame into the next run, if it gains from it.
   *
   * @param opacity how much of the face is drawn at all; @param isSwapped whether it is a swapped one
   */
  add(
    at: number,
    picture: PlanarFrame,
    { trackId, face }: { readonly trackId: number; readonly face: SteadyFace },
    { opacity, isSwapped }: { readonly opacity: number; readonly isSwapped: boolean },
  ): void {
    const { enhancer } = this.#opened;
    const { faceEnhancerBlend, faceEnhancerFaces } = this.#settings;
    const gain =
      faceEnhancerFaces === 'all' ? 1 : enhancer.gain(face.points, this.#detailPx(face.points, isSwapped));
    const share = opacity * faceEnhancerBlend * gain;
    if (share === 0) return;
    const index = enhancer.add(picture, { points: face.points, grain: face.appearance.grain });
    this.#faces.push({ frameAt: at, trackId, index, opacity: share });
  }

  /** Enhances all faces that were taken. */
  async run(): Promise<void> {
    await this.#opened.enhancer.run();
  }

  /** Lays the enhanced faces of a frame into it. @returns the tracks whose faces were */
  apply(at: number, picture: PlanarFrame): ReadonlySet<number> {
    const enhanced = new Set<number>();
    for (const { frameAt, trackId, index, opacity } of this.#faces) {
      if (frameAt !== at) continue;
      const isDrawn = this.#opened.enhancer.apply(picture, index, {
        blender: this.#blender,
        mode: this.#settings.blend,
        opacity,
        mark: (patch) => this.#held.at(at).mark(trackId, patch),
      });
      if (isDrawn) enhanced.add(trackId);
    }
    return enhanced;
  }

  /** Forgets the faces of the group. */
  clear(): void {
    this.#faces = [];
    this.#opened.enhancer.clear();
  }

  /** Distance of the finest detail that a face can have in frame pixels. */
  #detailPx(points: Float32Array, isSwapped: boolean): number {
    const { swappedEyesPx } = this.#opened;
    if (!isSwapped || swappedEyesPx === null) return 1;
    return Math.max(1, eyeDistance(fivePointsOf(points, this.#five)) / swappedEyesPx);
  }
}
