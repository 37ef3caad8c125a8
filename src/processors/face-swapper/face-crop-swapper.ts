import type { PlanarFrame } from '../../imaging/planar-frame.js';
import type { SwappedCrop } from '../multiband-blender/crop-paster.js';
import type { SourceFace } from './source-face.js';

/**
 * A swapper that works on crops: those of several faces and frames are collected, go through a model together, and come back to be laid
 * into their frames. All crops are cut before any of their frames is changed, so what a face becomes does not depend on how many go together.
 */
export type FaceCropSwapper = {
  /** How often a batch was halved because memory ran out. */
  readonly halvings: number;
  /** Faces that were added since the last {@link FaceCropSwapper.clear}. */
  readonly count: number;
  /**
   * Cuts out a face for the next run.
   *
   * @param points 468 × (x, y, z) in frame pixels
   * @param source null for models that know the face that they put in
   * @returns the number under which {@link FaceCropSwapper.swapped} gives it back
   */
  add(frame: PlanarFrame, points: Float32Array, source: SourceFace | null): number;
  /** Sends all added faces through the model. */
  run(): Promise<void>;
  /** The new face with its mask and place, valid until the next {@link FaceCropSwapper.run}. */
  swapped(index: number): SwappedCrop;
  /** Forgets the faces; the next {@link FaceCropSwapper.add} starts at 0 again. */
  clear(): void;
  /** Lets go of the masks; sessions are whose that opened them. */
  dispose(): Promise<void>;
};
