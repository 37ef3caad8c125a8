import type { LostTag } from './mux-plan.js';
import { type MediaStream, mediaStreams, type RawProbe, tagsOf } from './stream-probe.js';
import type { TargetMedia } from './target-media.js';

/**
 * Tags that describe how the source file was written and not what it shows; those of another file are its own. The last
 * ones are statistics of mkvmerge, with the language in their names.
 */
const writersTags =
  /^(encoder|duration|major_brand|minor_version|compatible_brands|vendor_id|rotate|_statistics_.*|(bps|number_of_frames|number_of_bytes)(-.*)?)$/;

/** What ffmpeg calls tracks that have no name. */
const defaultHandler = /^(Video|Sound|Subtitle|Data)Handler$/;

const isMeaningful = ([key, value]: readonly [string, string]): boolean =>
  !writersTags.test(key) &&
  !(key === 'handler_name' && defaultHandler.test(value)) &&
  !(key === 'language' && value === 'und') &&
  value.trim() !== '';

const missing = (
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] =>
  Object.entries(before)
    .filter((tag) => isMeaningful(tag))
    .filter(([key, value]) => after[key]?.trim() !== value.trim())
    .map(([key]) => key);

/**
 * Compares what a source says about itself with what a trial in the output's container says: tags of the file and of every
 * stream, and dispositions.
 *
 * @param kept the streams of the trial after its video, in its order.
 */
export const lostTags = (
  target: TargetMedia,
  kept: readonly MediaStream[],
  written: RawProbe,
): readonly LostTag[] => {
  // The only stream of its kind is the default one, whether it says so or not.
  const isTrivial = (name: string, type: MediaStream['type']): boolean =>
    name === 'default' && target.streams.filter((stream) => stream.type === type).length === 1;
  const video = target.streams.filter(({ index }) => index === target.video.streamIndex);
  const found = mediaStreams(written);
  const ofStreams = [...video, ...kept].flatMap(({ index, type, tags, dispositions }, k) => {
    const after = found[k];
    const names = [
      ...missing(tags, after?.tags ?? {}),
      ...dispositions
        .filter((name) => !isTrivial(name, type) && after?.dispositions.includes(name) !== true)
        .map((name) => `disposition ${name}`),
    ];
    return names.map((name) => ({ streamIndex: index, name }));
  });
  const ofFile = missing(target.tags, tagsOf(written.format));
  return [...ofFile.map((name) => ({ streamIndex: undefined, name })), ...ofStreams];
};
