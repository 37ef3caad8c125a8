import type { ComparisonReport } from '../pipeline/compare/comparison-report.js';
import { printableLine } from '../printable-text.js';
import { figureRows, namedVideos } from './comparison-figures.js';
import { formatColumns, formatRows } from './table-rows.js';

/**
 * What `faceswap compare` prints: plain ASCII, a column for each video, the middle figure with the ends of its range behind it. Figures
 * that were not taken read `n/a`.
 */
export const formatComparison = (report: ComparisonReport): string => {
  const columns = namedVideos(report);
  const files = formatRows(columns.map(({ name, video }) => [name, video.file] as const));
  const figures = formatColumns([
    ['', ...columns.map(({ name }) => name)],
    ...figureRows.map(({ label, text }) => [label, ...columns.map(({ video }) => text(video))]),
  ]);
  const notAligned = columns.flatMap(({ name, video }) =>
    video.notAlignedReason === null
      ? []
      : [
          printableLine(
            `${name} is not compared with the reference picture by picture: ${video.notAlignedReason}`,
          ),
        ],
  );
  return `${files}compared   ${report.frames} frames\n\n${figures}${notAligned.map((line) => `${line}\n`).join('')}`;
};
