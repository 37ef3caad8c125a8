import { FaceswapError } from '../errors.js';
import { childFailure, inputProtection, interruptedError, lastWords, runTool } from './child-process.js';
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

/** One stream as ffprobe describes it; names in ffprobe's spelling, fields of side data among the stream's own. */
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

/** More than any real file's description, which has some kilobytes a stream; tags of a hostile one could fill the memory. */
const maxDescriptionChars = 16 * 2 ** 20;

/** ffprobe reads some megabytes of a file; a network disk may take its time, but not for ever. */
const defaultTimeoutMs = 5 * 60 * 1000;

/** ffprobe's reasons in the words of somebody who has a file and wants to know what is wrong with it. */
const explainProbeFailure = (stderr: readonly string[]): { what: string; hint?: string } => {
  const said = stderr.join('\n');
  if (/moov atom not found/.test(said)) {
    return {
      what: 'The file is cut off: its index (moov) is missing',
      hint: 'Copy or download it again; a recording that was interrupted needs a repair tool',
    };
  }
  if (/not on whitelist/i.test(said)) {
    return {
      what: 'ffmpeg takes the file for a format that faceswap does not open',
      hint: 'Lists and playlists, which may refer to other files, are never followed; give the video file itself',
    };
  }
  const size = /Picture size (\d+x\d+) exceeds/.exec(said)?.[1];
  if (size !== undefined) {
    return { what: `The picture is too large: ${size}`, hint: 'Scale it down first' };
  }
  const reason = lastWords(stderr, 1);
  if (reason === '') {
    return {
      what: 'ffprobe crashed on the file',
      hint: 'Install a current ffmpeg: older builds have such bugs',
    };
  }
  return { what: `ffprobe cannot read it: ${reason}` };
};

/** A stream with the fields of its side data (rotation, mastering display, …) laid flat beside its own, which win. */
const withSideData = (record: RawStream): RawStream => {
  const list = record['side_data_list'];
  return Array.isArray(list) ? { ...Object.assign({}, ...list.filter(isRecord)), ...record } : record;
};

const parseAnswer = (answer: string): RawProbe | undefined => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer);
  } catch {
    return undefined;
  }
  if (!isRecord(parsed) || !Array.isArray(parsed['streams']) || !isRecord(parsed['format'])) return undefined;
  const chapters = parsed['chapters'];
  return {
    streams: parsed['streams'].filter(isRecord).map(withSideData),
    format: parsed['format'],
    chapters: Array.isArray(chapters) ? chapters.filter(isRecord) : [],
  };
};

/** How {@link probeStreams} is called. */
export type ProbeOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly stage?: string | undefined;
  /** How long ffprobe may take; 5 minutes when it is not given. */
  readonly timeoutMs?: number | undefined;
};

/**
 * Asks ffprobe for the streams and the container of a file. The answer comes as JSON: in ffprobe's plain form a line break in a tag
 * would begin a field, so that a title could give the file another size.
 *
 * @throws FaceswapError (media) when ffprobe cannot read it, takes too long or says too much; (resources) when it is killed;
 * (interrupted) on abort.
 */
export async function probeStreams(
  tools: FfmpegTools,
  file: string,
  options: ProbeOptions = {},
): Promise<RawProbe> {
  const { signal, stage: where = stage, timeoutMs = defaultTimeoutMs } = options;
  const context = { file, stage: where };
  const deadline = AbortSignal.timeout(timeoutMs);
  const parts: string[] = [];
  let chars = 0;
  const take = (part: string): void => {
    chars += part.length;
    if (chars > maxDescriptionChars) {
      throw new FaceswapError('media', 'The file describes itself at too great a length', context);
    }
    parts.push(part);
  };
  const args = [
    '-v',
    'error',
    '-show_streams',
    '-show_format',
    '-show_chapters',
    '-of',
    'json',
    ...inputProtection,
    '-i',
    file,
  ];
  const asked = runTool(tools.ffprobePath, args, {
    ...context,
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    onStdout: take,
  });
  const { exit, stderr } = await asked.catch((error: unknown) => {
    if (!deadline.aborted || signal?.aborted === true) throw error;
    throw new FaceswapError('media', `ffprobe found no end after ${timeoutMs / 1000} s`, {
      ...context,
      hint: 'The file is damaged, or the disk that it lies on does not answer',
      cause: error,
    });
  });
  if (signal?.aborted === true) throw interruptedError(where);
  if (exit.signal === 'SIGKILL' || exit.signal === 'SIGTERM') {
    throw childFailure('ffprobe', exit, stderr, context);
  }
  if (exit.code !== 0) {
    const { what, hint } = explainProbeFailure(stderr);
    throw new FaceswapError('media', what, { ...context, hint });
  }
  const probe = parseAnswer(parts.join(''));
  if (probe === undefined) {
    throw new FaceswapError('media', 'ffprobe gave no description of the file', context);
  }
  return probe;
}
