import type { KeptStream, MuxPlan } from './mux-plan.js';
import type { TargetMedia } from './target-media.js';

/** Something of the target that the output does not have, in words. */
export type MuxLoss = {
  readonly code: 'stream-dropped' | 'subtitle-converted' | 'chapters-lost' | 'tags-lost';
  readonly message: string;
};

/** Plain text goes into every other text codec whole; the others carry styles or places on the picture. */
const plainSubtitles: ReadonlySet<string> = new Set(['subrip', 'srt', 'text']);

const losesStyles = ({ codec, codecName }: KeptStream): boolean =>
  codec !== 'copy' && codec !== 'attach' && !plainSubtitles.has(codecName ?? '');

/**
 * Everything of a target that its output will not have: streams and chapters that the container cannot hold, styles of
 * subtitles that are converted, and tags.
 */
export function muxLosses(target: TargetMedia, plan: MuxPlan): readonly MuxLoss[] {
  const { container, dropped, kept, lostChapters, lostTags } = plan;
  const named = (type: string, codecName: string | undefined): string =>
    `${type}${codecName === undefined ? '' : `, ${codecName}`}`;
  const losses: MuxLoss[] = dropped.map(({ streamIndex, type, codecName, reason }) => ({
    code: 'stream-dropped',
    message: `Stream ${streamIndex} (${named(type, codecName)}) is left out: ${reason}`,
  }));
  for (const stream of kept.filter(losesStyles)) {
    losses.push({
      code: 'subtitle-converted',
      message: `Stream ${stream.streamIndex} (${named(stream.type, stream.codecName)}) becomes ${stream.codec}: styles and places on the picture may be lost`,
    });
  }
  const richChapters = target.chapterTags.filter((tags) => Object.keys(tags).some((key) => key !== 'title'));
  if (lostChapters > 0) {
    losses.push({
      code: 'chapters-lost',
      message: `.${container} files cannot hold chapters (${lostChapters})`,
    });
  } else if (richChapters.length > 0 && (container === 'mp4' || container === 'mov')) {
    losses.push({
      code: 'chapters-lost',
      message: `Of ${richChapters.length} chapters only time and title fit into a .${container} file`,
    });
  }
  if (lostTags.length > 0) {
    const list = lostTags.map(({ streamIndex, name }) =>
      streamIndex === undefined ? name : `${name} (stream ${streamIndex})`,
    );
    losses.push({
      code: 'tags-lost',
      message: `.${container} files cannot hold the tags ${list.join(', ')}`,
    });
  }
  return losses;
}
