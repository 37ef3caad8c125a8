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
import {
  readStill,
  type StillFormat,
  type StillImage,
  stillFormatOf,
  stillLosses,
  writeStill,
} from '../../src/media/still-image.js';
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

test('16-bit targets keep every bit in PNG and TIFF, with alpha and profile; other formats say that they do not', () =>
  inFolder(async (folder) => {
    const rgb = Uint16Array.from({ length: 8 * 6 * 3 }, (_, k) => (k * 7919) % 65536);
    const alpha = Uint16Array.from({ length: 48 }, (_, k) => (k * 1367) % 65536);
    const p3 = await sharp(pattern, { raw: { width: 8, height: 6, channels: 3 } })
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const iccProfile = (await sharp(p3).metadata()).icc;
    for (const name of ['x.png', 'x.tiff']) {
      for (const deep of [still({ rgb }), still({ rgb, alpha, iccProfile })]) {
        const file = join(folder, name);
        await writeStill(file, deep, { note: 'changed' });
        const back = await readStill(file, 'target');
        assert.deepEqual(back.rgb, rgb, name);
        assert.deepEqual(back.alpha, deep.alpha, name);
        assert.deepEqual(back.iccProfile, deep.iccProfile, name);
      }
    }
    const jpeg = join(folder, 'x.jpg');
    const smooth = still({ rgb: new Uint16Array(8 * 6 * 3).fill(0x8080) });
    await writeStill(jpeg, smooth);
    assert.equal((await readStill(jpeg, 'target')).rgb[0], 0x80);
    const codes = (image: StillImage, format: StillFormat) =>
      stillLosses(image, format).map(({ code }) => code);
    assert.deepEqual(codes(smooth, 'png'), []);
    assert.deepEqual(codes(smooth, 'tiff'), []);
    assert.deepEqual(codes(smooth, 'webp'), ['bit-depth']);
    assert.deepEqual(codes(smooth, 'avif'), ['bit-depth']);
    assert.deepEqual(codes(still({ rgb, alpha }), 'jpeg'), ['bit-depth', 'alpha-flattened']);
  }));

test('TIFF and AVIF of a lossless picture give back every byte', () =>
  inFolder(async (folder) => {
    const alpha = Uint8Array.from({ length: 48 }, (_, k) => (k * 5) % 256);
    for (const name of ['x.tif', 'x.tiff', 'x.avif']) {
      const file = join(folder, name);
      await writeStill(file, still({ alpha }));
      const back = await readStill(file, 'target');
      assert.deepEqual(back.rgb, pattern, name);
      assert.deepEqual(back.alpha, alpha, name);
    }
    assert.equal(stillFormatOf('X.TIFF'), 'tiff');
  }));

test('EXIF orientations 1 to 8 stand upright from PNG, JPEG, WebP and TIFF alike', () =>
  inFolder(async (folder) => {
    // Four corners of 8x8 pixels, told apart also after JPEG.
    const colours = [10, 90, 170, 250];
    const corners = Uint8Array.from({ length: 16 * 16 * 3 }, (_, k) => {
      const pixel = Math.floor(k / 3);
      return colours[2 * Number(pixel >= 128) + Number(pixel % 16 >= 8)] ?? 0;
    });
    /** Which corner of the stored picture is seen at the top left, top right, bottom left, bottom right (EXIF 2.32, 4.6.4). */
    const upright: readonly (readonly number[])[] = [
      [0, 1, 2, 3],
      [1, 0, 3, 2],
      [3, 2, 1, 0],
      [2, 3, 0, 1],
      [0, 2, 1, 3],
      [2, 0, 3, 1],
      [3, 1, 2, 0],
      [1, 3, 0, 2],
    ];
    for (const [k, seen] of upright.entries()) {
      for (const format of ['png', 'jpeg', 'webp', 'tiff'] as const) {
        const file = join(folder, `turned.${format}`);
        await sharp(corners, { raw: { width: 16, height: 16, channels: 3 } })
          .toFormat(format, { quality: 95 })
          .withMetadata({ orientation: k + 1 })
          .toFile(file);
        const image = await readStill(file, 'target');
        const at = [0, 15, 240, 255].map((pixel) => image.rgb[3 * pixel] ?? 0);
        const found = at.map((value) => colours.findIndex((colour) => Math.abs(colour - value) < 20));
        assert.deepEqual(found, seen, `${format}, orientation ${k + 1}`);
      }
    }
  }));

test('gray and CMYK targets are told to become RGB', () =>
  inFolder(async (folder) => {
    const raw = sharp(pattern, { raw: { width: 8, height: 6, channels: 3 } });
    const code = async (name: string, picture: Sharp): Promise<readonly string[]> => {
      const file = join(folder, name);
      await picture.toFile(file);
      return stillLosses(await readStill(file, 'target'), 'png').map((loss) => loss.code);
    };
    assert.deepEqual(await code('gray.png', raw.clone().toColourspace('b-w').png()), ['colour-model']);
    assert.deepEqual(await code('cmyk.jpg', raw.clone().toColourspace('cmyk').jpeg()), ['colour-model']);
    assert.deepEqual(await code('palette.png', raw.clone().png({ palette: true })), []);
  }));

test('a JPEG of a transparent picture is laid on black', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'x.jpg');
    const alpha = new Uint8Array(48).fill(0);
    await writeStill(file, still({ rgb: new Uint8Array(8 * 6 * 3).fill(200), alpha }));
    assert.equal((await readStill(file)).rgb[0], 0);
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
