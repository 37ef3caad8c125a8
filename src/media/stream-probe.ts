import ffmpeg from 'fluent-ffmpeg';
import { FaceswapError } from '../errors.js';
import { inputProtection, interruptedError, lastWords } from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { parseRational, type Rational } from './rational.js';

/** One stream of a media file, of whatever type. */
export type MediaStream = {
  readonly index: number;
  readonly type: 'video' | 'audio' | 'subtitle' | 'data' | 'attachment' | 'unknown';
  readonly codecName: string | undefined;
  /** The container's own name of the codec, such as `tmcd`; undefined where it has none. */
  readonly codecTag: string | undefined;
  readonly language: string | undefined;
  readonly title: string | undefined;
  /** Of an attachment. */
  readonly fileName: string | undefined;
  /** Names of the disposition flags that are set: `default`, `forced`, `attached_pic`, … */
  readonly dispositions: readonly string[];
  readonly timeBase: Rational;
  /** First timestamp in units of `timeBase`; undefined where the file does not say. */
  readonly startTicks: number | undefined;
  /** All tags; keys in lower case. */
  readonly tags: Readonly<Record<string, string>>;
};

/** One stream as ffprobe describes it; names in ffprobe's spelling. */
export type RawStream = Readonly<Record<string, unknown>>;

/** What `ffprobe -show_streams -show_format -show_chapters` says about a file. */
export type RawProbe = {
  readonly streams: readonly RawStream[];
  readonly format: RawStream;
  readonly chapters: readonly RawStream[];
};

const stage = 'probe';

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value of ffprobe's JSON as text; undefined for absent and for its words for "nothing known". */
export const text = (record: RawStream, key: string): string | undefined => {
  const value = record[key];
  if (value === undefined || value === null || value === 'N/A' || value === 'unknown' || value === '') {
    return undefined;
  }
  return String(value);
};

/** A value of ffprobe's JSON as a whole number; undefined for anything else. */
export const integer = (record: RawStream, key: string): number | undefined => {
  const value = text(record, key);
  return value !== undefined && /^-?\d+$/.test(value) ? Number(value) : undefined;
};

/** The tags of a stream or container; keys in lower case. */
export const tagsOf = (record: RawStream): Record<string, string> => {
  const tags = record['tags'];
  if (!isRecord(tags)) return {};
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [key.toLowerCase(), String(value)]));
};

/** Names of the disposition flags that are set. */
export const dispositionsOf = (record: RawStream): string[] => {
  const flags = record['disposition'];
  return isRecord(flags) ? Object.keys(flags).filter((name) => Number(flags[name]) === 1) : [];
};

const noTimeBase: Rational = { num: 1, den: 1 };

/** One stream of a raw probe. */
export const mediaStream = (record: RawStream): MediaStream => {
  const type = text(record, 'codec_type');
  const tags = tagsOf(record);
  const isKnown =
    type === 'video' || type === 'audio' || type === 'subtitle' || type === 'data' || type === 'attachment';
  return {
    index: integer(record, 'index') ?? -1,
    type: isKnown ? type : 'unknown',
    codecName: text(record, 'codec_name'),
    codecTag: text(record, 'codec_tag_string'),
    language: tags['language'],
    title: tags['title'],
    fileName: tags['filename'],
    dispositions: dispositionsOf(record),
    timeBase: parseRational(text(record, 'time_base')) ?? noTimeBase,
    startTicks: integer(record, 'start_pts'),
    tags,
  };
};

/** The streams of a raw probe, in the file's order. */
export const mediaStreams = (probe: RawProbe): MediaStream[] => probe.streams.map(mediaStream);

/** Sample aspect ratio as stored; undefined where the file does not say. */
export const storedAspectRatio = (record: RawStream): Rational | undefined =>
  parseRational(text(record, 'sample_aspect_ratio'));

/** ffprobe's reasons in the words of somebody who has a file and wants to know what is wrong with it. */
const explainProbeFailure = (message: string): { what: string; hint: string | undefined } => {
  if (/moov atom not found/.test(message)) {
    return {
      what: 'The file is cut off: its index (moov) is missing',
      hint: 'Copy or download it again; a recording that was interrupted needs a repair tool',
    };
  }
  const lines = message.split('\n').filter((line) => !/^ffprobe exited with code/.test(line));
  const reason = lastWords(lines, 1);
  if (reason === '') {
    return {
      what: 'ffprobe crashed on the file',
      hint: 'Install a current ffmpeg: older builds have such bugs',
    };
  }
  return { what: `ffprobe cannot read it: ${reason}`, hint: undefined };
};

/**
 * Asks ffprobe for the streams and the container of a file, through fluent-ffmpeg.
 *
 * @throws FaceswapError (media) when ffprobe cannot read it, (interrupted) on abort.
 */
export async function probeStreams(
  tools: FfmpegTools,
  file: string,
  options: { signal?: AbortSignal | undefined; stage?: string } = {},
): Promise<RawProbe> {
  const where = options.stage ?? stage;
  const throwIfAborted = (): void => {
    if (options.signal?.aborted === true) throw interruptedError(where);
  };
  throwIfAborted();
  ffmpeg.setFfprobePath(tools.ffprobePath);
  const answer = await new Promise<unknown>((fulfil, reject) => {
    ffmpeg.ffprobe(file, [...inputProtection, '-show_chapters'], (error: unknown, data: unknown) => {
      if (error === null || error === undefined) return fulfil(data);
      const { what, hint } = explainProbeFailure(error instanceof Error ? error.message : String(error));
      reject(new FaceswapError('media', what, { file, stage: where, hint, cause: error }));
    });
  });
  throwIfAborted();
  if (!isRecord(answer) || !Array.isArray(answer['streams']) || !isRecord(answer['format'])) {
    throw new FaceswapError('media', 'ffprobe gave no description of the file', { file, stage: where });
  }
  const chapters: unknown = answer['chapters'];
  return {
    streams: answer['streams'].filter(isRecord),
    format: answer['format'],
    chapters: Array.isArray(chapters) ? chapters.filter(isRecord) : [],
  };
}
