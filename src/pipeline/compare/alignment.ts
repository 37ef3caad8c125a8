import { rationalToNumber } from '../../media/rational.js';
import type { TargetMedia, TargetVideo } from '../../media/target-media.js';

const sizeText = ({ format }: TargetVideo): string => `${format.widthPx}x${format.heightPx}`;

/** What the numbers of a picture mean, as far as luma can be compared only where it is the same. */
const meaningText = ({ format: { matrix, range, hdr } }: TargetVideo): string => {
  if (matrix === 'rgb') return 'RGB';
  return `${range} range${hdr === undefined ? '' : ' of high dynamic range'}`;
};

const secondsSinceFirst = ({ video }: TargetMedia, frame: number): number =>
  ((video.ptsTicks[frame] ?? Number.NaN) - (video.ptsTicks[0] ?? Number.NaN)) *
  rationalToNumber(video.timeBase);

/**
 * Why the frames of a video cannot be laid on those of the reference one by one; undefined where they can: the same size, the same
 * meaning of samples, and each of the first `frames` frames at the same time from the first, to half a frame. Depth and chroma
 * sampling may differ.
 */
export function misalignment(reference: TargetMedia, video: TargetMedia, frames: number): string | undefined {
  const [wanted, found] = [reference.video, video.video];
  if (sizeText(wanted) !== sizeText(found)) {
    return `its picture has ${sizeText(found)} pixels instead of ${sizeText(wanted)}`;
  }
  if (meaningText(wanted) !== meaningText(found)) {
    return `its samples are ${meaningText(found)} instead of ${meaningText(wanted)}`;
  }
  const halfFrame = 0.5 / rationalToNumber(wanted.frameRate);
  for (let frame = 0; frame < frames; frame++) {
    const [here, there] = [secondsSinceFirst(video, frame), secondsSinceFirst(reference, frame)];
    if (Math.abs(here - there) < halfFrame) continue;
    return `its frame ${frame} is shown ${here.toFixed(3)} s after the first instead of ${there.toFixed(3)} s`;
  }
  return undefined;
}
