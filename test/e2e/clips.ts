import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { type FfmpegTools, locateTools } from '../../src/media/ffmpeg-tools.js';
import { fixture } from './command-run.js';

const tools: FfmpegTools = await locateTools();

const runTool = (path: string, args: readonly string[]): Buffer => {
  const { status, stdout, stderr } = spawnSync(path, args, { maxBuffer: 1 << 30 });
  assert.equal(status, 0, `${path} ${args.join(' ')}: ${stderr.toString()}`);
  return stdout;
};

/** Runs ffmpeg and gives its stdout. */
export const ffmpeg = (...args: readonly string[]): Buffer =>
  runTool(tools.ffmpegPath, ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args]);

/** The ffmpeg that the product finds as well. */
export const ffmpegPath = tools.ffmpegPath;

/** One shot of a made clip: a face filling about a third of a 320x240 picture. */
export type Shot = {
  readonly photo: 'astronaut.png' | 'grace_hopper.jpg' | 'none';
  readonly frames: number;
  /** Changes the noise, so that two shots of one photo differ. */
  readonly seed?: number;
};

const crops = { 'astronaut.png': '280:210:90:20', 'grace_hopper.jpg': '480:360:16:60' } as const;

/** What a made clip shows and how it is stored. */
export type ClipDescription = {
  readonly shots: readonly Shot[];
  readonly rate: { readonly num: number; readonly den: number };
  /** A stereo track of noise, as long as the picture. */
  readonly sound?: boolean;
  readonly pixelFormat?: string;
  /** ffmpeg's output options and the file. */
  readonly output: readonly string[];
};

/**
 * Makes a 320x240 clip of still photos under fresh noise, so that every frame has its own bytes and its face lies at a
 * known place.
 */
export const makeClip = ({
  shots,
  rate,
  sound = false,
  pixelFormat = 'yuv420p',
  output,
}: ClipDescription): void => {
  const rateText = `${rate.num}/${rate.den}`;
  const inputs = shots.flatMap(({ photo }) =>
    photo === 'none'
      ? ['-f', 'lavfi', '-i', `color=c=0x305070:size=320x240:rate=${rateText}`]
      : ['-loop', '1', '-framerate', rateText, '-i', fixture(photo)],
  );
  const filters = shots.map(({ photo, frames, seed = 1 }, index) =>
    [
      `[${index}:v]trim=end_frame=${frames}`,
      'setpts=PTS-STARTPTS',
      ...(photo === 'none' ? [] : [`crop=${crops[photo]}`, 'scale=320:240:flags=area']),
      `setsar=1,format=${pixelFormat}`,
      `noise=alls=4:allf=t:all_seed=${seed}[shot${index}]`,
    ].join(','),
  );
  const labels = shots.map((_, index) => `[shot${index}]`).join('');
  const graph = [...filters, `${labels}concat=n=${shots.length}:v=1:a=0[picture]`].join(';');
  const seconds = (shots.reduce((sum, { frames }) => sum + frames, 0) * rate.den) / rate.num;
  const noise = `anoisesrc=color=pink:amplitude=0.1:seed=2:sample_rate=48000:duration=${seconds}`;
  ffmpeg(
    ...inputs,
    ...(sound ? ['-f', 'lavfi', '-i', noise] : []),
    ...['-filter_complex', graph, '-map', '[picture]'],
    ...(sound ? ['-map', `${shots.length}:a`, '-ac', '2'] : []),
    ...output,
  );
};

/** What must not change from target to output. */
export type StreamFacts = Readonly<Record<string, string | number | undefined>>;

type ProbedStream = StreamFacts & { readonly codec_type: string };

const probe = (file: string, ...args: readonly string[]): unknown =>
  JSON.parse(runTool(tools.ffprobePath, ['-v', 'error', '-of', 'json', ...args, file]).toString()) as unknown;

/** The first video stream as ffprobe sees it. */
export const videoFacts = (file: string): StreamFacts => {
  const { streams } = probe(file, '-show_streams', '-count_packets', '-select_streams', 'v:0') as {
    streams: readonly ProbedStream[];
  };
  const [stream] = streams;
  assert.ok(stream);
  return stream;
};

/** Some fields of one object. */
export const pick = (facts: StreamFacts, names: readonly string[]): StreamFacts =>
  Object.fromEntries(names.map((name) => [name, facts[name]]));

/** Time in seconds of every video frame, in order of presentation. */
export const frameTimes = (file: string): readonly number[] => {
  const { packets } = probe(file, '-show_packets', '-select_streams', 'v:0') as {
    packets: readonly { pts_time: string }[];
  };
  return packets.map(({ pts_time }) => Number(pts_time)).sort((first, second) => first - second);
};

/** Every packet of the sound: time, length and a hash of its bytes. */
export const audioPackets = (file: string): readonly unknown[] => {
  const { packets } = probe(file, '-show_packets', '-show_data_hash', 'md5', '-select_streams', 'a') as {
    packets: readonly { pts_time: string; duration_time: string; size: string; data_hash: string }[];
  };
  return packets.map(({ pts_time, duration_time, size, data_hash }) => ({
    pts_time,
    duration_time,
    size,
    data_hash,
  }));
};

/** The first `count` video frames, decoded, in the file's own pixel format. */
export const decodeFrames = (file: string, count: number, pixelFormat: string): readonly Buffer[] => {
  const bytes = ffmpeg(
    ...['-i', file, '-map', '0:v:0', '-vsync', '0', '-frames:v', String(count)],
    ...['-f', 'rawvideo', '-pix_fmt', pixelFormat, 'pipe:1'],
  );
  assert.equal(bytes.length % count, 0, `${file} has fewer than ${count} frames`);
  const frameBytes = bytes.length / count;
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * frameBytes, (index + 1) * frameBytes),
  );
};

export const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
