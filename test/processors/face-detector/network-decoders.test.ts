import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeAnchorDistances,
  decodeYoloFace,
  decodeYunet,
  type LevelDecoding,
  type NetworkFace,
} from '../../../src/processors/face-detector/network-decoders.js';
import { largestDifference } from '../../support/unit-values.js';

const decoding: LevelDecoding = {
  sizePx: 64,
  strides: [8, 16, 32],
  anchorsPerCell: 2,
  threshold: 0.5,
  dropsLoneFirst: false,
};

const boxOf = ({ left, top, right, bottom }: NetworkFace): readonly number[] => [left, top, right, bottom];

/** Empty outputs: for each stride `numbers` per anchor. */
const levels = (perCell: number, numbers: number): Float32Array[] =>
  [8, 16, 32].map((stride) => new Float32Array((64 / stride) ** 2 * perCell * numbers));

test('distances are counted in strides from the corners of the cells, two anchors to each', () => {
  const scores = levels(2, 1);
  const boxes = levels(2, 4);
  const points = levels(2, 10);
  // Stride 16 has 4 × 4 cells: cell (row 2, column 3), its second anchor, lies at (48, 32).
  const anchor = 2 * (2 * 4 + 3) + 1;
  scores[1]?.set([0.5], anchor);
  boxes[1]?.set([1, 0.5, 2, 0.25], 4 * anchor);
  points[1]?.set([0, 0, 1, 0, 0.5, -0.5, -1, 1, 2, 2], 10 * anchor);
  const faces = decodeAnchorDistances([...scores, ...boxes, ...points], decoding);
  assert.equal(faces.length, 1, 'a score equal to the threshold counts');
  assert.deepEqual(boxOf(faces[0] as NetworkFace), [48 - 16, 32 - 8, 48 + 32, 32 + 4]);
  assert.deepEqual([...(faces[0] as NetworkFace).five], [48, 32, 64, 32, 56, 24, 32, 48, 80, 64]);
});

test('a level on which only the first anchor scores is a face, and none where FaceFusion is followed', () => {
  const outputs = [...levels(2, 1), ...levels(2, 4).map((level) => level.fill(1)), ...levels(2, 10)];
  outputs[0]?.set([0.9], 0);
  assert.equal(decodeAnchorDistances(outputs, decoding).length, 1);
  assert.equal(decodeAnchorDistances(outputs, { ...decoding, dropsLoneFirst: true }).length, 0);
  outputs[0]?.set([0.8], 5);
  assert.equal(decodeAnchorDistances(outputs, { ...decoding, dropsLoneFirst: true }).length, 2);
});

test('yunet multiplies two scores and takes sizes as logarithms', () => {
  const outputs = [...levels(1, 1), ...levels(1, 1), ...levels(1, 4), ...levels(1, 10)];
  // Stride 32 has 2 × 2 cells: cell (row 1, column 0) lies at (0, 32).
  outputs[2]?.set([0.9], 2);
  outputs[5]?.set([0.8], 2);
  outputs[8]?.set([0.5, 0.25, Math.log(1.5), Math.log(0.5)], 8);
  outputs[11]?.set([0, 0, 0.5, 0, 0.25, 0.25, 0, 0.5, 0.5, 0.5], 20);
  // 0.9 alone would reach the threshold, and so would the root of the product.
  outputs[0]?.set([0.9], 7);
  outputs[3]?.set([0.5], 7);
  const faces = decodeYunet(outputs, { ...decoding, anchorsPerCell: 1 });
  assert.equal(faces.length, 1);
  const [face] = faces as [NetworkFace];
  assert.ok(Math.abs(face.score - 0.72) < 1e-6, 'no root is taken');
  // Centre (16, 40), 48 wide, 16 high.
  assert.ok(largestDifference(boxOf(face), [-8, 32, 40, 48]) < 1e-5, 'box');
  assert.deepEqual([...face.five], [0, 32, 16, 32, 8, 40, 0, 48, 16, 48]);
});

test('yolo gives rows of centre, size, score and points in pixels', () => {
  const candidates = 10;
  const output = new Float32Array(20 * candidates);
  const column = [100, 60, 40, 20, 0.75, ...[1, 2, 3, 4, 5].flatMap((i) => [10 * i, 10 * i + 5, 0.1])];
  for (const [row, value] of column.entries()) output[row * candidates + 7] = value;
  output[4 * candidates + 2] = 0.5;
  const faces = decodeYoloFace(output, candidates, 0.5);
  assert.equal(faces.length, 1, 'a score equal to the threshold does not count');
  assert.deepEqual(boxOf(faces[0] as NetworkFace), [80, 50, 120, 70]);
  assert.deepEqual([...(faces[0] as NetworkFace).five], [10, 15, 20, 25, 30, 35, 40, 45, 50, 55]);
});
