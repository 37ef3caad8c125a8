import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ColourMatch,
  ColourMatcher,
  featureLift,
  matchColour,
  matchDetail,
  unmatched,
} from '../../../src/processors/face-swapper/colour-match.js';
import {
  allocateSkinTones,
  lightTerms,
  measureTones,
  type SkinTones,
  toneMaps,
  toneShares,
  toneSide,
} from '../../../src/processors/face-swapper/skin-tones.js';
import { appearanceOf } from '../../support/unit-faces.js';
import { forAll, type Random } from '../../support/unit-random.js';
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

test('fine lines of a lined face become as soft as the target, those of a smooth face less so', () => {
  const soft = appearanceOf({ bands: [0.5, 0.5, 0.5] });
  const lined = matchDetail(appearanceOf({ bands: [6, 6.5, 6] }), soft, 1);
  const plain = matchDetail(appearanceOf({ bands: [6, 4, 6] }), soft, 1);
  assertClose(at(lined, 0), 0.45, 1e-6);
  assertClose(at(plain, 0), 0.65, 1e-6);
  assert.ok(at(lined, 1) < at(plain, 1));
  assert.equal(at(lined, 2), at(plain, 2));
});

test('the lightness gain that the colour match gives already counts as detail', () => {
  const source = appearanceOf({ bands: [2, 2, 2] });
  const target = appearanceOf({ bands: [1.8, 1.8, 1.8] });
  assertClose(at(matchDetail(source, target, 0.9), 0), 1, 1e-5);
});

test('features are lifted to what the photo shows, and lines of strong contrast not at all', () => {
  const soft = appearanceOf({ bands: [2, 3, 4] });
  const lined = appearanceOf({ bands: [6, 6.2, 6] });
  // Flattened by the match: lifted back, and a little beyond.
  assertClose(0.8 * (1 + featureLift(soft, 0.8)), 1.15, 1e-6);
  assert.ok(featureLift(soft, 0.5) <= 0.5);
  assert.equal(featureLift(soft, 1.25), 0);
  assert.ok(featureLift(lined, 0.8) < 0.02);
  // Drawn harder by the match than the photo has them: never beyond the photo.
  assertClose(1.2 * (1 + featureLift(lined, 1.2)), 1, 1e-6);
  forAll(200, (random) => {
    const gain = random.between(0.6, 1.4);
    const lift = featureLift(appearanceOf({ bands: [1, random.between(0, 12), 1] }), gain);
    assert.ok(lift >= Math.min(0, 1 / gain - 1) - 1e-9 && lift <= 0.5, `${lift}`);
  });
});

/** The blocks of a skin whose L, a, b are given by place; x and y from −1 to 1. */
const blocksOf = (
  value: (x: number, y: number) => readonly [number, number, number],
  weight: (x: number, y: number) => number = () => 16,
): Float32Array => {
  const blocks = new Float32Array(4 * toneSide * toneSide);
  for (let i = 0; i < toneSide * toneSide; i++) {
    const x = (2 * ((i % toneSide) + 0.5)) / toneSide - 1;
    const y = (2 * (Math.floor(i / toneSide) + 0.5)) / toneSide - 1;
    const w = weight(x, y);
    blocks.set([w, ...value(x, y).map((channel) => w * channel)], 4 * i);
  }
  return blocks;
};

const noCentre = new Float32Array(3);

const faceOf = (blocks: Float32Array) => {
  const tones = allocateSkinTones();
  measureTones(blocks, noCentre, tones);
  const mean: number[] = [];
  const std: number[] = [];
  for (const c of [1, 2, 3]) {
    let [total, sum, squares] = [0, 0, 0];
    for (let i = 0; i < blocks.length; i += 4) {
      total += at(blocks, i);
      sum += at(blocks, i + c);
      squares += at(blocks, i + c) ** 2 / Math.max(1e-9, at(blocks, i));
    }
    mean.push(sum / total);
    std.push(Math.sqrt(Math.max(0, squares / total - (sum / total) ** 2)));
  }
  return { appearance: appearanceOf({ mean, std, tones }), toneMaps: toneMaps(blocks, noCentre) };
};

/** L, a, b of the source's skin after a match. */
const matched = (match: ColourMatch, source: { readonly toneMaps: Float32Array }): Float32Array =>
  source.toneMaps.map((value, i) => {
    const c = Math.floor(i / toneSide ** 2);
    return value * at(match.gain, c) + at(match.offset, c) + (match.field === null ? 0 : at(match.field, i));
  });

const rmsDifference = (first: Float32Array, second: Float32Array, end: number): number => {
  let squares = 0;
  for (let i = 0; i < end; i++) squares += (at(first, i) - at(second, i)) ** 2;
  return Math.sqrt(squares / end);
};

const ripple = (random: Random): ((x: number, y: number) => number) => {
  const [fx, fy, phase] = [random.between(9, 14), random.between(9, 14), random.between(0, 6)];
  return (x, y) => 2 * Math.sin(fx * x + fy * y + phase);
};

test('the light match moves the light to where it comes from on the target', () => {
  forAll(20, (random) => {
    const lamp = () => [random.between(-14, 14), random.between(-8, 8), random.between(-6, 6)] as const;
    const [own, wanted] = [lamp(), lamp()];
    const [fine, other] = [ripple(random), ripple(random)];
    const source = faceOf(
      blocksOf((x, y) => [65 + own[0] * x + own[1] * y + own[2] * x * x + fine(x, y), 15, 18]),
    );
    const target = faceOf(
      blocksOf((x, y) => [55 + wanted[0] * x + wanted[1] * y + wanted[2] * x * x + other(x, y), 12, 20]),
    );
    const places = toneSide ** 2;
    const far = (mode: 'moments' | 'light'): number =>
      rmsDifference(
        matched(new ColourMatcher(mode).match(source, target.appearance), source),
        target.toneMaps,
        places,
      );
    // What is left are the two ripples, which are the persons' own, and what damping keeps of the lamps.
    assert.ok(far('light') < 4, `${far('light')}`);
    assert.ok(far('light') < far('moments') + 0.3, `${far('light')} against ${far('moments')}`);
  });
});

test('the histogram match gives the source’s skin the target’s distribution, within limits of slope', () => {
  forAll(20, (random) => {
    const [fine, other] = [ripple(random), ripple(random)];
    // One mostly light with a dark side, the other even.
    const source = faceOf(blocksOf((x, y) => [70 - 18 * Math.max(0, x) ** 2 + fine(x, y), 14 + y, 18]));
    const target = faceOf(blocksOf((x, y) => [52 + 9 * y + other(x, y), 18 + 2 * x, 24]));
    const result = matched(new ColourMatcher('histogram').match(source, target.appearance), source);
    const line = matched(matchColour(source.appearance, target.appearance), source);
    const quantilesOf = (lab: Float32Array): Float32Array => {
      const tones = allocateSkinTones();
      const places = toneSide ** 2;
      const blocks = Float32Array.from({ length: 4 * places }, (_, i) =>
        i % 4 === 0 ? 16 : 16 * at(lab, ((i % 4) - 1) * places + (i >> 2)),
      );
      measureTones(blocks, noCentre, tones);
      return tones.quantiles;
    };
    const wanted = target.appearance.tones.quantiles;
    const length = toneShares.length;
    const far = (lab: Float32Array): number => rmsDifference(quantilesOf(lab), wanted, length);
    assert.ok(far(result) < far(line) + 0.2 && far(result) < 3, `${far(result)} against ${far(line)}`);
    // Rising: what was lighter stays lighter.
    const order = [...source.toneMaps.subarray(0, toneSide ** 2).keys()].sort(
      (first, second) => at(source.toneMaps, first) - at(source.toneMaps, second),
    );
    order.forEach((place, i) => {
      if (i === 0) return;
      assert.ok(at(result, place) >= at(result, order[i - 1] as number) - 1e-3, `place ${place}`);
    });
  });
});

test('equal skins are not changed by any mode', () => {
  const face = faceOf(blocksOf((x, y) => [60 + 9 * x - 4 * y * y, 14 + 2 * y, 18 - x]));
  for (const mode of ['none', 'moments', 'histogram', 'light'] as const) {
    const result = matched(new ColourMatcher(mode).match(face, face.appearance), face);
    assert.ok(rmsDifference(result, face.toneMaps, result.length) < 0.6, mode);
  }
});

test('tones of black and white stay without colour, and of no skin at all finite', () => {
  const source = faceOf(blocksOf((x, y) => [60 + 9 * x, 14 + 9 * y, 18 + 9 * x * y]));
  const gray = faceOf(blocksOf((x, y) => [50 + 12 * y + 3 * x, 0, 0]));
  const nothing = faceOf(
    blocksOf(
      () => [50, 0, 0],
      () => 0,
    ),
  );
  for (const mode of ['moments', 'histogram', 'light'] as const) {
    const chroma = matched(new ColourMatcher(mode).match(source, gray.appearance), source).subarray(
      toneSide ** 2,
    );
    assert.ok(Math.max(...chroma.map(Math.abs)) < 1, mode);
    const tones: SkinTones = nothing.appearance.tones;
    assert.ok([...tones.light, ...tones.rest, ...tones.quantiles].every(Number.isFinite));
    const target = { ...nothing.appearance, mean: Float32Array.of(50, 0, 0), std: new Float32Array(3) };
    assert.ok(matched(new ColourMatcher(mode).match(source, target), source).every(Number.isFinite), mode);
  }
});

test('a face of which one half is seen has finite light on the other', () => {
  const { tones } = faceOf(
    blocksOf(
      (x, y) => [60 + 20 * x * x - 5 * y, 14, 18],
      (x) => (x < 0 ? 16 : 0),
    ),
  ).appearance;
  const [, x, , xx] = tones.light.subarray(0, lightTerms);
  assert.ok(Math.abs(x!) < 30 && Math.abs(xx!) < 30, `${x}, ${xx}`);
});
