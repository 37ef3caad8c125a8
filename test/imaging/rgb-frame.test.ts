import assert from 'node:assert/strict';
import test from 'node:test';
import { frameFromRgb, rgbAfter, turnRgb } from '../../src/imaging/rgb-frame.js';

const size = { widthPx: 5, heightPx: 3 };
const bytes = Uint8Array.from({ length: 45 }, (_, k) => (k * 37) % 256);
const words = Uint16Array.from({ length: 45 }, (_, k) => (k * 7919) % 65536);

test('a picture comes back from its frame as it was, at 8 and at 16 bits', () => {
  for (const rgb of [bytes, words]) {
    const picture = { ...size, rgb };
    assert.deepEqual(rgbAfter(picture, frameFromRgb(picture)), rgb);
  }
});

test('black and white of 16 bits are those of the chain, 0 and 255 levels of four codes', () => {
  const { data } = frameFromRgb({ widthPx: 1, heightPx: 1, rgb: Uint16Array.of(0, 65535, 257 * 128) });
  assert.deepEqual([...data], [0, 1020, 512]);
});

test('a changed sample of 16 bits moves by the change, the others keep every bit', () => {
  const picture = { ...size, rgb: words };
  const frame = frameFromRgb(picture);
  // The sixth pixel of the green plane.
  const at = size.widthPx * size.heightPx + 5;
  frame.data[at] = (frame.data[at] as number) - 100;
  const after = rgbAfter(picture, frame);
  const changed = 3 * 5 + 1;
  assert.equal(after[changed], (words[changed] as number) - 6425);
  assert.deepEqual(after.with(changed, words[changed] as number), words);
});

test('a change of 16 bits ends at black and white', () => {
  const picture = { widthPx: 1, heightPx: 1, rgb: Uint16Array.of(65500, 30, 0) };
  const frame = frameFromRgb(picture);
  frame.data.set([1023, 0, 0]);
  assert.deepEqual([...rgbAfter(picture, frame)], [65535, 30, 0]);
});

test('a quarter turn is clockwise, and turns that add up to a whole one give the picture back', () => {
  const picture = { ...size, rgb: bytes };
  const quarter = turnRgb(picture, 1);
  assert.deepEqual([quarter.widthPx, quarter.heightPx], [3, 5]);
  // The bottom left corner comes to the top left.
  assert.deepEqual([...quarter.rgb.subarray(0, 3)], [...bytes.subarray(3 * 5 * 2, 3 * 5 * 2 + 3)]);
  for (const quarters of [1, 2, 3] as const) {
    const back = turnRgb(turnRgb(picture, quarters), (4 - quarters) as 1 | 2 | 3);
    assert.deepEqual(back, picture, `${quarters} quarters`);
  }
  assert.deepEqual(turnRgb(quarter, 1).rgb, turnRgb(picture, 2).rgb);
});
