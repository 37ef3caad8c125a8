import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  similarityLength,
  type SureSimilarity,
  writeIdentity,
  writeInverse,
  writePart,
  writeProduct,
} from '../../../src/processors/landmark-smoother/similarity.js';
import { forAll, type Random } from '../../support/unit-random.js';
import { assertClose, at, largestDifference } from '../../support/unit-values.js';

const made = (write: (out: SureSimilarity) => void): SureSimilarity => {
  const out = new Float64Array(similarityLength);
  write(out);
  return out;
};

const randomMap = (random: Random): SureSimilarity => {
  const [size, turn] = [random.between(0.5, 2), random.between(-1, 1)];
  const [c, d] = [random.between(-90, 90), random.between(-90, 90)];
  return Float64Array.of(size * Math.cos(turn), size * Math.sin(turn), c, d, random.between(0.5, 1));
};

const applied = (map: SureSimilarity, x: number, y: number): readonly [number, number] => [
  at(map, 0) * x - at(map, 1) * y + at(map, 2),
  at(map, 1) * x + at(map, 0) * y + at(map, 3),
];

test('one map followed by another is their product, as sure as both together', () => {
  forAll(20, (random) => {
    const [first, second] = [randomMap(random), randomMap(random)];
    const product = made((out) => writeProduct(second, first, out));
    const [x, y] = applied(second, ...applied(first, 3, -7));
    const [u, v] = applied(product, 3, -7);
    assertClose(u, x, 1e-9);
    assertClose(v, y, 1e-9);
    assertClose(at(product, 4), at(first, 4) * at(second, 4), 1e-12);
  });
});

test('a map and its way back are nothing together, also when written over themselves', () => {
  const identity = made(writeIdentity);
  forAll(20, (random) => {
    const map = randomMap(random);
    const back = map.slice();
    writeInverse(back, back);
    writeProduct(back, map, back);
    assert.ok(largestDifference(back.subarray(0, 4), identity.subarray(0, 4)) < 1e-9);
  });
});

test('equal parts of a movement follow one another to the whole', () => {
  forAll(20, (random) => {
    const map = randomMap(random);
    const pivot = { x: random.between(0, 100), y: random.between(0, 100) };
    const half = made((out) => writePart(map, 0.5, pivot, out));
    const [x, y] = applied(half, pivot.x, pivot.y);
    const [endX, endY] = applied(map, pivot.x, pivot.y);
    assertClose(x, (pivot.x + endX) / 2, 1e-9);
    assertClose(y, (pivot.y + endY) / 2, 1e-9);
    assertClose(Math.hypot(at(half, 0), at(half, 1)) ** 2, Math.hypot(at(map, 0), at(map, 1)), 1e-9);
    assertClose(2 * Math.atan2(at(half, 1), at(half, 0)), Math.atan2(at(map, 1), at(map, 0)), 1e-9);
    assert.ok(
      largestDifference(
        made((out) => writePart(map, 1, pivot, out)),
        map,
      ) < 1e-9,
    );
  });
});
