import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteFacePaster } from '../../../src/processors/multiband-blender/byte-paster.js';
import { formatOf, paintFrame, type Picture } from '../../support/unit-frames.js';
import { seededRandom } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const noise: Picture = (x, y) => [((x * 37 + y * 11) % 97) / 97, ((x * 5 + y * 71) % 89) / 89, (x % 7) / 7];

const sizePx = 16;
const random = seededRandom(3);
const crop = Float32Array.from({ length: 3 * sizePx * sizePx }, () => random.between(0, 1));
const mask = Float32Array.from({ length: sizePx * sizePx }, () => random.between(0, 1));

/** Bilinear between the values of a square, with what counts outside. */
const between = (
  values: Float32Array,
  from: number,
  x: number,
  y: number,
  outside: 'edge' | 'zero',
): number => {
  let sum = 0;
  for (const [atX, shareX] of [
    [Math.floor(x), 1 - (x - Math.floor(x))],
    [Math.floor(x) + 1, x - Math.floor(x)],
  ] as const) {
    for (const [atY, shareY] of [
      [Math.floor(y), 1 - (y - Math.floor(y))],
      [Math.floor(y) + 1, y - Math.floor(y)],
    ] as const) {
      const inside = atX >= 0 && atY >= 0 && atX < sizePx && atY < sizePx;
      const column = Math.min(sizePx - 1, Math.max(0, atX));
      const row = Math.min(sizePx - 1, Math.max(0, atY));
      const value = inside || outside === 'edge' ? at(values, from + row * sizePx + column) : 0;
      sum += shareX * shareY * value;
    }
  }
  return sum;
};

test('a crop is mixed in by its mask inside the box of its corners, and cut off to whole levels', () => {
  const format = formatOf(60, 50, 'rgb');
  const before = paintFrame(format, noise);
  const frame = paintFrame(format, noise);
  // frame = M⁻¹ · crop: turned, twice as large, over the frame's upper edge.
  const [cos, sin, moveX, moveY] = [1.9, 0.6, 14.3, -6.2];
  const toFrame = { a: cos, b: -sin, c: moveX, d: sin, e: cos, f: moveY };
  new ByteFacePaster().paste(frame, { crop, mask, sizePx, toFrame });
  const corners = [
    [0, 0],
    [sizePx, 0],
    [sizePx, sizePx],
    [0, sizePx],
  ].map(([x = 0, y = 0]) => [cos * x - sin * y + moveX, sin * x + cos * y + moveY] as const);
  const left = Math.floor(Math.min(...corners.map(([x]) => x)));
  const top = Math.max(0, Math.floor(Math.min(...corners.map(([, y]) => y))));
  const right = Math.ceil(Math.max(...corners.map(([x]) => x)));
  const bottom = Math.ceil(Math.max(...corners.map(([, y]) => y)));
  const square = cos * cos + sin * sin;
  let changed = 0;
  for (let y = 0; y < 50; y++) {
    for (let x = 0; x < 60; x++) {
      const inBox = x >= left && x < right && y >= top && y < bottom;
      const cropX = (cos * (x - moveX) + sin * (y - moveY)) / square;
      const cropY = (-sin * (x - moveX) + cos * (y - moveY)) / square;
      const opacity = inBox ? Math.min(1, Math.max(0, between(mask, 0, cropX, cropY, 'zero'))) : 0;
      for (let channel = 0; channel < 3; channel++) {
        const place = (channel * 50 + y) * 60 + x;
        const was = at(before.data, place);
        const face = 255 * between(crop, channel * sizePx * sizePx, cropX, cropY, 'edge');
        const mixed = was * (1 - opacity) + face * opacity;
        // Within the rounding of the arithmetic, whole levels may be cut off either way.
        const isWhole = Math.abs(mixed - Math.round(mixed)) < 1e-6;
        if (opacity === 0) assert.equal(at(frame.data, place), was, `outside at ${x}, ${y}`);
        else if (isWhole) assertClose(at(frame.data, place), mixed, 1.000001);
        else assert.equal(at(frame.data, place), Math.floor(mixed), `channel ${channel} at ${x}, ${y}`);
        if (at(frame.data, place) !== was) changed++;
      }
    }
  }
  assert.ok(changed > 1000, `${changed} samples changed`);
});

test('pixels that keep their colour keep their samples, in every layout', () => {
  for (const name of ['yuv420', 'yuv422', 'yuv444', 'yuv420full'] as const) {
    const format = formatOf(60, 50, name);
    const before = paintFrame(format, noise);
    const frame = paintFrame(format, noise);
    const half = Float32Array.from(mask, (_, i) => (i % sizePx < 8 ? 0 : 1));
    const toFrame = { a: 2, b: 0, c: 11, d: 0, e: 2, f: 9 };
    new ByteFacePaster().paste(frame, { crop, mask: half, sizePx, toFrame });
    const [luma, blue] = frame.layout.planes;
    let changed = 0;
    for (let y = 0; y < 50; y++) {
      for (let x = 0; x < 60; x++) {
        const place = y * 60 + x;
        const isFar = x < 11 + 2 * 7 || x > 11 + 32 || y < 9 - 2 || y > 9 + 32;
        if (isFar) assert.equal(at(frame.data, place), at(before.data, place), `${name} at ${x}, ${y}`);
        else if (at(frame.data, place) !== at(before.data, place)) changed++;
      }
    }
    assert.ok(changed > 300, `${name}: ${changed} changed`);
    for (let y = 0; y < blue.heightPx; y++) {
      for (let x = 0; x < Math.floor((11 + 2 * 7 - 1) / (luma.widthPx / blue.widthPx)); x++) {
        const place = blue.offset + y * blue.widthPx + x;
        assert.equal(at(frame.data, place), at(before.data, place), `${name}: chroma at ${x}, ${y}`);
      }
    }
  }
});

test('a face of one colour comes out in that colour, less the level that is cut off', () => {
  const frame = paintFrame(formatOf(60, 50, 'yuv420'), () => [0.2, 0.3, 0.4]);
  const plain = Float32Array.from(
    { length: 3 * 256 },
    (_, i) => [0.8, 0.5, 0.4][Math.floor(i / 256)] as number,
  );
  const toFrame = { a: 2, b: 0, c: 10, d: 0, e: 2, f: 10 };
  new ByteFacePaster().paste(frame, {
    crop: plain,
    mask: new Float32Array(256).fill(1),
    sizePx,
    toFrame,
  });
  const expected = paintFrame(formatOf(60, 50, 'yuv420'), () => [204 / 255, 127 / 255, 102 / 255]);
  const { planes } = frame.layout;
  for (const [index, { offset, widthPx }] of planes.entries()) {
    const [x, y] = index === 0 ? [26, 26] : [13, 13];
    assertClose(at(frame.data, offset + y * widthPx + x), at(expected.data, offset + y * widthPx + x), 1);
  }
});

test('a crop outside of the frame changes nothing', () => {
  const frame = paintFrame(formatOf(60, 50, 'yuv420'), noise);
  const before = frame.data.slice();
  const toFrame = { a: 1, b: 0, c: 200, d: 0, e: 1, f: 10 };
  new ByteFacePaster().paste(frame, { crop, mask, sizePx, toFrame });
  assert.deepEqual(frame.data, before);
});
