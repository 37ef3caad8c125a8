import type { FrameRange } from '../../media/decoder.js';

/** Times that differ by less are the same: they come from fractions that were made floating-point numbers. */
const slackSeconds = 1e-6;

/** Seconds from one sample to the next. */
const stepSeconds = 1;

/**
 * The frames that are shown at each whole second of a range, counted from its first frame: each once, however long it is shown, and at
 * least one.
 *
 * @param timesSeconds when each frame of the whole is shown, ascending, and as the last entry when the last one ends.
 * @param range not empty.
 * @returns frame indexes, ascending.
 */
export function sampledFramesOf(timesSeconds: ArrayLike<number>, range: FrameRange): readonly number[] {
  const origin = timesSeconds[range.start] ?? 0;
  const frames: number[] = [];
  for (let frame = range.start; frame < range.end; frame += 1) {
    const start = (timesSeconds[frame] ?? 0) - origin - slackSeconds;
    const end = (timesSeconds[frame + 1] ?? 0) - origin - slackSeconds;
    if (Math.ceil(start / stepSeconds) * stepSeconds < end) frames.push(frame);
  }
  return frames.length === 0 ? [range.start] : frames;
}
