import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { FrameEncoder } from '../../src/media/encoder.js';
import { listEncoders } from '../../src/media/ffmpeg-tools.js';
import { probeTarget } from '../../src/media/probe.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { encoderArguments, videoEncodingFor } from '../../src/media/video-encoding.js';
import { digest, ffmpegOutput, inFolder, rangesOf, tools, transcodeSegments } from './media-fixtures.js';

const makeTarget = async (folder: string, ...args: string[]): Promise<TargetMedia> => {
  const file = join(folder, 'target.mkv');
  ffmpegOutput(
    '-f',
    'lavfi',
    '-i',
    'testsrc2=s=96x64:r=25',
    '-frames:v',
    '20',
    ...args,
    '-c:v',
    'ffv1',
    file,
  );
  return probeTarget(tools, file);
};

test('the same frames give the same bytes', () =>
  inFolder(async (folder) => {
    const target = await makeTarget(folder, '-pix_fmt', 'yuv420p');
    const encoding = videoEncodingFor({ target, encoder: 'libx264', container: 'mp4', threads: 2 });
    const encode = async (): Promise<string> => {
      const [segment] = await transcodeSegments(target, encoding, rangesOf(20), folder);
      return digest(await readFile(segment?.file ?? ''));
    };
    assert.equal(await encode(), await encode());
  }));

test('quality 80 is crf 10 for libx264, as in FaceFusion', () =>
  inFolder(async (folder) => {
    const target = await makeTarget(folder, '-pix_fmt', 'yuv420p');
    const encoding = videoEncodingFor({ target, encoder: 'libx264', container: 'mp4', threads: 1 });
    const args = encoderArguments(tools, encoding, '/tmp/x.mp4');
    assert.equal(args[args.indexOf('-crf') + 1], '10');
    const vp9 = videoEncodingFor({ target, encoder: 'libvpx-vp9', container: 'webm', threads: 1 });
    const vp9Args = encoderArguments(tools, vp9, '/tmp/x.mp4');
    assert.equal(vp9Args[vp9Args.indexOf('-crf') + 1], '13');
  }));

test('a video without colour tags stays without them: nothing is claimed about its range', () =>
  inFolder(async (folder) => {
    const target = await makeTarget(folder, '-pix_fmt', 'yuv420p');
    assert.equal(target.video.colour.range, undefined, 'the clip is untagged');
    const encoding = videoEncodingFor({
      target,
      encoder: 'libx264',
      container: 'mp4',
      preset: 'ultrafast',
      threads: 1,
    });
    const [segment] = await transcodeSegments(target, encoding, rangesOf(20), folder);
    const { colour } = (await probeTarget(tools, segment?.file ?? '')).video;
    assert.deepEqual(
      [colour.range, colour.space, colour.transfer, colour.primaries],
      [undefined, undefined, undefined, undefined],
    );
  }));

test('every installed software encoder keeps frame count, size, aspect ratio and colour tags', () =>
  inFolder(async (folder) => {
    const tags = [
      '-color_range',
      'tv',
      '-colorspace',
      'bt709',
      '-color_primaries',
      'bt709',
      '-color_trc',
      'bt709',
    ];
    const target = await makeTarget(folder, '-pix_fmt', 'yuv420p', '-vf', 'setsar=4/3', ...tags);
    const installed = (await listEncoders(tools)).map(({ name }) => name);
    for (const encoder of ['libx264', 'libx265', 'libvpx-vp9', 'libsvtav1', 'ffv1']) {
      if (!installed.includes(encoder)) continue;
      const container = 'mkv';
      const encoding = videoEncodingFor({ target, encoder, container, preset: 'ultrafast', threads: 2 });
      const [segment] = await transcodeSegments(target, encoding, rangesOf(20), folder);
      const { video } = await probeTarget(tools, segment?.file ?? '');
      assert.equal(video.frameCount, 20, encoder);
      assert.deepEqual(video.sampleAspectRatio, { num: 4, den: 3 }, encoder);
      assert.deepEqual(video.frameRate, { num: 25, den: 1 }, encoder);
      const { space, transfer, primaries } = video.colour;
      assert.deepEqual([space, transfer, primaries], ['bt709', 'bt709', 'bt709'], encoder);
    }
  }));

test('what an encoder or container cannot hold is refused before any work', () =>
  inFolder(async (folder) => {
    const odd = await makeTarget(folder, '-vf', 'scale=95:63', '-pix_fmt', 'yuv420p');
    const refused = (encoder: string, container: 'mp4' | 'webm', pattern: RegExp): void => {
      assert.throws(
        () => videoEncodingFor({ target: odd, encoder, container, threads: 1 }),
        (error) => error instanceof FaceswapError && error.exitCode === 2 && pattern.test(String(error)),
      );
    };
    refused('libx264', 'mp4', /odd size 95x63/);
    refused('libx264', 'webm', /webm file cannot hold/);
    refused('mpeg2video', 'mp4', /not supported.*libx264/);
  }));

test('frames keep their slots when the source has gaps', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'gaps.mkv');
    const gaps = ['-vf', "select='not(between(n,7,9))'", '-vsync', '0'];
    ffmpegOutput(
      '-f',
      'lavfi',
      '-i',
      'testsrc2=s=96x64:r=25:d=1',
      ...gaps,
      '-pix_fmt',
      'yuv420p',
      '-c:v',
      'ffv1',
      file,
    );
    const target = await probeTarget(tools, file);
    const encoding = videoEncodingFor({ target, encoder: 'ffv1', container: 'mkv', threads: 1 });
    const [segment] = await transcodeSegments(target, encoding, rangesOf(22), folder);
    const written = await probeTarget(tools, segment?.file ?? '');
    assert.deepEqual([...written.video.slots], [...target.video.slots]);
    assert.equal(written.video.slots[7], 10);
  }));

test('an encoder that dies says so and not EPIPE', { skip: process.platform === 'win32' }, () =>
  inFolder(async (folder) => {
    const target = await makeTarget(folder, '-pix_fmt', 'yuv420p');
    const encoding = videoEncodingFor({ target, encoder: 'libx264', container: 'mp4', threads: 1 });
    const frame = (): ArrayBuffer => new ArrayBuffer((96 * 64 * 3) / 2);
    const writeMany = async (ffmpegPath: string): Promise<void> => {
      const encoder = new FrameEncoder({
        tools: { ...tools, ffmpegPath },
        encoding,
        file: join(folder, 'x.mp4'),
      });
      for (let k = 0; k < 100; k++) await encoder.write(frame());
      await encoder.finish();
    };
    const fake = async (name: string, script: string): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, `#!/bin/sh\n${script}\n`);
      await chmod(path, 0o755);
      return path;
    };
    await assert.rejects(
      writeMany(await fake('killed', 'head -c 30000 >/dev/null; kill -KILL $$')),
      (error) => {
        assert.ok(error instanceof FaceswapError);
        assert.equal(error.exitCode, 8);
        assert.match(String(error), /killed by SIGKILL/);
        return true;
      },
    );
    const failing = await fake('failing', 'echo "[error] the encoder exploded" >&2; exit 1');
    await assert.rejects(writeMany(failing), (error) => {
      assert.ok(error instanceof FaceswapError);
      assert.match(String(error), /exit code 1.*the encoder exploded/);
      return true;
    });
  }),
);

test('an abort ends encoding as interrupted and abort() waits for the child', () =>
  inFolder(async (folder) => {
    const target = await makeTarget(folder, '-pix_fmt', 'yuv420p');
    const encoding = videoEncodingFor({ target, encoder: 'libx264', container: 'mp4', threads: 1 });
    const controller = new AbortController();
    const encoder = new FrameEncoder({
      tools,
      encoding,
      file: join(folder, 'x.mp4'),
      signal: controller.signal,
    });
    controller.abort();
    await assert.rejects(
      encoder.finish(),
      (error) => error instanceof FaceswapError && error.exitCode === 130,
    );
    await encoder.abort();
  }));
