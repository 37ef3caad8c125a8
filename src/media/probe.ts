import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import ffmpeg from 'fluent-ffmpeg';
import { FaceswapError } from '../errors.js';
import type { ColourMatrix, ColourRange, PlanarFormat } from '../imaging/planar-frame.js';
import {
  childFailure,
  inputProtection,
  interruptedError,
  LineTail,
  lastWords,
  runTool,
} from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { sniffMediaKind } from './media-kind.js';
import { parseRational, type Rational, rationalToNumber, reduceRational } from './rational.js';

/** Pixel formats that the pipeline processes now: 8-bit planar YUV; the `yuvj` names mean full range. */
export type SupportedPixelFormat = 'yuv420p' | 'yuvj420p' | 'yuv422p' | 'yuvj422p' | 'yuv444p' | 'yuvj444p';

/** The colour tags as ffprobe names them; undefined where the file says nothing. */
export type ColourTags = {
  readonly range: string | undefined;
  readonly space: string | undefined;
  readonly transfer: string | undefined;
  readonly primaries: string | undefined;
  readonly chromaLocation: string | undefined;
};

/** One stream of a media file, of whatever type. */
export type MediaStream = {
  readonly index: number;
  readonly type: 'video' | 'audio' | 'subtitle' | 'data' | 'attachment' | 'unknown';
  readonly codecName: string | undefined;
  readonly language: string | undefined;
  readonly title: string | undefined;
  /** Of an attachment. */
  readonly fileName: string | undefined;
  /** Names of the disposition flags that are set: `default`, `forced`, `attached_pic`, … */
  readonly dispositions: readonly string[];
  readonly timeBase: Rational;
  /** First timestamp in units of `timeBase`; undefined where the file does not say. */
  readonly startTicks: number | undefined;
};

/** The video stream that is processed, and when each of its frames is shown. */
export type TargetVideo = {
  readonly streamIndex: number;
  readonly codecName: string;
  readonly pixelFormat: SupportedPixelFormat;
  /** Layout of the decoded, upright frames: width and height are those after rotation. */
  readonly format: PlanarFormat;
  readonly storedWidthPx: number;
  readonly storedHeightPx: number;
  /** Clockwise turn that the player applies: 0, 90, 180 or 270. */
  readonly rotationDegrees: 0 | 90 | 180 | 270;
  /** Of the upright picture; 1/1 where the file does not say. */
  readonly sampleAspectRatio: Rational;
  /** Constant frames per second, exact. */
  readonly frameRate: Rational;
  readonly timeBase: Rational;
  readonly colour: ColourTags;
  /** Presentation time of every shown frame in ticks of `timeBase`, ascending; index = frame index. */
  readonly ptsTicks: Float64Array;
  /** 1 where the frame is a keyframe; aligned with `ptsTicks`. */
  readonly keyframes: Uint8Array;
  /**
   * Place of every frame on the timeline, counted in frame periods from the first frame: `slots[k] === k` unless
   * frames are missing (a recording that dropped some, the ragged end of a cut without re-encoding).
   */
  readonly slots: Int32Array;
  readonly frameCount: number;
};

/** All that is known of a target video before work starts. */
export type TargetMedia = {
  readonly kind: 'video';
  /** Absolute path. */
  readonly file: string;
  readonly sizeBytes: number;
  /** ffprobe's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly formatName: string;
  /** Length of the video as an exact fraction of seconds: (last slot + 1) / frame rate. */
  readonly durationSeconds: Rational;
  readonly video: TargetVideo;
  /** Every stream of the file, the video itself included, in the file's order. */
  readonly streams: readonly MediaStream[];
  readonly audioStreams: readonly MediaStream[];
  /** Start of the whole file in microseconds: the zero point of ffmpeg's seeking and stream copies. */
  readonly startMicroseconds: number;
  /** The container's own tags (`title`, `comment`, …); keys in lower case. */
  readonly tags: Readonly<Record<string, string>>;
};

/** One stream as ffprobe describes it; names in ffprobe's spelling. */
export type RawStream = Readonly<Record<string, unknown>>;

/** What `ffprobe -show_streams -show_format` says about a file. */
export type RawProbe = { readonly streams: readonly RawStream[]; readonly format: RawStream };

/** When the frames of one stream are shown. */
export type FrameTable = { readonly ptsTicks: Float64Array; readonly keyframes: Uint8Array };

const stage = 'probe';

/** More frames than this (a week at 30 fps) is refused instead of filling the memory. */
const maxFrames = 20_000_000;

const supportedPixelFormats: Readonly<
  Record<SupportedPixelFormat, { readonly x: 0 | 1; readonly y: 0 | 1; readonly full: boolean }>
> = {
  yuv420p: { x: 1, y: 1, full: false },
  yuvj420p: { x: 1, y: 1, full: true },
  yuv422p: { x: 1, y: 0, full: false },
  yuvj422p: { x: 1, y: 0, full: true },
  yuv444p: { x: 0, y: 0, full: false },
  yuvj444p: { x: 0, y: 0, full: true },
};

const isSupportedPixelFormat = (name: string): name is SupportedPixelFormat =>
  Object.hasOwn(supportedPixelFormats, name);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value of ffprobe's JSON as text; undefined for absent and for its words for "nothing known". */
const text = (record: RawStream, key: string): string | undefined => {
  const value = record[key];
  if (value === undefined || value === null || value === 'N/A' || value === 'unknown' || value === '') {
    return undefined;
  }
  return String(value);
};

const integer = (record: RawStream, key: string): number | undefined => {
  const value = text(record, key);
  return value !== undefined && /^-?\d+$/.test(value) ? Number(value) : undefined;
};

const tagsOf = (record: RawStream): Record<string, string> => {
  const tags = record['tags'];
  if (!isRecord(tags)) return {};
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [key.toLowerCase(), String(value)]));
};

const dispositionsOf = (record: RawStream): string[] => {
  const flags = record['disposition'];
  return isRecord(flags) ? Object.keys(flags).filter((name) => Number(flags[name]) === 1) : [];
};

const noTimeBase: Rational = { num: 1, den: 1 };

const mediaStream = (record: RawStream): MediaStream => {
  const type = text(record, 'codec_type');
  const tags = tagsOf(record);
  const isKnown =
    type === 'video' || type === 'audio' || type === 'subtitle' || type === 'data' || type === 'attachment';
  return {
    index: integer(record, 'index') ?? -1,
    type: isKnown ? type : 'unknown',
    codecName: text(record, 'codec_name'),
    language: tags['language'],
    title: tags['title'],
    fileName: tags['filename'],
    dispositions: dispositionsOf(record),
    timeBase: parseRational(text(record, 'time_base')) ?? noTimeBase,
    startTicks: integer(record, 'start_pts'),
  };
};

/** The streams of a raw probe, in the file's order. */
export const mediaStreams = (probe: RawProbe): MediaStream[] => probe.streams.map(mediaStream);

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
    ffmpeg.ffprobe(file, [...inputProtection], (error: unknown, data: unknown) => {
      if (error === null || error === undefined) return fulfil(data);
      const { what, hint } = explainProbeFailure(error instanceof Error ? error.message : String(error));
      reject(new FaceswapError('media', what, { file, stage: where, hint, cause: error }));
    });
  });
  throwIfAborted();
  if (!isRecord(answer) || !Array.isArray(answer['streams']) || !isRecord(answer['format'])) {
    throw new FaceswapError('media', 'ffprobe gave no description of the file', { file, stage: where });
  }
  return { streams: answer['streams'].filter(isRecord), format: answer['format'] };
}

type TableRow = { pts: number; isKey: boolean };

/** Shown rows in decoding order, whether every one had a timestamp, and the very first row, shown or not. */
type RowScan = { rows: TableRow[]; areComplete: boolean; first: TableRow | undefined };

const scanRows = async (
  tools: FfmpegTools,
  file: string,
  streamIndex: number,
  entries: { section: 'packet' | 'frame'; fields: string },
  options: { signal?: AbortSignal | undefined; stage: string },
): Promise<RowScan> => {
  const rows: TableRow[] = [];
  let areComplete = true;
  let first: TableRow | undefined;
  const lines = new LineTail((line) => {
    const record = new Map(line.split('|').map((pair) => pair.split('=', 2) as [string, string | undefined]));
    const flags = record.get('flags') ?? (record.get('key_frame') === '1' ? 'K' : '_');
    const pts = record.get('pts') ?? record.get('best_effort_timestamp');
    if (pts === undefined) return true;
    const row = { pts: Number(pts), isKey: flags.includes('K') };
    first ??= row;
    if (flags.includes('D')) return true;
    if (!/^-?\d+$/.test(pts)) {
      areComplete = false;
      return true;
    }
    if (rows.length >= maxFrames) {
      throw new FaceswapError('media', `The video has more than ${maxFrames} frames`, {
        file,
        stage: options.stage,
        hint: 'Cut it into parts',
      });
    }
    rows.push(row);
    return true;
  });
  const result = await runTool(
    tools.ffprobePath,
    [
      '-v',
      'error',
      ...inputProtection,
      '-select_streams',
      String(streamIndex),
      '-show_entries',
      `${entries.section}=${entries.fields}`,
      '-of',
      'compact=p=0',
      file,
    ],
    { ...options, file, onStdout: (chunk) => lines.push(chunk) },
  );
  lines.end();
  if (result.exit.signal !== null || (result.exit.code !== 0 && rows.length === 0)) {
    throw childFailure('ffprobe', result.exit, result.stderr, { stage: options.stage, file });
  }
  return { rows, areComplete, first };
};

/**
 * When each frame of a stream is shown, from the packet headers (nothing is decoded): packets that the container
 * marks as not shown (edit lists) are left out, the rest is sorted by time. Where packets do not tell (no
 * timestamps as in AVI with B-frames, or a stream that begins inside a group of pictures, whose first packets
 * may give no frame), every frame is decoded instead, which is slow but true.
 *
 * @throws FaceswapError (media) when the stream has no frames or two frames share a time.
 */
export async function readFrameTable(
  tools: FfmpegTools,
  file: string,
  streamIndex: number,
  options: { signal?: AbortSignal | undefined; stage?: string } = {},
): Promise<FrameTable> {
  const where = { signal: options.signal, stage: options.stage ?? stage };
  let scan = await scanRows(tools, file, streamIndex, { section: 'packet', fields: 'pts,flags' }, where);
  const { first } = scan;
  const beginsInside =
    first !== undefined && (!first.isKey || scan.rows.slice(0, 64).some(({ pts }) => pts < first.pts));
  if (!scan.areComplete || beginsInside) {
    const fields = 'best_effort_timestamp,key_frame';
    scan = await scanRows(tools, file, streamIndex, { section: 'frame', fields }, where);
  }
  const rows = scan.rows.sort((a, b) => a.pts - b.pts);
  if (rows.length === 0) {
    throw new FaceswapError('media', 'The video stream has no frames', { file, stage: where.stage });
  }
  const twin = rows.findIndex((row, index) => index > 0 && row.pts === rows[index - 1]?.pts);
  if (twin > 0) {
    throw new FaceswapError('media', 'Two frames have the same timestamp', {
      file,
      frame: twin,
      stage: where.stage,
      hint: 'Repair the timestamps first: ffmpeg -fflags +genpts -i IN -c copy OUT.mp4',
    });
  }
  return {
    ptsTicks: Float64Array.from(rows, (row) => row.pts),
    keyframes: Uint8Array.from(rows, (row) => (row.isKey ? 1 : 0)),
  };
}

/** The length of so many frame periods as an exact fraction of seconds. */
export const slotsToSeconds = (slots: number, frameRate: Rational): Rational =>
  reduceRational({ num: slots * frameRate.den, den: frameRate.num });

/**
 * How many frame periods the frames `[start, end)` fill: from the slot of the first to that of the frame after
 * the last, so that consecutive ranges add up to the whole.
 */
export function slotCount(
  video: TargetVideo,
  range: { readonly start: number; readonly end: number },
): number {
  const slotOf = (frame: number): number => video.slots[frame] ?? (video.slots.at(-1) ?? -1) + 1;
  return slotOf(range.end) - slotOf(range.start);
}

/**
 * Places every frame on a timeline of constant rate: the slot of frame k is the whole number of frame periods
 * since the first frame. Undefined when a frame lies off the grid, or when more than one step in a hundred (but
 * two are always allowed) skips slots: then the rate varies.
 *
 * A frame may be off by what the file can express: one tick of its time base, and one millisecond because files
 * with fine ticks are often made from ones that count milliseconds.
 */
export function timelineSlots(
  ptsTicks: Float64Array,
  timeBase: Rational,
  rate: Rational,
): Int32Array | undefined {
  const tickSeconds = rationalToNumber(timeBase);
  const periodSeconds = rate.den / rate.num;
  const first = ptsTicks[0] ?? 0;
  const tolerance = tickSeconds + 0.001 + 1e-9;
  const slots = new Int32Array(ptsTicks.length);
  let gaps = 0;
  for (let k = 0; k < ptsTicks.length; k++) {
    const seconds = ((ptsTicks[k] ?? 0) - first) * tickSeconds;
    const slot = Math.round(seconds / periodSeconds);
    if (Math.abs(seconds - slot * periodSeconds) > tolerance) return undefined;
    const step = k === 0 ? 1 : slot - (slots[k - 1] ?? 0);
    if (step < 1) return undefined;
    if (step > 1) gaps += 1;
    slots[k] = slot;
  }
  return gaps <= Math.max(2, ptsTicks.length / 100) ? slots : undefined;
}

/** Rates that cameras and editors use: an estimate from rounded timestamps snaps to the nearest of them. */
const commonRates: readonly Rational[] = [
  ...[24000, 30000, 48000, 60000, 120000].map((num) => ({ num, den: 1001 })),
  ...[5, 8, 10, 12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240].map((num) => ({
    num,
    den: 1,
  })),
  { num: 25, den: 2 },
  { num: 15, den: 2 },
];

/**
 * Finds the one rate that explains all timestamps: what the container claims first, then the usual rates
 * nearest to the median step, then the mean step. Undefined: the frame rate varies.
 */
export function constantFrameRate(
  ptsTicks: Float64Array,
  timeBase: Rational,
  claimed: readonly (Rational | undefined)[],
): { readonly frameRate: Rational; readonly slots: Int32Array } | undefined {
  const count = ptsTicks.length;
  const claims = claimed.filter((rate) => rate !== undefined);
  if (count < 2) {
    const [frameRate] = claims;
    return frameRate === undefined ? undefined : { frameRate, slots: new Int32Array(count) };
  }
  const steps = Float64Array.from(
    { length: count - 1 },
    (_, k) => (ptsTicks[k + 1] ?? 0) - (ptsTicks[k] ?? 0),
  );
  const median = steps.sort()[steps.length >> 1] ?? 1;
  const medianRate = timeBase.den / (timeBase.num * median);
  const near = commonRates
    .filter((rate) => Math.abs(rationalToNumber(rate) / medianRate - 1) < 0.1)
    .sort((a, b) => Math.abs(rationalToNumber(a) - medianRate) - Math.abs(rationalToNumber(b) - medianRate));
  const spanTicks = (ptsTicks[count - 1] ?? 0) - (ptsTicks[0] ?? 0);
  const mean = reduceRational({ num: (count - 1) * timeBase.den, den: spanTicks * timeBase.num });
  for (const frameRate of [...claims, ...near, mean]) {
    const slots = timelineSlots(ptsTicks, timeBase, frameRate);
    if (slots !== undefined) return { frameRate, slots };
  }
  return undefined;
}

const rotationOf = (record: RawStream): number => {
  // fluent-ffmpeg lays the fields of side data flat into the stream. ffprobe counts the display matrix
  // anticlockwise, the older `rotate` tag clockwise.
  const matrix = integer(record, 'rotation');
  return matrix === undefined ? Number(tagsOf(record)['rotate'] ?? 0) : -matrix;
};

const uprightRotation = (degrees: number, file: string): 0 | 90 | 180 | 270 => {
  const turn = ((Math.round(degrees) % 360) + 360) % 360;
  if (turn === 0 || turn === 90 || turn === 180 || turn === 270) return turn;
  throw new FaceswapError('media', `The video is rotated by ${turn} degrees, which is not supported yet`, {
    file,
    stage,
    hint: 'Only quarter turns can be shown upright',
  });
};

const matrixOf = (space: string | undefined, storedHeightPx: number): ColourMatrix => {
  switch (space) {
    case 'bt709':
      return 'bt709';
    case 'bt470bg':
    case 'smpte170m':
    case 'fcc':
      return 'bt601';
    case 'bt2020nc':
    case 'bt2020c':
      return 'bt2020';
    default:
      // What players do with untagged files: standard definition is BT.601, the rest BT.709.
      return storedHeightPx < 720 ? 'bt601' : 'bt709';
  }
};

/** The colour tags of a stream; a `yuvj` pixel format counts as full range. */
export function colourTagsOf(record: RawStream): ColourTags {
  const isFullFormat = /^yuvj/.test(text(record, 'pix_fmt') ?? '');
  return {
    range: isFullFormat ? 'pc' : text(record, 'color_range'),
    space: text(record, 'color_space'),
    transfer: text(record, 'color_transfer'),
    primaries: text(record, 'color_primaries'),
    chromaLocation:
      text(record, 'chroma_location') === 'unspecified' ? undefined : text(record, 'chroma_location'),
  };
}

/** Sample aspect ratio as stored; undefined where the file does not say. */
export const storedAspectRatio = (record: RawStream): Rational | undefined =>
  parseRational(text(record, 'sample_aspect_ratio'));

const chooseVideo = (probe: RawProbe, file: string): RawStream => {
  const videos = probe.streams.filter(
    (record) => text(record, 'codec_type') === 'video' && !dispositionsOf(record).includes('attached_pic'),
  );
  const chosen = videos.find((record) => dispositionsOf(record).includes('default')) ?? videos[0];
  if (chosen !== undefined) return chosen;
  const hasAudio = probe.streams.some((record) => text(record, 'codec_type') === 'audio');
  throw new FaceswapError('media', 'The file has no video stream', {
    file,
    stage,
    hint: hasAudio ? 'It holds sound only' : undefined,
  });
};

const stillImageDemuxers = /^(image2|[a-z0-9]+_pipe|mjpeg|gif|apng|webp)$/;

const checkSupported = (record: RawStream, file: string): SupportedPixelFormat => {
  const pixelFormat = text(record, 'pix_fmt');
  if (pixelFormat === undefined) {
    throw new FaceswapError(
      'media',
      `The ${text(record, 'codec_name') ?? 'unknown'} video cannot be decoded`,
      {
        file,
        stage,
        hint: 'The stream is damaged, or this ffmpeg has no decoder for it',
      },
    );
  }
  if (!isSupportedPixelFormat(pixelFormat)) {
    throw new FaceswapError('media', `Pixel format ${pixelFormat} is not supported yet`, {
      file,
      stage,
      hint: 'Convert it to 8 bits first: ffmpeg -i IN -map 0 -c copy -c:v libx264 -crf 12 -pix_fmt yuv420p OUT.mkv',
    });
  }
  const fieldOrder = text(record, 'field_order');
  if (fieldOrder !== undefined && /^(tt|bb|tb|bt)$/.test(fieldOrder)) {
    throw new FaceswapError('media', 'Interlaced video is not supported yet', {
      file,
      stage,
      hint: 'Deinterlace it first: ffmpeg -i IN -map 0 -c copy -vf bwdif=mode=send_frame -c:v libx264 -crf 12 OUT.mkv',
    });
  }
  return pixelFormat;
};

const planarFormat = (
  record: RawStream,
  pixelFormat: SupportedPixelFormat,
  size: { widthPx: number; heightPx: number },
): PlanarFormat => {
  const { x, y, full } = supportedPixelFormats[pixelFormat];
  const isFull = full || text(record, 'color_range') === 'pc';
  const range: ColourRange = isFull ? 'full' : 'limited';
  const matrix = matrixOf(text(record, 'color_space'), integer(record, 'height') ?? 0);
  return { ...size, chromaShiftX: x, chromaShiftY: y, matrix, range };
};

/**
 * Reads all that faceswap needs to know about a target video. The video stream is the one that ffmpeg and
 * players would choose among those that are not cover art: the first with the `default` disposition, else the
 * first. Untagged colour is taken as BT.601 below 720 lines and as BT.709 from there on.
 *
 * @throws FaceswapError (media) for files that are missing, empty, damaged, renamed images, without video, of
 * a kind that is not supported yet (more than 8 bits, alpha, interlaced, variable frame rate); (interrupted).
 */
export async function probeTarget(
  tools: FfmpegTools,
  file: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<TargetMedia> {
  const path = resolve(file);
  if ((await sniffMediaKind(path)) === 'image') {
    throw new FaceswapError('media', 'The file is an image, not a video', { file: path, stage });
  }
  const probe = await probeStreams(tools, path, options);
  const formatName = text(probe.format, 'format_name') ?? 'unknown';
  if (stillImageDemuxers.test(formatName)) {
    throw new FaceswapError('media', `The file holds a picture (${formatName}), not a video`, {
      file: path,
      stage,
    });
  }
  const record = chooseVideo(probe, path);
  const pixelFormat = checkSupported(record, path);
  const storedWidthPx = integer(record, 'width') ?? 0;
  const storedHeightPx = integer(record, 'height') ?? 0;
  const rotationDegrees = uprightRotation(rotationOf(record), path);
  const isTurned = rotationDegrees === 90 || rotationDegrees === 270;
  const storedAspect = storedAspectRatio(record) ?? { num: 1, den: 1 };
  const stream = mediaStream(record);
  const { ptsTicks, keyframes } = await readFrameTable(tools, path, stream.index, options);
  const timeline = constantFrameRate(ptsTicks, stream.timeBase, [
    parseRational(text(record, 'r_frame_rate')),
    parseRational(text(record, 'avg_frame_rate')),
  ]);
  if (timeline === undefined) {
    throw new FaceswapError('media', 'Variable frame rate is not supported yet', {
      file: path,
      stage,
      hint: 'Make it constant first: ffmpeg -i IN -map 0 -c copy -vf fps=30 -c:v libx264 -crf 12 OUT.mkv',
    });
  }
  const { frameRate, slots } = timeline;
  const streams = mediaStreams(probe);
  const startSeconds = Number(text(probe.format, 'start_time') ?? 0);
  return {
    kind: 'video',
    file: path,
    sizeBytes: (await stat(path)).size,
    formatName,
    durationSeconds: slotsToSeconds((slots.at(-1) ?? 0) + 1, frameRate),
    video: {
      streamIndex: stream.index,
      codecName: stream.codecName ?? 'unknown',
      pixelFormat,
      format: planarFormat(record, pixelFormat, {
        widthPx: isTurned ? storedHeightPx : storedWidthPx,
        heightPx: isTurned ? storedWidthPx : storedHeightPx,
      }),
      storedWidthPx,
      storedHeightPx,
      rotationDegrees,
      sampleAspectRatio: isTurned ? { num: storedAspect.den, den: storedAspect.num } : storedAspect,
      frameRate,
      timeBase: stream.timeBase,
      colour: colourTagsOf(record),
      ptsTicks,
      keyframes,
      slots,
      frameCount: ptsTicks.length,
    },
    streams,
    audioStreams: streams.filter(({ type }) => type === 'audio'),
    startMicroseconds: Number.isFinite(startSeconds) ? Math.round(startSeconds * 1e6) : 0,
    tags: tagsOf(probe.format),
  };
}
