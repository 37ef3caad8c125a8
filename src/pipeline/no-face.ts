import { FaceswapError } from '../errors.js';
import type { QualityTotals } from './run-report.js';

const skipTotals = ({ facesSkipped }: QualityTotals): string =>
  Object.entries(facesSkipped)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');

/** What a run in which no face was swapped ends with: either there was none, or every one was skipped. */
export function noFaceFailure(target: string, quality: QualityTotals): FaceswapError {
  const hint = 'Lower --face-detector-score, or give --on-no-face copy to get a copy of the target';
  if (quality.facesFound === 0) {
    return new FaceswapError('noFace', 'No face was found in the target', { file: target, hint });
  }
  return new FaceswapError(
    'noFace',
    `No face of the target could be swapped: all ${quality.facesFound} were skipped (${skipTotals(quality)})`,
    { file: target, hint },
  );
}

/** How a warning says the same when the run goes on with a copy. */
export const noFaceReason = (quality: QualityTotals): string =>
  quality.facesFound === 0
    ? 'No face was found in the target'
    : `No face of the target could be swapped (${skipTotals(quality)})`;
