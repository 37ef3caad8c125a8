import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import sharp, { type Sharp } from 'sharp';
import { FaceswapError } from '../../src/errors.js';
import { contentHash } from '../../src/media/content-hash.js';
import { noMetadata } from '../../src/media/image-metadata.js';
import { readStill, type StillImage, stillFormatOf, writeStill } from '../../src/media/still-image.js';
import { inFolder } from './media-fixtures.js';

const portrait = fileURLToPath(new URL('../fixtures/grace_hopper.jpg', import.meta.url));

/** 8x6 pixels that are all different, so that any turn or swap shows. */
const pattern = Uint8Array.from({ length: 8 * 6 * 3 }, (_, k) => (k * 37) % 256);

const still = (change: Partial<StillImage> = {}): StillImage => ({
  widthPx: 8,
  heightPx: 6,
  rgb: pattern,
  alpha: undefined,
  iccProfile: undefined,
  format: 'png',
  colourModel: 'rgb',
  pictureCount: 1,
  densityDpi: undefined,
  lossless: true,
  metadata: noMetadata,
  ...change,
});

test('PNG and lossless WebP give back every byte, alpha included', () =>
  inFolder(async (folder) => {
    const alpha = Uint8Array.from({ length: 48 }, (_, k) => (k * 5) % 256);
    for (const name of ['x.png', 'x.webp']) {
      const file = join(folder, name);
      await writeStill(file, still({ alpha }));
      const back = await readStill(file, 'target');
      assert.deepEqual(back.rgb, pattern, name);
      assert.deepEqual(back.alpha, alpha, name);
      assert.equal(back.lossless, true, name);
      assert.equal(back.iccProfile, undefined, name);
    }
  }));

test('JPEG is written without chroma subsampling and close to the original', () =>
  inFolder(async (folder) => {
    const image = await readStill(portrait, 'target');
    assert.deepEqual([image.widthPx, image.heightPx], [512, 600]);
    const file = join(folder, 'x.jpg');
    await writeStill(file, image);
    assert.equal((await sharp(file).metadata()).chromaSubsampling, '4:4:4');
    const back = await readStill(file, 'target');
    const squares = Array.from(back.rgb).reduce(
      (sum, value, k) => sum + (value - (image.rgb[k] ?? 0)) ** 2,
      0,
    );
    const psnrDb = 10 * Math.log10((255 * 255 * back.rgb.length) / squares);
    assert.ok(psnrDb > 40, `${psnrDb} dB`);
  }));

test('a wide-gamut target keeps its numbers and its profile in every format', () =>
  inFolder(async (folder) => {
    const source = join(folder, 'p3.png');
    await sharp(pattern, { raw: { width: 8, height: 6, channels: 3 } })
      .withIccProfile('p3')
      .png()
      .toFile(source);
    const image = await readStill(source, 'target');
    assert.ok(image.iccProfile !== undefined);
    for (const name of ['x.png', 'x.webp', 'x.jpg']) {
      const file = join(folder, name);
      await writeStill(file, image);
      const back = await readStill(file, 'target');
      assert.deepEqual(back.iccProfile, image.iccProfile, name);
      if (name !== 'x.jpg') assert.deepEqual(back.rgb, image.rgb, name);
    }
    const asSource = await readStill(source, 'source');
    assert.equal(asSource.iccProfile, undefined);
    assert.notDeepEqual(asSource.rgb, image.rgb);
  }));

test('EXIF orientation is applied to the pixels and not written again', () =>
  inFolder(async (folder) => {
    const turned = join(folder, 'turned.png');
    const upright = join(folder, 'upright.png');
    const raw = sharp(pattern, { raw: { width: 8, height: 6, channels: 3 } });
    await raw.png().withMetadata({ orientation: 6 }).toFile(turned);
    const image = await readStill(turned, 'target');
    assert.deepEqual([image.widthPx, image.heightPx], [6, 8]);
    // Orientation 6: the stored picture is turned clockwise, its bottom left corner comes to the top left.
    assert.deepEqual([...image.rgb.subarray(0, 3)], [...pattern.subarray(5 * 8 * 3, 5 * 8 * 3 + 3)]);
    await writeStill(upright, image);
    assert.equal((await sharp(upright).metadata()).orientation ?? 1, 1);
    assert.deepEqual((await readStill(upright)).rgb, image.rgb);
  }));

test('gray, palette, CMYK and 16-bit sources become 8-bit RGB', () =>
  inFolder(async (folder) => {
    const raw = sharp(pattern, { raw: { width: 8, height: 6, channels: 3 } });
    const make = async (name: string, picture: Sharp): Promise<string> => {
      const file = join(folder, name);
      await picture.toFile(file);
      return file;
    };
    const deep = await make('deep.png', raw.clone().toColourspace('rgb16').png());
    for (const file of [
      await make('gray.png', raw.clone().greyscale().png()),
      await make('palette.png', raw.clone().png({ palette: true })),
      await make('cmyk.jpg', raw.clone().toColourspace('cmyk').jpeg()),
      deep,
    ]) {
      const image = await readStill(file);
      assert.equal(image.rgb.length, 8 * 6 * 3, file);
    }
  }));

test('a rewritten file is read anew', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'x.webp');
    for (const value of [10, 200]) {
      await writeStill(file, still({ rgb: new Uint8Array(8 * 6 * 3).fill(value) }));
      assert.equal((await readStill(file)).rgb[0], value);
    }
  }));

test('pictures that cannot be used have one line with exit code 3', () =>
  inFolder(async (folder) => {
    const cut = join(folder, 'cut.jpg');
    await writeFile(cut, await readFile(portrait));
    await truncate(cut, 20_000);
    const text = join(folder, 'text.png');
    await writeFile(text, 'no picture at all');
    const empty = join(folder, 'empty.png');
    await writeFile(empty, '');
    for (const [file, reason] of [
      [cut, /damaged or cut off/],
      [text, /neither/],
      [empty, /empty/],
      [join(folder, 'nowhere.png'), /no such file/],
    ] as const) {
      await assert.rejects(readStill(file), (error) => {
        assert.ok(error instanceof FaceswapError);
        assert.equal(error.exitCode, 3);
        assert.match(String(error), reason);
        return true;
      });
    }
    assert.throws(() => stillFormatOf('x.bmp'), /Cannot write \.bmp/);
  }));

test('contentHash agrees with what crypto says', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'x.png');
    await writeFile(file, pattern);
    assert.equal(
      await contentHash(file),
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    );
    await assert.rejects(contentHash(join(folder, 'nowhere')), /Cannot read/);
  }));
