import { formatBytes } from '../pipeline/byte-size.js';
import { plural } from './html/format.js';
import { formatRows } from './table-rows.js';
import type { HtmlReport } from './write-html-report.js';

/** What `faceswap report` prints. */
export const formatHtmlReport = ({
  output,
  bytes,
  frames,
  worstFrames,
  noPicturesReason,
}: HtmlReport): string =>
  formatRows([
    ['page', `${output}  (${formatBytes(bytes)})`],
    ['frames', String(frames)],
    ['worst', plural(worstFrames.length, 'frame')],
    ...(noPicturesReason === null ? [] : [['', `without pictures: ${noPicturesReason}`] as const]),
  ]);
