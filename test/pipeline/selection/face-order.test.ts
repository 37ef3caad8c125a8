import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type FaceSelectorOrder,
  faceOrders,
  leadsClearly,
  type OrderedFace,
  orderFaces,
} from '../../../src/pipeline/selection/face-order.js';

const face = (name: string, x: number, y: number, side: number, score: number) => ({
  name,
  box: { x, y, width: side, height: side },
  score,
});

const faces = [
  face('low left', 0, 80, 30, 0.5),
  face('large', 50, 10, 60, 0.2),
  face('high right', 150, 0, 20, 0.9),
];

describe('the order of faces', () => {
  const firstAndLast: Readonly<Record<FaceSelectorOrder, readonly [string, string]>> = {
    'left-right': ['low left', 'high right'],
    'right-left': ['high right', 'low left'],
    'top-bottom': ['high right', 'low left'],
    'bottom-top': ['low left', 'high right'],
    'small-large': ['high right', 'large'],
    'large-small': ['large', 'high right'],
    'best-worst': ['high right', 'large'],
    'worst-best': ['large', 'high right'],
  };
  for (const order of faceOrders) {
    test(`${order} begins and ends as it says`, () => {
      const names = orderFaces(order, faces).map(({ name }) => name);
      assert.deepEqual([names.at(0), names.at(-1)], firstAndLast[order]);
    });
  }

  test('leaves faces that are alike as they are', () => {
    const twins = [face('one', 5, 5, 20, 0.5), face('other', 5, 5, 20, 0.5)];
    for (const order of faceOrders) {
      assert.deepEqual(orderFaces(order, twins), twins, order);
    }
  });
});

describe('the lead that changes a choice', () => {
  const sized = (side: number): OrderedFace => ({ box: { x: 0, y: 0, width: side, height: side }, score: 0 });
  const placed = (x: number): OrderedFace => ({ box: { x, y: 0, width: 50, height: 50 }, score: 0 });

  test('is a fifth of the size, so that two people of like size do not take turns', () => {
    assert.equal(leadsClearly('large-small', sized(110), sized(100)), false);
    assert.equal(leadsClearly('large-small', sized(125), sized(100)), true);
    assert.equal(leadsClearly('small-large', sized(90), sized(100)), false);
    assert.equal(leadsClearly('small-large', sized(80), sized(100)), true);
  });

  test('is a fifth of a face in place', () => {
    assert.equal(leadsClearly('left-right', placed(95), placed(100)), false);
    assert.equal(leadsClearly('left-right', placed(85), placed(100)), true);
    assert.equal(leadsClearly('right-left', placed(115), placed(100)), true);
  });

  test('is any where scores of the whole clip are compared', () => {
    const scored = (score: number): OrderedFace => ({ ...sized(50), score });
    assert.equal(leadsClearly('best-worst', scored(0.51), scored(0.5)), true);
    assert.equal(leadsClearly('worst-best', scored(0.51), scored(0.5)), false);
  });
});
