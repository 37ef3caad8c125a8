import type { FaceRace } from '../../processors/face-recognizer/face-races.js';
import type { FaceIdentity } from '../../processors/face-recognizer/face-recognizer.js';
import type { FaceAppearance } from '../../processors/face-swapper/appearance.js';
import type { HeadPose } from '../../processors/face-swapper/head-pose.js';
import { smoothstep } from '../../imaging/plane-ops.js';

/** What the recogniser said of a face in one frame, and how much that counts. */
export type IdentitySample = FaceIdentity & {
  /** Left out where no classifier tells it. */
  readonly race?: FaceRace;
  /** Above 0, at most 1: by size, pose and sharpness of the face. */
  readonly weight: number;
};

/** A mesh lower than this many pixels is blown up so far for the recogniser that it mostly sees blur. */
const smallestSidePx = 26;
/** From this size on the recogniser gains nothing: its input is 224 pixels, and the face takes up about 190. */
const fullSidePx = 120;
/** Turned further than this a face looks more like other profiles than like itself from the front. */
const turnedAwayRadians = 1;
/** Looking up and down changes a face less than turning does. */
const pitchShare = 0.8;
/** RMS of the finest detail band by contrast of the skin: a face far out of focus, and a sharp one. */
const blurredDetail = 0.04;
const sharpDetail = 0.2;
/** What a face that is out of focus counts beside a sharp one of the same size and pose. */
const blurredShare = 0.4;

/**
 * How much a sample of this face would count; 0 where none should be taken.
 *
 * @param sidePx the longer side of the mesh's box
 */
export const sampleWeight = (
  sidePx: number,
  { yaw, pitch }: Pick<HeadPose, 'yaw' | 'pitch'>,
  { bands, std }: Pick<FaceAppearance, 'bands' | 'std'>,
): number => {
  const turned = Math.max(Math.abs(yaw), pitchShare * Math.abs(pitch));
  if (!(sidePx >= smallestSidePx) || !(turned < turnedAwayRadians)) return 0;
  const size = 0.1 + 0.9 * smoothstep(smallestSidePx, fullSidePx, sidePx);
  const pose = 0.1 + 0.9 * (1 - smoothstep(0.15, turnedAwayRadians, turned));
  const detail = (bands[0] as number) / Math.max(4, std[0] as number);
  const sharpness = blurredShare + (1 - blurredShare) * smoothstep(blurredDetail, sharpDetail, detail);
  return size * pose * sharpness;
};
