import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { chooseDecoder } from '../../src/media/hardware-decoder.js';
import { probeTarget } from '../../src/media/probe.js';
import type { Deinterlacer, TargetMedia } from '../../src/media/target-media.js';
import { decodeHashes, digest, ffmpegOutput, inFolder, rangesOf, tools } from './media-fixtures.js';

const frameCount = 20;

/** A moving picture of 50 fields a second in H.264, with keyframes every 8 frames. */
const interlacedClip = (folder: string, ...args: string[]): string => {
  const file = join(folder, 'fields.mp4');
  ffmpegOutput(
    ...['-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=50,format=yuv420p', '-vf', 'tinterlace=interleave_top'],
    ...['-frames:v', String(frameCount), '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '8'],
    ...['-x264opts', 'tff=1', ...args, file],
  );
  return file;
};

const probe = (file: string, deinterlacer: Deinterlacer): Promise<TargetMedia> =>
  probeTarget(tools, file, { deinterlacer });

/** What plain ffmpeg gives, frame by frame. */
const plainHashes = ({ file, video }: TargetMedia, ...filter: string[]): string[] => {
  const bytes = ffmpegOutput('-i', file, ...filter, '-f', 'rawvideo', '-pix_fmt', 'yuv420p', 'pipe:1');
  const { byteLength } = frameLayout(video.format);
  return Array.from({ length: bytes.length / byteLength }, (_, k) =>
    digest(bytes.subarray(k * byteLength, (k + 1) * byteLength)),
  );
};

test('without --deinterlace interlaced video is refused with the option that helps', () =>
  inFolder(async (folder) => {
    await assert.rejects(probeTarget(tools, interlacedClip(folder)), (error) => {
      assert.ok(error instanceof FaceswapError);
      assert.equal(error.exitCode, 3);
      assert.match(String(error), /is interlaced.*Give --deinterlace bwdif/);
      return true;
    });
  }));

for (const deinterlacer of ['bwdif', 'yadif'] as const) {
  test(`${deinterlacer} gives one frame for each, the same ones wherever decoding begins`, () =>
    inFolder(async (folder) => {
      const target = await probe(interlacedClip(folder), deinterlacer);
      assert.equal(target.video.frameCount, frameCount);
      const expected = plainHashes(target, '-vf', `${deinterlacer}=mode=send_frame`);
      assert.equal(expected.length, frameCount);
      assert.notDeepEqual(expected, plainHashes(target));
      assert.deepEqual(await decodeHashes(target, { start: 0, end: frameCount }), expected);
      // Keyframes are 0, 8 and 16: ranges that begin on one, before one, after one, and inside of a group.
      for (const cuts of [[8, 16], [7, 9], [1, 17, 19], [12]]) {
        const hashes: string[] = [];
        for (const range of rangesOf(frameCount, ...cuts))
          hashes.push(...(await decodeHashes(target, range)));
        assert.deepEqual(hashes, expected, `cut at ${cuts.join(', ')}`);
      }
    }));
}

test('a single interlaced frame stays one frame', () =>
  inFolder(async (folder) => {
    const target = await probe(interlacedClip(folder, '-frames:v', '1'), 'bwdif');
    assert.equal(target.video.frameCount, 1);
    assert.equal((await decodeHashes(target, { start: 0, end: 1 })).length, 1);
  }));

test('frames that are not interlaced pass a deinterlacer unchanged', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'progressive.mp4');
    ffmpegOutput('-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=25', '-frames:v', '6', '-pix_fmt', 'yuv420p', file);
    const target = await probe(file, 'bwdif');
    assert.deepEqual(await decodeHashes(target, { start: 0, end: 6 }), plainHashes(target));
  }));

test('deep alpha, which a deinterlacer would take apart only after a conversion, is refused', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'alpha.mkv');
    ffmpegOutput(
      ...['-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=25', '-frames:v', '2'],
      ...['-pix_fmt', 'yuva444p10le', '-c:v', 'ffv1', file],
    );
    await assert.rejects(probe(file, 'bwdif'), /bwdif cannot deinterlace yuva444p10le/);
  }));

test('what is deinterlaced is decoded in software, and hardware that was asked for by name is an error', () =>
  inFolder(async (folder) => {
    const target = await probe(interlacedClip(folder), 'bwdif');
    const choice = await chooseDecoder(tools, target, 'auto');
    assert.equal(choice.hwaccel, 'none');
    assert.match(choice.reason, /bwdif/);
    await assert.rejects(chooseDecoder(tools, target, 'cuda'), /cannot be decoded with cuda: bwdif/);
  }));
