import type { PlanarFrame } from '../../imaging/planar-frame.js';
import type { FacePatch } from '../face-swapper/mesh-swapper.js';
import type { BlendSettings, FaceBlender } from '../multiband-blender/face-blender.js';

/** A face that is to be enhanced. */
export type EnhancedFace = {
  /** 468 × (x, y, z) in frame pixels. */
  readonly points: Float32Array;
  /** How noisy the target is there, as `GrainMatcher` measures it. */
  readonly grain: Float32Array;
};

/** Where a face is enhanced, valid during the call that gets it. */
export type EnhancedPatch = Pick<FacePatch, 'region' | 'mask'>;

/** What an enhanced face is laid into the frame with. */
export type EnhancementBlend = {
  readonly blender: FaceBlender;
  readonly mode: BlendSettings['mode'];
  /** 0..1 */
  readonly opacity: number;
  /** Is told where the face is about to be changed. */
  readonly mark: (patch: EnhancedPatch) => void;
};

/**
 * Makes faces clearer that are in the frame already, the target's own or swapped ones. Faces of several frames are added as the frames
 * are then, before any of them is enhanced, so that what a face becomes does not depend on how many go together.
 */
export type FaceEnhancer = {
  /** Faces added since the last {@link clear}. */
  readonly count: number;
  /** How often a batch was halved because memory ran out. */
  readonly halvings: number;
  /**
   * How much of a face is to be enhanced, so that nothing is where nothing is gained: 0..1, a function of the face alone.
   *
   * @param detailPx distance in frame pixels of the finest detail that the face can have: 1 for the target's own, more for one
   *   that was drawn from a smaller crop
   */
  gain(points: Float32Array, detailPx: number): number;
  /** @returns the number under which {@link apply} knows the face */
  add(frame: PlanarFrame, face: EnhancedFace): number;
  /** Enhances all faces that were added. */
  run(): Promise<void>;
  /**
   * Lays an enhanced face into its frame.
   *
   * @returns false when nothing of it lies inside the frame
   */
  apply(frame: PlanarFrame, index: number, blend: EnhancementBlend): boolean;
  /** Forgets the faces. */
  clear(): void;
  /** Frees buffers and models. */
  dispose(): Promise<void>;
};
