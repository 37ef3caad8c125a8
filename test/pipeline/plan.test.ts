import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { chainNeighbourFrames } from '../../src/pipeline/chain-neighbours.js';
import { makePlan, segmentMinimumFrames, timesWritten } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import { syntheticTarget } from './synthetic-target.js';

const configOf = (options: Partial<RunOptions> = {}) =>
  resolveRunOptions({ source: '/a.png', target: '/clip.mp4', output: '/out.mp4', ...options });

/** Numerical Recipes' linear congruential generator: the same cases on every machine. */
const randomNumbers = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

const rates = [
  { num: 25, den: 1 },
  { num: 24_000, den: 1001 },
  { num: 30_000, den: 1001 },
  { num: 60, den: 1 },
  { num: 179, den: 6 },
  { num: 10, den: 1 },
];

test('segments cover the range exactly, in order, and none but an only one is short', () => {
  const random = randomNumbers(1);
  for (let round = 0; round < 300; round += 1) {
    const frameCount = 1 + Math.floor(random() * 3000);
    const keyframes: number[] = [];
    const distance = 1 + Math.floor(random() * 400);
    for (let frame = 0; frame < frameCount; frame += 1 + Math.floor(random() * 2 * distance))
      keyframes.push(frame);
    const trimFrameStart = random() < 0.5 ? 0 : Math.floor(random() * frameCount);
    const trimFrameEnd = Math.min(frameCount + 5, trimFrameStart + 1 + Math.floor(random() * frameCount));
    const frameRate = rates[round % rates.length] ?? { num: 25, den: 1 };
    const target = syntheticTarget({ frameCount, frameRate, keyframes });
    const plan = makePlan({ target, config: configOf({ trimFrameStart, trimFrameEnd }) });
    const end = Math.min(trimFrameEnd, frameCount);
    assert.deepEqual(plan.range, { start: trimFrameStart, end });
    let next = trimFrameStart;
    for (const [index, { render, decode, ...segment }] of plan.segments.entries()) {
      assert.equal(segment.index, index);
      assert.equal(render.start, next);
      assert.ok(plan.segments.length === 1 || render.end - render.start >= segmentMinimumFrames);
      assert.ok(index === 0 || target.video.keyframes[render.start] === 1);
      assert.equal(decode.start, Math.max(trimFrameStart, render.start - chainNeighbourFrames.before));
      assert.equal(decode.end, Math.min(end, render.end + chainNeighbourFrames.after));
      assert.equal(segment.outputFrames, render.end - render.start);
      next = render.end;
    }
    assert.equal(next, end);
    assert.equal(plan.outputFrameCount, end - trimFrameStart);
  }
});

test('segments are about ten seconds long where keyframes allow it', () => {
  const keyframes = Array.from({ length: 100 }, (_, index) => index * 12);
  const target = syntheticTarget({ frameCount: 1200, frameRate: { num: 25, den: 1 }, keyframes });
  const starts = makePlan({ target, config: configOf() }).segments.map(({ render }) => render.start);
  assert.deepEqual(starts, [0, 252, 504, 756, 1008]);
});

test('a tail shorter than the minimum stays with the segment before it', () => {
  const frameRate = { num: 25, den: 1 };
  const short = syntheticTarget({ frameCount: 250 + 23, frameRate, keyframes: [250] });
  const long = syntheticTarget({ frameCount: 250 + 24, frameRate, keyframes: [250] });
  assert.equal(makePlan({ target: short, config: configOf() }).segments.length, 1);
  assert.equal(makePlan({ target: long, config: configOf() }).segments.length, 2);
});

test('a source with one keyframe is one segment', () => {
  const target = syntheticTarget({ frameCount: 5000, frameRate: { num: 25, den: 1 } });
  assert.equal(makePlan({ target, config: configOf() }).segments.length, 1);
});

test('the plan is plain JSON and its fingerprint changes with what decides the pictures only', () => {
  const target = syntheticTarget({ frameCount: 100, frameRate: { num: 25, den: 1 } });
  const plan = makePlan({ target, config: configOf() });
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
  assert.match(plan.fingerprint, /^[0-9a-f]{64}$/);
  const same = [
    configOf({ output: '/other.mp4' }),
    configOf({ logLevel: 'debug' }),
    configOf({ overwrite: true }),
    configOf({ workers: 3, executionThreadCount: 3, maxMemory: '1G', cache: false }),
  ];
  for (const config of same) assert.equal(makePlan({ target, config }).fingerprint, plan.fingerprint);
  const other = [
    configOf({ blend: 'basic' }),
    configOf({ outputVideoQuality: 70 }),
    configOf({ trimFrameEnd: 99 }),
    configOf({ outputVideoFps: 24 }),
  ];
  const prints = other.map((config) => makePlan({ target, config }).fingerprint);
  assert.equal(new Set([plan.fingerprint, ...prints]).size, 5);
  const shifted = syntheticTarget({
    frameCount: 100,
    frameRate: { num: 25, den: 1 },
    firstFrameMicroseconds: 40_000,
  });
  assert.notEqual(makePlan({ target: shifted, config: configOf() }).fingerprint, plan.fingerprint);
});

test('times become the first frame at or after them, exactly', () => {
  const ntsc = syntheticTarget({
    frameCount: 300,
    frameRate: { num: 30_000, den: 1001 },
    timeBase: { num: 1, den: 30_000 },
  });
  const range = (options: Partial<RunOptions>) => makePlan({ target: ntsc, config: configOf(options) }).range;
  // Frame 30 is due at 30 · 1001 / 30000 = 1.001 s.
  assert.deepEqual(range({ trimStart: '1.001' }), { start: 30, end: 300 });
  assert.deepEqual(range({ trimStart: '1.000999' }), { start: 30, end: 300 });
  assert.deepEqual(range({ trimStart: '1.001001' }), { start: 31, end: 300 });
  assert.deepEqual(range({ trimStart: 0, trimEnd: '1.001' }), { start: 0, end: 30 });
  assert.deepEqual(range({ trimFrameStart: 5, trimEnd: '00:00:01.002' }), { start: 5, end: 31 });
  assert.deepEqual(range({ trimEnd: '1:00' }), { start: 0, end: 300 });
});

test('time zero is the start of the file, whatever its timestamps say', () => {
  const frameRate = { num: 25, den: 1 };
  const late = syntheticTarget({ frameCount: 100, frameRate, startMicroseconds: 95_000_000_000 });
  assert.deepEqual(makePlan({ target: late, config: configOf({ trimStart: 1 }) }).range, {
    start: 25,
    end: 100,
  });
  const delayed = syntheticTarget({ frameCount: 100, frameRate, firstFrameMicroseconds: 480_000 });
  assert.deepEqual(makePlan({ target: delayed, config: configOf({ trimStart: 1 }) }).range, {
    start: 13,
    end: 100,
  });
  const rounded = syntheticTarget({
    frameCount: 100,
    frameRate,
    startMicroseconds: 33_367,
    firstFrameMicroseconds: 33_366.7,
  });
  assert.deepEqual(makePlan({ target: rounded, config: configOf({ trimStart: 0 }) }).range, {
    start: 0,
    end: 100,
  });
});

test('trims that leave nothing are refused as wrong usage', () => {
  const target = syntheticTarget({ frameCount: 50, frameRate: { num: 25, den: 1 } });
  const cases: [Partial<RunOptions>, RegExp][] = [
    [{ trimFrameStart: 50 }, /--trim-frame-start must be before the end/],
    [{ trimStart: 2 }, /--trim-start must be before the end/],
    [{ trimEnd: 0 }, /--trim-end must leave at least one frame/],
    [{ trimFrameStart: 30, trimEnd: 1 }, /--trim-end must leave at least one frame, got frames 30 to 25/],
  ];
  for (const [options, message] of cases) {
    assert.throws(
      () => makePlan({ target, config: configOf(options) }),
      (error) => error instanceof FaceswapError && error.kind === 'usage' && message.test(error.message),
    );
  }
});

test('a change of rate writes exactly the rounded number of frames, and every segment has some', () => {
  const keyframes = Array.from({ length: 80 }, (_, index) => index * 15);
  for (const frameRate of rates) {
    for (const outputVideoFps of [1, 5, 12.5, 23.976, 24, 25, 29.97, 30, 50, 60, 119.88]) {
      for (const frameCount of [1, 2, 7, 100, 1199]) {
        const target = syntheticTarget({
          frameCount,
          frameRate,
          keyframes: keyframes.filter((k) => k < frameCount),
        });
        const plan = makePlan({ target, config: configOf({ outputVideoFps }) });
        const exact =
          (frameCount * frameRate.den * plan.outputFrameRate.num) /
          (frameRate.num * plan.outputFrameRate.den);
        assert.equal(plan.outputFrameCount, Math.max(1, Math.floor(exact + 0.5 + 1e-9)));
        let total = 0;
        for (const { render, outputFrames } of plan.segments) {
          let written = 0;
          for (let frame = render.start; frame < render.end; frame += 1) {
            written += timesWritten(target.video, plan, frame);
          }
          assert.equal(written, outputFrames);
          assert.ok(written >= 1);
          total += written;
        }
        assert.equal(total, plan.outputFrameCount);
      }
    }
  }
});

test('halving the rate keeps every other frame and doubling writes each twice', () => {
  const target = syntheticTarget({ frameCount: 6, frameRate: { num: 30, den: 1 } });
  const written = (outputVideoFps: number) => {
    const plan = makePlan({ target, config: configOf({ outputVideoFps }) });
    return [0, 1, 2, 3, 4, 5].map((frame) => timesWritten(target.video, plan, frame));
  };
  assert.deepEqual(written(15), [1, 0, 1, 0, 1, 0]);
  assert.deepEqual(written(60), [2, 2, 2, 2, 2, 2]);
  assert.deepEqual(written(30), [1, 1, 1, 1, 1, 1]);
  assert.deepEqual(written(20), [1, 1, 0, 1, 1, 0]);
});

test('a gap in the timeline stays a gap at the same rate and is filled at another', () => {
  const target = syntheticTarget({ frameCount: 4, frameRate: { num: 30, den: 1 }, slots: [0, 1, 4, 5] });
  const written = (options: Partial<RunOptions>) => {
    const plan = makePlan({ target, config: configOf(options) });
    return [0, 1, 2, 3].map((frame) => timesWritten(target.video, plan, frame));
  };
  assert.deepEqual(written({}), [1, 1, 1, 1]);
  assert.deepEqual(written({ outputVideoFps: 60 }), [2, 6, 2, 2]);
});

test('a variable rate keeps its times, unless a rate is asked for, even the nominal one', () => {
  const target = syntheticTarget({
    frameCount: 4,
    frameRate: { num: 10, den: 1 },
    clock: { num: 1000, den: 1 },
    slots: [0, 30, 250, 1000],
  });
  const kept = makePlan({ target, config: configOf() });
  assert.ok(kept.keepsTimes && kept.target.isVariable);
  assert.equal(kept.outputFrameCount, 4);
  const changed = makePlan({ target, config: configOf({ outputVideoFps: 10 }) });
  assert.ok(!changed.keepsTimes);
  // Due every 100 ms: frame 0 at 0, frame 1 at 100 and 200, frame 2 from 300 to 900, frame 3 at 1000.
  assert.deepEqual(
    [0, 1, 2, 3].map((frame) => timesWritten(target.video, changed, frame)),
    [1, 2, 7, 0],
  );
});

test('a variable rate made constant has frames in every segment', () => {
  // A burst of 60 frames within 60 ms, between stretches of 25 per second.
  const slots = Array.from({ length: 180 }, (_, k) =>
    k < 60 ? k * 40 : k < 120 ? 2400 + (k - 60) : 2500 + (k - 120) * 40,
  );
  const target = syntheticTarget({
    frameCount: 180,
    frameRate: { num: 1, den: 1 },
    clock: { num: 1000, den: 1 },
    slots,
    keyframes: [30, 60, 90, 120, 150],
  });
  const plan = makePlan({ target, config: configOf({ outputVideoFps: 5 }) });
  assert.ok(plan.segments.length > 1);
  for (const { outputFrames } of plan.segments) assert.ok(outputFrames >= 2);
  const total = plan.segments.reduce((sum, { outputFrames }) => sum + outputFrames, 0);
  assert.equal(total, plan.outputFrameCount);
});
