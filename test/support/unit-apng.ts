import sharp from 'sharp';
import { crc32 } from '../../src/media/crc32.js';

/** A frame of a made APNG; all of its pixels have one colour. */
export type MadeFrame = {
  readonly colour: { readonly r: number; readonly g: number; readonly b: number; readonly alpha: number };
  readonly box: readonly [left: number, top: number, width: number, height: number];
  readonly delay: readonly [num: number, den: number];
  readonly disposal?: 0 | 1 | 2;
  readonly blend?: 0 | 1;
};

const chunk = (name: string, data: Uint8Array): Buffer => {
  const whole = Buffer.alloc(12 + data.length);
  whole.writeUInt32BE(data.length, 0);
  whole.write(name, 4, 'latin1');
  whole.set(data, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, 8 + data.length)), 8 + data.length);
  return whole;
};

const bigEndian = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, k) => bytes.writeUInt32BE(value, 4 * k));
  return bytes;
};

/** The chunks of a name in a PNG. */
const dataOf = (png: Buffer, wanted: string): Buffer => {
  const parts: Buffer[] = [];
  for (let at = 8; at + 12 <= png.length; ) {
    const end = at + 12 + png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === wanted) parts.push(png.subarray(at + 8, end - 4));
    at = end;
  }
  return Buffer.concat(parts);
};

/** An animated PNG of RGBA frames. */
export const makeApng = async (
  size: readonly [width: number, height: number],
  frames: readonly MadeFrame[],
  loopCount: number,
): Promise<Buffer> => {
  const header = Buffer.concat([bigEndian(...size), Buffer.from([8, 6, 0, 0, 0])]);
  const parts = [chunk('IHDR', header), chunk('acTL', bigEndian(frames.length, loopCount))];
  let sequence = 0;
  for (const [k, { colour, box, delay, disposal = 0, blend = 0 }] of frames.entries()) {
    const [left, top, width, height] = box;
    const png = await sharp({
      create: { width, height, channels: 4, background: { ...colour, alpha: colour.alpha / 255 } },
    })
      .png()
      .toBuffer();
    const times = Buffer.alloc(4);
    times.writeUInt16BE(delay[0], 0);
    times.writeUInt16BE(delay[1], 2);
    const control = [bigEndian(sequence++, width, height, left, top), times, Buffer.from([disposal, blend])];
    parts.push(chunk('fcTL', Buffer.concat(control)));
    const data = dataOf(png, 'IDAT');
    parts.push(k === 0 ? chunk('IDAT', data) : chunk('fdAT', Buffer.concat([bigEndian(sequence++), data])));
  }
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, ...parts, chunk('IEND', Buffer.alloc(0))]);
};
