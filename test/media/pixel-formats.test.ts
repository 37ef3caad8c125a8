import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { frameLayout } from '../../src/imaging/planar-frame.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { FrameEncoder } from '../../src/media/encoder.js';
import { encoderPixelFormats, listEncoders } from '../../src/media/ffmpeg-tools.js';
import type { OutputContainer } from '../../src/media/output-container.js';
import { type FramePixelFormat, pixelLayout } from '../../src/media/pixel-formats.js';
import { probeTarget } from '../../src/media/probe.js';
import { probeStreams } from '../../src/media/stream-probe.js';
import type { TargetMedia } from '../../src/media/target-media.js';
import { encoderInputFormat, encodersTaking } from '../../src/media/video-encoders.js';
import { segmentExtension, videoEncodingFor } from '../../src/media/video-encoding.js';
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

/** The pixel format in which ffmpeg's own decoder gives what an encoder was given. */
const shownFormat = (encoder: string, pixelFormat: FramePixelFormat): string => {
  const { alpha, chromaShiftX } = pixelLayout(pixelFormat);
  if (encoder === 'prores_ks') return chromaShiftX === 1 ? 'yuv422p10le' : `yuv${alpha ? 'a' : ''}444p12le`;
  if (encoder === 'ffv1') return encoderInputFormat(encoder, pixelFormat) ?? '';
  return encoder === 'libvpx-vp9' && alpha ? 'yuv420p' : pixelFormat;
};

/** Pairs that were tried, per encoder; encoders that this ffmpeg has not are left out. */
const encodeAll = async (folder: string, pixelFormat: FramePixelFormat): Promise<string[]> => {
  const installed = (await listEncoders(tools)).map(({ name }) => name);
  const file = join(folder, 'target.mkv');
  const storedFormat = encoderInputFormat('ffv1', pixelFormat) ?? pixelFormat;
  ffmpegOutput(
    ...['-f', 'lavfi', '-i', `color=s=${widthPx}x${heightPx}:r=25,format=gbrap16le,${smooth}`],
    ...['-frames:v', '1', '-pix_fmt', storedFormat, '-c:v', 'ffv1', file],
  );
  const target = await probeTarget(tools, file);
  assert.equal(target.video.pixelFormat, pixelFormat);
  const frame = Uint8Array.from(await decodedBytes(target)).buffer;
  const before = rawFrames(file, pixelFormat);
  const tried: string[] = [];
  for (const encoder of encodersTaking(pixelFormat, 'mkv')) {
    const listed = await encoderPixelFormats(tools, encoder);
    if (!installed.includes(encoder)) continue;
    if (listed?.includes(encoderInputFormat(encoder, pixelFormat) ?? '') === false) continue;
    const settings = { quality: 95, preset: 'ultrafast', threads: 1 } as const;
    const encoding = videoEncodingFor({ target, encoder, container: 'mkv', ...settings });
    const output = join(folder, `output${segmentExtension(encoder, pixelFormat)}`);
    const frames = new FrameEncoder({ tools, encoding, file: output });
    await frames.write(frame);
    await frames.finish();
    const pair = `${pixelFormat} ${encoder}`;
    const [stream] = (await probeStreams(tools, output)).streams;
    assert.equal(stream?.['pix_fmt'], shownFormat(encoder, pixelFormat), pair);
    const keepsAlphaBeside = encoder === 'libvpx-vp9' && pixelLayout(pixelFormat).alpha;
    const after = rawFrames(output, pixelFormat, ...(keepsAlphaBeside ? ['-c:v', encoder] : []));
    if (encoder === 'ffv1') assert.ok(after.equals(before), pair);
    const distance = meanDistance(before, after, pixelLayout(pixelFormat).bitDepth);
    assert.ok(distance < 4, `${pair}: ${distance} levels off`);
    tried.push(pair);
  }
  return tried;
};

test('every pair of format and encoder that this ffmpeg has: lossless bit for bit, the others closely', async () => {
  const formats: readonly FramePixelFormat[] = [...stored, 'gbrp', 'gbrap'];
  await inFolder(async (folder) => {
    let count = 0;
    for (const pixelFormat of formats) count += (await encodeAll(folder, pixelFormat)).length;
    assert.ok(count >= formats.length, `only ${count} pairs`);
  });
});

test('alpha of 12 bits, as ProRes 4444 has it, keeps every bit in FFV1', () =>
  inFolder(async (folder) => {
    const target = await makeClip(
      folder,
      'yuva444p10le',
      'prores.mov',
      ...['-c:v', 'prores_ks', '-profile:v', '4'],
    );
    const { pixelFormat, format } = target.video;
    assert.equal(pixelFormat, 'yuva444p12le');
    assert.deepEqual([format.bitDepth, format.alpha], [12, true]);
    const before = rawFrames(target.file, pixelFormat);
    assert.ok((await decodedBytes(target)).equals(before));
    const encoding = videoEncodingFor({ target, encoder: 'ffv1', container: 'mkv', threads: 1 });
    const [segment] = await transcodeSegments(target, encoding, rangesOf(frameCount), folder);
    assert.ok(rawFrames(segment?.file ?? '', pixelFormat).equals(before));
  }));

test('the alpha of WebM, which lies beside the pictures, is decoded with them', () =>
  inFolder(async (folder) => {
    const target = await makeClip(
      folder,
      'yuva420p',
      'alpha.webm',
      '-c:v',
      'libvpx-vp9',
      '-auto-alt-ref',
      '0',
    );
    assert.equal(target.video.pixelFormat, 'yuva420p');
    assert.equal(target.video.decoding?.decoder, 'libvpx-vp9');
    const found = await decodedBytes(target);
    assert.ok(found.equals(rawFrames(target.file, 'yuva420p', '-c:v', 'libvpx-vp9')));
    const withoutAlpha = rawFrames(target.file, 'yuv420p');
    const colourBytes = withoutAlpha.length / frameCount;
    assert.ok(found.subarray(0, colourBytes).equals(withoutAlpha.subarray(0, colourBytes)));
    assert.ok(new Set(found.subarray(colourBytes, colourBytes + widthPx * heightPx)).size > 20);
  }));

test('what cannot hold the target is refused with what can', () =>
  inFolder(async (folder) => {
    const refused = (
      target: TargetMedia,
      encoder: string,
      container: OutputContainer,
      line: RegExp,
    ): void => {
      assert.throws(
        () => videoEncodingFor({ target, encoder, container, threads: 1 }),
        (error) => error instanceof FaceswapError && error.exitCode === 2 && line.test(String(error)),
        `${encoder} ${container}`,
      );
    };
    const clear = await makeClip(folder, 'yuva420p', 'clear.mkv', '-c:v', 'ffv1');
    refused(clear, 'libx264', 'mp4', /yuva420p with alpha.*\.mkv \(.*ffv1\) or \.webm \(libvpx-vp9\)/);
    refused(clear, 'libvpx-vp9', 'mp4', /\.mp4 file cannot hold the target's alpha/);
    refused(clear, 'libx264', 'mkv', /Into a \.mkv file it goes with libvpx-vp9, ffv1/);
    const prores = await makeClip(
      folder,
      'yuva444p10le',
      'clear.mov',
      '-c:v',
      'prores_ks',
      '-profile:v',
      '4',
    );
    refused(
      prores,
      'libx264',
      'mov',
      /yuva444p12le with alpha.*Into a \.mov file it goes with ffv1, prores_ks/,
    );
    const rgb = await makeClip(folder, 'bgr0', 'rgb.mkv', '-c:v', 'ffv1');
    refused(rgb, 'libx264', 'mp4', /gbrp of RGB.*libx264rgb, libx265, libvpx-vp9/);
    refused(rgb, 'prores_ks', 'mov', /gbrp of RGB.*libx264rgb, libx265, ffv1/);
    const odd = await makeClip(folder, 'yuv420p', 'odd.mkv', '-vf', 'crop=69:65', '-c:v', 'ffv1');
    refused(odd, 'libx264', 'mp4', /odd size 68x65|odd size 69x65.*libvpx-vp9/);
  }));
