import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RepeatDetector } from '../../../src/processors/landmark-smoother/repeat-detector.js';
import { movement, PortraitCamera } from '../../support/moving-portrait.js';
import { portraitStill } from '../../support/unit-portraits.js';

const camera = new PortraitCamera('hopper', await portraitStill('hopper'));
const place = movement('rest', 1)(0);
const box = { x: 140, y: 80, width: 120, height: 140 };

/** Shows frames, each with the movement that was measured since the one before. */
const countsOf = (shown: readonly { x: number; noiseLevels?: number; moved: number }[]): number[] => {
  const detector = new RepeatDetector();
  return shown.map(({ x, noiseLevels = 0, moved }, index) => {
    const frame = camera.frame({ ...place, x: place.x + x }, { noiseLevels, seed: index });
    detector.push(frame);
    const motion = Float32Array.of(1, 0, moved, 0, 1);
    return detector.count({ trackId: 1, box, motion }, index, frame.format);
  });
};

test('a picture that is shown again counts, whatever little movement was measured, and a new one does not', () => {
  const [still, moved] = [
    { x: 0, moved: 0.2 },
    { x: 4, moved: 4 },
  ];
  assert.deepEqual(countsOf([still, still, still, moved, { ...moved, moved: 0.2 }]), [0, 1, 2, 0, 1]);
});

test('a faint noise is no change while nothing moves, but a slow movement in it is', () => {
  const noisy = { x: 0, noiseLevels: 0.5, moved: 0.01 };
  assert.deepEqual(countsOf([noisy, noisy, noisy]), [0, 1, 2]);
  const drifting = Array.from({ length: 6 }, (_, i) => ({ x: 0.05 * i, noiseLevels: 0.5, moved: 0.05 }));
  const counts = countsOf(drifting);
  assert.ok(Math.max(...counts) <= 2, `${counts.join(' ')}`);
});

test('the movement of a repeated picture is none', () => {
  const detector = new RepeatDetector();
  const frame = camera.frame(place);
  const motion = Float32Array.of(1.01, 0, 3, 2, 0.4);
  for (const index of [0, 1]) {
    detector.push(frame);
    detector.count({ trackId: 1, box, motion }, index, frame.format);
    if (index === 0) assert.notDeepEqual([...motion], [1, 0, 0, 0, 1]);
  }
  assert.deepEqual([...motion], [1, 0, 0, 0, 1]);
});
