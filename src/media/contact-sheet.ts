import sharp from 'sharp';
import { FaceswapError } from '../errors.js';
import { type Canvas, drawLabel, labelHeightPx } from '../imaging/label-glyphs.js';

/** Side of the pictures on a sheet. */
export const sheetTilePx = 160;

const gapPx = 12;
const dotPx = 2;
const linePx = labelHeightPx(dotPx) + 6;
const widestRow = 6;
const background = 24;

/** A picture with what stands below it. */
export type SheetTile = {
  /** Interleaved R, G, B of 8 bits, {@link sheetTilePx} squared. */
  readonly rgb: Uint8Array;
  /** At most two, of the characters that `drawLabel` knows. */
  readonly lines: readonly string[];
};

/** Lays tiles out in rows, in their order, about as wide as high but never wider than six. */
export const layContactSheet = (tiles: readonly SheetTile[]): Canvas => {
  const columns = Math.min(widestRow, Math.max(1, Math.ceil(Math.sqrt(tiles.length))));
  const rows = Math.max(1, Math.ceil(tiles.length / columns));
  const cellPx = { width: sheetTilePx + gapPx, height: sheetTilePx + 2 * linePx + gapPx };
  const widthPx = gapPx + columns * cellPx.width;
  const heightPx = gapPx + rows * cellPx.height;
  const canvas = { widthPx, heightPx, rgb: new Uint8Array(3 * widthPx * heightPx).fill(background) };
  for (const [at, { rgb, lines }] of tiles.entries()) {
    const left = gapPx + (at % columns) * cellPx.width;
    const top = gapPx + Math.floor(at / columns) * cellPx.height;
    for (let row = 0; row < sheetTilePx; row += 1) {
      canvas.rgb.set(
        rgb.subarray(3 * row * sheetTilePx, 3 * (row + 1) * sheetTilePx),
        3 * ((top + row) * widthPx + left),
      );
    }
    for (const [line, text] of lines.entries()) {
      drawLabel(canvas, text, { x: left, y: top + sheetTilePx + 6 + line * linePx, dotPx });
    }
  }
  return canvas;
};

/**
 * Writes a contact sheet as PNG.
 *
 * @throws FaceswapError (resources) when the file cannot be written.
 */
export async function writeContactSheet(file: string, tiles: readonly SheetTile[]): Promise<void> {
  const { widthPx, heightPx, rgb } = layContactSheet(tiles);
  try {
    await sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } })
      .png({ compressionLevel: 6 })
      .toFile(file);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FaceswapError('resources', `The contact sheet cannot be written: ${message}`, {
      file,
      stage: 'cast',
      cause,
    });
  }
}
