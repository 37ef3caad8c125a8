import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ffmpeg from 'fluent-ffmpeg';
import { FaceswapError } from '../errors.js';
import { editNote } from '../version.js';
import { childFailure, inputProtection, interruptedError, lastWords, runTool } from './child-process.js';
import type { FrameRange } from './decoder.js';
import { colourArguments, encoderCodec, needsColourAtom } from './encoder.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { containerFacts, extensionsFor, type OutputContainer, outputContainer } from './output-container.js';
import {
  type ColourTags,
  colourTagsOf,
  type MediaStream,
  mediaStreams,
  probeStreams,
  type RawStream,
  readFrameTable,
  storedAspectRatio,
  type TargetMedia,
  timelineSlots,
} from './probe.js';
import { formatRational, parseRational, type Rational, rationalToNumber, sameRational } from './rational.js';

/**
 * A stream of the source that the output holds; `codec` is `copy`, the text codec it is converted to, or `attach` for
 * cover art that becomes an attached file, which is what Matroska has for it.
 */
export type KeptStream = {
  readonly streamIndex: number;
  readonly type: MediaStream['type'];
  readonly codecName: string | undefined;
  readonly codec: string;
};

/** A stream of the source that the output cannot hold. */
export type DroppedStream = {
  readonly streamIndex: number;
  readonly type: MediaStream['type'];
  readonly codecName: string | undefined;
  readonly reason: string;
};

/** What becomes of each stream besides the processed video. Plain data. */
export type MuxPlan = {
  readonly container: OutputContainer;
  readonly videoEncoder: string;
  /** Streams copied, converted or attached. */
  readonly kept: readonly KeptStream[];
  readonly dropped: readonly DroppedStream[];
};

export type PlanMuxOptions = {
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  readonly outputFile: string;
  /** Checked too: an encoder whose codec the container cannot hold is refused. */
  readonly videoEncoder: string;
  readonly signal?: AbortSignal | undefined;
};

/** Subtitle codecs that are text and can be turned into one another. */
const textSubtitles: ReadonlySet<string> = new Set([
  'subrip',
  'srt',
  'ass',
  'ssa',
  'mov_text',
  'webvtt',
  'text',
]);

const isCoverArt = ({ dispositions }: MediaStream): boolean => dispositions.includes('attached_pic');

/** The file that cover art becomes when it is attached; undefined for codecs that are no picture file. */
const coverFile = ({ codecName, fileName }: MediaStream): { name: string; mimeType: string } | undefined => {
  if (codecName === 'mjpeg') return { name: fileName ?? 'cover.jpg', mimeType: 'image/jpeg' };
  if (codecName === 'png') return { name: fileName ?? 'cover.png', mimeType: 'image/png' };
  return undefined;
};

type Trial = { readonly stream: MediaStream; readonly codec: string };

const codecAfter = ({ stream, codec }: Trial): string | undefined => {
  if (codec === 'copy' || codec === 'attach') return stream.codecName;
  return codec === 'srt' ? 'subrip' : codec;
};

/**
 * Muxes the first second of some streams next to a tiny picture from the encoder and looks whether they come
 * back as what they were: some muxers take anything and write what nobody can read.
 *
 * @returns undefined when it worked, else the reason.
 */
const tryMux = async (
  options: PlanMuxOptions,
  container: OutputContainer,
  file: string,
  trials: readonly Trial[],
): Promise<string | undefined> => {
  const { tools, target, videoEncoder, signal } = options;
  const stage = 'plan';
  const pixelFormat = videoEncoder === 'prores_ks' ? 'yuv422p10le' : 'yuv420p';
  const { exit, stderr } = await runTool(
    tools.ffmpegPath,
    [
      ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+error', '-y'],
      ...['-f', 'lavfi', '-i', 'color=c=black:s=320x240:r=25:d=0.2'],
      ...inputProtection,
      ...['-i', target.file, '-map', '0:v:0', '-c:0', videoEncoder, '-pix_fmt:0', pixelFormat],
      ...trials.flatMap(({ stream, codec }, k) => [
        ...[
          '-map',
          `1:${stream.index}`,
          `-c:${k + 1}`,
          codec,
          `-disposition:${k + 1}`,
          dispositionFlags(stream),
        ],
      ]),
      ...['-t', '1', '-f', containerFacts[container].muxer, file],
    ],
    { stage, signal },
  );
  if (exit.code !== 0) return lastWords(stderr, 1);
  if (trials.length === 0) return undefined;
  const written = mediaStreams(await probeStreams(tools, file, { signal, stage })).slice(1);
  const wrong = trials.find((trial, k) => {
    const found = written[k];
    const isArt = isCoverArt(trial.stream);
    return (
      found?.type !== trial.stream.type ||
      found.codecName !== codecAfter(trial) ||
      (isArt && !isCoverArt(found))
    );
  });
  return wrong === undefined
    ? undefined
    : `.${container} files cannot hold ${wrong.stream.codecName ?? 'such data'}`;
};

const dispositionNames: ReadonlySet<string> = new Set(
  'default dub original comment lyrics karaoke forced hearing_impaired visual_impaired clean_effects attached_pic'.split(
    ' ',
  ),
);

const dispositionFlags = (stream: MediaStream): string =>
  stream.dispositions.filter((name) => dispositionNames.has(name)).join('+') || '0';

/**
 * Finds out before any work what the output container can hold, by muxing the first second of every stream with
 * this very ffmpeg: streams that cannot be copied are listed as dropped with the reason, text subtitles are
 * converted where the container has a text codec. Data streams are never copied: those of MP4 and QuickTime are
 * chapters and time codes, which the muxer writes from the metadata.
 *
 * @throws FaceswapError (media) when a sound stream cannot be copied, (usage) when the container cannot hold the
 * encoder's video, (unavailable) when the encoder fails.
 */
export async function planMux(options: PlanMuxOptions): Promise<MuxPlan> {
  const { target, outputFile, videoEncoder } = options;
  const container = outputContainer(outputFile);
  const codec = encoderCodec(videoEncoder);
  const stage = 'plan';
  if (!containerFacts[container].videoCodecs.includes(codec)) {
    throw new FaceswapError('usage', `A .${container} file cannot hold video from ${videoEncoder}`, {
      file: outputFile,
      hint: `Use an output that ends in one of ${extensionsFor(codec)}, or leave the encoder out`,
    });
  }
  if (container === 'mov' && codec === 'ffv1' && target.video.format.range === 'full') {
    throw new FaceswapError('usage', 'A .mov file cannot say that FFV1 video has full range', {
      file: outputFile,
      hint: 'Use an output that ends in .mkv',
    });
  }
  const isAttached = (stream: MediaStream): boolean =>
    container === 'mkv' && isCoverArt(stream) && coverFile(stream) !== undefined;
  const all = target.streams.filter((stream) => stream.index !== target.video.streamIndex);
  const isData = ({ type }: MediaStream): boolean => type === 'data' || type === 'unknown';
  const others = all.filter((stream) => !isAttached(stream) && !isData(stream));
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-plan-'));
  const trialFile = join(folder, `trial.${container}`);
  try {
    const attempt = (trials: readonly Trial[]): Promise<string | undefined> =>
      tryMux(options, container, trialFile, trials);
    const kept: KeptStream[] = [];
    const dropped: DroppedStream[] = [];
    const keep = ({ stream, codec: name }: Trial): void => {
      kept.push({ streamIndex: stream.index, type: stream.type, codecName: stream.codecName, codec: name });
    };
    for (const { index, type, codecName } of all.filter(isData)) {
      const reason = 'data is not copied; chapters and time codes are written anew';
      dropped.push({ streamIndex: index, type, codecName, reason });
    }
    for (const stream of all.filter(isAttached)) keep({ stream, codec: 'attach' });
    const copies = others.map((stream): Trial => ({ stream, codec: 'copy' }));
    if ((await attempt(copies)) === undefined) {
      copies.forEach(keep);
      return { container, videoEncoder, kept, dropped };
    }
    const encoderProblem = await attempt([]);
    if (encoderProblem !== undefined) {
      throw new FaceswapError(
        'unavailable',
        `Encoder "${videoEncoder}" does not work here: ${encoderProblem}`,
        {
          stage,
        },
      );
    }
    for (const copy of copies) {
      if ((await attempt([copy])) === undefined) {
        keep(copy);
        continue;
      }
      const { index, type, codecName } = copy.stream;
      if (type === 'audio') {
        throw new FaceswapError(
          'media',
          `A .${container} file cannot hold the target's ${codecName ?? 'unknown'} sound (stream ${index})`,
          {
            file: target.file,
            stage,
            hint: 'Use an output that ends in .mkv, which holds every kind: sound is never re-encoded',
          },
        );
      }
      const textEncoder = containerFacts[container].textSubtitleEncoder;
      const isText = type === 'subtitle' && codecName !== undefined && textSubtitles.has(codecName);
      const conversion =
        isText && textEncoder !== undefined ? { stream: copy.stream, codec: textEncoder } : undefined;
      if (conversion !== undefined && (await attempt([conversion])) === undefined) keep(conversion);
      else
        dropped.push({ streamIndex: index, type, codecName, reason: `.${container} files cannot hold it` });
    }
    return { container, videoEncoder, kept, dropped };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A finished segment: what the encoder wrote for a range of frames. */
export type SegmentFile = {
  /** Absolute path. */
  readonly file: string;
  /** Length in frame periods: `slotCount(target.video, range)`, or the frame count where the rate was changed. */
  readonly slotCount: number;
};

/**
 * The list that ffmpeg's concat demuxer reads. Its own idea of a segment's length comes from headers that count
 * milliseconds; the lengths given here make the sum of all before a segment right to half a microsecond, so
 * that timestamps are exact however many segments there are.
 */
export function concatList(segments: readonly SegmentFile[], frameRate: Rational): string {
  const lines = ['ffconcat version 1.0'];
  let slots = 0;
  let startMicroseconds = 0;
  for (const { file, slotCount } of segments) {
    if (/[\r\n]/.test(file)) {
      throw new FaceswapError('usage', 'A segment path must not contain a line break', {
        file,
        stage: 'join',
      });
    }
    slots += slotCount;
    const endMicroseconds = Math.round((slots * frameRate.den * 1e6) / frameRate.num);
    lines.push(`file '${file.replaceAll("'", "'\\''")}'`);
    lines.push(`duration ${((endMicroseconds - startMicroseconds) / 1e6).toFixed(6)}`);
    startMicroseconds = endMicroseconds;
  }
  return `${lines.join('\n')}\n`;
}

type FluentRun = {
  readonly tools: FfmpegTools;
  readonly stage: string;
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
  readonly onSeconds?: ((seconds: number) => void) | undefined;
};

const timemarkSeconds = (timemark: string): number =>
  timemark.split(':').reduce((seconds, part) => seconds * 60 + Number(part), 0);

/** Runs a command that fluent-ffmpeg built; resolves after ffmpeg is gone. */
const runFluent = (command: ffmpeg.FfmpegCommand, run: FluentRun): Promise<void> =>
  new Promise((resolve, reject) => {
    const { tools, stage, file, signal, onSeconds } = run;
    if (signal?.aborted === true) return reject(interruptedError(stage));
    const onAbort = (): void => {
      command.kill('SIGKILL');
    };
    const settle = (error?: FaceswapError): void => {
      signal?.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    command
      .setFfmpegPath(tools.ffmpegPath)
      .on('start', () => {
        // Before the child exists kill() does nothing, so an abort that came meanwhile is acted on here.
        if (signal?.aborted === true) onAbort();
      })
      .on('progress', ({ timemark }: { timemark?: string }) => onSeconds?.(timemarkSeconds(timemark ?? '0')))
      .on('end', () => settle())
      .on('error', (error: Error, _stdout: string | null, stderr: string | null) => {
        const wasStopped = /received signal (2|15)\b/.test(stderr ?? '');
        if (signal?.aborted === true || wasStopped) return settle(interruptedError(stage));
        const killedBy = /killed with signal (\w+)/.exec(error.message)?.[1];
        const exit = {
          code:
            killedBy === undefined ? Number(/exited with code (\d+)/.exec(error.message)?.[1] ?? 1) : null,
          signal: killedBy === undefined ? null : (killedBy as NodeJS.Signals),
        };
        const lines = (stderr ?? error.message).split('\n');
        settle(childFailure('ffmpeg', exit, lines, { stage, file }));
      });
    signal?.addEventListener('abort', onAbort, { once: true });
    command.run();
  });

/** Options that every joining command begins with. The level prefix lets error lines be told from chatter. */
const globalOptions = ['-nostdin', '-loglevel', 'repeat+level+info'] as const;

const concatInput = (command: ffmpeg.FfmpegCommand, listFile: string, before: readonly string[]): void => {
  command.input(listFile).inputOptions(...before, ...inputProtection, '-f', 'concat', '-safe', '0');
};

/** Writes the concat list into a temporary folder that exists for as long as `work` runs. */
const withConcatList = async (
  segments: readonly SegmentFile[],
  frameRate: Rational,
  work: (listFile: string, folder: string) => Promise<void>,
): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-mux-'));
  try {
    const listFile = join(folder, 'segments.txt');
    await writeFile(listFile, concatList(segments, frameRate));
    await work(listFile, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

export type JoinOptions = {
  readonly tools: FfmpegTools;
  readonly segments: readonly SegmentFile[];
  /** Rate of the segments: that of their `VideoEncoding`. */
  readonly frameRate: Rational;
  /** Absolute path; its extension chooses the container. */
  readonly outputFile: string;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Joins segments into one video file without encoding: frame count, timestamps and pixels are those of the
 * segments in order. {@link muxOutput} does the same and adds the source's other streams in one pass.
 *
 * @throws FaceswapError (media) when ffmpeg refuses, (resources) when the disk is full, (interrupted).
 */
export async function joinSegments(options: JoinOptions): Promise<void> {
  const { tools, segments, frameRate, outputFile, signal } = options;
  const { muxer } = containerFacts[outputContainer(outputFile)];
  await withConcatList(segments, frameRate, async (listFile) => {
    const command = ffmpeg();
    concatInput(command, listFile, globalOptions);
    command
      .outputOptions('-map', '0:v:0', '-c', 'copy', '-fflags', '+bitexact', '-map_metadata', '-1')
      .outputOptions('-r:0', formatRational(frameRate), '-f', muxer)
      .output(outputFile);
    await runFluent(command, { tools, stage: 'join', file: outputFile, signal });
  });
}

export type MuxOptions = {
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  readonly plan: MuxPlan;
  /** In order: joined in the same pass. */
  readonly segments: readonly SegmentFile[];
  /** The frames of the target that the segments hold. */
  readonly range: FrameRange;
  /** Rate of the segments: that of the `VideoEncoding`. */
  readonly frameRate: Rational;
  /** Absolute path of the temporary file beside the output; `plan.container` says its format, not its name. */
  readonly temporaryFile: string;
  readonly signal?: AbortSignal | undefined;
  /** False when no face was replaced: then nothing is noted in `comment`. True when left out. */
  readonly edited?: boolean | undefined;
  /** Called with the share that is written, 0..1. */
  readonly onProgress?: ((share: number) => void) | undefined;
};

const frameSeconds = ({ video }: TargetMedia, frame: number): number =>
  (video.ptsTicks[frame] ?? Number.NaN) * rationalToNumber(video.timeBase);

const isWhole = (target: TargetMedia, range: FrameRange): boolean =>
  range.start === 0 && range.end === target.video.frameCount;

/** What the output says about itself, after whatever the source had said. */
const editComment = (target: TargetMedia): string => {
  const note = editNote();
  const own = target.tags['comment'];
  return own === undefined || own.includes(note) ? note : `${own}; ${note}`;
};

/**
 * The streams of the output in the source's order, attached files last: `undefined` stands for the processed video.
 */
const outputOrder = (target: TargetMedia, plan: MuxPlan): (KeptStream | undefined)[] => {
  const mapped = target.streams.flatMap((stream) => {
    if (stream.index === target.video.streamIndex) return [undefined];
    const kept = plan.kept.find(({ streamIndex }) => streamIndex === stream.index);
    return kept === undefined || kept.codec === 'attach' ? [] : [kept];
  });
  return [...mapped, ...plan.kept.filter(({ codec }) => codec === 'attach')];
};

/** How much hidden sound may stand before the picture: more than any codec's start-up, less than one notices. */
const maxLeadSeconds = 0.1;

/** The longest packet of a usual sound codec: 4096 samples of FLAC at 44.1 kHz, rounded up. */
const maxPacketSeconds = 0.1;

/** Cover art and attachments: they belong to the whole file, and a cut must not move them. */
const isTimeless = (target: TargetMedia, { streamIndex, type }: KeptStream): boolean =>
  type === 'attachment' ||
  target.streams.some((stream) => stream.index === streamIndex && isCoverArt(stream));

/** MP4 can hide the sound before time zero; the other containers play it. */
const hidesLead = (container: OutputContainer): boolean => container === 'mp4' || container === 'mov';

/**
 * Finds the streams whose packets before the start must be left out. An MP4 hides packets before its start
 * with an edit list: mostly the codec's start-up, which is kept (without it the first 20 ms would be spoilt),
 * but after a cut without re-encoding seconds of other sound. AVI has no room for anything before zero.
 */
const streamsWithLead = async (options: MuxOptions): Promise<ReadonlySet<number>> => {
  const { tools, target, plan, range, signal } = options;
  if (!isWhole(target, range)) {
    // The seek of a trimmed run lands before the cut, and ffmpeg would copy from there.
    const timed = plan.kept.filter((kept) => !isTimeless(target, kept));
    return new Set(timed.map(({ streamIndex }) => streamIndex));
  }
  const found = new Set<number>();
  if (hidesLead(plan.container)) return found;
  for (const { streamIndex, type } of plan.kept) {
    const stream = target.streams.find(({ index }) => index === streamIndex);
    if (type !== 'audio' || stream?.startTicks === undefined) continue;
    const { stdout } = await runTool(
      tools.ffprobePath,
      [
        ...['-v', 'error', ...inputProtection, '-select_streams', String(streamIndex)],
        ...['-read_intervals', '%+#1', '-show_entries', 'packet=pts', '-of', 'csv=p=0', target.file],
      ],
      { stage: 'mux', signal },
    );
    const firstTicks = Number.parseInt(stdout, 10);
    const leadSeconds = (stream.startTicks - firstTicks) * rationalToNumber(stream.timeBase);
    if (leadSeconds > (plan.container === 'avi' ? 0 : maxLeadSeconds)) found.add(streamIndex);
  }
  return found;
};

/** Input 0 is the joined video, 1 the source (cut when the run is trimmed), 2 the source uncut, for its cover art. */
const streamOptions = (
  { target, plan, range, frameRate }: MuxOptions,
  withLead: ReadonlySet<number>,
): string[] =>
  outputOrder(target, plan).flatMap((kept, k) => {
    if (kept?.codec === 'attach') return [];
    const streamIndex = kept?.streamIndex ?? target.video.streamIndex;
    const source = target.streams.find(({ index }) => index === streamIndex);
    const isUncut = kept !== undefined && !isWhole(target, range) && isTimeless(target, kept);
    const origin = kept === undefined ? '0:v:0' : `${isUncut ? 2 : 1}:${streamIndex}`;
    const common = [
      ...['-map', origin, `-c:${k}`, kept?.codec ?? 'copy'],
      ...[`-map_metadata:s:${k}`, `1:s:${streamIndex}`],
      ...[`-disposition:${k}`, source === undefined ? '0' : dispositionFlags(source)],
    ];
    if (kept !== undefined) return withLead.has(streamIndex) ? [...common, `-copypriorss:${k}`, '0'] : common;
    const isHevcInQuickTime =
      encoderCodec(plan.videoEncoder) === 'hevc' && (plan.container === 'mp4' || plan.container === 'mov');
    return [
      ...common,
      // The frames are upright now; older ffmpeg would turn the copied tag into a rotation again.
      ...[`-metadata:s:${k}`, 'rotate='],
      ...colourArguments(target.video.colour, `:${k}`),
      ...(isHevcInQuickTime ? [`-tag:${k}`, 'hvc1'] : []),
      // Without it AVI gets twice the rate and Matroska a mean of rounded times.
      ...(['avi', 'mkv', 'webm'].includes(plan.container) ? [`-r:${k}`, formatRational(frameRate)] : []),
    ];
  });

const containerOptions = (container: OutputContainer, { video }: TargetMedia): string[] => {
  if (container === 'mp4' || container === 'mov') {
    return ['-movflags', needsColourAtom(video.colour) ? '+faststart+write_colr' : '+faststart'];
  }
  return container === 'ts' ? ['-muxdelay', '0', '-muxpreload', '0'] : [];
};

/** Writes cover art to files beside the output and gives the options that attach them. */
const attachCovers = async (options: MuxOptions, folder: string): Promise<string[]> => {
  const { tools, target, plan, signal } = options;
  const stage = 'mux';
  const args: string[] = [];
  for (const [k, kept] of outputOrder(target, plan).entries()) {
    const stream = target.streams.find(({ index }) => index === kept?.streamIndex);
    const cover = stream === undefined ? undefined : coverFile(stream);
    if (kept?.codec !== 'attach' || cover === undefined) continue;
    const file = join(folder, `cover-${k}`);
    const input = ['-nostdin', '-v', 'error', '-y', ...inputProtection, '-i', target.file];
    const output = [
      '-map',
      `0:${kept.streamIndex}`,
      '-c',
      'copy',
      '-frames:v',
      '1',
      '-f',
      'image2pipe',
      file,
    ];
    const { exit, stderr } = await runTool(tools.ffmpegPath, [...input, ...output], { stage, signal });
    if (exit.code !== 0) throw childFailure('ffmpeg', exit, stderr, { stage, file: target.file });
    args.push('-attach', file, `-metadata:s:${k}`, `mimetype=${cover.mimeType}`);
    args.push(`-metadata:s:${k}`, `filename=${cover.name}`);
  }
  return args;
};

/**
 * Writes the output: the joined segments in the place of the source's video, every kept stream copied from the
 * source with its metadata, language and disposition, the source's chapters and tags, and a note in `comment`
 * that the picture was edited. Offsets between the streams stay what they were. When only a range of frames was
 * rendered, the other streams are cut to its time: sound begins with the first packet at or after the cut (at most
 * one packet late, some 20 ms, and in sync).
 *
 * @throws FaceswapError (media) when ffmpeg refuses, (resources) when the disk is full or ffmpeg is killed,
 * (interrupted) on abort. The temporary file is the caller's to delete.
 */
export async function muxOutput(options: MuxOptions): Promise<void> {
  const { tools, target, plan, segments, range, frameRate, temporaryFile, signal, onProgress } = options;
  const wholeSource = isWhole(target, range);
  const totalSlots = segments.reduce((sum, { slotCount }) => sum + slotCount, 0);
  const lengthSeconds = (totalSlots * frameRate.den) / frameRate.num;
  const sinceFileStart = frameSeconds(target, range.start) - target.startMicroseconds / 1e6;
  const withLead = await streamsWithLead(options);
  await withConcatList(segments, frameRate, async (listFile, folder) => {
    const covers = await attachCovers(options, folder);
    const command = ffmpeg();
    // ffmpeg moves each input so that it starts at zero; the video's own delay within the source is put back.
    const delay = wholeSource ? ['-itsoffset', sinceFileStart.toFixed(6)] : [];
    concatInput(command, listFile, [...globalOptions, ...delay]);
    const cut = wholeSource ? [] : ['-ss', sinceFileStart.toFixed(6), '-t', lengthSeconds.toFixed(6)];
    command.input(target.file).inputOptions(...cut, ...inputProtection);
    if (!wholeSource && plan.kept.some((kept) => isTimeless(target, kept))) {
      command.input(target.file).inputOptions(...inputProtection);
    }
    // Half a frame more than the video is long: enough to end chapters, too little to cost a frame.
    const end = wholeSource ? [] : ['-t', (lengthSeconds + frameRate.den / frameRate.num / 2).toFixed(6)];
    command
      .outputOptions(...streamOptions(options, withLead), '-map_metadata', '1', '-map_chapters', '1')
      .outputOptions(
        ...(options.edited === false ? [] : ['-metadata', `comment=${editComment(target)}`]),
        '-flags',
        '+bitexact',
        '-fflags',
        '+bitexact',
      )
      .outputOptions(
        ...covers,
        ...end,
        ...containerOptions(plan.container, target),
        '-f',
        containerFacts[plan.container].muxer,
      )
      .output(temporaryFile);
    await runFluent(command, {
      tools,
      stage: 'mux',
      file: temporaryFile,
      signal,
      onSeconds: (seconds) => onProgress?.(Math.min(1, seconds / lengthSeconds)),
    });
  });
}

/** What the finished file must show. */
export type ExpectedOutput = {
  readonly frameRate: Rational;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sampleAspectRatio: Rational;
  readonly colour: ColourTags;
  /** Timeline slot of every frame from 0, such as those of the target; their number is the frame count. */
  readonly slots: ArrayLike<number>;
  readonly plan: MuxPlan;
  /** The source and the frames taken from it, for the offsets between the streams. */
  readonly target: TargetMedia;
  readonly range: FrameRange;
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
  if (hasExactClock(plan.container) && slots.length > 1 && !showsRate) {
    throw mismatch(
      file,
      'frame rate',
      rates.map((rate) => rate && formatRational(rate)),
      formatRational(frameRate),
    );
  }
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
 * Compares the finished file with what it must be: size, aspect ratio, colour tags, frame rate, the time of every
 * single frame, the other streams and their delay against the picture. Reads packet headers, decodes nothing
 * (AVI excepted, which has no presentation times).
 *
 * @throws FaceswapError (bug) that names the first field that differs, (media) when ffprobe cannot read the file.
 */
export async function verifyOutput(
  tools: FfmpegTools,
  file: string,
  expected: ExpectedOutput,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const where = { signal: options.signal, stage: 'verify' };
  const probe = await probeStreams(tools, file, where);
  const streams = mediaStreams(probe);
  const matches = matchStreams(file, streams, expected);
  const video = matches.find(({ kept }) => kept === undefined)?.found;
  const record = video === undefined ? undefined : probe.streams[video.index];
  if (video === undefined || record === undefined) throw mismatch(file, 'video', 'missing', 'there');
  checkPicture(file, record, expected);
  const { ptsTicks } = await readFrameTable(tools, file, video.index, where);
  const { slots, frameRate } = expected;
  if (ptsTicks.length !== slots.length) throw mismatch(file, 'frame count', ptsTicks.length, slots.length);
  const found = timelineSlots(ptsTicks, video.timeBase, frameRate);
  if (found === undefined) throw mismatch(file, 'timestamps', 'irregular', formatRational(frameRate));
  const wrong = found.findIndex((slot, k) => slot !== (slots[k] ?? 0) - (slots[0] ?? 0));
  if (wrong >= 0) throw mismatch(file, `timestamp of frame ${wrong}`, found[wrong], slots[wrong]);
  checkSound(file, matches, video, expected);
}
