import { rationalToNumber } from '../../media/rational.js';
import { slotCount, type TargetMedia } from '../../media/target-media.js';
import type { SegmentFindings } from '../cast/segment-findings.js';
import { secondsFromStart } from '../cast/video-analysis.js';
import type { RenderPlan } from '../plan.js';
import { timecode } from '../timecode.js';
import type { Scene } from './scenes-report.js';

/** The cuts among the frames of a plan, each told by the segment that renders it. */
export const cutsOf = (
  { segments, range }: Pick<RenderPlan, 'segments' | 'range'>,
  findings: readonly Pick<SegmentFindings, 'cuts'>[],
): readonly number[] =>
  segments.flatMap(({ render }, at) =>
    (findings[at]?.cuts ?? []).filter((cut) => cut >= render.start && cut < render.end && cut > range.start),
  );

/** What lies between the cuts. */
export const scenesBetween = (
  target: TargetMedia,
  { range }: Pick<RenderPlan, 'range'>,
  cuts: readonly number[],
): readonly Scene[] => {
  const starts = [range.start, ...cuts];
  const period = 1 / rationalToNumber(target.video.clock);
  return starts.map((start, at) => {
    const end = starts[at + 1] ?? range.end;
    return {
      startFrame: start,
      endFrame: end,
      startSeconds: secondsFromStart(target, start),
      seconds: slotCount(target.video, { start, end }) * period,
    };
  });
};

/** The text that `--scene-cuts` reads: a frame number a line, with its time for those who edit it. */
export const cutListText = (scenes: readonly Scene[]): string =>
  [
    '# The first frame of each scene but the first, counted from 0; what follows # is not read.',
    ...scenes.slice(1).map(({ startFrame, startSeconds }) => `${startFrame}  # ${timecode(startSeconds)}`),
    '',
  ].join('\n');
