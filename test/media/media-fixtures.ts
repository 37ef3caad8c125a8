import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { FrameDecoder, type FrameRange } from '../../src/media/decoder.js';
import { FrameEncoder } from '../../src/media/encoder.js';
import { type FfmpegTools, locateTools } from '../../src/media/ffmpeg-tools.js';
import type { SegmentFile } from '../../src/media/muxer.js';
import { slotCount, type TargetMedia } from '../../src/media/target-media.js';
import { segmentExtension, type VideoEncoding } from '../../src/media/video-encoding.js';

export const tools: FfmpegTools = await locateTools();

const sharedFolder = fileURLToPath(new URL('../../../shared/media/', import.meta.url));

/** A file of the shared media, or undefined with which a test skips itself. */
export const sharedFile = (name: string): string | undefined => {
  const file = join(sharedFolder, name);
  return existsSync(file) ? file : undefined;
};

export const skipReason = 'the shared media folder is not there';

/** Runs `work` in a folder that is gone afterwards. */
export const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'faceswap-test-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Runs ffmpeg and returns its stdout; a failure fails the test. */
export const ffmpegOutput = (...args: string[]): Buffer => {
  const { status, stdout, stderr } = spawnSync(tools.ffmpegPath, ['-v', 'error', '-nostdin', '-y', ...args], {
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${stderr.toString()}`);
  return stdout;
};

export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Hashes of the frames of a range, as our decoder gives them. */
export const decodeHashes = async (target: TargetMedia, range: FrameRange): Promise<string[]> => {
  const { byteLength } = frameLayout(target.video.format);
  const decoder = new FrameDecoder({
    tools,
    target,
    range,
    acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
    threads: 1,
  });
  const hashes: string[] = [];
  for await (const { index, buffer } of decoder.frames())
    hashes[index - range.start] = digest(new Uint8Array(buffer));
  return hashes;
};

/** Hashes of all frames of a file, decoded in one go by a plain ffmpeg. */
export const referenceHashes = (file: string, pixelFormat: string, frameBytes: number): string[] => {
  const bytes = ffmpegOutput(
    ...['-i', file, '-map', '0:v:0', '-vsync', '0', '-f', 'rawvideo', '-pix_fmt', pixelFormat, 'pipe:1'],
  );
  return Array.from({ length: bytes.length / frameBytes }, (_, k) =>
    digest(bytes.subarray(k * frameBytes, (k + 1) * frameBytes)),
  );
};

/** Decodes the ranges and encodes each into a segment without touching a pixel. */
export const transcodeSegments = async (
  target: TargetMedia,
  encoding: VideoEncoding,
  ranges: readonly FrameRange[],
  folder: string,
): Promise<SegmentFile[]> => {
  const { byteLength } = frameLayout(target.video.format);
  const segments: SegmentFile[] = [];
  for (const [k, range] of ranges.entries()) {
    const file = join(folder, `segment-${k}${segmentExtension(encoding.encoder, encoding.pixelFormat)}`);
    const decoder = new FrameDecoder({
      tools,
      target,
      range,
      acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
      threads: 1,
    });
    const slots = target.video.slots.subarray(range.start, range.end);
    const encoder = new FrameEncoder({ tools, encoding, file, slots });
    for await (const { buffer } of decoder.frames()) await encoder.write(buffer);
    await encoder.finish();
    segments.push({ file, slotCount: slotCount(target.video, range) });
  }
  return segments;
};

/** Cuts `[0, frameCount)` at the given frames. */
export const rangesOf = (frameCount: number, ...cuts: number[]): FrameRange[] => {
  const edges = [0, ...cuts, frameCount];
  return edges.slice(1).map((end, k) => ({ start: edges[k] ?? 0, end }));
};
