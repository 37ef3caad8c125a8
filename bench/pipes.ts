/**
 * What the pipes cost: a clip decoded by one ffmpeg, carried through Node frame by frame and encoded by another, against
 * one ffmpeg that does both, with the same encoder settings and thread counts. The clips are those of
 * `faceswap benchmark`. The two take turns, so that what else the machine does falls on both; a ratio is that of one turn,
 * and the median over the turns is printed. Processor time is read from /proc and so printed on Linux only; on a machine
 * that is busy with other things it says more than wall time.
 *
 * Run: `npx tsx bench/pipes.ts [--turns 5] [--preset medium] [--encoder libx264] [--frames 200]`; of the 2160p clip a
 * quarter of the frames.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { frameLayout } from '../src/imaging/planar-frame.js';
import { bareTranscodeArguments } from '../src/media/bare-transcode.js';
import { lastWords, runTool } from '../src/media/child-process.js';
import { FrameDecoder } from '../src/media/decoder.js';
import { FrameEncoder } from '../src/media/encoder.js';
import { locateTools } from '../src/media/ffmpeg-tools.js';
import { generateClip } from '../src/media/generated-clip.js';
import { probeTarget } from '../src/media/probe.js';
import type { TargetMedia } from '../src/media/target-media.js';
import { type VideoEncoding, videoEncodingFor } from '../src/media/video-encoding.js';
import { videoPresets } from '../src/media/video-presets.js';

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '5' },
    preset: { type: 'string', default: 'medium' },
    encoder: { type: 'string', default: 'libx264' },
    frames: { type: 'string', default: '200' },
  },
});
const turns = Number(values.turns);
const preset = videoPresets.find((name) => name === values.preset);
const tools = await locateTools();
/** As many frames as a segment's chain holds at once. */
const poolFrames = 8;
const encoderThreads = 4;
const decoderThreads = Math.min(4, availableParallelism());

/** Wall and processor time of one pass; processor time includes children that have ended. */
type Cost = { readonly wallMs: number; readonly cpuMs: number; readonly nodeMs: number };

const ffmpeg = async (args: readonly string[]): Promise<void> => {
  const { exit, stderr } = await runTool(tools.ffmpegPath, args, { stage: 'bench' });
  if (exit.code !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${lastWords(stderr)}`);
};

/** Milliseconds of user and system time of this process and of all its children that have ended. */
const treeCpuMs = async (): Promise<number> => {
  if (process.platform !== 'linux') return Number.NaN;
  const stat = await readFile('/proc/self/stat', 'utf8');
  // The name in brackets may hold spaces. Ticks are hundredths of a second on every Linux.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return 10 * [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
};

const measured = async (work: () => Promise<void>): Promise<Cost> => {
  const cpuBefore = await treeCpuMs();
  const nodeBefore = process.cpuUsage();
  const startMs = performance.now();
  await work();
  const wallMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(nodeBefore);
  return { wallMs, cpuMs: (await treeCpuMs()) - cpuBefore, nodeMs: (user + system) / 1000 };
};

const bare = (target: TargetMedia, encoding: VideoEncoding, file: string): Promise<void> =>
  ffmpeg(bareTranscodeArguments({ tools, target, encoding, decoderThreads, hardware: undefined, file }));

const throughNode = async (target: TargetMedia, encoding: VideoEncoding, file: string): Promise<void> => {
  const { byteLength } = frameLayout(target.video.format);
  const free = Array.from({ length: poolFrames }, () => new ArrayBuffer(byteLength));
  const waiting: ((buffer: ArrayBuffer) => void)[] = [];
  const acquire = (): Promise<ArrayBuffer> => {
    const buffer = free.pop();
    return buffer === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(buffer);
  };
  const release = (buffer: ArrayBuffer): void => {
    const wake = waiting.shift();
    if (wake === undefined) free.push(buffer);
    else wake(buffer);
  };
  const range = { start: 0, end: target.video.frameCount };
  const decoder = new FrameDecoder({ tools, target, range, acquire, release, threads: decoderThreads });
  const encoder = new FrameEncoder({ tools, encoding, file, slots: target.video.slots });
  // Decoding goes on while a frame is written, as in a segment.
  let written = Promise.resolve();
  for await (const { buffer } of decoder.frames()) {
    written = written.then(() => encoder.write(buffer)).then(() => release(buffer));
    // A failure is thrown where the chain is awaited below; here it must not count as unhandled.
    written.catch(() => undefined);
  }
  await written;
  await encoder.finish();
};

const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
};

const folder = await mkdtemp(join(tmpdir(), 'faceswap-pipes-'));
try {
  for (const [widthPx, heightPx, share] of [
    [1920, 1080, 1],
    [3840, 2160, 0.25],
  ] as const) {
    const size = `${widthPx}x${heightPx}`;
    const clip = join(folder, `${size}.mp4`);
    const portrait = fileURLToPath(new URL('../test/fixtures/astronaut.png', import.meta.url));
    const frames = Math.ceil(Number(values.frames) * share);
    await generateClip({ tools, portrait, file: clip, widthPx, heightPx, faces: 1, frames });
    const target = await probeTarget(tools, clip);
    const encoding = videoEncodingFor({
      target,
      encoder: values.encoder,
      container: 'mkv',
      preset,
      threads: encoderThreads,
    });
    const output = join(folder, 'output.mkv');
    const pairs: { readonly bare: Cost; readonly through: Cost }[] = [];
    for (let turn = 0; turn < turns; turn++) {
      pairs.push({
        bare: await measured(() => bare(target, encoding, output)),
        through: await measured(() => throughNode(target, encoding, output)),
      });
    }
    const ratio = (field: 'wallMs' | 'cpuMs'): string => {
      const ratios = pairs.map(({ bare, through }) => through[field] / bare[field]);
      const [low, middle, high] = [Math.min(...ratios), median(ratios), Math.max(...ratios)];
      return `${middle.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
    };
    const perFrame = (side: 'bare' | 'through', field: keyof Cost): string =>
      (median(pairs.map((pair) => pair[side][field])) / target.video.frameCount).toFixed(2);
    console.log(`${size}, ${target.video.frameCount} frames, ${values.encoder} ${values.preset}`);
    console.log(
      `  wall: ${ratio('wallMs')} of bare; ms per frame ${perFrame('bare', 'wallMs')} bare, ${perFrame('through', 'wallMs')} through Node`,
    );
    console.log(
      `  processor: ${ratio('cpuMs')} of bare; ms per frame ${perFrame('bare', 'cpuMs')} bare, ${perFrame('through', 'cpuMs')} through Node, of which Node ${perFrame('through', 'nodeMs')}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
