import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitContrast } from '../../../src/imaging/contrast-limit.js';
import { DarkCropLighter } from '../../../src/processors/face-landmarker/dark-crop.js';
import { seededRandom } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

/** Planar RGB of one colour. */
const plain = (sidePx: number, colour: readonly [number, number, number]): Float32Array =>
  Float32Array.from({ length: 3 * sidePx * sidePx }, (_, i) => at(colour, Math.floor(i / sidePx ** 2)));

test('a crop that is light enough is not touched', () => {
  const random = seededRandom(3);
  const crop = Float32Array.from({ length: 3 * 64 * 64 }, () => Math.floor(random.between(40, 256)));
  const before = crop.slice();
  new DarkCropLighter(64, false).lighten(crop);
  assert.deepEqual(crop, before);
});

test("FaceFusion's way costs every crop the precision of 8 bits of Lab", () => {
  const random = seededRandom(4);
  const crop = Float32Array.from({ length: 3 * 256 * 256 }, () => Math.floor(random.between(0, 256)));
  const before = crop.slice();
  new DarkCropLighter(256, true).lighten(crop);
  let sum = 0;
  let worst = 0;
  for (let i = 0; i < crop.length; i++) {
    const change = Math.abs(at(crop, i) - at(before, i));
    sum += change;
    worst = Math.max(worst, change);
  }
  // Measured with OpenCV on random colours: 0.70 on average, 22 at most.
  assertClose(sum / crop.length, 0.7, 0.06, 'mean change');
  assert.ok(worst >= 15 && worst <= 30, `largest change ${worst}`);
});

test('how dark a crop is depends on its own colours, and with FaceFusion on those with red and blue exchanged', () => {
  // L* of blue 0.35 is about 9.6 of 100, 24 of 255; of red with the same level 16.9, 43 of 255.
  const level = 0.35 * 255;
  for (const [colour, isDark] of [
    [[0, 0, level], { ours: true, theirs: false }],
    [[level, 0, 0], { ours: false, theirs: true }],
  ] as const) {
    for (const isCompatible of [false, true]) {
      const crop = plain(64, colour);
      new DarkCropLighter(64, isCompatible).lighten(crop);
      const channel = colour[0] === 0 ? 2 : 0;
      const change = at(crop, channel * 64 * 64 + 100) - level;
      const expected = isCompatible ? isDark.theirs : isDark.ours;
      assert.equal(Math.abs(change) > 3, expected, `${colour.join()} ${isCompatible}: changed by ${change}`);
    }
  }
});

test('equalisation spreads the levels of each tile up to its limit', () => {
  const sidePx = 256;
  // Tiles of 32 × 32 = 1024 pixels; all have half of level 10 and half of level 20.
  const plane = Float32Array.from({ length: sidePx ** 2 }, (_, i) => (i % 2 === 0 ? 10 : 20));
  limitContrast(plane, sidePx);
  // The limit is int(2 · 1024 / 256) = 8: 2 · 504 are cut off, 3 more for each level, and the other 240 one by one for levels 0 to 239.
  const upTo = (level: number): number => (level + 1) * 4 + 8 * (level >= 20 ? 2 : 1);
  assert.equal(at(plane, 100 * sidePx + 100), Math.round((upTo(10) * 255) / 1024));
  assert.equal(at(plane, 100 * sidePx + 101), Math.round((upTo(20) * 255) / 1024));
});

test('between the middles of tiles their curves are mixed', () => {
  const sidePx = 256;
  // Tiles on the left have 31 lines of level 50 and one of 100, those on the right nothing but 100.
  const plane = Float32Array.from({ length: sidePx ** 2 }, (_, i) =>
    i % sidePx < 128 && Math.floor(i / sidePx) % 32 !== 20 ? 50 : 100,
  );
  limitContrast(plane, sidePx);
  // Left: 1024 − 16 are cut off, 3 for each level and 240 one by one; right: 1024 − 8, 3 for each and 248 one by one.
  const left = Math.round(((101 * 4 + 16) * 255) / 1024);
  const right = Math.round(((101 * 4 + 8) * 255) / 1024);
  // Middles of tiles lie at 16 + 32 · n: at 112 on the left of the border and 144 on the right.
  for (const [x, share] of [
    [112, 0],
    [120, 0.25],
    [128, 0.5],
    [136, 0.75],
    [144, 1],
  ] as const) {
    assert.equal(at(plane, 20 * sidePx + x), Math.round(left + share * (right - left)), `at ${x}`);
  }
});
