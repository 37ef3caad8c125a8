import { stat } from 'node:fs/promises';
import { inputProtection, runTool } from './child-process.js';
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

/** Audio streams whose packets are hashed; each costs a reading of the file. */
const mostHashedStreams = 8;

/**
 * md5 of the bytes of a stream's packets, which a copy into another container keeps and a new encode does not; in words where ffmpeg cannot
 * read or hash them.
 *
 * @throws FaceswapError (unavailable, resources) when ffmpeg cannot start or hangs, (interrupted) on abort.
 */
const packetHash = async (
  tools: FfmpegTools,
  file: string,
  index: number,
  signal: AbortSignal | undefined,
): Promise<string> => {
  const { exit, stdout } = await runTool(
    tools.ffmpegPath,
    [
      ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+error', ...inputProtection],
      ...['-i', file, '-map', `0:${index}`, '-c', 'copy', '-f', 'md5', 'pipe:1'],
    ],
    { stage: 'probe', file, signal },
  );
  const md5 = /^MD5=([0-9a-f]{32})/.exec(stdout)?.[1];
  return exit.code === 0 && md5 !== undefined ? md5 : 'cannot be read';
};

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
  const streams: StreamFacts[] = [];
  let hashed = 0;
  for (const stream of probe.streams.map(streamFacts)) {
    const isHashed = stream.type === 'audio' && hashed++ < mostHashedStreams;
    const packets = isHashed
      ? { 'packets md5': await packetHash(tools, file, stream.index, options.signal) }
      : {};
    streams.push({ ...stream, facts: { ...stream.facts, ...packets } });
  }
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
    streams,
  };
}
