import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlendLevels } from '../../../src/processors/multiband-blender/blend-levels.js';
import { PlainPyramidSteps, pyramidLevels } from '../../support/reference/pyramid.js';
import { forAll } from '../../support/unit-random.js';
import { at } from '../../support/unit-values.js';

test('levels halve and round up, their rows are whole groups of 8, and they lie one behind the other', () => {
  const levels = new BlendLevels();
  levels.layOut(13, 8, 4, 0, 0, 13, 8);
  assert.equal(levels.count, 4);
  assert.deepEqual([...levels.width.subarray(0, 4)], [13, 7, 4, 2]);
  assert.deepEqual([...levels.height.subarray(0, 4)], [8, 4, 2, 1]);
  assert.deepEqual([...levels.stride.subarray(0, 4)], [16, 8, 8, 8]);
  assert.deepEqual([...levels.offset.subarray(0, 5)], [0, 128, 160, 176, 184]);
});

test('the boxes hold all that a drawn box reaches on each level, and stay inside the planes', () => {
  const plain = new PlainPyramidSteps();
  const levels = new BlendLevels();
  forAll(60, (random) => {
    const [width, height] = [random.integer(1, 90), random.integer(1, 90)];
    const left = random.integer(0, width);
    const top = random.integer(0, height);
    const right = random.integer(left, width) + 1;
    const bottom = random.integer(top, height) + 1;
    levels.layOut(width, height, 6, left, top, right, bottom);
    const sizes = pyramidLevels(width, height, 6);
    let plane = Float32Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      return x >= left && x < right && y >= top && y < bottom ? 1 : 0;
    });
    sizes.forEach(({ widthPx, heightPx }, l) => {
      const finer = sizes[l - 1];
      if (finer !== undefined) {
        const out = new Float32Array(widthPx * heightPx);
        plain.reduce(plane, finer.widthPx, finer.heightPx, out);
        plane = out;
      }
      assert.equal(at(levels.left, l) % 8, 0);
      assert.equal(at(levels.right, l) % 8, 0);
      assert.ok(at(levels.left, l) >= 0 && at(levels.right, l) <= at(levels.stride, l));
      assert.ok(at(levels.top, l) >= 0 && at(levels.bottom, l) <= heightPx);
      plane.forEach((value, i) => {
        const [x, y] = [i % widthPx, Math.floor(i / widthPx)];
        const inside =
          x >= at(levels.left, l) &&
          x < at(levels.right, l) &&
          y >= at(levels.top, l) &&
          y < at(levels.bottom, l);
        assert.ok(value === 0 || inside, `${width}x${height} level ${l} at ${x}, ${y}`);
      });
    });
    const { filled } = levels;
    assert.ok(filled.left <= at(levels.left, 0) && filled.right >= at(levels.right, 0));
    assert.ok(filled.top <= at(levels.top, 0) && filled.bottom >= at(levels.bottom, 0));
    assert.ok(
      filled.left >= 0 && filled.top >= 0 && filled.right <= at(levels.stride, 0) && filled.bottom <= height,
    );
  });
});

test('more levels than a frame can have are not laid out', () => {
  const levels = new BlendLevels();
  levels.layOut(64, 64, 99, 0, 0, 64, 64);
  assert.equal(levels.count, 20);
  assert.equal(levels.offset.length, 21);
});
