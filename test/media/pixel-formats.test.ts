import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { encoderPixelFormats, listEncoders } from '../../src/media/ffmpeg-tools.js';
import { type FramePixelFormat, pixelLayout } from '../../src/media/pixel-formats.js';
import { probeTarget } from '../../src/media/probe.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { encoderInputFormat, encodersTaking, videoEncodingFor } from '../../src/media/video-encoding.js';
import { ffmpegOutput, inFolder, rangesOf, tools, transcodeSegments } from './media-fixtures.js';

const widthPx = 70;
const heightPx = 66;
const frameCount = 2;

/** A picture in which every channel, alpha included, has its own gradient and all bits are in use. */
const colours = [
  "geq=r='mod(X*923+Y*37+N*411,65536)':g='mod(X*211+Y*919,65536)':b='mod(X*57+Y*503+20000,65536)'",
  "a='mod(X*640+Y*311+9000,65536)'",
].join(':');

/** Frames as plain ffmpeg decodes them, in the given format. */
const rawFrames = (file: string, pixelFormat: string, ...before: string[]): Buffer =>
  ffmpegOutput(...before, '-i', file, '-f', 'rawvideo', '-pix_fmt', pixelFormat, 'pipe:1');

const makeClip = async (
  folder: string,
  pixelFormat: string,
  name: string,
  ...output: string[]
): Promise<TargetMedia> => {
  const file = join(folder, name);
  ffmpegOutput(
    ...['-f', 'lavfi', '-i', `color=s=${widthPx}x${heightPx}:r=25,format=gbrap16le,${colours}`],
    ...['-frames:v', String(frameCount), '-pix_fmt', pixelFormat, ...output, file],
  );
  return probeTarget(tools, file);
};

/** All frames of a target one after another, as our decoder gives them. */
const decodedBytes = async (target: TargetMedia): Promise<Buffer> => {
  const { byteLength } = frameLayout(target.video.format);
  const decoder = new FrameDecoder({
    tools,
    target,
    range: { start: 0, end: target.video.frameCount },
    acquire: () => Promise.resolve(new ArrayBuffer(byteLength)),
    threads: 1,
  });
  const frames: Buffer[] = [];
  for await (const { buffer } of decoder.frames()) frames.push(Buffer.from(buffer));
  return Buffer.concat(frames);
};

/** Planes of ffmpeg's order G, B, R (and alpha) as R, G, B (and alpha). */
const redFirst = (bytes: Buffer, { video }: TargetMedia): Buffer => {
  const { byteLength } = frameLayout(video.format);
  const planeBytes = widthPx * heightPx * (video.format.bitDepth === 8 ? 1 : 2);
  const frames = Array.from({ length: bytes.length / byteLength }, (_, k) => {
    const plane = (index: number): Buffer =>
      bytes.subarray(k * byteLength + index * planeBytes, k * byteLength + (index + 1) * planeBytes);
    const order = video.format.alpha === true ? [2, 0, 1, 3] : [2, 0, 1];
    return Buffer.concat(order.map(plane));
  });
  return Buffer.concat(frames);
};

/** Formats that FFV1 stores as they are. */
const stored = [
  ...['yuv420p', 'yuv422p', 'yuv444p', 'yuv420p10le', 'yuv422p10le', 'yuv444p10le'],
  ...['yuv420p12le', 'yuv422p12le', 'yuv444p12le', 'yuva420p', 'yuva422p', 'yuva444p'],
  ...['yuva420p10le', 'yuva422p10le', 'yuva444p10le', 'gbrp10le', 'gbrp12le', 'gbrap10le', 'gbrap12le'],
] as const satisfies readonly FramePixelFormat[];

test('frames of every format come out of the decoder as ffmpeg has them, RGB with red first', () =>
  inFolder(async (folder) => {
    for (const pixelFormat of stored) {
      const target = await makeClip(folder, pixelFormat, `${pixelFormat}.mkv`, '-c:v', 'ffv1');
      const { alpha, bitDepth, isRgb } = pixelLayout(pixelFormat);
      const { format } = target.video;
      assert.equal(target.video.pixelFormat, pixelFormat);
      assert.deepEqual([format.alpha ?? false, format.bitDepth], [alpha, bitDepth], pixelFormat);
      assert.equal(format.matrix === 'rgb', isRgb);
      const expected = rawFrames(target.file, pixelFormat);
      assert.equal(expected.length, frameCount * frameLayout(format).byteLength, pixelFormat);
      const found = await decodedBytes(target);
      assert.ok(found.equals(isRgb ? redFirst(expected, target) : expected), pixelFormat);
    }
  }));

test('packed RGB becomes planes without a changed sample, its alpha included', () =>
  inFolder(async (folder) => {
    const cases = [
      { packed: 'bgr0', channels: 'bgr0', output: ['-c:v', 'ffv1'], name: 'bgr0.mkv' },
      { packed: 'bgra', channels: 'bgra', output: ['-c:v', 'ffv1'], name: 'bgra.mkv' },
      { packed: 'rgb24', channels: 'rgb', output: ['-c:v', 'png'], name: 'rgb24.mov' },
      { packed: 'rgba', channels: 'rgba', output: ['-c:v', 'png'], name: 'rgba.mov' },
      { packed: 'argb', channels: 'argb', output: ['-c:v', 'qtrle'], name: 'argb.mov' },
    ] as const;
    for (const { packed, channels, output, name } of cases) {
      const target = await makeClip(folder, packed, name, ...output);
      const isClear = channels.includes('a');
      assert.equal(target.video.pixelFormat, isClear ? 'gbrap' : 'gbrp', packed);
      const pixels = rawFrames(target.file, packed);
      const found = await decodedBytes(target);
      const { byteLength } = frameLayout(target.video.format);
      const count = widthPx * heightPx;
      for (const [plane, channel] of [...(isClear ? 'rgba' : 'rgb')].entries()) {
        const at = channels.indexOf(channel);
        for (let frame = 0; frame < frameCount; frame++) {
          for (let k = 0; k < count; k++) {
            const expected = pixels[(frame * count + k) * channels.length + at];
            if (found[frame * byteLength + plane * count + k] !== expected) {
              assert.fail(`${packed}: ${channel} of pixel ${k} in frame ${frame}`);
            }
          }
        }
      }
    }
  }));

/** Mean distance of two pictures in 8-bit levels. */
const meanDistance = (first: Buffer, second: Buffer, bitDepth: number): number => {
  const samples = (bytes: Buffer): Uint8Array | Uint16Array =>
    bitDepth === 8
      ? bytes
      : new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const [a, b] = [samples(first), samples(second)];
  assert.equal(a.length, b.length);
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += Math.abs((a[k] ?? 0) - (b[k] ?? 0));
  return sum / a.length / (1 << (bitDepth - 8));
};

/** A smooth picture, which any codec keeps well, with alpha of its own. */
const smooth = "geq=r='X*900':g='Y*1100':b='(X+Y)*500':a='X*400+Y*500'";

test('every pair of format and encoder that this ffmpeg has: lossless bit for bit, the others closely', async () => {
  const installed = (await listEncoders(tools)).map(({ name }) => name);
  const formats: readonly FramePixelFormat[] = [...stored, 'gbrp', 'gbrap'];
  const tried: string[] = [];
  await inFolder(async (folder) => {
    for (const pixelFormat of formats) {
      const file = join(folder, 'target.mkv');
      const storedFormat = encoderInputFormat('ffv1', pixelFormat) ?? pixelFormat;
      ffmpegOutput(
        ...['-f', 'lavfi', '-i', `color=s=${widthPx}x${heightPx}:r=25,format=gbrap16le,${smooth}`],
        ...['-frames:v', String(frameCount), '-pix_fmt', storedFormat, '-c:v', 'ffv1', file],
      );
      const target = await probeTarget(tools, file);
      assert.equal(target.video.pixelFormat, pixelFormat);
      const before = await decodedBytes(target);
      for (const encoder of encodersTaking(pixelFormat, 'mkv')) {
        const wanted = encoderInputFormat(encoder, pixelFormat) ?? '';
        const listed = await encoderPixelFormats(tools, encoder);
        if (!installed.includes(encoder) || listed?.includes(wanted) === false) continue;
        const pair = `${pixelFormat} ${encoder}`;
        const encoding = videoEncodingFor({
          target,
          encoder,
          container: 'mkv',
          quality: 95,
          preset: 'ultrafast',
          threads: 1,
        });
        const [segment] = await transcodeSegments(target, encoding, rangesOf(frameCount), folder);
        const output = await probeTarget(tools, segment?.file ?? '');
        const after = await decodedBytes(output);
        const { alpha } = pixelLayout(pixelFormat);
        assert.equal(output.video.format.alpha ?? false, alpha, pair);
        assert.equal(output.video.frameCount, frameCount, pair);
        if (encoder === 'ffv1') assert.ok(after.equals(before), pair);
        else if (encoder === 'prores_ks') assert.match(output.video.pixelFormat, /^yuva?4(22p10|44p12)le$/);
        else {
          assert.equal(output.video.pixelFormat, pixelFormat, pair);
          const distance = meanDistance(before, after, target.video.format.bitDepth);
          assert.ok(distance < 4, `${pair}: ${distance} levels off`);
        }
        tried.push(pair);
      }
    }
  });
  assert.ok(tried.length > 25, `only ${tried.join(', ')}`);
});
