import sharp from 'sharp';
import { crc32 } from './crc32.js';

/**
 * One frame of an animated PNG: a picture of its own that is laid into the canvas (PNG, third edition, section 11.3.6).
 */
export type ApngFrame = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly leftPx: number;
  readonly topPx: number;
  readonly delayMs: number;
  /** What becomes of the frame's rectangle before the next frame: it stays, is cleared, or is what it was before. */
  readonly disposal: 'keep' | 'clear' | 'restore';
  /** Whether the picture is laid over the canvas by its alpha, or takes the place of what is there. */
  readonly blends: boolean;
  /** Compressed rows: the data of IDAT or fdAT chunks. */
  readonly data: readonly Buffer[];
};

/** An animated PNG, taken apart. */
export type Apng = {
  readonly widthPx: number;
  readonly heightPx: number;
  /** 0: for ever. */
  readonly loopCount: number;
  readonly frames: readonly ApngFrame[];
  /** IHDR's bytes after the size, and the chunks that tell what samples mean: PLTE, tRNS, gAMA, … */
  readonly header: Buffer;
  readonly shared: readonly Buffer[];
};

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

type Chunk = { readonly name: string; readonly data: Buffer; readonly whole: Buffer };

function* chunksOf(png: Buffer): Generator<Chunk> {
  for (let at = signature.length; at + 12 <= png.length; ) {
    const end = at + 12 + png.readUInt32BE(at);
    if (end > png.length) return;
    const name = png.toString('latin1', at + 4, at + 8);
    yield { name, data: png.subarray(at + 8, end - 4), whole: png.subarray(at, end) };
    at = end;
  }
}

const delayOf = (data: Buffer): number => {
  const [num, den] = [data.readUInt16BE(20), data.readUInt16BE(22)];
  return Math.round((1000 * num) / (den === 0 ? 100 : den));
};

const disposals = ['keep', 'clear', 'restore'] as const;

const frameOf = (data: Buffer, isFirst: boolean): ApngFrame => {
  const disposal = disposals[data[24] ?? 0] ?? 'keep';
  return {
    widthPx: data.readUInt32BE(4),
    heightPx: data.readUInt32BE(8),
    leftPx: data.readUInt32BE(12),
    topPx: data.readUInt32BE(16),
    delayMs: delayOf(data),
    // Before the first frame there is nothing to go back to.
    disposal: isFirst && disposal === 'restore' ? 'clear' : disposal,
    blends: data[25] === 1,
    data: [],
  };
};

const sharedNames: ReadonlySet<string> = new Set(['PLTE', 'tRNS', 'gAMA', 'cHRM', 'sRGB', 'iCCP', 'sBIT']);

/**
 * Takes an animated PNG apart.
 *
 * @returns undefined for a PNG that is not animated.
 * @throws RangeError for one whose frames are damaged, lie outside of the picture or are cut off.
 */
export function parseApng(png: Buffer): Apng | undefined {
  if (!png.subarray(0, signature.length).equals(signature)) return undefined;
  let header: Buffer | undefined;
  let control: Buffer | undefined;
  let hasEnded = false;
  const shared: Buffer[] = [];
  const frames: (ApngFrame & { data: Buffer[] })[] = [];
  for (const { name, data, whole } of chunksOf(png)) {
    if (name === 'IHDR') header = data;
    else if (name === 'acTL') control = data;
    else if (name === 'fcTL') frames.push({ ...frameOf(data, frames.length === 0), data: [] });
    // Without a control chunk before it, the PNG's own picture is not part of the animation.
    else if (name === 'IDAT') {
      if (control === undefined) return undefined;
      frames.at(-1)?.data.push(data);
    } else if (name === 'fdAT') frames.at(-1)?.data.push(data.subarray(4));
    else if (name === 'IEND') hasEnded = true;
    else if (sharedNames.has(name)) shared.push(whole);
  }
  if (control === undefined) return undefined;
  if (header === undefined || !hasEnded || frames.length !== control.readUInt32BE(0)) {
    throw new RangeError('the animation is cut off');
  }
  const [widthPx, heightPx] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const isInside = (frame: ApngFrame): boolean =>
    frame.widthPx > 0 &&
    frame.heightPx > 0 &&
    frame.leftPx + frame.widthPx <= widthPx &&
    frame.topPx + frame.heightPx <= heightPx &&
    frame.data.length > 0;
  if (!frames.every(isInside)) throw new RangeError('a frame is damaged');
  return { widthPx, heightPx, loopCount: control.readUInt32BE(4), frames, header, shared };
}

const chunk = (name: string, data: Uint8Array): Buffer => {
  const whole = Buffer.alloc(12 + data.length);
  whole.writeUInt32BE(data.length, 0);
  whole.write(name, 4, 'latin1');
  whole.set(data, 8);
  whole.writeUInt32BE(crc32(whole.subarray(4, 8 + data.length)), 8 + data.length);
  return whole;
};

/** The frame as a PNG of its own. */
const framePng = ({ header, shared }: Apng, { widthPx, heightPx, data }: ApngFrame): Buffer => {
  const ownHeader = Buffer.from(header);
  ownHeader.writeUInt32BE(widthPx, 0);
  ownHeader.writeUInt32BE(heightPx, 4);
  const parts = [chunk('IHDR', ownHeader), ...shared, chunk('IDAT', Buffer.concat(data))];
  return Buffer.concat([signature, ...parts, chunk('IEND', Buffer.alloc(0))]);
};

/** Lays R, G, B, alpha over what is there, all straight: `over` of Porter and Duff. */
const blendPixel = (canvas: Uint8Array, to: number, picture: Uint8Array, from: number): void => {
  const above = picture[from + 3] as number;
  const below = canvas[to + 3] as number;
  if (above === 255 || below === 0) {
    for (let k = 0; k < 4; k++) canvas[to + k] = picture[from + k] as number;
    return;
  }
  if (above === 0) return;
  const belowShare = (below * (255 - above)) / 255;
  const alpha = above + belowShare;
  for (let k = 0; k < 3; k++) {
    const mixed = (picture[from + k] as number) * above + (canvas[to + k] as number) * belowShare;
    canvas[to + k] = Math.round(mixed / alpha);
  }
  canvas[to + 3] = Math.round(alpha);
};

/** The rows of a frame's rectangle, in bytes of a canvas of R, G, B, alpha. */
function* rowsOf(canvasWidthPx: number, frame: ApngFrame): Generator<readonly [start: number, end: number]> {
  for (let y = 0; y < frame.heightPx; y++) {
    const start = 4 * ((frame.topPx + y) * canvasWidthPx + frame.leftPx);
    yield [start, start + 4 * frame.widthPx];
  }
}

/**
 * The pictures of an animated PNG as they are seen: R, G, B and straight alpha, 8 bits each, 4 × widthPx × heightPx bytes. Each
 * belongs to the caller.
 *
 * @throws what sharp throws for a frame that cannot be decoded.
 */
export async function* apngPictures(apng: Apng): AsyncGenerator<Uint8Array, void, void> {
  const { widthPx, heightPx } = apng;
  let canvas = new Uint8Array(4 * widthPx * heightPx);
  for (const frame of apng.frames) {
    const picture = await sharp(framePng(apng, frame), { failOn: 'truncated' })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer();
    const before = frame.disposal === 'restore' ? canvas.slice() : undefined;
    let from = 0;
    for (const [start, end] of rowsOf(widthPx, frame)) {
      if (!frame.blends) canvas.set(picture.subarray(from, from + end - start), start);
      else for (let to = start; to < end; to += 4) blendPixel(canvas, to, picture, from + to - start);
      from += end - start;
    }
    yield canvas.slice();
    if (before !== undefined) canvas = before;
    if (frame.disposal !== 'clear') continue;
    for (const [start, end] of rowsOf(widthPx, frame)) canvas.fill(0, start, end);
  }
}
