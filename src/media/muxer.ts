import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve as resolvePath } from 'node:path';
import ffmpeg from 'fluent-ffmpeg';
import { FaceswapError } from '../errors.js';
import { editNote } from '../version.js';
import {
  childFailure,
  inputProtection,
  interruptedError,
  runTool,
  segmentListProtection,
  silenceFailure,
  watchSilence,
} from './child-process.js';
import { colourArguments, needsColourAtom } from './colour-tags.js';
import type { FrameRange } from './decoder.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { coverFile, dispositionFlags, isTimeless, type MuxPlan, outputOrder } from './mux-plan.js';
import { containerFacts, type OutputContainer } from './output-container.js';
import { formatRational, type Rational, rationalToNumber } from './rational.js';
import { startSecondsKept } from './output-start.js';
import { streamsWithLead } from './sound-lead.js';
import { frameSeconds, halfStepSeconds, isWhole, slotCount, type TargetMedia } from './target-media.js';
import { slotsToSeconds } from './timeline.js';
import { encoderCodec } from './video-encoders.js';

/** A finished segment: what the encoder wrote for a range of frames. */
export type SegmentFile = {
  /** Absolute path. */
  readonly file: string;
  /** Length in slots of the encoding's clock: `slotCount(target.video, range)`, or the frame count where the rate was changed. */
  readonly slotCount: number;
};

/**
 * The list that ffmpeg's concat demuxer reads. Its own idea of a segment's length comes from headers that count
 * milliseconds; the lengths given here make the sum of all before a segment right to half a microsecond, so
 * that timestamps are exact however many segments there are.
 *
 * Segments stand in it by their bare names, so that no folder's name needs quoting, and the list is read in its safe mode.
 *
 * @throws FaceswapError (bug) for segments in several folders, or with names that our own encoder does not give.
 */
export function concatList(segments: readonly SegmentFile[], clock: Rational): string {
  const lines = ['ffconcat version 1.0'];
  let slots = 0;
  let startMicroseconds = 0;
  for (const { file, slotCount } of segments) {
    const name = basename(file);
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) || dirname(file) !== segmentFolder(segments)) {
      throw new FaceswapError(
        'bug',
        'A segment has a name or a place that the list of segments cannot hold',
        {
          file,
          stage: 'join',
        },
      );
    }
    slots += slotCount;
    const endMicroseconds = Math.round((slots * clock.den * 1e6) / clock.num);
    lines.push(`file ${name}`);
    lines.push(`duration ${((endMicroseconds - startMicroseconds) / 1e6).toFixed(6)}`);
    startMicroseconds = endMicroseconds;
  }
  return `${lines.join('\n')}\n`;
}

const segmentFolder = ([first]: readonly SegmentFile[]): string => dirname(first?.file ?? '');

type FluentRun = {
  readonly tools: FfmpegTools;
  readonly stage: string;
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
  readonly onSeconds?: ((seconds: number) => void) | undefined;
};

const timemarkSeconds = (timemark: string): number =>
  timemark.split(':').reduce((seconds, part) => seconds * 60 + Number(part), 0);

/** Moving the index of a file to its front says nothing; this is enough for 300 GB at 100 MB a second. */
const muxSilenceMs = 3_600_000;

/** Runs a command that fluent-ffmpeg built; resolves after ffmpeg is gone. */
const runFluent = (command: ffmpeg.FfmpegCommand, run: FluentRun): Promise<void> =>
  new Promise((resolve, reject) => {
    const { tools, stage, file, signal, onSeconds } = run;
    if (signal?.aborted === true) return reject(interruptedError(stage));
    const onAbort = (): void => {
      command.kill('SIGKILL');
    };
    let isSilent = false;
    const { heard, stop } = watchSilence(muxSilenceMs, () => {
      isSilent = true;
      command.kill('SIGKILL');
    });
    const settle = (error?: FaceswapError): void => {
      stop();
      signal?.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    command
      .setFfmpegPath(resolvePath(tools.ffmpegPath))
      .on('start', () => {
        // Before the child exists kill() does nothing, so an abort that came meanwhile is acted on here.
        if (signal?.aborted === true) onAbort();
      })
      .on('stderr', heard)
      .on('progress', ({ timemark }: { timemark?: string }) => onSeconds?.(timemarkSeconds(timemark ?? '0')))
      .on('end', () => settle())
      .on('error', (error: Error, _stdout: string | null, stderr: string | null) => {
        if (isSilent) return settle(silenceFailure('ffmpeg', muxSilenceMs, stage));
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

/** The list is named without its folder, in which ffmpeg runs: names in it would else be joined with the folder's as an address. */
const concatInput = (command: ffmpeg.FfmpegCommand, listFile: string, before: readonly string[]): void => {
  command
    .input(basename(listFile))
    .inputOptions(...before, ...segmentListProtection, '-f', 'concat', '-safe', '1');
};

/** Writes the concat list beside the segments, and makes a folder for other parts there, for as long as `work` runs. */
const withConcatList = async (
  segments: readonly SegmentFile[],
  clock: Rational,
  work: (listFile: string, folder: string) => Promise<void>,
): Promise<void> => {
  const list = concatList(segments, clock);
  const folder = await mkdtemp(join(segmentFolder(segments), 'mux-'));
  const listFile = `${folder}.ffconcat`;
  try {
    await writeFile(listFile, list);
    await work(listFile, folder);
  } finally {
    await rm(listFile, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
};

export type MuxOptions = {
  readonly tools: FfmpegTools;
  readonly target: TargetMedia;
  readonly plan: MuxPlan;
  /** In order: joined in the same pass. */
  readonly segments: readonly SegmentFile[];
  /** The frames of the target that the segments hold. */
  readonly range: FrameRange;
  /** Rate and clock of the segments: those of the `VideoEncoding`. */
  readonly frameRate: Rational;
  readonly clock: Rational;
  /** Whether the last frame is as long as the source's: {@link setsLastDuration}. False when left out. */
  readonly keepsLastDuration?: boolean | undefined;
  /** Absolute path of the temporary file beside the output; `plan.container` says its format, not its name. */
  readonly temporaryFile: string;
  readonly signal?: AbortSignal | undefined;
  /** False when no face was replaced: then nothing is noted in `comment`. True when left out. */
  readonly edited?: boolean | undefined;
  /** Called with the share that is written, 0..1. */
  readonly onProgress?: ((share: number) => void) | undefined;
};

/** What the output says about itself, after whatever the source had said. */
const editComment = (target: TargetMedia): string => {
  const note = editNote();
  const own = target.tags['comment'];
  return own === undefined || own.includes(note) ? note : `${own}; ${note}`;
};

/**
 * Copying gives the last frame the length of a frame period. Where the rate varies, that of the source is written instead.
 * Frames are told apart by time, half a step before the last one.
 *
 * @param videoStartSeconds time of the first frame in the output.
 */
const lastFrameFilter = (
  { target, range, clock, keepsLastDuration }: MuxOptions,
  videoStartSeconds: number,
): string | undefined => {
  const { video } = target;
  if (!keepsLastDuration) return undefined;
  const seconds = (frames: FrameRange): number =>
    rationalToNumber(slotsToSeconds(slotCount(video, frames), clock));
  const last = range.end - 1;
  const from = videoStartSeconds + seconds({ start: range.start, end: last }) - halfStepSeconds(target, last);
  const length = seconds({ start: last, end: range.end });
  // Without its own expression each time would become the packet's decoding time.
  return `setts=pts=PTS:dts=DTS:duration='if(gte(PTS*TB,${from.toFixed(9)}),round(${length.toFixed(9)}/TB),DURATION)'`;
};

/** Input 0 is the joined video, 1 the source (cut when the run is trimmed), 2 the source uncut, for its cover art. */
const streamOptions = (
  options: MuxOptions,
  withLead: ReadonlySet<number>,
  videoStartSeconds: number,
): string[] => {
  const { target, plan, range, frameRate } = options;
  return outputOrder(target, plan).flatMap((kept, k) => {
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
    const lastFrame = lastFrameFilter(options, videoStartSeconds);
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
      ...(lastFrame === undefined ? [] : [`-bsf:${k}`, lastFrame]),
    ];
  });
};

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
 * that the picture was edited. Offsets between the streams stay what they were, and a file of the same family as the source
 * starts at the same time ({@link startSecondsKept}). When only a range of frames was
 * rendered, the other streams are cut to its time: sound begins with the first packet at or after the cut (at most
 * one packet late, some 20 ms, and in sync).
 *
 * @throws FaceswapError (media) when ffmpeg refuses, (resources) when the disk is full or ffmpeg is killed,
 * (interrupted) on abort. The temporary file is the caller's to delete.
 */
export async function muxOutput(options: MuxOptions): Promise<void> {
  const { tools, target, plan, segments, range, frameRate, clock, temporaryFile, signal, onProgress } =
    options;
  const wholeSource = isWhole(target, range);
  const totalSlots = segments.reduce((sum, { slotCount }) => sum + slotCount, 0);
  const lengthSeconds = (totalSlots * clock.den) / clock.num;
  const sinceFileStart = frameSeconds(target, range.start) - target.startMicroseconds / 1e6;
  const fileStart = startSecondsKept(target, plan.container, range);
  const videoStart = wholeSource ? fileStart + sinceFileStart : 0;
  const withLead = await streamsWithLead(options);
  await withConcatList(segments, clock, async (listFile, folder) => {
    const covers = await attachCovers(options, folder);
    const command = ffmpeg({ cwd: dirname(listFile) });
    // ffmpeg moves each input so that it starts at zero; the video's own delay within the source is put back.
    const delay = wholeSource ? ['-itsoffset', videoStart.toFixed(6)] : [];
    concatInput(command, listFile, [...globalOptions, ...delay]);
    const cut = wholeSource
      ? ['-itsoffset', fileStart.toFixed(6)]
      : ['-ss', sinceFileStart.toFixed(6), '-t', lengthSeconds.toFixed(6)];
    command.input(target.file).inputOptions(...cut, ...inputProtection);
    if (!wholeSource && plan.kept.some((kept) => isTimeless(target, kept))) {
      command.input(target.file).inputOptions(...inputProtection);
    }
    // Half a frame more than the video is long: enough to end chapters, too little to cost a frame.
    const end = wholeSource ? [] : ['-t', (lengthSeconds + frameRate.den / frameRate.num / 2).toFixed(6)];
    command
      .outputOptions(
        ...streamOptions(options, withLead, videoStart),
        '-map_metadata',
        '1',
        '-map_chapters',
        '1',
      )
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
      onSeconds: (seconds) => onProgress?.(Math.min(1, Math.max(0, (seconds - videoStart) / lengthSeconds))),
    });
  });
}
