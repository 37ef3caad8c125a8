import { FaceswapError } from '../errors.js';
import type { QualityTotals, SkipReason } from './run-report.js';

const skipTotals = ({ facesSkipped }: QualityTotals): string =>
  Object.entries(facesSkipped)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ');

/** What its user can do about a target whose faces were all skipped for this reason. */
const skipHints: Readonly<Record<SkipReason, string>> = {
  'too-small': 'Use a larger copy of the target, or a part in which the faces are nearer',
  'turned-away': 'Use a part of the target in which the faces turn towards the camera',
  'outside-frame': 'Use a part of the target in which the faces are inside of the picture',
  'not-selected': 'Give --face-selector-mode many to swap every face',
  'no-gain': 'Give --face-enhancer-faces all to enhance faces of any size',
  masked: 'Lower --face-mask-padding: the mask leaves nothing of the faces',
};

const searchHint = 'Lower --face-detector-score';

/** The hint for the reason that most faces were skipped for. */
const skipHint = ({ facesSkipped }: QualityTotals): string => {
  const counts = Object.entries(facesSkipped) as [SkipReason, number][];
  const [most] = counts.sort(([, first], [, second]) => second - first);
  return most === undefined ? searchHint : skipHints[most[0]];
};

/** What a run in which no face was swapped ends with: either there was none, or every one was skipped. */
export function noFaceFailure(target: string, quality: QualityTotals): FaceswapError {
  const [message, advice] =
    quality.facesFound === 0
      ? ['No face was found in the target', searchHint]
      : [
          `No face of the target could be swapped: all ${quality.facesFound} were skipped (${skipTotals(quality)})`,
          skipHint(quality),
        ];
  const hint = `${advice}, or give --on-no-face copy to get a copy of the target`;
  return new FaceswapError('noFace', message, { file: target, hint });
}

/** How a warning says the same when the run goes on with a copy. */
export const noFaceReason = (quality: QualityTotals): string =>
  quality.facesFound === 0
    ? 'No face was found in the target'
    : `No face of the target could be swapped (${skipTotals(quality)})`;
