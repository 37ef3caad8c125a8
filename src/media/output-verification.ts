import { FaceswapError } from '../errors.js';
import { type ColourTags, colourTagsOf } from './colour-tags.js';
import type { FrameRange } from './decoder.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { type HdrMetadata, readLight, sameMastering } from './hdr-metadata.js';
import { readFrameTable } from './frame-table.js';
import { codecAfter, type KeptStream, type MuxPlan, outputOrder } from './mux-plan.js';
import type { OutputContainer } from './output-container.js';
import { formatRational, parseRational, type Rational, rationalToNumber, sameRational } from './rational.js';
import { startSecondsKept } from './output-start.js';
import { hidesLead, maxLeadSeconds } from './sound-lead.js';
import {
  type MediaStream,
  mediaStreams,
  probeStreams,
  type RawStream,
  storedAspectRatio,
} from './stream-probe.js';
import { frameSeconds, isWhole, type TargetMedia } from './target-media.js';
import { encoderCodec } from './video-encoders.js';

/** The longest packet of a usual sound codec: 4096 samples of FLAC at 44.1 kHz, rounded up. */
const maxPacketSeconds = 0.1;

/** What the finished file must show. */
export type ExpectedOutput = {
  readonly frameRate: Rational;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sampleAspectRatio: Rational;
  readonly colour: ColourTags;
  /** Mastering display and content light; left out where there are none, or the output cannot carry them. */
  readonly light?: HdrMetadata | undefined;
  /** Slots per second: that of the `VideoEncoding`. */
  readonly clock: Rational;
  /** Slot of every frame on that clock, such as those of the target; their number is the frame count. */
  readonly slots: ArrayLike<number>;
  /** Whether every frame has its own time from the target: false when the rate was changed. */
  readonly keepsTimes: boolean;
  readonly plan: MuxPlan;
  /** The source and the frames taken from it, for the offsets between the streams. */
  readonly target: TargetMedia;
  readonly range: FrameRange;
};

/** What an ffmpeg may fail to write without saying so. */
export type VerifiedOutput = {
  /** Names of the metadata about light that the file does not show. */
  readonly missingLight: readonly string[];
};

const mismatch = (file: string, field: string, found: unknown, expected: unknown): FaceswapError =>
  new FaceswapError('bug', `The output's ${field} is ${String(found)} instead of ${String(expected)}`, {
    file,
    stage: 'verify',
    hint: 'It was not moved to its place; please report this with the output of --log-level debug',
  });

const startSecondsOf = ({ startTicks, timeBase }: MediaStream): number | undefined =>
  startTicks === undefined ? undefined : startTicks * rationalToNumber(timeBase);

/** Containers whose clock holds any frame rate exactly; the others round times to 1 ms or 1/90 ms. */
const hasExactClock = (container: OutputContainer): boolean => ['mp4', 'mov', 'avi'].includes(container);

const checkPicture = (file: string, record: RawStream, expected: ExpectedOutput): void => {
  const { widthPx, heightPx, sampleAspectRatio, frameRate, plan, slots } = expected;
  const size = `${String(record['width'])}x${String(record['height'])}`;
  if (size !== `${widthPx}x${heightPx}`) throw mismatch(file, 'size', size, `${widthPx}x${heightPx}`);
  const aspect = storedAspectRatio(record) ?? { num: 1, den: 1 };
  if (!sameRational(aspect, sampleAspectRatio) && plan.container !== 'avi') {
    throw mismatch(file, 'pixel aspect ratio', formatRational(aspect), formatRational(sampleAspectRatio));
  }
  const found = colourTagsOf(record);
  for (const tag of ['range', 'space', 'primaries', 'transfer'] as const) {
    // QuickTime has no range for codecs that do not carry it themselves; limited is what players assume.
    if (tag === 'range' && plan.container === 'mov' && found.range === undefined) continue;
    if (expected.colour[tag] !== undefined && found[tag] !== expected.colour[tag]) {
      throw mismatch(file, `colour ${tag}`, found[tag] ?? 'missing', expected.colour[tag]);
    }
  }
  const rates = [record['r_frame_rate'], record['avg_frame_rate']].map((rate) => parseRational(String(rate)));
  const showsRate = rates.some((rate) => rate !== undefined && sameRational(rate, frameRate));
  const isVariable = expected.keepsTimes && expected.target.video.isVariable;
  if (hasExactClock(plan.container) && slots.length > 1 && !isVariable && !showsRate) {
    throw mismatch(
      file,
      'frame rate',
      rates.map((rate) => rate && formatRational(rate)),
      formatRational(frameRate),
    );
  }
};

/** a / b == c / d for whole numbers of any size. */
const sameRatio = (a: number, b: number, c: number, d: number): boolean =>
  BigInt(a) * BigInt(d) === BigInt(c) * BigInt(b);

/** How far a frame's time may be from the target's own: what either file rounds to, nothing where neither does. */
const sourceTolerance = ({ target, plan }: ExpectedOutput, outputTickSeconds: number): number => {
  const { isVariable, timeBase } = target.video;
  const written = hasExactClock(plan.container) ? 0 : outputTickSeconds;
  // Times finer than a microsecond are rounded to microseconds; a constant rate undoes the rounding of the file.
  const rounded = isVariable ? 1e-6 : 1.1 * Math.max(rationalToNumber(timeBase), 0.001) + 0.00005;
  return written + rounded;
};

/** Compares the time of every single frame with its slot, and with the target's own time. */
const checkTimes = (
  file: string,
  { ptsTicks, timeBase }: { readonly ptsTicks: Float64Array; readonly timeBase: Rational },
  expected: ExpectedOutput,
): void => {
  const { slots, clock, plan, keepsTimes, target, range } = expected;
  if (ptsTicks.length !== slots.length) throw mismatch(file, 'frame count', ptsTicks.length, slots.length);
  const tick = rationalToNumber(timeBase);
  const { ptsTicks: sourceTicks, timeBase: sourceBase } = target.video;
  const nearSource = sourceTolerance(expected, tick) + 1e-9;
  const isExact = hasExactClock(plan.container);
  for (let k = 0; k < ptsTicks.length; k++) {
    const found = (ptsTicks[k] ?? 0) - (ptsTicks[0] ?? 0);
    const slot = (slots[k] ?? 0) - (slots[0] ?? 0);
    const seconds = slot / rationalToNumber(clock);
    const isRight = isExact
      ? sameRatio(found * timeBase.num, timeBase.den, slot * clock.den, clock.num)
      : Math.abs(found * tick - seconds) <= tick + 1e-9;
    if (!isRight) {
      throw mismatch(file, `time of frame ${k}`, `${(found * tick).toFixed(6)} s`, `${seconds.toFixed(6)} s`);
    }
    if (!keepsTimes) continue;
    const source =
      ((sourceTicks[range.start + k] ?? Number.NaN) - (sourceTicks[range.start] ?? Number.NaN)) *
      rationalToNumber(sourceBase);
    if (!(Math.abs(found * tick - source) <= nearSource)) {
      throw mismatch(
        file,
        `time of frame ${k}`,
        `${(found * tick).toFixed(6)} s`,
        `${source.toFixed(6)} s as in the target`,
      );
    }
  }
};

/** Checks that the picture starts where it must: at the target's own time, or as long after zero as it began late. */
const checkStart = (file: string, video: MediaStream, expected: ExpectedOutput): void => {
  const { target, plan, range } = expected;
  const start = startSecondsOf(video);
  // AVI cannot start late, and a transport stream is moved so that no decoding time is negative.
  if (start === undefined || plan.container === 'avi' || plan.container === 'ts') return;
  const late = isWhole(target, range) ? frameSeconds(target, 0) - target.startMicroseconds / 1e6 : 0;
  const wanted = startSecondsKept(target, plan.container, range) + late;
  const tolerance = 0.001 + rationalToNumber(video.timeBase);
  // Sound that an MP4 hides before its start is played elsewhere, and everything begins that much later.
  const lead = hidesLead(plan.container) ? 0 : maxLeadSeconds;
  if (start >= wanted - tolerance && start <= wanted + tolerance + lead) return;
  throw mismatch(file, 'start of the picture', `${start.toFixed(3)} s`, `${wanted.toFixed(3)} s`);
};

/**
 * Finds for every expected stream its index in the output. Streams other than sound that have nothing inside the
 * range of a trimmed run may be missing: MP4 drops empty tracks.
 */
const matchStreams = (
  file: string,
  streams: readonly MediaStream[],
  expected: ExpectedOutput,
): { kept: KeptStream | undefined; found: MediaStream }[] => {
  const { target, plan, range } = expected;
  const videoCodec = encoderCodec(plan.videoEncoder);
  let next = 0;
  const matches = outputOrder(target, plan).flatMap((kept) => {
    const source = target.streams.find(({ index }) => index === kept?.streamIndex);
    const type = kept?.type ?? 'video';
    const codec =
      kept === undefined || source === undefined
        ? videoCodec
        : codecAfter({ stream: source, codec: kept.codec });
    const found = streams[next];
    if (found?.type === type && found.codecName === codec) {
      next += 1;
      return [{ kept, found }];
    }
    if (kept !== undefined && type !== 'audio' && !isWhole(target, range)) return [];
    const described = found === undefined ? 'missing' : `${found.type} ${found.codecName}`;
    throw mismatch(file, `stream ${next}`, described, `${type} ${codec}`);
  });
  // The muxer adds data streams of its own for chapters and time codes.
  const extra = streams.slice(next).find(({ type }) => type !== 'data');
  if (extra !== undefined) throw mismatch(file, 'number of streams', streams.length, next);
  return matches;
};

const checkSound = (
  file: string,
  matches: ReturnType<typeof matchStreams>,
  video: MediaStream,
  expected: ExpectedOutput,
): void => {
  const { target, plan, range } = expected;
  const videoStart = startSecondsOf(video);
  const sourceVideoStart = frameSeconds(target, range.start);
  for (const { kept, found } of matches) {
    const source = target.streams.find(({ index }) => index === kept?.streamIndex);
    if (kept === undefined || source === undefined) continue;
    if (kept.type !== 'audio') continue;
    const [start, sourceStart] = [startSecondsOf(found), startSecondsOf(source)];
    if (start === undefined || sourceStart === undefined || videoStart === undefined) continue;
    const offset = start - videoStart;
    const isCut = !isWhole(target, range);
    // Sound that had begun before the cut begins with it.
    const sourceOffset = isCut ? Math.max(0, sourceStart - sourceVideoStart) : sourceStart - sourceVideoStart;
    const tolerance = 0.002 + rationalToNumber(found.timeBase) + rationalToNumber(source.timeBase);
    // What an MP4 hides before its start is partly kept, partly left out in containers that cannot hide it
    // (streamsWithLead): the sound then begins a little earlier or up to a packet later, in sync all the same.
    const mayMove = !hidesLead(plan.container) && /\bmp4\b/.test(target.formatName);
    const early = mayMove && !isCut ? maxLeadSeconds : 0;
    const late = mayMove || isCut ? maxPacketSeconds : 0;
    if (offset - sourceOffset > tolerance + late || sourceOffset - offset > tolerance + early) {
      const delay = (seconds: number): string => `${(seconds * 1000).toFixed(1)} ms`;
      throw mismatch(file, `sound delay (stream ${found.index})`, delay(offset), delay(sourceOffset));
    }
  }
};

/**
 * Compares what the file says about its light with what it should.
 *
 * @returns names of what it does not say, as far as this ffprobe can tell
 */
const checkLight = (file: string, found: HdrMetadata, expected: HdrMetadata): readonly string[] => {
  const missing: string[] = [];
  const { mastering, contentLight } = expected;
  if (mastering !== undefined) {
    if (found.mastering === undefined) missing.push('mastering display');
    else if (!sameMastering(found.mastering, mastering)) {
      throw mismatch(file, 'mastering display', JSON.stringify(found.mastering), JSON.stringify(mastering));
    }
  }
  if (contentLight !== undefined) {
    const [is, wanted] = [found.contentLight, contentLight];
    if (is === undefined) missing.push('content light level');
    else if (is.maxContent !== wanted.maxContent || is.maxAverage !== wanted.maxAverage) {
      throw mismatch(file, 'content light level', JSON.stringify(is), JSON.stringify(wanted));
    }
  }
  return missing;
};

/**
 * Compares the finished file with what it must be: size, aspect ratio, colour tags, frame rate, the time of every
 * single frame, the other streams and their delay against the picture. Reads packet headers, decodes nothing
 * (AVI excepted, which has no presentation times, and the first frame of high dynamic range).
 *
 * @throws FaceswapError (bug) that names the first field that differs, (media) when ffprobe cannot read the file.
 */
export async function verifyOutput(
  tools: FfmpegTools,
  file: string,
  expected: ExpectedOutput,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<VerifiedOutput> {
  const where = { signal: options.signal, stage: 'verify' };
  const probe = await probeStreams(tools, file, where);
  const streams = mediaStreams(probe);
  const matches = matchStreams(file, streams, expected);
  const video = matches.find(({ kept }) => kept === undefined)?.found;
  const record = video === undefined ? undefined : probe.streams[video.index];
  if (video === undefined || record === undefined) throw mismatch(file, 'video', 'missing', 'there');
  checkPicture(file, record, expected);
  const { ptsTicks } = await readFrameTable(tools, file, video.index, where);
  checkTimes(file, { ptsTicks, timeBase: video.timeBase }, expected);
  checkStart(file, video, expected);
  checkSound(file, matches, video, expected);
  const { light } = expected;
  if (light?.mastering === undefined && light?.contentLight === undefined) return { missingLight: [] };
  const { metadata } = await readLight(tools, file, video.index, where);
  return { missingLight: checkLight(file, metadata, light) };
}
