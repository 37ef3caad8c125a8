import type { FaceRow, FrameRow } from '../../src/pipeline/run-report.js';

/** A swapped face without figures, but for those given. */
export const faceRow = (values: Partial<FaceRow>): FaceRow => ({
  trackId: 1,
  outcome: 'swapped',
  box: { x: 0, y: 0, width: 10, height: 10 },
  tpsnrOutputDb: null,
  tpsnrSourceDb: null,
  tpsnrAlignedOutputDb: null,
  tpsnrAlignedSourceDb: null,
  seam: null,
  ssimInside: null,
  jitterBefore: null,
  jitterAfter: null,
  identityToSource: null,
  identityToTarget: null,
  ...values,
});

export const frameRow = (frame: number, faces: readonly FaceRow[], sceneCut = false): FrameRow => ({
  frame,
  sceneCut,
  ssimOutside: null,
  faces,
});
