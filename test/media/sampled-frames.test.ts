import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test from 'node:test';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { probeTarget } from '../../src/media/probe.js';
import { sampledFrames } from '../../src/media/sampled-frames.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { ffmpegOutput, inFolder, referenceHashes, tools } from './media-fixtures.js';

/** Hashes and indexes of some frames. */
const sample = async (
  target: TargetMedia,
  frames: readonly number[],
): Promise<{ readonly hashes: readonly string[]; readonly indexes: readonly number[] }> => {
  const { byteLength } = frameLayout(target.video.format);
  const hashes: string[] = [];
  const indexes: number[] = [];
  const acquire = (): Promise<ArrayBuffer> => Promise.resolve(new ArrayBuffer(byteLength));
  for await (const { index, buffer } of sampledFrames({
    tools,
    target,
    frames,
    acquire,
    signal: undefined,
  })) {
    indexes.push(index);
    hashes.push(createHash('sha256').update(new Uint8Array(buffer)).digest('hex'));
  }
  return { hashes, indexes };
};

const openGop = ['-c:v', 'libx264', '-x264opts', 'keyint=12:open-gop=1:bframes=3', '-threads', '1'];

for (const name of ['clip.mp4', 'clip.ts']) {
  test(`chosen frames of a ${name} are those of a whole decode`, () =>
    inFolder(async (folder) => {
      const file = join(folder, name);
      ffmpegOutput(
        ...['-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=24000/1001', '-frames:v', '60', '-pix_fmt', 'yuv420p'],
        ...[...openGop, file],
      );
      const target = await probeTarget(tools, file);
      const whole = referenceHashes(file, 'yuv420p', frameLayout(target.video.format).byteLength);
      for (const frames of [[0, 24, 48], [13, 14, 15, 37, 59], [59], [0]]) {
        const { hashes, indexes } = await sample(target, frames);
        assert.deepEqual(indexes, frames);
        assert.deepEqual(
          hashes,
          frames.map((frame) => whole[frame]),
        );
      }
    }));
}

test('more frames than one child is asked for come in order, also at irregular times', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mkv');
    const times = "setpts='floor((N*57+mod(N*N*7,53)+2000*floor(N/20))/1000/TB+0.5)'";
    ffmpegOutput(
      ...['-f', 'lavfi', '-i', `testsrc2=s=32x32:r=25,trim=end_frame=850,settb=1/1000,${times}`],
      ...['-vsync', '0', '-enc_time_base', '1:1000', '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-g', '30'],
      ...['-preset', 'ultrafast', file],
    );
    const target = await probeTarget(tools, file);
    const { format, frameCount } = target.video;
    assert.equal(frameCount, 850);
    const { byteLength } = frameLayout(format);
    const all: string[] = [];
    const decoder = new FrameDecoder({
      tools,
      target,
      range: { start: 0, end: frameCount },
      acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
      threads: 1,
    });
    for await (const { buffer } of decoder.frames()) {
      all.push(createHash('sha256').update(new Uint8Array(buffer)).digest('hex'));
    }
    const frames = Array.from({ length: 849 }, (_, k) => k + 1).filter(
      (frame) => frame % 2 === 1 || frame < 50,
    );
    assert.ok(frames.length > 401, 'two children are needed');
    const { hashes, indexes } = await sample(target, frames);
    assert.deepEqual(indexes, frames);
    assert.deepEqual(
      hashes,
      frames.map((frame) => all[frame]),
    );
  }));

test('frames out of order are a mistake', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mp4');
    ffmpegOutput('-f', 'lavfi', '-i', 'testsrc2=s=32x32:r=5', '-frames:v', '9', '-pix_fmt', 'yuv420p', file);
    const target = await probeTarget(tools, file);
    await assert.rejects(sample(target, [3, 2]), /not in order/);
  }));
