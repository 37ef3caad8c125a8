import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunningMedian } from '../../src/pipeline/running-median.js';
import {
  FrameTimes,
  type StageState,
  StallWatch,
  type WatchedStage,
} from '../../src/pipeline/stall-watch.js';

const limits = { tickMs: 1000, medianFactor: 10, floorMs: 5000, firstFrameMs: 20_000, firstAnswerMs: 60_000 };
const idle: StageState = { isBusy: false, passed: 0, isSlowPart: false };

/** Looks once a second at a stage that does not change, the others being idle; gives the second of the first alarm. */
const secondsUntilAlarm = (
  stage: WatchedStage,
  state: Partial<StageState>,
  { frameMs = 0, framesPerRun = 1 } = {},
): number | undefined => {
  const times = new FrameTimes();
  times.add(stage, frameMs);
  const watch = new StallWatch(limits, { times, framesPerRun, nowMs: 0 });
  const states = { decode: idle, swap: idle, encode: idle, [stage]: { ...idle, isBusy: true, ...state } };
  for (let second = 1; second < 1000; second += 1) {
    const stall = watch.look(1000 * second, states);
    if (stall === undefined) continue;
    assert.equal(stall.stage, stage);
    return second;
  }
  return undefined;
};

test('a stage that holds its frame is noticed after the floor, or ten times the usual time of a frame', () => {
  assert.equal(secondsUntilAlarm('decode', {}), 7);
  assert.equal(secondsUntilAlarm('decode', {}, { frameMs: 2000 }), 22);
  assert.equal(secondsUntilAlarm('encode', {}, { frameMs: 100 }), 7);
});

test('the first frame and the end of an encoder have longer, the first answer of a worker longest', () => {
  assert.equal(secondsUntilAlarm('decode', { isSlowPart: true }), 22);
  assert.equal(secondsUntilAlarm('encode', { isSlowPart: true }), 22);
  assert.equal(secondsUntilAlarm('swap', { isSlowPart: true }), 62);
});

test('a worker that collects frames may take as many times longer', () => {
  assert.equal(secondsUntilAlarm('swap', {}, { frameMs: 1000, framesPerRun: 8 }), 82);
  assert.equal(secondsUntilAlarm('decode', {}, { frameMs: 1000, framesPerRun: 8 }), 12);
});

test('a stage that waits for another is never to blame, and each frame begins the time anew', () => {
  assert.equal(secondsUntilAlarm('swap', { isBusy: false }), undefined);
  const watch = new StallWatch(limits, { times: new FrameTimes(), framesPerRun: 1, nowMs: 0 });
  for (let second = 1; second < 100; second += 1) {
    const decode = { ...idle, isBusy: true, passed: second >> 2 };
    assert.equal(watch.look(1000 * second, { decode, swap: idle, encode: idle }), undefined);
  }
});

test('hours in which nobody looked do not count', () => {
  const watch = new StallWatch(limits, { times: new FrameTimes(), framesPerRun: 1, nowMs: 0 });
  const states = { decode: { ...idle, isBusy: true }, swap: idle, encode: idle };
  assert.equal(watch.look(1000, states), undefined);
  assert.equal(watch.look(7_200_000, states), undefined);
  assert.equal(watch.look(7_201_000, states), undefined);
});

test('the median follows the last hundred values and does not heed single slow ones', () => {
  const median = new RunningMedian();
  assert.equal(median.value, 0);
  for (const value of [5, 1, 1000]) median.add(value);
  assert.equal(median.value, 5);
  for (let count = 0; count < 101; count += 1) median.add(40);
  assert.equal(median.value, 40);
});
