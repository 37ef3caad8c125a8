import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampledFramesOf } from '../../../src/pipeline/policy/sample-plan.js';
import { forAll } from '../../support/unit-random.js';

const even = (frames: number, perSecond: number): number[] =>
  Array.from({ length: frames + 1 }, (_, frame) => frame / perSecond);

test('of a constant rate the frame of each whole second is taken', () => {
  assert.deepEqual(sampledFramesOf(even(101, 25), { start: 0, end: 101 }), [0, 25, 50, 75, 100]);
  // 1001/30000 s: the frame that is shown at one second began at 29 × 1001/30000 = 0.968 s.
  assert.deepEqual(sampledFramesOf(even(61, 30000 / 1001), { start: 0, end: 61 }), [0, 29, 59]);
});

test('seconds are counted from the first frame of the range', () => {
  assert.deepEqual(sampledFramesOf(even(100, 25), { start: 10, end: 61 }), [10, 35, 60]);
});

test('a clip that is shorter than a second has one sample', () => {
  assert.deepEqual(sampledFramesOf(even(24, 25), { start: 0, end: 24 }), [0]);
  assert.deepEqual(sampledFramesOf([0, 0], { start: 0, end: 1 }), [0]);
});

test('below one frame a second every frame is taken once', () => {
  assert.deepEqual(sampledFramesOf(even(5, 0.3), { start: 0, end: 5 }), [0, 1, 2, 3, 4]);
});

test('a frame that stays while seconds pass is taken, however late in a second it began', () => {
  assert.deepEqual(sampledFramesOf([0, 0.5, 0.9, 7.2, 7.3], { start: 0, end: 4 }), [0, 2]);
  // The last one counts until it ends.
  assert.deepEqual(sampledFramesOf([0, 0.5, 0.6, 5], { start: 0, end: 3 }), [0, 2]);
});

test('for any times the samples are just the frames that are shown at whole seconds', () => {
  forAll(300, (random) => {
    const ticksPerSecond = random.integer(1, 2000);
    const count = random.integer(1, 80);
    const ticks = [random.integer(0, 100_000)];
    for (let frame = 0; frame < count; frame++) {
      ticks.push((ticks[frame] ?? 0) + random.integer(1, 3 * ticksPerSecond + 1));
    }
    const start = random.integer(0, count);
    const end = random.integer(start + 1, count + 1);
    const frames = sampledFramesOf(
      ticks.map((tick) => tick / ticksPerSecond),
      { start, end },
    );
    // In whole ticks, so without rounding: what is shown at each second from the start of the range to its end.
    const shown = new Set<number>();
    const [first, last] = [ticks[start] ?? 0, ticks[end] ?? 0];
    for (let tick = first; tick < last; tick += ticksPerSecond) {
      shown.add(ticks.findLastIndex((begin, frame) => frame < end && begin <= tick));
    }
    assert.deepEqual(frames, [...shown]);
  });
});
