import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunReport } from '../../src/index.js';
import { compareOutside } from './blended-region.js';
import { decodeFrames, ffmpeg, makeClip, pick, videoFacts } from './clips.js';
import {
  assertFailure,
  faceswap,
  fixture,
  needsShared,
  readRows,
  runToReport,
  shared,
  temporaryFolder,
} from './command-run.js';

const folder = temporaryFolder('pixel-formats');
const hopper = fixture('grace_hopper.jpg');
const at = (name: string): string => join(folder, name);
const frames = 4;

/** Alpha that differs from pixel to pixel, added to a made clip. */
const alphaOf = 'geq=lum=p(X\\,Y):cb=p(X\\,Y):cr=p(X\\,Y):a=mod(X*3+Y\\,256)';

type ClipFormat = { readonly pixelFormat: string; readonly output: readonly string[] };

/** A face of {@link frames} frames in 320x240, drawn in RGB so that all bits of the format are in use. */
const drawClip = (file: string, { pixelFormat, output }: ClipFormat): void => {
  const plain = at('plain.mkv');
  makeClip({
    shots: [{ photo: 'astronaut.png', frames }],
    rate: { num: 25, den: 1 },
    pixelFormat: 'gbrp',
    output: ['-c:v', 'ffv1', '-pix_fmt', 'gbrp10le', plain],
  });
  const alpha = /^(yuva|gbra|bgra)/.test(pixelFormat) ? ['-vf', `format=yuva444p,${alphaOf}`] : [];
  ffmpeg('-i', plain, ...alpha, '-pix_fmt', pixelFormat, ...output, file);
};

const swap = (target: string, output: string, words: readonly string[] = []): Promise<RunReport> =>
  runToReport([
    ...['-s', hopper, '-t', target, '-o', output, '--report', `${output}.json`, '--overwrite'],
    ...['--output-video-preset', 'ultrafast', ...words],
  ]);

/** Samples of a frame in planes: bytes or little-endian words. */
const samplesOf = (bytes: Buffer, isDeep: boolean): Uint8Array | Uint16Array =>
  isDeep ? new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) : bytes;

type PlaneShape = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly chromaShiftX: 0 | 1;
  readonly chromaShiftY: 0 | 1;
};

/** Every sample outside of the faces, and all of the alpha, is what it was; inside many are not. */
const assertOnlyFacesChanged = (
  files: { readonly target: string; readonly output: string },
  pixelFormat: string,
  shape: PlaneShape,
): void => {
  const rows = readRows(`${files.output}.json`);
  const isDeep = /1[02]le$/.test(pixelFormat);
  const first = rows[0]?.frame ?? 0;
  const before = decodeFrames(files.target, first + rows.length, pixelFormat).slice(first);
  const after = decodeFrames(files.output, rows.length, pixelFormat);
  const chroma =
    Math.ceil(shape.widthPx / (1 << shape.chromaShiftX)) *
    Math.ceil(shape.heightPx / (1 << shape.chromaShiftY));
  const colours = shape.widthPx * shape.heightPx + 2 * chroma;
  let inside = 0;
  for (const [index, row] of rows.entries()) {
    const old = samplesOf(before[index] as Buffer, isDeep);
    const swapped = samplesOf(after[index] as Buffer, isDeep);
    const found = compareOutside(old.subarray(0, colours), swapped.subarray(0, colours), row, shape);
    assert.equal(found.changedOutside, 0, `frame ${index}: samples changed outside of the faces`);
    assert.ok(found.samplesOutside > 0.3 * colours, 'the regions cover the whole picture');
    inside += found.changedInside;
    assert.deepEqual(swapped.subarray(colours), old.subarray(colours), `frame ${index}: the alpha changed`);
  }
  assert.ok(inside > 200 * rows.length, `only ${inside} samples changed`);
};

const full: Omit<PlaneShape, 'widthPx' | 'heightPx'> = { chromaShiftX: 0, chromaShiftY: 0 };
const half: Omit<PlaneShape, 'widthPx' | 'heightPx'> = { chromaShiftX: 1, chromaShiftY: 1 };

/** Lossless runs of drawn clips: layouts, matrices and ranges. */
const drawn = [
  { name: 'alpha beside 4:2:0', pixelFormat: 'yuva420p', shape: half, tags: [] },
  { name: 'alpha of 10 bits beside 4:4:4', pixelFormat: 'yuva444p10le', shape: full, tags: [] },
  { name: '12 bits', pixelFormat: 'yuv420p12le', shape: half, tags: [] },
  { name: 'RGB of 10 bits', pixelFormat: 'gbrp10le', shape: full, tags: [] },
  {
    name: 'full range of BT.601 in 4:2:2',
    pixelFormat: 'yuv422p',
    shape: { chromaShiftX: 1, chromaShiftY: 0 } as const,
    tags: ['-color_range', 'pc', '-colorspace', 'smpte170m'],
  },
  {
    name: 'BT.2020',
    pixelFormat: 'yuv420p10le',
    shape: half,
    tags: ['-color_range', 'tv', '-colorspace', 'bt2020nc', '-color_primaries', 'bt2020'],
  },
] as const;

const keptFacts = [
  ...['pix_fmt', 'width', 'height', 'color_range', 'color_space', 'color_transfer', 'color_primaries'],
  'sample_aspect_ratio',
];

for (const { name, pixelFormat, shape, tags } of drawn) {
  test(`${name}, lossless: only the faces change`, async () => {
    const target = at('target.mkv');
    const output = at('output.mkv');
    drawClip(target, { pixelFormat, output: [...tags, '-c:v', 'ffv1'] });
    await swap(target, output, ['--output-video-encoder', 'ffv1']);
    const facts = pick(videoFacts(target), keptFacts);
    assert.equal(facts['pix_fmt'], pixelFormat);
    assert.deepEqual(pick(videoFacts(output), keptFacts), facts);
    assertOnlyFacesChanged({ target, output }, pixelFormat, { widthPx: 320, heightPx: 240, ...shape });
  });
}

test('an untagged HD clip stays untagged and unchanged outside of the faces', async () => {
  const target = at('untagged.mkv');
  const output = at('untagged-swapped.mkv');
  const scaled = [
    '-vf',
    'scale=960:720,format=yuv420p,setrange=unspecified',
    '-frames:v',
    '2',
    '-c:v',
    'ffv1',
  ];
  drawClip(target, { pixelFormat: 'yuv420p', output: scaled });
  const tags = ['color_range', 'color_space', 'color_transfer', 'color_primaries'];
  const facts = pick(videoFacts(target), tags);
  assert.deepEqual(
    Object.values(facts).filter((tag) => tag !== undefined && tag !== 'unknown'),
    [],
  );
  await swap(target, output, ['--output-video-encoder', 'ffv1']);
  assert.deepEqual(pick(videoFacts(output), tags), facts);
  assertOnlyFacesChanged({ target, output }, 'yuv420p', { widthPx: 960, heightPx: 720, ...half });
});

test('packed RGB goes into H.264 as RGB, without loss at quality 100', async () => {
  const target = at('rgb.mkv');
  const output = at('rgb.mp4');
  drawClip(target, { pixelFormat: 'bgr0', output: ['-c:v', 'ffv1'] });
  await swap(target, output, ['--output-video-encoder', 'libx264rgb', '--output-video-quality', '100']);
  assert.deepEqual(pick(videoFacts(output), ['pix_fmt', 'color_space']), {
    pix_fmt: 'gbrp',
    color_space: 'gbr',
  });
  assertOnlyFacesChanged({ target, output }, 'gbrp', { widthPx: 320, heightPx: 240, ...full });
});

/** Mean distance of the alpha of two files in 8-bit levels. */
const alphaDistance = (files: readonly string[], ...decoder: string[]): number => {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = files.map((file) =>
    ffmpeg(...decoder, '-i', file, '-vf', 'alphaextract', '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'),
  );
  assert.ok(first.length > 0);
  assert.equal(first.length, second.length);
  return first.reduce((sum, value, k) => sum + Math.abs(value - (second[k] ?? 0)), 0) / first.length;
};

test('ProRes 4444 stays ProRes 4444: its alpha is kept, and the warning tells of the two bits that are not', async () => {
  const target = at('prores.mov');
  const output = at('prores-swapped.mov');
  drawClip(target, { pixelFormat: 'yuva444p10le', output: ['-c:v', 'prores_ks', '-profile:v', '4'] });
  const { warnings } = await swap(target, output, ['--output-video-encoder', 'prores_ks']);
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['bits-lost'],
  );
  const facts = pick(videoFacts(output), ['codec_name', 'pix_fmt']);
  assert.deepEqual(facts, { codec_name: 'prores', pix_fmt: 'yuva444p12le' });
  assert.ok(alphaDistance([target, output]) < 0.5);
});

test('the alpha of WebM goes into WebM', async () => {
  const target = at('alpha.webm');
  const output = at('alpha-swapped.webm');
  drawClip(target, { pixelFormat: 'yuva420p', output: ['-c:v', 'libvpx-vp9', '-auto-alt-ref', '0'] });
  await swap(target, output);
  assert.ok(alphaDistance([target, output], '-c:v', 'libvpx-vp9') < 8);
});

test('alpha and an encoder or container without any: refused with what can hold it', async () => {
  const here = temporaryFolder('alpha-refused');
  const target = join(here, 'target.mkv');
  drawClip(target, { pixelFormat: 'yuva420p', output: ['-c:v', 'ffv1'] });
  assertFailure(
    await faceswap(['run', '-s', hopper, '-t', target, '-o', join(here, 'out.mp4')]),
    { exitCode: 2, line: /libx264 does not take .* with alpha.*\.mkv \(.*ffv1\) or \.webm/, folder: here },
    ['target.mkv'],
  );
});

test(
  'interlaced video becomes progressive with as many frames, and the report says so',
  needsShared('derived/interlaced_tff_576i.mp4'),
  async () => {
    const output = at('progressive.mp4');
    const words = ['--deinterlace', 'bwdif', '--trim-frame-end', '6'];
    const report = await swap(shared('derived/interlaced_tff_576i.mp4'), output, words);
    assert.equal(report.media.deinterlaced, 'bwdif');
    assert.deepEqual(
      report.warnings.map(({ code }) => code),
      ['deinterlaced'],
    );
    const facts = ['nb_read_packets', 'field_order', 'sample_aspect_ratio'];
    assert.deepEqual(pick(videoFacts(output), facts), {
      nb_read_packets: '6',
      field_order: 'progressive',
      sample_aspect_ratio: '16:11',
    });
  },
);

/** Real files, lossless: rotated, odd and anamorphic. */
const real = [
  { name: 'derived/odd_853x481_vp9_420.webm', pixelFormat: 'yuv420p', shape: half },
  { name: 'derived/odd_853x481_h264_444.mp4', pixelFormat: 'yuv444p', shape: full },
  { name: 'derived/anamorphic_720x480_sar32_27.mp4', pixelFormat: 'yuv420p', shape: half },
  { name: 'derived/rotate_matrix_portrait.mp4', pixelFormat: 'yuv420p', shape: half },
] as const;

for (const { name, pixelFormat, shape } of real) {
  test(`${name}, lossless: only the faces change`, needsShared(name), async () => {
    const output = at('real.mkv');
    // In the rotated clip a hand hides the face at first.
    const trims = ['--trim-frame-start', '24', '--trim-frame-end', String(24 + frames)];
    const words = ['--output-video-encoder', 'ffv1', ...trims];
    const { media } = await swap(shared(name), output, words);
    const files = { target: shared(name), output };
    assertOnlyFacesChanged(files, pixelFormat, {
      widthPx: media.widthPx,
      heightPx: media.heightPx,
      ...shape,
    });
    const [before, after] = [shared(name), output].map((file) => pick(videoFacts(file), keptFacts));
    const aspect = before?.['sample_aspect_ratio'] ?? '1:1';
    assert.equal(after?.['sample_aspect_ratio'], aspect);
    assert.equal(after?.['color_space'], before?.['color_space']);
  });
}
