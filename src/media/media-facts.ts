import { stat } from 'node:fs/promises';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { dispositionsOf, mediaStream, probeStreams, type RawStream, tagsOf, text } from './stream-probe.js';

/** A stream in words: what two files are compared by. */
export type StreamFacts = {
  readonly index: number;
  readonly type: string;
  /** By name, in ffprobe's words; what the file does not say is left out. */
  readonly facts: Readonly<Record<string, string>>;
};

/** A media file in words. */
export type MediaFacts = {
  readonly sizeBytes: number;
  /** Of the container, as for a stream. */
  readonly facts: Readonly<Record<string, string>>;
  readonly streams: readonly StreamFacts[];
};

/** What is told of a stream, by ffprobe's names, in this order. */
const streamFields: readonly (readonly [name: string, field: string])[] = [
  ['codec', 'codec_name'],
  ['profile', 'profile'],
  ['width', 'width'],
  ['height', 'height'],
  ['pixel format', 'pix_fmt'],
  ['pixel aspect', 'sample_aspect_ratio'],
  ['rotation', 'rotation'],
  ['frame rate', 'r_frame_rate'],
  ['mean frame rate', 'avg_frame_rate'],
  ['frames', 'nb_frames'],
  ['field order', 'field_order'],
  ['colour range', 'color_range'],
  ['colour space', 'color_space'],
  ['colour primaries', 'color_primaries'],
  ['colour transfer', 'color_transfer'],
  ['sample rate', 'sample_rate'],
  ['channels', 'channels'],
  ['channel layout', 'channel_layout'],
  ['start, s', 'start_time'],
  ['duration, s', 'duration'],
  ['bit rate', 'bit_rate'],
];

const fieldsOf = (
  record: RawStream,
  fields: readonly (readonly [name: string, field: string])[],
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    fields.flatMap(([name, field]) => {
      const value = text(record, field);
      return value === undefined || value === '0/0' ? [] : [[name, value]];
    }),
  );

const streamFacts = (record: RawStream): StreamFacts => {
  const { index, type, language, title } = mediaStream(record);
  const dispositions = dispositionsOf(record).join(', ');
  return {
    index,
    type,
    facts: {
      ...fieldsOf(record, streamFields),
      ...(language === undefined ? {} : { language }),
      ...(title === undefined ? {} : { title }),
      ...(dispositions === '' ? {} : { dispositions }),
    },
  };
};

/**
 * Describes a media file stream by stream.
 *
 * @throws FaceswapError (media) as `probeStreams`
 */
export async function readMediaFacts(
  tools: FfmpegTools,
  file: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<MediaFacts> {
  const probe = await probeStreams(tools, file, options);
  const { title } = tagsOf(probe.format);
  return {
    sizeBytes: (await stat(file)).size,
    facts: {
      ...fieldsOf(probe.format, [
        ['container', 'format_name'],
        ['duration, s', 'duration'],
      ]),
      chapters: String(probe.chapters.length),
      ...(title === undefined ? {} : { title }),
    },
    streams: probe.streams.map(streamFacts),
  };
}
