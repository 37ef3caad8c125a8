import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { boxPsnrDb, boxSsim } from '../../../src/processors/quality-monitor/frame-comparison.js';
import { ffmpegOutput, inFolder, sharedFile, skipReason } from '../../media/media-fixtures.js';
import { assertClose } from '../../support/unit-values.js';

const photo = fileURLToPath(new URL('../../fixtures/astronaut.png', import.meta.url));

type Pair = {
  readonly input: readonly string[];
  /** ffmpeg's filters that make the two pictures of the input. */
  readonly first: string;
  readonly second: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bitDepth: 8 | 10 | 12;
};

const pixelFormats = { 8: 'yuv420p', 10: 'yuv420p10le', 12: 'yuv420p12le' } as const;

/** What ffmpeg's own filters say of a pair of pictures, and what we do. */
const compare = async (pair: Pair): Promise<{ theirs: [number, number]; ours: [number, number] }> => {
  const { input, first, second, widthPx, heightPx, bitDepth } = pair;
  const pixelFormat = pixelFormats[bitDepth];
  let found: { theirs: [number, number]; ours: [number, number] } | undefined;
  await inFolder((folder) => {
    const files = [join(folder, 'first.nut'), join(folder, 'second.nut')] as const;
    const filters = [first, second];
    for (const [at, file] of files.entries()) {
      const graph = `${filters[at]},format=${pixelFormat}`;
      ffmpegOutput(...input, '-frames:v', '1', '-vf', graph, '-c:v', 'rawvideo', file);
    }
    const figure = (filter: string, name: string): number => {
      const log = join(folder, `${filter}.log`);
      const graph = `[0:v][1:v]${filter}=stats_file=${log}`;
      ffmpegOutput('-i', files[0], '-i', files[1], '-lavfi', graph, '-f', 'null', '-');
      const match = new RegExp(`\\b${name}:([\\d.]+|inf)`).exec(readFileSync(log, 'utf8'));
      assert.ok(match, filter);
      return Number(match[1]);
    };
    const planes = files.map((file) => {
      const bytes = ffmpegOutput('-i', file, '-f', 'rawvideo', '-pix_fmt', pixelFormat, 'pipe:1');
      const samples = widthPx * heightPx;
      return bitDepth === 8
        ? Uint8Array.from(bytes.subarray(0, samples))
        : Uint16Array.from({ length: samples }, (_, i) => bytes.readUInt16LE(2 * i));
    });
    const [a, b] = planes as [Uint8Array, Uint8Array];
    const box = { x: 0, y: 0, width: widthPx, height: heightPx };
    const psnr = boxPsnrDb(a, b, widthPx, heightPx, box, bitDepth);
    const ssim = boxSsim(a, b, widthPx, heightPx, box, bitDepth);
    found = {
      theirs: [figure('psnr', 'psnr_y'), figure('ssim', 'Y')],
      ours: [psnr ?? Number.NaN, ssim ?? Number.NaN],
    };
    return Promise.resolve();
  });
  assert.ok(found);
  return found;
};

/**
 * ffmpeg counts from the largest code value of a depth, 1023 and 4095, and the monitor from 255 8-bit levels, 1020 and 4080, so that figures of
 * all depths compare.
 */
const depthOffsetDb = (bitDepth: 8 | 10 | 12): number =>
  20 * Math.log10((2 ** bitDepth - 1) / (255 << (bitDepth - 8)));

const check = async (pair: Pair): Promise<void> => {
  const { theirs, ours } = await compare(pair);
  // ffmpeg prints two digits of PSNR.
  assertClose(ours[0] + depthOffsetDb(pair.bitDepth), theirs[0], 0.0051, 'PSNR');
  // ffmpeg's constant C1 is a 64th of the definition's, which shows in black; it computes in 32 bits.
  assertClose(ours[1], theirs[1], 0.002, 'SSIM');
  assert.ok(theirs[0] > 15 && theirs[0] < 60, 'the pictures tell nothing');
};

const sizes = [
  [320, 240],
  [321, 243],
  [77, 50],
] as const;
const damages = ['noise=alls=12', 'gblur=sigma=2', 'lutyuv=y=val*0.9+300'];

for (const [sizeAt, [widthPx, heightPx]] of sizes.entries()) {
  for (const [depthAt, bitDepth] of ([8, 10, 12] as const).entries()) {
    const damage = damages[(sizeAt + depthAt) % 3] ?? '';
    test(`PSNR and SSIM are those of ffmpeg's filters: a photo of ${widthPx}x${heightPx}, ${bitDepth} bits, ${damage}`, async () => {
      const cut = `format=yuv444p12le,crop=${widthPx}:${heightPx}:90:20`;
      // ffmpeg's noise has 8 bits.
      const second = damage.startsWith('noise') ? `format=yuv444p,${damage},${cut}` : `${cut},${damage}`;
      await check({ input: ['-i', photo], first: cut, second, widthPx, heightPx, bitDepth });
    });
  }
}

const clip = sharedFile('open/webcam_talk.mp4');

test('PSNR and SSIM of two frames of a webcam are those of the filters', {
  skip: clip === undefined ? skipReason : false,
}, async () => {
  const frame = (number: number): string => `select=eq(n\\,${number}),setpts=0`;
  const input = ['-i', clip ?? ''];
  await check({
    input,
    first: frame(3),
    second: frame(20),
    widthPx: 400,
    heightPx: 300,
    bitDepth: 8,
  });
});
