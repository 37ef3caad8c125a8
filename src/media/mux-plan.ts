import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { inputProtection, lastWords, runTool } from './child-process.js';
import type { FfmpegTools } from './ffmpeg-tools.js';
import { containerFacts, extensionsFor, type OutputContainer, outputContainer } from './output-container.js';
import { lostTags } from './lost-tags.js';
import { type MediaStream, mediaStreams, probeStreams, type RawProbe } from './stream-probe.js';
import type { TargetMedia } from './target-media.js';
import { anyFormatOf, encoderCodec } from './video-encoders.js';
import { encoderInput } from './video-encoding.js';

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

/** Something that the source says about itself or a stream and that the output does not. */
export type LostTag = {
  /** Undefined: of the whole file. */
  readonly streamIndex: number | undefined;
  /** A tag's key, or `disposition NAME`. */
  readonly name: string;
};

/** What becomes of each stream besides the processed video. Plain data. */
export type MuxPlan = {
  readonly container: OutputContainer;
  readonly videoEncoder: string;
  /** Streams copied, converted or attached. */
  readonly kept: readonly KeptStream[];
  readonly dropped: readonly DroppedStream[];
  /** Tags and dispositions that the container has no place for; empty where a source has none. */
  readonly lostTags: readonly LostTag[];
  /** Chapters that the container has no place for. */
  readonly lostChapters: number;
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
export const coverFile = ({
  codecName,
  fileName,
}: MediaStream): { name: string; mimeType: string } | undefined => {
  if (codecName === 'mjpeg') return { name: fileName ?? 'cover.jpg', mimeType: 'image/jpeg' };
  if (codecName === 'png') return { name: fileName ?? 'cover.png', mimeType: 'image/png' };
  return undefined;
};

/** A stream and the `codec` of its {@link KeptStream}. */
type Trial = { readonly stream: MediaStream; readonly codec: string };

/** ffprobe's name of the codec that a stream has in the output. */
export const codecAfter = ({ stream, codec }: Trial): string | undefined => {
  if (codec === 'copy' || codec === 'attach') return stream.codecName;
  return codec === 'srt' ? 'subrip' : codec;
};

/** A trial that failed, with the reason, or what ffprobe sees in one that worked. */
type TrialResult = { readonly problem: string } | { readonly problem: undefined; readonly written: RawProbe };

/**
 * Muxes the first second of some streams, with all tags, next to a tiny picture from the encoder and looks whether they come
 * back as what they were: some muxers take anything and write what nobody can read.
 */
const tryMux = async (
  options: PlanMuxOptions,
  container: OutputContainer,
  file: string,
  trials: readonly Trial[],
): Promise<TrialResult> => {
  const { tools, target, videoEncoder, signal } = options;
  const stage = 'plan';
  const videoStream = target.streams.find(({ index }) => index === target.video.streamIndex);
  const pixelFormat = anyFormatOf(videoEncoder);
  const input = encoderInput(videoEncoder, pixelFormat, undefined);
  const { exit, stderr } = await runTool(
    tools.ffmpegPath,
    [
      ...['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'repeat+level+error', '-y'],
      ...input.globalArguments,
      ...['-f', 'lavfi', '-i', 'color=c=black:s=320x240:r=25:d=0.2'],
      ...inputProtection,
      ...['-i', target.file, '-map', '0:v:0', '-c:0', videoEncoder, ...input.outputArguments],
      ...['-filter:0', [`format=${pixelFormat}`, ...input.filters].join(',')],
      ...trials.flatMap(({ stream, codec }, k) => [
        ...[
          '-map',
          `1:${stream.index}`,
          `-c:${k + 1}`,
          codec,
          `-disposition:${k + 1}`,
          dispositionFlags(stream),
        ],
        ...[`-map_metadata:s:${k + 1}`, `1:s:${stream.index}`],
      ]),
      ...['-map_metadata', '1', '-map_metadata:s:0', `1:s:${target.video.streamIndex}`],
      ...['-disposition:0', videoStream === undefined ? '0' : dispositionFlags(videoStream)],
      ...['-flags', '+bitexact', '-fflags', '+bitexact'],
      ...['-t', '1', '-f', containerFacts[container].muxer, file],
    ],
    { stage, signal },
  );
  if (exit.code !== 0) return { problem: lastWords(stderr, 1) };
  const probe = await probeStreams(tools, file, { signal, stage });
  const written = mediaStreams(probe).slice(1);
  const wrong = trials.find((trial, k) => {
    const found = written[k];
    const isArt = isCoverArt(trial.stream);
    return (
      found?.type !== trial.stream.type ||
      found.codecName !== codecAfter(trial) ||
      (isArt && !isCoverArt(found))
    );
  });
  if (wrong === undefined) return { problem: undefined, written: probe };
  return { problem: `.${container} files cannot hold ${wrong.stream.codecName ?? 'such data'}` };
};

const dispositionNames: ReadonlySet<string> = new Set(
  'default dub original comment lyrics karaoke forced hearing_impaired visual_impaired clean_effects attached_pic'.split(
    ' ',
  ),
);

/** The MP4 and QuickTime tracks that the muxer writes anew from chapters and the `timecode` tag. */
const isWrittenAnew = ({ type, codecTag }: MediaStream, target: TargetMedia): boolean =>
  type === 'data' && (codecTag === 'tmcd' || (codecTag === 'text' && target.chapterTags.length > 0));

/** A stream's dispositions as ffmpeg's `-disposition` takes them. */
export const dispositionFlags = (stream: MediaStream): string =>
  stream.dispositions.filter((name) => dispositionNames.has(name)).join('+') || '0';

/**
 * Finds out before any work what the output container can hold, by muxing the first second of every stream with
 * this very ffmpeg: streams that cannot be copied are listed as dropped with the reason, text subtitles are
 * converted where the container has a text codec. Data streams are never copied; chapters and time codes of MP4 and
 * QuickTime, which are such streams, are written anew from the metadata. Tags that do not come back are listed as lost.
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
    const attempt = (trials: readonly Trial[]): Promise<TrialResult> =>
      tryMux(options, container, trialFile, trials);
    const works = async (trial: Trial): Promise<boolean> => (await attempt([trial])).problem === undefined;
    const planned = (trials: readonly Trial[], result: TrialResult): MuxPlan => ({
      container,
      videoEncoder,
      kept,
      dropped,
      lostTags:
        result.problem === undefined
          ? lostTags(
              target,
              trials.map(({ stream }) => stream),
              result.written,
            )
          : [],
      lostChapters: containerFacts[container].holdsChapters ? 0 : target.chapterTags.length,
    });
    const kept: KeptStream[] = [];
    const dropped: DroppedStream[] = [];
    const keep = ({ stream, codec: name }: Trial): void => {
      kept.push({ streamIndex: stream.index, type: stream.type, codecName: stream.codecName, codec: name });
    };
    for (const stream of all.filter(isData)) {
      if (isWrittenAnew(stream, target)) continue;
      const { index, type, codecName } = stream;
      const reason = 'data is not copied';
      dropped.push({ streamIndex: index, type, codecName, reason });
    }
    for (const stream of all.filter(isAttached)) keep({ stream, codec: 'attach' });
    const copies = others.map((stream): Trial => ({ stream, codec: 'copy' }));
    const whole = await attempt(copies);
    if (whole.problem === undefined) {
      copies.forEach(keep);
      return planned(copies, whole);
    }
    const bare = await attempt([]);
    if (bare.problem !== undefined) {
      throw new FaceswapError(
        'unavailable',
        `Encoder "${videoEncoder}" does not work here: ${bare.problem}`,
        {
          stage,
        },
      );
    }
    const together: Trial[] = [];
    for (const copy of copies) {
      if (await works(copy)) {
        keep(copy);
        together.push(copy);
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
      if (conversion !== undefined && (await works(conversion))) {
        keep(conversion);
        together.push(conversion);
      } else {
        dropped.push({ streamIndex: index, type, codecName, reason: `.${container} files cannot hold it` });
      }
    }
    return planned(together, await attempt(together));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The streams of the output in the source's order, attached files last: `undefined` stands for the processed video.
 */
export const outputOrder = (target: TargetMedia, plan: MuxPlan): (KeptStream | undefined)[] => {
  const mapped = target.streams.flatMap((stream) => {
    if (stream.index === target.video.streamIndex) return [undefined];
    const kept = plan.kept.find(({ streamIndex }) => streamIndex === stream.index);
    return kept === undefined || kept.codec === 'attach' ? [] : [kept];
  });
  return [...mapped, ...plan.kept.filter(({ codec }) => codec === 'attach')];
};

/** Cover art and attachments: they belong to the whole file, and a cut must not move them. */
export const isTimeless = (target: TargetMedia, { streamIndex, type }: KeptStream): boolean =>
  type === 'attachment' ||
  target.streams.some((stream) => stream.index === streamIndex && isCoverArt(stream));
