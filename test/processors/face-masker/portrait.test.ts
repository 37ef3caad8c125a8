import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  allocatePortrait,
  chromaZero,
  lightSteps,
  portraitSize,
  portraitTexels,
  writePortrait,
} from '../../../src/processors/face-masker/portrait.js';

const side = 2 * portraitSize;
const plane = (value: (x: number, y: number) => number): Float32Array =>
  Float32Array.from({ length: side * side }, (_, i) => value(i % side, Math.floor(i / side)));

test('a texel is the mean of four places, each as much as it was seen', () => {
  const lab = [plane((x) => 40 + 20 * (x % 2)), plane(() => -7), plane((_, y) => 10 + 4 * (y % 2))] as const;
  const portrait = allocatePortrait();
  writePortrait(
    [lab[0], lab[1], lab[2]],
    plane(() => 1),
    portrait,
  );
  assert.deepEqual(
    [portrait[0], portrait[portraitTexels], portrait[2 * portraitTexels]],
    [lightSteps * 50, chromaZero - 7, chromaZero + 12],
  );
  writePortrait(
    [lab[0], lab[1], lab[2]],
    plane((x) => (x % 2 === 0 ? 1 : 0.5)),
    portrait,
  );
  assert.equal(portrait[0], Math.round(lightSteps * ((2 * 40 + 1 * 60) / 3)));
});

test('what was hardly seen has no light, and what is black has some', () => {
  const black = plane(() => 0);
  const portrait = allocatePortrait();
  writePortrait(
    [black, black, black],
    plane((x) => (x < portraitSize ? 0.4 : 1)),
    portrait,
  );
  assert.equal(portrait[0], 0);
  assert.equal(portrait[portraitSize - 1], 1);
});

test('values beyond the bytes are held at their ends', () => {
  const portrait = allocatePortrait();
  writePortrait(
    [plane(() => 400), plane(() => 300), plane(() => -300)],
    plane(() => 1),
    portrait,
  );
  assert.deepEqual([portrait[0], portrait[portraitTexels], portrait[2 * portraitTexels]], [255, 255, 0]);
});
