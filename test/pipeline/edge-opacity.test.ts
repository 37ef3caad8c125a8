import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgeOpacity, smallestSwapPx, turnedAwayRadians } from '../../src/pipeline/edge-opacity.js';

const picture = { widthPx: 640, heightPx: 360 };
const box = { x: 300, y: 100, width: 80, height: 100 };
const ahead = { yaw: 0 };

test('a face far from every limit is drawn whole', () => {
  assert.equal(edgeOpacity(box, ahead, picture), 1);
  assert.equal(edgeOpacity(box, { yaw: -1.3 }, picture), 1);
  assert.equal(edgeOpacity({ ...box, width: 17 }, ahead, picture), 1);
});

test('a face fades to nothing as it shrinks, turns away or leaves the picture, without a step', () => {
  const ways: readonly ((share: number) => number)[] = [
    (share) => edgeOpacity({ ...box, width: smallestSwapPx + 4 * (1 - share) }, ahead, picture),
    (share) => edgeOpacity(box, { yaw: turnedAwayRadians - 0.15 * (1 - share) }, picture),
    (share) => edgeOpacity({ ...box, x: -40 + 16 * (1 - share) }, ahead, picture),
    (share) => edgeOpacity({ ...box, y: 310 - 16 * (1 - share) }, ahead, picture),
  ];
  for (const [way, opacityAt] of ways.entries()) {
    assert.equal(opacityAt(0), 1, `way ${way}`);
    assert.equal(opacityAt(1), 0, `way ${way}`);
    for (let i = 1; i <= 100; i++) {
      const step = opacityAt((i - 1) / 100) - opacityAt(i / 100);
      assert.ok(step >= 0 && step < 0.03, `way ${way}: step of ${step}`);
    }
  }
});
