import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import type { FrameRow } from '../../src/index.js';
import { compareOutside } from './blended-region.js';
import { fixture, readRows, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('image');
const hopper = fixture('grace_hopper.jpg');
const astronaut = fixture('astronaut.png');

/** Where the face of astronaut.png is, from its reference box in test/fixtures/embedded-golden-photos.json. */
const astronautFaceMiddle = { x: 172 + 52.7, y: 74.2 + 52.7 };

const swap = async (target: string, output: string): Promise<FrameRow> => {
  const rowsFile = `${output}.json`;
  const report = await runToReport(['-s', hopper, '-t', target, '-o', output, '--report', rowsFile]);
  assert.equal(report.status, 'swapped');
  assert.equal(report.media.kind, 'image');
  const [row] = readRows(rowsFile);
  assert.ok(row);
  return row;
};

/** Upright pixels, in the file's own numbers: three planes R, G, B. */
const planesOf = async (file: string): Promise<{ planes: Uint8Array; widthPx: number; heightPx: number }> => {
  const picture = sharp(file, { ignoreIcc: true }).autoOrient().removeAlpha().toColourspace('srgb');
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  const area = info.width * info.height;
  const planes = new Uint8Array(3 * area);
  for (let pixel = 0; pixel < area; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      planes[channel * area + pixel] = data[3 * pixel + channel] as number;
    }
  }
  return { planes, widthPx: info.width, heightPx: info.height };
};

const compareImages = async (target: string, output: string, row: FrameRow) => {
  const [before, after] = [await planesOf(target), await planesOf(output)];
  assert.deepEqual([after.widthPx, after.heightPx], [before.widthPx, before.heightPx]);
  const layout = { ...before, chromaShiftX: 0, chromaShiftY: 0 } as const;
  return compareOutside(before.planes, after.planes, row, layout);
};

test('a png keeps every pixel outside of the face bit for bit', async () => {
  const output = join(folder, 'exact.png');
  const row = await swap(astronaut, output);
  const { changedOutside, changedInside, samplesOutside } = await compareImages(astronaut, output, row);
  assert.equal(changedOutside, 0);
  assert.ok(changedInside > 5000, `${changedInside} samples changed`);
  assert.ok(samplesOutside > 3 * 512 * 512 * 0.7, `${samplesOutside} samples lie outside`);
});

test('a png keeps its alpha and its profile', async () => {
  const target = join(folder, 'alpha.png');
  const output = join(folder, 'alpha-swapped.png');
  const alpha = { create: { width: 512, height: 512, channels: 3, background: '#a05020' } } as const;
  const mask = await sharp(alpha).extractChannel(0).raw().toBuffer();
  await sharp(astronaut)
    .joinChannel(mask, { raw: { width: 512, height: 512, channels: 1 } })
    .withIccProfile('p3')
    .png()
    .toFile(target);
  const row = await swap(target, output);
  const [before, after] = [await sharp(target).metadata(), await sharp(output).metadata()];
  assert.ok(before.icc && after.icc, 'a profile is missing');
  assert.ok(after.icc.equals(before.icc), 'the profile changed');
  const alphaOf = (file: string): Promise<Buffer> => sharp(file).extractChannel(3).raw().toBuffer();
  assert.ok((await alphaOf(output)).equals(await alphaOf(target)), 'the alpha changed');
  assert.equal((await compareImages(target, output, row)).changedOutside, 0);
});

test('a jpeg that its EXIF turns is swapped upright and keeps its profile', async () => {
  const target = join(folder, 'turned.jpg');
  const output = join(folder, 'turned-swapped.jpg');
  // Orientation 6: to be turned by 90 degrees clockwise for viewing, so the stored picture lies on its left side.
  await sharp(astronaut)
    .rotate(-90)
    .withMetadata({ orientation: 6 })
    .withIccProfile('p3')
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toFile(target);
  assert.equal((await sharp(target).metadata()).orientation, 6);
  const row = await swap(target, output);
  const after = await sharp(output).metadata();
  assert.ok(after.orientation === undefined || after.orientation === 1, `orientation ${after.orientation}`);
  assert.equal(after.format, 'jpeg');
  const profile = (await sharp(target).metadata()).icc;
  assert.ok(profile !== undefined && after.icc?.equals(profile), 'the profile changed');
  const box = row.faces[0]?.box;
  assert.ok(box);
  const offset = [
    Math.abs(box.x + box.width / 2 - astronautFaceMiddle.x),
    Math.abs(box.y + box.height / 2 - astronautFaceMiddle.y),
  ];
  assert.ok(Math.max(...offset) < 15, `the face was found ${offset.join(', ')} px off its upright place`);
  // Far from the face only the second pass of JPEG shows: no rotation, no colour cast.
  const { planes: first, widthPx } = await planesOf(target);
  const { planes: second } = await planesOf(output);
  let sum = 0;
  const rows = 60;
  for (let at = 0; at < rows * widthPx; at++) sum += Math.abs((first[at] as number) - (second[at] as number));
  assert.ok(sum / (rows * widthPx) < 2, `mean difference ${sum / (rows * widthPx)}`);
});

test('a lossless webp stays lossless, a lossy one stays a webp of its size', async () => {
  const lossless = join(folder, 'lossless.webp');
  await sharp(astronaut).webp({ lossless: true }).toFile(lossless);
  const output = join(folder, 'lossless-swapped.webp');
  const row = await swap(lossless, output);
  assert.equal((await compareImages(lossless, output, row)).changedOutside, 0);

  const lossy = join(folder, 'lossy.webp');
  await sharp(astronaut).webp({ quality: 80 }).toFile(lossy);
  const lossyOutput = join(folder, 'lossy-swapped.webp');
  await swap(lossy, lossyOutput);
  const { format, width, height } = await sharp(lossyOutput).metadata();
  assert.deepEqual({ format, width, height }, { format: 'webp', width: 512, height: 512 });
});

test('a 16-bit png keeps every bit outside of the face', async () => {
  const target = join(folder, 'deep.png');
  const output = join(folder, 'deep-swapped.png');
  const { data, info } = await sharp(astronaut).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  // All 65,536 values: the low byte is another one in every sample.
  const deep = Uint16Array.from(data, (value, k) => 256 * value + ((k * 37) % 256));
  const raw = { width: info.width, height: info.height, channels: 3 } as const;
  await sharp(deep, { raw }).toColourspace('rgb16').png().toFile(target);
  const row = await swap(target, output);
  const words = async (file: string): Promise<Uint16Array> => {
    const { buffer, byteOffset, length } = await sharp(file)
      .toColourspace('rgb16')
      .raw({ depth: 'ushort' })
      .toBuffer();
    return new Uint16Array(buffer, byteOffset, length / 2);
  };
  const after = await words(output);
  assert.deepEqual(await words(target), deep);
  /** A byte of every sample, as planes. */
  const planes = (samples: Uint16Array, shift: number): Uint8Array => {
    const area = info.width * info.height;
    return Uint8Array.from({ length: 3 * area }, (_, k) => {
      const sample = samples[3 * (k % area) + Math.floor(k / area)] ?? 0;
      return (sample >> shift) & 0xff;
    });
  };
  const layout = { widthPx: info.width, heightPx: info.height, chromaShiftX: 0, chromaShiftY: 0 } as const;
  for (const shift of [0, 8]) {
    const { changedOutside, changedInside } = compareOutside(
      planes(deep, shift),
      planes(after, shift),
      row,
      layout,
    );
    assert.equal(changedOutside, 0);
    assert.ok(changedInside > 5000, `${changedInside} samples changed`);
  }
});

test('a face that is found only in the turned picture is swapped where it is', async () => {
  const target = join(folder, 'upside-down.png');
  const output = join(folder, 'upside-down-swapped.png');
  const cut = { left: 150, top: 300, width: 280, height: 212 };
  const turned = await sharp(astronaut).rotate(180).png().toBuffer();
  await sharp(turned).extract(cut).png().toFile(target);
  const row = await swap(target, output);
  const box = row.faces[0]?.box;
  assert.ok(box);
  const middle = { x: 512 - cut.left - box.x - box.width / 2, y: 512 - cut.top - box.y - box.height / 2 };
  assert.ok(Math.abs(middle.x - astronautFaceMiddle.x) < 20, `x ${middle.x}`);
  assert.ok(Math.abs(middle.y - astronautFaceMiddle.y) < 20, `y ${middle.y}`);
  assert.equal((await compareImages(target, output, row)).changedOutside, 0);
});

test('nothing but outputs and reports is left in the folder', () => {
  const hidden = readdirSync(folder).filter((name) => name.startsWith('.') || name.endsWith('.part'));
  assert.deepEqual(hidden, []);
});
