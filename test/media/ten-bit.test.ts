import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { requireEncoding } from '../../src/media/encoder-check.js';
import {
  encoderPixelFormats,
  type FfmpegTools,
  listEncoders,
  parsePixelFormats,
  tryHardwareDevice,
} from '../../src/media/ffmpeg-tools.js';
import type { OutputContainer } from '../../src/media/output-container.js';
import { probeTarget } from '../../src/media/probe.js';
import { probeStreams } from '../../src/media/stream-probe.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { encodersTaking } from '../../src/media/video-encoders.js';
import { videoEncodingFor } from '../../src/media/video-encoding.js';
import {
  decodeHashes,
  ffmpegOutput,
  inFolder,
  rangesOf,
  referenceHashes,
  tools,
  transcodeSegments,
} from './media-fixtures.js';

const deepFormats = ['yuv420p10le', 'yuv422p10le', 'yuv444p10le'] as const;
const frameCount = 6;

/** A clip with its own samples in every frame, turned from RGB so that all bits are in use, in FFV1, which keeps them. */
const clip = async (folder: string, pixelFormat: string, ...args: string[]): Promise<TargetMedia> => {
  const file = join(folder, `${pixelFormat}.mkv`);
  ffmpegOutput(
    ...['-f', 'lavfi', '-i', `testsrc2=s=94x66:r=25,format=gbrp,scale,format=${pixelFormat}`],
    ...['-frames:v', String(frameCount), ...args, '-c:v', 'ffv1', file],
  );
  return probeTarget(tools, file);
};

const all = { start: 0, end: frameCount };

for (const pixelFormat of deepFormats) {
  test(`${pixelFormat}: frames are words, exact from decoder to lossless segment`, () =>
    inFolder(async (folder) => {
      const target = await clip(folder, pixelFormat);
      const { video } = target;
      assert.equal(video.pixelFormat, pixelFormat);
      assert.equal(video.format.bitDepth, 10);
      const { byteLength } = frameLayout(video.format);
      const planes = { yuv420p10le: 1.5, yuv422p10le: 2, yuv444p10le: 3 }[pixelFormat];
      assert.equal(byteLength, 94 * 66 * 2 * planes);
      const expected = referenceHashes(target.file, pixelFormat, byteLength);
      assert.equal(new Set(expected).size, frameCount);
      const raw = ffmpegOutput('-i', target.file, '-f', 'rawvideo', '-pix_fmt', pixelFormat, 'pipe:1');
      assert.ok(new Uint16Array(raw.buffer, raw.byteOffset, 94 * 66).some((value) => value % 4 !== 0));
      assert.deepEqual(await decodeHashes(target, all), expected);
      const encoding = videoEncodingFor({ target, encoder: 'ffv1', container: 'mkv', threads: 1 });
      const [segment] = await transcodeSegments(target, encoding, rangesOf(frameCount), folder);
      assert.deepEqual(referenceHashes(segment?.file ?? '', pixelFormat, byteLength), expected);
    }));
}

test('every installed software encoder that takes 10 bits writes 10 bits', () =>
  inFolder(async (folder) => {
    const installed = (await listEncoders(tools)).map(({ name }) => name);
    const profiles: Record<string, string> = {
      libx264: 'High 10',
      libx265: 'Main 10',
      'libvpx-vp9': 'Profile 2',
    };
    const tried = {
      yuv420p10le: encodersTaking('yuv420p10le', 'mkv'),
      yuv422p10le: ['libx264', 'libx265', 'prores_ks'],
    } as const;
    for (const pixelFormat of ['yuv420p10le', 'yuv422p10le'] as const) {
      const target = await clip(folder, pixelFormat);
      const { byteLength: frameBytes } = frameLayout(target.video.format);
      for (const encoder of tried[pixelFormat]) {
        if (!installed.includes(encoder)) continue;
        const listed = (await encoderPixelFormats(tools, encoder)) ?? [];
        if (!listed.includes(pixelFormat)) continue;
        const encoding = videoEncodingFor({
          target,
          encoder,
          container: 'mkv',
          preset: 'ultrafast',
          threads: 2,
        });
        await requireEncoding(tools, encoding, { container: 'mkv', frameBytes });
        const [segment] = await transcodeSegments(target, encoding, rangesOf(2), folder);
        const { video } = await probeTarget(tools, segment?.file ?? '');
        assert.equal(video.pixelFormat, pixelFormat, encoder);
        assert.equal(video.frameCount, 2, encoder);
        const [stream] = (await probeStreams(tools, segment?.file ?? '')).streams;
        const profile = pixelFormat === 'yuv420p10le' ? profiles[encoder] : undefined;
        if (profile !== undefined) assert.equal(stream?.['profile'], profile, encoder);
      }
    }
  }));

test('ProRes takes 8-bit frames of full range without pressing them into limited', () =>
  inFolder(async (folder) => {
    const target = await clip(folder, 'yuv422p', '-color_range', 'pc');
    const encoding = videoEncodingFor({ target, encoder: 'prores_ks', container: 'mov', threads: 1 });
    const [segment] = await transcodeSegments(target, encoding, rangesOf(frameCount), folder);
    const average = (file: string): number => {
      const luma = ffmpegOutput(
        ...['-i', file, '-frames:v', '1', '-f', 'rawvideo'],
        ...['-vf', 'setrange=limited,format=yuv422p', '-pix_fmt', 'yuv422p', 'pipe:1'],
      ).subarray(0, 94 * 66);
      return luma.reduce((sum, value) => sum + value, 0) / luma.length;
    };
    assert.ok(Math.abs(average(segment?.file ?? '') - average(target.file)) < 0.5);
  }));

test('what an encoder cannot take is refused with those that can', () =>
  inFolder(async (folder) => {
    const target = await clip(folder, 'yuv422p10le');
    const refused = (encoder: string, container: OutputContainer, pattern: RegExp): void => {
      assert.throws(
        () => videoEncodingFor({ target, encoder, container, threads: 1 }),
        (error) => error instanceof FaceswapError && error.exitCode === 2 && pattern.test(String(error)),
      );
    };
    refused('libsvtav1', 'mkv', /libsvtav1 does not take .* yuv422p10le.*libx264, libx265.*ffv1/);
    refused('h264_nvenc', 'mp4', /h264_nvenc does not take .* yuv422p10le.*\.mp4 file it goes with libx264/);
  }));

/** An ffmpeg whose libx264 is built for 8 bits only, as `ffmpeg -h` of such a build says. */
const shallowTools = async (folder: string): Promise<FfmpegTools> => {
  const path = join(folder, 'ffmpeg');
  await writeFile(
    path,
    `#!/bin/sh
case "$*" in
  *encoder=libx264) echo '    Supported pixel formats: yuv420p yuvj420p yuv422p yuvj422p yuv444p yuvj444p nv12' ;;
  *) exec '${tools.ffmpegPath}' "$@" ;;
esac
`,
  );
  await chmod(path, 0o755);
  return { ...tools, ffmpegPath: path };
};

test(
  'a build whose encoder has 8 bits only is found out before the run',
  { skip: process.platform === 'win32' },
  () =>
    inFolder(async (folder) => {
      const shallow = await shallowTools(folder);
      const container = 'mkv';
      const check = async (pixelFormat: string): Promise<void> => {
        const target = await clip(folder, pixelFormat);
        const { byteLength: frameBytes } = frameLayout(target.video.format);
        const encoding = videoEncodingFor({ target, encoder: 'libx264', container, threads: 1 });
        await requireEncoding(shallow, encoding, { container, frameBytes });
      };
      await check('yuv420p');
      await assert.rejects(check('yuv420p10le'), (error) => {
        assert.ok(error instanceof FaceswapError);
        assert.equal(error.exitCode, 9);
        assert.match(String(error), /libx264 of this ffmpeg does not take .* yuv420p10le.*goes with .*ffv1/);
        assert.doesNotMatch(String(error), /goes with .*libx264/);
        return true;
      });
    }),
);

test('an encoder whose hardware is absent is found out before the run', async (context) => {
  const installed = (await listEncoders(tools)).map(({ name }) => name);
  const devices = { h264_nvenc: 'cuda', hevc_vaapi: 'vaapi' } as const;
  for (const [encoder, device] of Object.entries(devices)) {
    if (!installed.includes(encoder)) continue;
    if ((await tryHardwareDevice(tools, device)) === undefined) {
      context.skip(`${device} is there`);
      continue;
    }
    await inFolder(async (folder) => {
      const target = await clip(folder, 'yuv420p');
      const { byteLength: frameBytes } = frameLayout(target.video.format);
      const encoding = videoEncodingFor({ target, encoder, container: 'mp4', threads: 1 });
      await assert.rejects(requireEncoding(tools, encoding, { container: 'mp4', frameBytes }), (error) => {
        assert.ok(error instanceof FaceswapError);
        assert.equal(error.exitCode, 9);
        assert.match(String(error), new RegExp(`${encoder} does not work here: .*Cannot.*goes with libx264`));
        return true;
      });
    });
  }
});

test('the pixel formats of an encoder are read from its help', () => {
  // As ffmpeg 5.1.9 prints it.
  const help =
    'Encoder libsvtav1 [SVT-AV1(Scalable Video Technology for AV1) encoder]:\n' +
    '    General capabilities: dr1 delay threads \n    Threading capabilities: other\n' +
    '    Supported pixel formats: yuv420p yuv420p10le\nlibsvtav1 AVOptions:\n';
  assert.deepEqual(parsePixelFormats(help), ['yuv420p', 'yuv420p10le']);
  assert.equal(parsePixelFormats("Codec 'x' is not recognized by FFmpeg.\n"), undefined);
});

test('more than 12 bits are refused with what to do', () =>
  inFolder(async (folder) => {
    const refuses = async (pattern: RegExp, pixelFormat: string, ...args: string[]): Promise<void> => {
      await assert.rejects(clip(folder, pixelFormat, ...args), (error) => {
        assert.ok(error instanceof FaceswapError);
        assert.equal(error.exitCode, 3);
        assert.match(String(error), pattern);
        return true;
      });
    };
    await refuses(/yuv420p14le is not supported yet.*8, 10 or 12 bits/, 'yuv420p14le');
    const wide = await clip(folder, 'yuv420p10le', '-color_trc', 'bt2020-10', '-colorspace', 'bt2020nc');
    assert.equal(wide.video.format.matrix, 'bt2020');
  }));
