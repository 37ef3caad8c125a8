import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { type FfmpegTools, parseHardwareMethods, tryHardwareDevice } from '../../src/media/ffmpeg-tools.js';
import {
  chooseDecoder,
  exactDownloadFormats,
  type HardwareDecoder,
  judgeTrial,
} from '../../src/media/hardware-decoder.js';
import { probeTarget } from '../../src/media/probe.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { relayFilters } from '../../src/media/video-encoding.js';
import { seededRandom } from '../support/unit-random.js';
import { digest, ffmpegOutput, inFolder, referenceHashes, tools } from './media-fixtures.js';

test('the list of hardware methods is read without its headline', () => {
  // As ffmpeg 5.1.9 prints it.
  const text = 'Hardware acceleration methods:\nvdpau\ncuda\nvaapi\nqsv\ndrm\nopencl\nvulkan\n\n';
  assert.deepEqual(parseHardwareMethods(text), ['vdpau', 'cuda', 'vaapi', 'qsv', 'drm', 'opencl', 'vulkan']);
  assert.deepEqual(parseHardwareMethods('Hardware acceleration methods:\n\n'), []);
});

/** What ffmpeg 5.1.9 says with `-hwaccel cuda` where there is no driver (recorded, shortened); exit code 1. */
const missingDevice = [
  '[h264 @ 0x55d6e3b62e80] [verbose] Reinit context to 1920x1088, pix_fmt: yuv420p',
  '[AVHWDeviceContext @ 0x55d6e3b85e40] [error] Cannot load libcuda.so.1',
  '[AVHWDeviceContext @ 0x55d6e3b85e40] [error] Could not dynamically load CUDA',
  '[error] Device creation failed: -1.',
  '[h264 @ 0x55d6e3b7f800] [error] No device available for decoder: device type cuda needed for codec h264.',
  '[error] Device setup failed for decoder on input stream #0:0 : Operation not permitted',
];

/** The same with vaapi: the reason has a low level. */
const missingNode = [
  '[AVHWDeviceContext @ 0x559784f51e40] [verbose] Cannot open DRM render node for device 0.',
  '[AVHWDeviceContext @ 0x559784f51e40] [verbose] Cannot open a VA display from DRM device (null).',
  '[error] Device creation failed: -542398533.',
];

const showinfo = '[Parsed_showinfo_0 @ 0x555709f08f40] [info]';

/**
 * Recorded with ffmpeg 5.1.9 and a device that opens and decodes nothing (`-hwaccel vulkan` on a software driver): software
 * takes over without a word; exit code 0.
 */
const silentFallback = [
  `${showinfo} config in time_base: 1/15360, frame_rate: 30/1`,
  `${showinfo} n:   0 pts:      0 pts_time:0       pos:       48 fmt:yuv420p sar:1/1 s:1920x1080 i:P iskey:1 type:I `,
  `${showinfo} color_range:unknown color_space:unknown color_primaries:unknown color_trc:unknown`,
];

test('a trial tells hardware from software that took over', () => {
  assert.equal(judgeTrial('cuda', 1, missingDevice), 'Cannot load libcuda.so.1');
  assert.equal(judgeTrial('vaapi', 1, missingNode), 'Cannot open DRM render node for device 0');
  assert.equal(judgeTrial('vaapi', 0, silentFallback), 'it leaves this video to software');
  // The line that libavcodec prints when a device opens and does not decode the profile.
  const refusal = '[h264 @ 0x5] [error] Failed setup for format cuda: hwaccel initialisation returned error.';
  assert.equal(
    judgeTrial('cuda', 0, [refusal, ...silentFallback]),
    'it leaves this video to software (Failed setup for format cuda: hwaccel initialisation returned error)',
  );
  const onDevice = silentFallback.map((line) => line.replace('fmt:yuv420p', 'fmt:cuda'));
  assert.equal(judgeTrial('cuda', 0, onDevice), undefined);
  assert.notEqual(judgeTrial('cuda', 1, onDevice), undefined, 'a call that failed proves nothing');
});

const widthPx = 70;
const heightPx = 38;

/** How each downloaded format lies in memory: from planar samples to its bytes. */
const downloads = {
  nv12: { planar: 'yuv420p', shift: 0 },
  nv24: { planar: 'yuv444p', shift: 0 },
  yuyv422: { planar: 'yuv422p', shift: 0 },
  p010le: { planar: 'yuv420p10le', shift: 6 },
  p210le: { planar: 'yuv422p10le', shift: 6 },
  p410le: { planar: 'yuv444p10le', shift: 6 },
} as const;

test('frames of hardware are laid out anew without changing a sample', () =>
  inFolder(async (folder) => {
    const random = seededRandom(11);
    for (const [name, { planar, shift }] of Object.entries(downloads)) {
      assert.ok(exactDownloadFormats.includes(name), name);
      const deep = shift > 0;
      const chromaWidthPx = planar.includes('444') ? widthPx : widthPx / 2;
      const chromaHeightPx = planar.includes('420') ? heightPx / 2 : heightPx;
      const samples = (count: number): number[] =>
        Array.from({ length: count }, () => random.integer(0, deep ? 1024 : 256));
      const luma = samples(widthPx * heightPx);
      const [u, v] = [samples(chromaWidthPx * chromaHeightPx), samples(chromaWidthPx * chromaHeightPx)];
      const bytesOf = (values: readonly number[]): Buffer =>
        deep ? Buffer.from(Uint16Array.from(values).buffer) : Buffer.from(values);
      const pairs = u.flatMap((value, k) => [value, v[k] ?? 0]);
      const packed =
        name === 'yuyv422'
          ? luma.flatMap((value, k) => [value, pairs[k] ?? 0])
          : [...luma, ...pairs].map((value) => value << shift);
      const file = join(folder, `${name}.raw`);
      await writeFile(file, bytesOf(packed));
      for (const range of ['tv', 'pc', undefined]) {
        const got = ffmpegOutput(
          ...['-f', 'rawvideo', '-pix_fmt', name, '-s', `${widthPx}x${heightPx}`],
          ...(range === undefined ? [] : ['-color_range', range]),
          ...['-i', file, '-vf', relayFilters(range, planar).join(',')],
          ...['-f', 'rawvideo', '-pix_fmt', planar, 'pipe:1'],
        );
        assert.ok(got.equals(bytesOf([...luma, ...u, ...v])), `${name} to ${planar}, range ${range}`);
      }
    }
  }));

const clip = async (folder: string, ...args: string[]): Promise<TargetMedia> => {
  const file = join(folder, 'clip.mkv');
  ffmpegOutput(
    ...['-f', 'lavfi', '-i', 'testsrc2=s=96x64:r=25', '-frames:v', '12'],
    ...(args.length === 0 ? ['-pix_fmt', 'yuv420p'] : args),
    ...['-c:v', 'libx264', '-threads', '1', file],
  );
  return probeTarget(tools, file);
};

test('hardware that is asked for and absent is an error that says why', async (context) => {
  for (const method of ['cuda', 'vaapi'] as const) {
    if ((await tryHardwareDevice(tools, method)) === undefined) {
      context.skip(`${method} is there`);
      continue;
    }
    await inFolder(async (folder) => {
      const target = await clip(folder);
      await assert.rejects(chooseDecoder(tools, target, method), (error) => {
        assert.ok(error instanceof FaceswapError);
        assert.equal(error.exitCode, 9);
        assert.match(String(error), new RegExp(`cannot be decoded with ${method}: \\w.*--hwaccel auto`));
        return true;
      });
    });
  }
});

test('auto falls back to software and tells why', async (context) => {
  for (const method of ['cuda', 'videotoolbox', 'qsv', 'vaapi']) {
    if ((await tryHardwareDevice(tools, method)) === undefined) return context.skip(`${method} is there`);
  }
  await inFolder(async (folder) => {
    const target = await clip(folder);
    const { hwaccel, reason, hardware } = await chooseDecoder(tools, target, 'auto');
    assert.deepEqual([hwaccel, hardware], ['none', undefined]);
    assert.match(reason, /^software \(/);
    assert.equal((await chooseDecoder(tools, target, 'none')).hwaccel, 'none');
  });
});

/**
 * An ffmpeg that acts as if it had a CUDA device: told to leave frames there, it says that it did, else it gives them as
 * NV12. `afterTrial` is what it does when it decodes for a run.
 */
const pretendedHardware = async (
  folder: string,
  afterTrial: 'nv12' | 'software' | 'wrong',
): Promise<FfmpegTools> => {
  const path = join(folder, 'ffmpeg');
  await writeFile(
    path,
    `#!${process.execPath}
const { spawn } = require('node:child_process');
const args = process.argv.slice(2);
const cut = (name) => { const at = args.indexOf(name); if (at >= 0) args.splice(at, 2); return at >= 0; };
const hardware = cut('-hwaccel');
const stays = cut('-hwaccel_output_format');
const filters = args.indexOf('-vf') + 1;
const nv12 = 'scale=in_range=full:out_range=full,format=nv12,';
const change = { nv12, software: '', wrong: 'negate,' + nv12 }[${JSON.stringify(afterTrial)}];
if (hardware && !stays) args[filters] = change + args[filters];
const child = spawn(${JSON.stringify(tools.ffmpegPath)}, args, { stdio: ['inherit', 'inherit', 'pipe'] });
child.stderr.setEncoding('utf8').on('data', (text) => {
  process.stderr.write(stays ? text.replace(/fmt:yuvj?420p/g, 'fmt:cuda') : text);
});
child.on('exit', (code) => { process.exitCode = code ?? 1; });
`,
  );
  await chmod(path, 0o755);
  return { ...tools, ffmpegPath: path };
};

const decodeAll = async (
  withTools: FfmpegTools,
  target: TargetMedia,
  hardware: HardwareDecoder | undefined,
): Promise<string[]> => {
  const { byteLength } = frameLayout(target.video.format);
  const decoder = new FrameDecoder({
    tools: withTools,
    target,
    range: { start: 0, end: target.video.frameCount },
    acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
    threads: 1,
    hardware,
  });
  const hashes: string[] = [];
  for await (const { buffer } of decoder.frames()) hashes.push(digest(new Uint8Array(buffer)));
  return hashes;
};

const onPosix = { skip: process.platform === 'win32' };

test(
  'hardware whose first frame is right is used, and every frame arrives as software decodes it',
  onPosix,
  () =>
    inFolder(async (folder) => {
      const limited = ['-pix_fmt', 'yuv420p', '-color_range', 'tv'];
      const full = ['-vf', 'scale=out_range=full,format=yuv420p', '-color_range', 'pc'];
      for (const colours of [['-pix_fmt', 'yuv420p'], limited, full]) {
        const target = await clip(folder, ...colours);
        const pretended = await pretendedHardware(folder, 'nv12');
        const { hwaccel, hardware, reason } = await chooseDecoder(pretended, target, 'auto');
        assert.equal(hwaccel, 'cuda', reason);
        assert.deepEqual(hardware, { method: 'cuda', pixelFormat: 'nv12' });
        const { byteLength } = frameLayout(target.video.format);
        assert.deepEqual(
          await decodeAll(pretended, target, hardware),
          referenceHashes(target.file, target.video.pixelFormat, byteLength),
          colours.join(' '),
        );
      }
    }),
);

test('hardware that decodes other samples than software is refused', onPosix, () =>
  inFolder(async (folder) => {
    const target = await clip(folder);
    const pretended = await pretendedHardware(folder, 'wrong');
    await assert.rejects(
      chooseDecoder(pretended, target, 'cuda'),
      /differs from that of the software decoder/,
    );
  }),
);

test('software that takes over in the middle of a run is noticed', onPosix, () =>
  inFolder(async (folder) => {
    const target = await clip(folder);
    const pretended = await pretendedHardware(folder, 'software');
    await assert.rejects(decodeAll(pretended, target, { method: 'cuda', pixelFormat: 'nv12' }), (error) => {
      assert.ok(error instanceof FaceswapError);
      assert.equal(error.exitCode, 9);
      assert.match(String(error), /given up by ffmpeg: yuv420p came instead of nv12.*frame 0/);
      return true;
    });
  }),
);
