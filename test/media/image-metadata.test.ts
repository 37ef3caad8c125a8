import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import sharp from 'sharp';
import { iptcOnly, uprightExif, uprightXmp } from '../../src/media/image-metadata.js';
import { readStill, stillLosses, writeStill } from '../../src/media/still-image.js';
import { inFolder } from './media-fixtures.js';

const note = 'Face replaced with faceswap 0';

/** Fields of a directory: tag, type, count, value or offset; all little-endian. */
type Field = readonly [tag: number, type: number, count: number, value: number];

const directory = (fields: readonly Field[], next: number): Buffer => {
  const bytes = Buffer.alloc(2 + 12 * fields.length + 4);
  bytes.writeUInt16LE(fields.length, 0);
  fields.forEach(([tag, type, count, value], k) => {
    bytes.writeUInt16LE(tag, 2 + 12 * k);
    bytes.writeUInt16LE(type, 4 + 12 * k);
    bytes.writeUInt32LE(count, 6 + 12 * k);
    bytes.writeUInt32LE(value, 10 + 12 * k);
  });
  bytes.writeUInt32LE(next, bytes.length - 4);
  return bytes;
};

/** An EXIF block with a description, orientation 6, a maker note, a date and a thumbnail. */
const cameraExif = (): Buffer => {
  const [main, texts, folder, second, thumbnail] = [8, 100, 200, 300, 400];
  const bytes = Buffer.alloc(500);
  bytes.write('II*\0', 0, 'latin1');
  bytes.writeUInt32LE(main, 4);
  directory(
    [
      [0x010e, 2, 16, texts],
      [0x010f, 2, 7, texts + 20],
      [0x0112, 3, 1, 6],
      [0x8769, 4, 1, folder],
    ],
    second,
  ).copy(bytes, main);
  bytes.write('Grüße von uns', texts, 'utf8');
  bytes.write('Camera', texts + 20, 'latin1');
  directory(
    [
      [0x9003, 2, 20, 250],
      [0x927c, 7, 12, 280],
    ],
    0,
  ).copy(bytes, folder);
  bytes.write('2020:01:02 03:04:05', 250, 'latin1');
  bytes.write('SECRET-MAKER', 280, 'latin1');
  directory(
    [
      [0x0103, 3, 1, 6],
      [0x0201, 4, 1, thumbnail],
      [0x0202, 4, 1, 20],
    ],
    0,
  ).copy(bytes, second);
  bytes.write('\u00ff\u00d8SECRET-THUMBNAIL', thumbnail, 'latin1');
  return bytes;
};

const segment = (marker: number, body: Buffer): Buffer => {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
};

const iptcRecord = Buffer.from([0x1c, 2, 5, 0, 5, ...Buffer.from('Title'), 0x1c, 2, 0]);

const photoshop = (...resources: readonly (readonly [number, Buffer])[]): Buffer =>
  Buffer.concat([
    Buffer.from('Photoshop 3.0\0', 'latin1'),
    ...resources.flatMap(([id, data]) => {
      const head = Buffer.from('8BIM\0\0\0\0\0\0\0\0', 'latin1');
      head.writeUInt16BE(id, 4);
      head.writeUInt32BE(data.length, 8);
      return [head, data, Buffer.alloc(data.length % 2)];
    }),
  ]);

const xmp =
  '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
  '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" xmlns:xmp="http://ns.adobe.com/xap/1.0/">' +
  '<xmp:Rating>5</xmp:Rating><xmp:Thumbnails><x>SECRET-XMP</x></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>';

/** A photo of 12x8 pixels as a camera writes it. */
const cameraJpeg = async (): Promise<Buffer> => {
  const raw = Uint8Array.from({ length: 12 * 8 * 3 }, (_, k) => (k * 37) % 256);
  const jpeg = await sharp(raw, { raw: { width: 12, height: 8, channels: 3 } })
    .jpeg()
    .withXmp(xmp)
    .toBuffer();
  return Buffer.concat([
    jpeg.subarray(0, 2),
    segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), cameraExif()])),
    segment(0xed, photoshop([0x040c, Buffer.from('SECRET-RESOURCE')], [0x0404, iptcRecord])),
    jpeg.subarray(2),
  ]);
};

test('camera, date, XMP and IPTC stay in a JPEG; orientation, thumbnails and the maker note do not', () =>
  inFolder(async (folder) => {
    const target = join(folder, 'camera.jpg');
    const output = join(folder, 'out.jpg');
    await writeFile(target, await cameraJpeg());
    const image = await readStill(target, 'target');
    assert.deepEqual([image.widthPx, image.heightPx], [8, 12]);
    await writeStill(output, image, { note });
    const bytes = await readFile(output);
    const { exif, xmp: xmpAfter, iptc, orientation, width } = await sharp(bytes).metadata();
    assert.equal(orientation, 1);
    assert.equal(width, 8);
    const text = exif?.toString('utf8') ?? '';
    assert.match(text, /Camera/);
    assert.match(text, /2020:01:02 03:04:05/);
    assert.match(text, /Grüße von uns; Face replaced with faceswap/);
    assert.match(xmpAfter?.toString() ?? '', /<xmp:Rating>5/);
    assert.match(xmpAfter?.toString() ?? '', /tiff:Orientation="1"/);
    assert.ok(iptc?.includes(iptcRecord));
    assert.ok(!bytes.includes('SECRET'), 'something of the old picture is left');
  }));

test('the tags go into PNG, WebP and AVIF; what a format cannot hold is told', () =>
  inFolder(async (folder) => {
    const target = join(folder, 'camera.jpg');
    await writeFile(target, await cameraJpeg());
    const image = await readStill(target, 'target');
    for (const name of ['x.png', 'x.webp', 'x.avif']) {
      const file = join(folder, name);
      await writeStill(file, image, { note });
      const { exif, xmp: xmpAfter, orientation = 1 } = await sharp(file).metadata();
      assert.equal(orientation, 1, name);
      assert.match(exif?.toString('utf8') ?? '', /Grüße von uns; Face replaced[\s\S]*Camera/, name);
      assert.match(xmpAfter?.toString() ?? '', /<xmp:Rating>5/, name);
      assert.ok(!(await readFile(file)).includes('SECRET'), name);
    }
    const tiff = join(folder, 'x.tiff');
    await writeStill(tiff, image, { note });
    const tagged = await sharp(tiff).metadata();
    assert.match(tagged.xmp?.toString() ?? '', /<xmp:Rating>5[\s\S]*Face replaced with faceswap/);
    const codes = (format: 'tiff' | 'png' | 'jpeg') => stillLosses(image, format).map(({ code }) => code);
    assert.deepEqual(codes('tiff'), ['exif-dropped', 'iptc-dropped']);
    assert.deepEqual(codes('png'), ['iptc-dropped']);
    assert.deepEqual(codes('jpeg'), []);
  }));

test('a note is not added twice', () =>
  inFolder(async (folder) => {
    const [first, second] = [join(folder, '1.png'), join(folder, '2.png')];
    const picture = sharp({ create: { width: 4, height: 4, channels: 3, background: '#888' } });
    await writeFile(first, await picture.png().toBuffer());
    await writeStill(second, await readStill(first, 'target'), { note });
    await writeStill(first, await readStill(second, 'target'), { note });
    const text = (await sharp(first).metadata()).exif?.toString('latin1') ?? '';
    assert.equal(text.split(note).length, 2);
  }));

test('damaged blocks are left out, wherever they are cut', () => {
  const whole = cameraExif();
  for (let length = 0; length < whole.length; length += 7) {
    const result = uprightExif(whole.subarray(0, length));
    if (length < 60) assert.equal(result, undefined, `${length} bytes`);
  }
  const wild = Buffer.from(whole);
  wild.writeUInt32LE(0xfffffff0, 4);
  assert.equal(uprightExif(wild), undefined);
  assert.equal(uprightExif(Buffer.from('no exif at all')), undefined);
  assert.equal(iptcOnly(Buffer.from('something else')), undefined);
  assert.equal(iptcOnly(photoshop([0x0404, iptcRecord]).subarray(0, 20)), undefined);
  assert.equal(uprightXmp('<a><xmp:Thumbnails><x>cut'), undefined);
  assert.equal(uprightXmp('<a><xmp:Thumbnails/>b</a>'), '<a>b</a>');
});
