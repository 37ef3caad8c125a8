import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchColour, matchDetail, unmatched } from '../../../src/processors/face-swapper/colour-match.js';
import { appearanceOf } from '../../support/unit-faces.js';
import { forAll } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

test('the matched source has the target’s mean, and its spread where that is near', () => {
  forAll(100, (random) => {
    const moments = () => ({
      mean: [random.between(10, 95), random.between(-20, 40), random.between(-20, 40)],
      std: [random.between(0, 30), random.between(0, 10), random.between(0, 10)],
    });
    const source = appearanceOf(moments());
    const target = appearanceOf(moments());
    const { gain, offset } = matchColour(source, target);
    for (const c of [0, 1, 2]) {
      assertClose(at(source.mean, c) * at(gain, c) + at(offset, c), at(target.mean, c), 1e-3, `mean ${c}`);
      // Between the source's own spread and the target's, never beyond either.
      const spread = at(source.std, c) * at(gain, c);
      const [low, high] = [at(source.std, c), at(target.std, c)].sort((first, second) => first - second);
      if (low! > 0.5) assert.ok(spread >= low! - 1e-4 && spread <= high! + 1e-4, `spread ${c}`);
    }
  });
  const near = matchColour(appearanceOf({ std: [8, 3, 4] }), appearanceOf({ std: [9, 2.9, 4.1] }));
  assertClose(at(near.gain, 0) * 8, 9, 1e-5);
});

test('equal appearances need no change', () => {
  const { gain, offset } = matchColour(appearanceOf({}), appearanceOf({}));
  for (const c of [0, 1, 2]) {
    assertClose(at(gain, c), at(unmatched.gain, c), 1e-6);
    assertClose(at(offset, c), at(unmatched.offset, c), 1e-5);
  }
});

test('a source of one even colour gives no endless gain', () => {
  const { gain } = matchColour(appearanceOf({ std: [0, 0, 0] }), appearanceOf({}));
  for (const value of gain) assert.ok(Number.isFinite(value) && value < 3);
});

test('detail is brought toward the target’s sharpness, the finest band most', () => {
  const source = appearanceOf({ bands: [2, 2, 2] });
  const equal = matchDetail(source, appearanceOf({ bands: [2, 2, 2] }), 1);
  for (const value of equal) assertClose(value, 1, 1e-6);
  const softer = matchDetail(source, appearanceOf({ bands: [0.2, 0.2, 0.2] }), 1);
  assert.ok(at(softer, 0) < 1 && at(softer, 0) <= at(softer, 1) && at(softer, 1) <= at(softer, 2));
  const sharper = matchDetail(source, appearanceOf({ bands: [9, 9, 9] }), 1);
  for (const value of sharper) assert.ok(value > 1 && value < 2);
});

test('the lightness gain that the colour match gives already counts as detail', () => {
  const source = appearanceOf({ bands: [2, 2, 2] });
  const target = appearanceOf({ bands: [1.8, 1.8, 1.8] });
  assertClose(at(matchDetail(source, target, 0.9), 0), 1, 1e-5);
});
