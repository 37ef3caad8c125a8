import type { FrameRange } from './decoder.js';
import type { OutputContainer } from './output-container.js';
import { isWhole, type TargetMedia } from './target-media.js';

/** Containers whose files may start at any time, and ffprobe's names of them. */
const families: readonly { readonly containers: readonly OutputContainer[]; readonly demuxer: RegExp }[] = [
  { containers: ['mkv', 'webm'], demuxer: /\b(matroska|webm)\b/ },
  { containers: ['mp4', 'mov'], demuxer: /\b(mov|mp4)\b/ },
];

/**
 * When the output starts, in seconds: at the source's start where both are of one family (Matroska and WebM, MP4 and
 * QuickTime) and the whole source is rendered; else at zero. The clock of a transport stream may start after hours, which
 * means nothing and must not become a film file that does.
 */
export function startSecondsKept(target: TargetMedia, container: OutputContainer, range: FrameRange): number {
  const family = families.find(({ containers }) => containers.includes(container));
  const isSame = family?.demuxer.test(target.formatName) === true;
  return isSame && isWhole(target, range) ? Math.max(0, target.startMicroseconds) / 1e6 : 0;
}
