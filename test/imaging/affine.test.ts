import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import {
  type Affine,
  affineScale,
  applyAffine,
  boxOverlap,
  cropToFrame,
  invertAffine,
} from '../../src/imaging/affine.js';
import { forAll, type Random } from '../support/unit-random.js';
import { assertClose } from '../support/unit-values.js';

const randomMap = (random: Random): Affine => {
  const angle = random.between(-Math.PI, Math.PI);
  const stretch = random.between(0.2, 5);
  const shear = random.between(-0.5, 0.5);
  return {
    a: Math.cos(angle) * stretch,
    b: -Math.sin(angle) + shear,
    c: random.between(-500, 500),
    d: Math.sin(angle) * stretch,
    e: Math.cos(angle),
    f: random.between(-500, 500),
  };
};

const isRegular = ({ a, b, d, e }: Affine): boolean => Math.abs(a * e - b * d) > 0.05;

test('a map followed by its inverse brings every point back', () => {
  forAll(300, (random) => {
    const map = randomMap(random);
    if (!isRegular(map)) return;
    const [x, y] = [random.between(-1000, 1000), random.between(-1000, 1000)];
    const there = applyAffine(map, x, y);
    const back = applyAffine(invertAffine(map), there.x, there.y);
    assertClose(back.x, x, 1e-7, 'x');
    assertClose(back.y, y, 1e-7, 'y');
  });
});

test('a singular map has no inverse and says that this is a bug', () => {
  const flat = { a: 1, b: 2, c: 0, d: 2, e: 4, f: 0 };
  assert.throws(
    () => invertAffine(flat),
    (error) => error instanceof FaceswapError && error.kind === 'bug',
  );
  assert.throws(() => invertAffine({ ...flat, a: Number.NaN }), FaceswapError);
});

test('a crop covers its square edge to edge', () => {
  // Pixel 0 of a crop of 4 over a square of 8 begins at its left edge: its centre is one frame pixel further in, and the
  // square's left edge lies half a pixel before the centre of frame pixel 10.
  const map = cropToFrame({ x: 13.5, y: 23.5 }, 8, 0, 4);
  assert.deepEqual(applyAffine(map, 0, 0), { x: 10.5, y: 20.5 });
  assert.deepEqual(applyAffine(map, 3, 3), { x: 16.5, y: 26.5 });
  assert.deepEqual(applyAffine(map, -0.5, 3.5), { x: 9.5, y: 27.5 });
});

test('a crop keeps its centre, its corners and its scale however it is turned', () => {
  forAll(200, (random) => {
    const centre = { x: random.between(-50, 2000), y: random.between(-50, 2000) };
    const sidePx = random.between(5, 900);
    const angle = random.between(-Math.PI, Math.PI);
    const sizePx = random.integer(1, 400);
    const map = cropToFrame(centre, sidePx, angle, sizePx);
    const middle = applyAffine(map, (sizePx - 1) / 2, (sizePx - 1) / 2);
    assertClose(middle.x, centre.x, 1e-8, 'centre x');
    assertClose(middle.y, centre.y, 1e-8, 'centre y');
    assertClose(affineScale(map), sidePx / sizePx, 1e-9, 'scale');
    // The middle of the right edge: half a side along the turned x axis.
    const right = applyAffine(map, sizePx - 0.5, (sizePx - 1) / 2);
    assertClose(right.x, centre.x + (sidePx / 2) * Math.cos(angle), 1e-8, 'right edge x');
    assertClose(right.y, centre.y + (sidePx / 2) * Math.sin(angle), 1e-8, 'right edge y');
  });
});

test('box overlap is the shared area over the joined one', () => {
  const box = { x: 0, y: 0, width: 4, height: 2 };
  assert.equal(boxOverlap(box, box), 1);
  assert.equal(boxOverlap(box, { ...box, x: 2 }), 4 / 12);
  assert.equal(boxOverlap(box, { ...box, x: 4 }), 0);
  assert.equal(boxOverlap(box, { ...box, width: 0 }), 0);
  assert.equal(boxOverlap(box, { x: 1, y: 0.5, width: 2, height: 1 }), 2 / 8);
  forAll(100, (random) => {
    const any = () => ({
      x: random.between(0, 5),
      y: random.between(0, 5),
      width: random.between(0, 5),
      height: random.between(0, 5),
    });
    const [first, second] = [any(), any()];
    assertClose(boxOverlap(first, second), boxOverlap(second, first), 1e-12, 'symmetry');
    assert.ok(boxOverlap(first, second) >= 0 && boxOverlap(first, second) <= 1);
  });
});
