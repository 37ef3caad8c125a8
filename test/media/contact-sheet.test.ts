import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Canvas, drawLabel } from '../../src/imaging/label-glyphs.js';
import { layContactSheet, sheetTilePx } from '../../src/media/contact-sheet.js';

/** Rows of a canvas as text: `#` where it is white. */
const rowsOf = ({ widthPx, heightPx, rgb }: Canvas): readonly string[] =>
  Array.from({ length: heightPx }, (_, y) =>
    Array.from({ length: widthPx }, (_pixel, x) => (rgb[3 * (y * widthPx + x)] === 255 ? '#' : '.')).join(''),
  );

const canvasOf = (widthPx: number, heightPx: number): Canvas => ({
  widthPx,
  heightPx,
  rgb: new Uint8Array(3 * widthPx * heightPx),
});

test('a label is drawn dot by dot, and nothing of it beyond the canvas', () => {
  const canvas = canvasOf(12, 8);
  drawLabel(canvas, '1:x', { x: 0, y: 0, dotPx: 1 });
  assert.deepEqual(rowsOf(canvas), [
    '..#.........',
    '.##....##...',
    '..#....##...',
    '..#.........',
    '..#....##...',
    '..#....##...',
    '.###........',
    '............',
  ]);
  const edge = canvasOf(5, 4);
  drawLabel(edge, '77', { x: 0, y: 0, dotPx: 2 });
  assert.deepEqual(rowsOf(edge), ['#####', '#####', '.....', '.....']);
});

test('tiles lie in rows in their order, with their lines below', () => {
  const tile = (level: number) => ({
    rgb: new Uint8Array(3 * sheetTilePx ** 2).fill(level),
    lines: ['person1', '0:01.5'],
  });
  const sheet = layContactSheet([50, 60, 70].map(tile));
  const level = (column: number, row: number): number =>
    sheet.rgb[3 * (row * sheet.widthPx + column)] as number;
  // Two columns of 160 pixels with gaps of 12, two rows with 40 more for the text.
  assert.deepEqual([sheet.widthPx, sheet.heightPx], [356, 12 + 2 * 212]);
  assert.equal(level(5, 5), 24);
  assert.deepEqual([level(12, 12), level(184, 12), level(12, 224), level(171, 171)], [50, 60, 70, 50]);
  assert.equal(level(184, 224), 24, 'the last place stays empty');
  const text = rowsOf(sheet).slice(172, 212).join('');
  assert.ok(text.includes('#'));
  assert.equal(layContactSheet([...Array(40).keys()].map(tile)).widthPx, 12 + 6 * 172);
});
