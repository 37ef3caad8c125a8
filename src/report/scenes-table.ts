import type { ScenesReport } from '../pipeline/scenes/scenes-report.js';
import { timecode } from '../pipeline/timecode.js';
import { printableLine } from '../printable-text.js';
import { formatColumns } from './table-rows.js';

/** What `faceswap scenes` prints. */
export const formatScenes = ({ scenes, range, output }: ScenesReport): string => {
  const table = formatColumns([
    ['scene', 'first frame', 'last frame', 'begins', 'length'],
    ...scenes.map(({ startFrame, endFrame, startSeconds, seconds }, at) => [
      String(at + 1),
      String(startFrame),
      String(endFrame - 1),
      timecode(startSeconds),
      `${seconds.toFixed(2)} s`,
    ]),
  ]);
  const count = scenes.length === 1 ? '1 scene' : `${scenes.length} scenes`;
  const list = output === null ? '' : `List of cuts: ${printableLine(output)}\n`;
  return `${table}${count} in ${range.end - range.start} frames\n${list}`;
};
