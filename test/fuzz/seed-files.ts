import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../../src/inference/onnx-file.js';
import { locateTools } from '../../src/media/ffmpeg-tools.js';
import { SegmentAnalysisWriter } from '../../src/pipeline/segment-analysis.js';
import { motionLength } from '../../src/processors/landmark-smoother/face-motion.js';
import { modelOf, op, weights } from '../inference/unit-models.js';
import { seededRandom } from '../support/unit-random.js';

const tools = await locateTools();

/** The two photos that the repository carries. */
export const fixture = (name: 'astronaut.png' | 'grace_hopper.jpg'): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

const ffmpeg = (...args: readonly string[]): void => {
  const words = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args];
  const { status, stderr } = spawnSync(tools.ffmpegPath, words);
  assert.equal(status, 0, `ffmpeg ${args.join(' ')}: ${stderr.toString()}`);
};

/** Frames of each seed clip. */
export const seedFrames = 12;

/** A face in 192x144 under a tone, as ffmpeg writes it with these options. */
const clip = (folder: string, name: string, ...options: readonly string[]): Uint8Array => {
  const file = join(folder, name);
  ffmpeg(
    ...['-loop', '1', '-framerate', '25', '-i', fixture('astronaut.png')],
    ...['-f', 'lavfi', '-i', 'sine=duration=0.48'],
    ...['-vf', 'crop=280:210:90:20,scale=192:144,format=yuv420p', '-frames:v', String(seedFrames)],
    ...['-metadata', 'title=A title', ...options, file],
  );
  return readFileSync(file);
};

const picture = (folder: string, name: string, ...options: readonly string[]): Uint8Array => {
  const file = join(folder, name);
  const input = ['-i', fixture('astronaut.png'), '-vf', 'crop=280:210:90:20,scale=192:144'];
  ffmpeg(...input, '-frames:v', '1', ...options, file);
  return readFileSync(file);
};

const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac'] as const;

/** Makes the clips of a kind of container. */
export const clipSeeds: Readonly<Record<string, (folder: string) => readonly Uint8Array[]>> = {
  mp4: (folder) => [
    clip(folder, 'plain.mp4', ...x264),
    clip(folder, 'faststart.mp4', ...x264, '-movflags', '+faststart'),
    clip(folder, 'fragments.mp4', ...x264, '-movflags', '+frag_keyframe+empty_moov', '-g', '4'),
    clip(folder, 'quicktime.mov', '-c:v', 'ffv1', '-c:a', 'pcm_s16le'),
  ],
  mkv: (folder) => [
    clip(folder, 'h264.mkv', ...x264),
    clip(
      folder,
      'ffv1.mkv',
      '-c:v',
      'ffv1',
      '-c:a',
      'flac',
      '-attach',
      fixture('grace_hopper.jpg'),
      '-metadata:s:t',
      'mimetype=image/jpeg',
    ),
  ],
  webm: (folder) => [
    clip(folder, 'vp9.webm', '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-c:a', 'libopus'),
  ],
  avi: (folder) => [
    clip(folder, 'h264.avi', ...x264, '-bf', '0', '-c:a', 'mp3'),
    clip(folder, 'mjpeg.avi', '-c:v', 'mjpeg', '-c:a', 'pcm_s16le'),
  ],
  ts: (folder) => [
    clip(folder, 'h264.ts', ...x264),
    clip(folder, 'mpeg2.mpg', '-c:v', 'mpeg2video', '-c:a', 'mp2'),
  ],
};

/** Makes the pictures of a format. */
export const pictureSeeds: Readonly<Record<string, (folder: string) => readonly Uint8Array[]>> = {
  png: (folder) => [picture(folder, 'a.png'), picture(folder, 'gray.png', '-pix_fmt', 'gray16be')],
  jpeg: (folder) => [picture(folder, 'a.jpg'), readFileSync(fixture('grace_hopper.jpg')).subarray()],
  gif: (folder) => [picture(folder, 'a.gif')],
  webp: (folder) => [
    picture(folder, 'a.webp', '-c:v', 'libwebp'),
    picture(folder, 'b.webp', '-c:v', 'libwebp', '-lossless', '1'),
  ],
  tiff: (folder) => [picture(folder, 'a.tif'), picture(folder, 'b.tif', '-compression_algo', 'deflate')],
};

/** Small models of a few operations. */
export const modelSeeds = (): readonly Uint8Array[] => [
  encodeModel(
    modelOf({
      inputs: { input: [1, 3, 8, 8] },
      outputs: { result: [1, 4, 6, 6] },
      weights: { kernel: weights([4, 3, 3, 3], 1), bias: weights([4], 2) },
      nodes: [op('Conv', ['input', 'kernel', 'bias'], 'sum'), op('Relu', ['sum'], 'result')],
    }),
  ),
  encodeModel(
    modelOf({
      inputs: { input: ['batch', 4] },
      outputs: { result: ['batch', 2] },
      weights: { matrix: weights([4, 2], 3) },
      nodes: [op('MatMul', ['input', 'matrix'], 'product'), op('Sigmoid', ['product'], 'result')],
    }),
  ),
];

/** First of the frames that {@link analysisSeed} holds; there are three. */
export const analysisRange = { start: 7, end: 10 } as const;

/** A packed analysis of three frames with up to two faces. */
export const analysisSeed = (): Uint8Array => {
  const random = seededRandom(5);
  const floats = (length: number): Float32Array => Float32Array.from({ length }, () => 100 * random.next());
  const writer = new SegmentAnalysisWriter();
  for (let index = analysisRange.start; index < analysisRange.end; index += 1) {
    const faces = Array.from({ length: index - analysisRange.start }, (_, face) => {
      const map = Float32Array.from({ length: 128 * 128 }, (_texel, at) => (at % 50 < 3 ? random.next() : 1));
      const appearance = {
        mean: floats(3),
        std: floats(3),
        bands: floats(3),
        open: map,
        glasses: 0.5,
        rims: map,
        tones: { light: floats(18), rest: floats(3), quantiles: floats(27) },
        grain: floats(28),
      };
      const portrait = new Uint8Array(3 * 64 * 64).fill(100);
      const seen = { points: floats(3 * 468), shape: floats(3 * 468), appearance, portrait };
      return [face, { ...seen, motion: floats(motionLength), repeats: 0 }] as const;
    });
    writer.add({ index, sceneCut: index === analysisRange.start, faces: new Map(faces) });
  }
  return new Uint8Array(writer.finish() ?? new ArrayBuffer(0));
};
