import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noFaceFailure } from '../../src/pipeline/no-face.js';
import type { QualityTotals } from '../../src/pipeline/run-report.js';

const totals = (facesFound: number, facesSkipped: QualityTotals['facesSkipped']): QualityTotals => ({
  facesFound,
  facesSwapped: 0,
  facesFilled: 0,
  facesSkipped,
  framesWithoutFace: 0,
  sceneCuts: 0,
  tpsnrOutputDb: null,
  tpsnrSourceDb: null,
  tpsnrAlignedOutputDb: null,
  tpsnrAlignedSourceDb: null,
  seam: null,
  unswappedShare: null,
  ssimOutside: null,
  ssimInside: null,
  jitterShareBefore: null,
  jitterShareAfter: null,
  identityToSource: null,
  identityToTarget: null,
});

test('a target without faces is told to lower the score', () => {
  const line = String(noFaceFailure('/a.mp4', totals(0, {})));
  assert.match(
    line,
    /^No face was found in the target .*Lower --face-detector-score, or give --on-no-face copy/,
  );
});

test('faces that were found and skipped get the advice for the reason that most were skipped for', () => {
  const line = String(noFaceFailure('/a.mp4', totals(12, { 'turned-away': 2, 'too-small': 10 })));
  assert.match(line, /all 12 were skipped \(turned-away 2, too-small 10\)/);
  assert.match(line, /larger copy of the target.*--on-no-face copy/);
  assert.doesNotMatch(line, /--face-detector-score/);
  const turned = String(noFaceFailure('/a.mp4', totals(12, { 'turned-away': 10, 'too-small': 2 })));
  assert.match(turned, /turn towards the camera/);
});
