import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { probeTarget } from '../../src/media/probe.js';
import {
  decodeHashes,
  ffmpegOutput,
  inFolder,
  referenceHashes,
  sharedFile,
  skipReason,
  tools,
} from './media-fixtures.js';

const pictures = [
  '-f',
  'lavfi',
  '-i',
  'testsrc2=s=96x64:r=24000/1001',
  '-frames:v',
  '60',
  '-pix_fmt',
  'yuv420p',
];
const openGop = ['-c:v', 'libx264', '-x264opts', 'keyint=12:open-gop=1:bframes=3', '-threads', '1'];

for (const name of ['clip.mp4', 'clip.mkv', 'clip.ts']) {
  test(`every start of an open-GOP ${name} gives the frames of a whole decode`, () =>
    inFolder(async (folder) => {
      const file = join(folder, name);
      ffmpegOutput(...pictures, ...openGop, file);
      const target = await probeTarget(tools, file);
      const whole = referenceHashes(file, 'yuv420p', frameLayout(target.video.format).byteLength);
      assert.equal(whole.length, 60);
      assert.equal(new Set(whole).size, 60);
      for (let start = 0; start < 60; start += 7) {
        const end = Math.min(60, start + 4);
        assert.deepEqual(
          await decodeHashes(target, { start, end }),
          whole.slice(start, end),
          `from ${start}`,
        );
      }
      assert.deepEqual(await decodeHashes(target, { start: 59, end: 60 }), whole.slice(59));
    }));
}

test('frames of the shared clips are exact wherever decoding begins', async (context) => {
  if (sharedFile('open') === undefined) return context.skip(skipReason);
  for (const name of [
    'derived/rotate_matrix_portrait.mp4',
    'derived/mpegts_start_95000s.ts',
    'derived/odd_853x481_vp9_420.webm',
    'derived/editlist_copy_cut_not_on_keyframe.mp4',
    'open/sign_hands_fullrange.mkv',
  ]) {
    const target = await probeTarget(tools, sharedFile(name) ?? name);
    const { pixelFormat, format, frameCount } = target.video;
    const whole = referenceHashes(target.file, pixelFormat, frameLayout(format).byteLength);
    assert.equal(whole.length, frameCount, name);
    for (const start of [0, 31, frameCount - 2]) {
      const end = Math.min(frameCount, start + 3);
      assert.deepEqual(
        await decodeHashes(target, { start, end }),
        whole.slice(start, end),
        `${name} from ${start}`,
      );
    }
  }
});

test('a file that ends early and one with damaged frames name the frame', async (context) => {
  if (sharedFile('open') === undefined) return context.skip(skipReason);
  for (const [name, pattern] of [
    ['derived/truncated_faststart_60pct.mp4', /ends at frame 53/],
    ['derived/corrupt_middle.mp4', /missing or damaged.*frame 35/],
  ] as const) {
    const target = await probeTarget(tools, sharedFile(name) ?? name);
    await assert.rejects(decodeHashes(target, { start: 0, end: target.video.frameCount }), (error) => {
      assert.ok(error instanceof FaceswapError);
      assert.equal(error.exitCode, 3);
      assert.match(String(error), pattern);
      return true;
    });
  }
});

test('leaving the loop early gives the undelivered buffer back and ends the child', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mp4');
    ffmpegOutput(...pictures, file);
    const target = await probeTarget(tools, file);
    const { byteLength } = frameLayout(target.video.format);
    let outstanding = 0;
    const decoder = new FrameDecoder({
      tools,
      target,
      range: { start: 0, end: 60 },
      acquire: () => {
        outstanding += 1;
        return Promise.resolve(new ArrayBuffer(byteLength));
      },
      release: () => {
        outstanding -= 1;
      },
      threads: 1,
    });
    for await (const { index } of decoder.frames()) {
      outstanding -= 1;
      if (index === 5) break;
    }
    assert.equal(outstanding, 0);
    await decoder.close();
  }));

test('decoding waits for buffers and goes on when one is free', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mp4');
    ffmpegOutput(...pictures, file);
    const target = await probeTarget(tools, file);
    const pool = [new ArrayBuffer(frameLayout(target.video.format).byteLength)];
    let waiting: ((buffer: ArrayBuffer) => void) | undefined;
    const acquire = (): Promise<ArrayBuffer> => {
      const free = pool.pop();
      if (free !== undefined) return Promise.resolve(free);
      return new Promise((resolve) => {
        waiting = resolve;
      });
    };
    const decoder = new FrameDecoder({ tools, target, range: { start: 0, end: 60 }, acquire, threads: 1 });
    const frames = decoder.frames();
    let count = 0;
    for (let next = await frames.next(); next.done !== true; count += 1) {
      const { buffer } = next.value;
      const following = frames.next();
      if (waiting === undefined) pool.push(buffer);
      else waiting(buffer);
      waiting = undefined;
      next = await following;
    }
    assert.equal(count, 60);
  }));

test('an abort ends decoding as interrupted', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mp4');
    ffmpegOutput(...pictures, file);
    const target = await probeTarget(tools, file);
    const { byteLength } = frameLayout(target.video.format);
    const controller = new AbortController();
    const decoder = new FrameDecoder({
      tools,
      target,
      range: { start: 0, end: 60 },
      acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
      threads: 1,
      signal: controller.signal,
    });
    const run = async (): Promise<void> => {
      for await (const { index } of decoder.frames()) if (index === 3) controller.abort();
    };
    await assert.rejects(run(), (error) => error instanceof FaceswapError && error.exitCode === 130);
  }));
