import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  blazefaceAnchors,
  decodeBlazeface,
  suppressOverlaps,
} from '../../../src/processors/face-detector/blazeface-decoder.js';
import { boxOverlap } from '../../../src/imaging/affine.js';
import { forAll } from '../../support/unit-random.js';
import { assertClose, at } from '../../support/unit-values.js';

const anchors = blazefaceAnchors();

/** Raw outputs in which nothing is a face. */
const nothing = () => ({ scores: new Float32Array(896).fill(-10), boxes: new Float32Array(896 * 16) });

test('there are two anchors in each of 16x16 cells, then six in each of 8x8, at the cell centres', () => {
  assert.equal(anchors.length, 2 * 896);
  const place = (index: number) => [at(anchors, 2 * index), at(anchors, 2 * index + 1)];
  assert.deepEqual(place(0), [8, 8]);
  assert.deepEqual(place(1), [8, 8]);
  assert.deepEqual(place(2), [24, 8]);
  assert.deepEqual(place(32), [8, 24]);
  assert.deepEqual(place(511), [248, 248]);
  assert.deepEqual(place(512), [16, 16]);
  assert.deepEqual(place(517), [16, 16]);
  assert.deepEqual(place(518), [48, 16]);
  assert.deepEqual(place(895), [240, 240]);
});

test('a box is its centre relative to the anchor with its size, and so are the eyes', () => {
  const { scores, boxes } = nothing();
  scores[512] = Math.log(0.9 / 0.1);
  boxes.set([4, -6, 60, 80, -10, -5, 14, -7], 512 * 16);
  const [face, ...others] = decodeBlazeface(scores, boxes, anchors, 0.5);
  assert.equal(others.length, 0);
  assertClose(face!.score, 0.9, 1e-6, 'score');
  assert.deepEqual(face!.box, { x: 16 + 4 - 30, y: 16 - 6 - 40, width: 60, height: 80 });
  assert.deepEqual(face!.rightEye, [6, 11]);
  assert.deepEqual(face!.leftEye, [30, 9]);
});

test('only scores above the threshold count, best first', () => {
  const { scores, boxes } = nothing();
  for (const [i, score] of [0.4, 0.8, 0.6, 0.95].entries()) {
    scores[10 * i] = Math.log(score / (1 - score));
    boxes.set([0, 0, 20, 20], 160 * i);
  }
  const found = decodeBlazeface(scores, boxes, anchors, 0.5).map(({ score }) => score.toFixed(2));
  assert.deepEqual(found, ['0.95', '0.80', '0.60']);
  assert.equal(decodeBlazeface(scores, boxes, anchors, 0.97).length, 0);
});

test('boxes without a size and scores that are no numbers are dropped', () => {
  const { scores, boxes } = nothing();
  scores.fill(5, 0, 5);
  boxes.set([0, 0, -3, 5], 0);
  boxes.set([0, 0, 5, 0], 16);
  boxes.set([0, 0, Number.NaN, 5], 32);
  boxes.set([0, 0, 5, 5], 48);
  scores[3] = Number.NaN;
  boxes.set([0, 0, 5, 5], 64);
  assert.equal(decodeBlazeface(scores, boxes, anchors, 0.5).length, 1);
});

test('of overlapping boxes the best-scored stays, and the order of the input does not matter', () => {
  const box = { x: 0, y: 0, width: 10, height: 10 };
  const best = { score: 0.9, box };
  const covered = { score: 0.8, box: { ...box, x: 2 } };
  const beside = { score: 0.7, box: { ...box, x: 20 } };
  // Overlaps only the covered one, which is gone by then: greedy suppression keeps it.
  const chained = { score: 0.6, box: { ...box, x: 7 } };
  for (const order of [
    [best, covered, beside, chained],
    [chained, beside, covered, best],
  ]) {
    assert.deepEqual(suppressOverlaps(order, 0.3), [best, beside, chained]);
  }
});

test('equal scores keep their order', () => {
  const boxes = [0, 1, 2].map((i) => ({ score: 0.5, box: { x: 30 * i, y: 0, width: 10, height: 10 }, i }));
  assert.deepEqual(
    suppressOverlaps(boxes, 0.3).map(({ i }) => i),
    [0, 1, 2],
  );
});

test('no two kept boxes overlap, and every dropped one overlaps a better one that was kept', () => {
  forAll(100, (random) => {
    const all = Array.from({ length: random.integer(0, 25) }, () => ({
      score: random.next(),
      box: {
        x: random.between(0, 50),
        y: random.between(0, 50),
        width: random.between(1, 30),
        height: random.between(1, 30),
      },
    }));
    const kept = suppressOverlaps(all, 0.3);
    for (const face of all) {
      const better = kept.filter(
        (other) => other !== face && other.score >= face.score && boxOverlap(other.box, face.box) > 0.3,
      );
      assert.equal(kept.includes(face), better.length === 0);
    }
  });
});
