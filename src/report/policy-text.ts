import type { PolicyCheckReport, PolicyReport } from '../pipeline/policy/policy-report.js';
import { printableLine } from '../printable-text.js';

/** How much a check looked at, such as `12 frames, 1 photo`. */
const lookedAtText = ({ frames, photos }: Pick<PolicyCheckReport, 'frames' | 'photos'>): string => {
  const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  return photos === 0 ? plural(frames, 'frame') : `${plural(frames, 'frame')}, ${plural(photos, 'photo')}`;
};

/** A check that did not look, such as `content-analyser does not run: nsfw_1 is not there`. */
export const missedChecksText = ({ check, reason }: PolicyReport['notRun'][number]): string =>
  `${check} does not run: ${reason}`;

/** What the checks of a run said, a line each. */
export const policyLines = ({ checks, notRun }: PolicyReport): readonly string[] => [
  ...checks.map(({ check, point, said, ...looked }) =>
    printableLine(`${check} ${point}: ${said} (${lookedAtText(looked)})`),
  ),
  ...notRun.map(missedChecksText),
];
