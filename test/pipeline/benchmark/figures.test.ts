import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { median, rangeOf, rangeOrNull } from '../../../src/pipeline/benchmark/statistics.js';
import { summarize } from '../../../src/pipeline/benchmark/summary.js';
import { forAll } from '../../support/unit-random.js';
import { cycle, runPerformance } from './unit-report.js';

describe('the statistics', () => {
  test('take the middle value, or the mean of two', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.throws(() => median([]), RangeError);
  });

  test('have as many values below the median as above, in any order', () => {
    forAll(100, (random) => {
      const values = Array.from({ length: random.integer(1, 12) }, () => random.between(-5, 5));
      const middle = median(values);
      const below = values.filter((value) => value < middle).length;
      const above = values.filter((value) => value > middle).length;
      assert.equal(below, above);
      const { min, max } = rangeOf(values);
      assert.ok(values.includes(min) && values.includes(max) && min <= middle && middle <= max);
    });
  });

  test('leave out nothing: a value that was not taken makes the range unknown', () => {
    assert.equal(rangeOrNull([1, null, 2]), null);
    assert.equal(rangeOrNull([]), null);
    assert.deepEqual(rangeOrNull([1, 3]), { median: 2, min: 1, max: 3 });
  });
});

describe('a summary', () => {
  test('takes ratios within each cycle, so that a machine that slows down does not count', () => {
    const slowing = [cycle(1000, 1200), cycle(2000, 2400), cycle(4000, 4800)];
    const { ratio, cpuRatio, framesPerSecond } = summarize(slowing, 250);
    assert.deepEqual(ratio, { median: 1.2, min: 1.2, max: 1.2 });
    assert.deepEqual(cpuRatio, { median: 1.2, min: 1.2, max: 1.2 });
    assert.ok(Math.abs(framesPerSecond.median - 250 / 2.4) < 1e-9);
  });

  test('leaves cycles to warm up out', () => {
    const { ratio } = summarize([cycle(1000, 9000, { isWarmup: true }), cycle(1000, 1100)], 250);
    assert.equal(ratio.max, 1.1);
  });

  test('divides the time in models by all the workers', () => {
    const two = { ...runPerformance, workers: { count: 2, reason: 'asked for' } };
    const { modelShareOfWall, modelShareOfRendering } = summarize(
      [cycle(8000, 10_000, { performance: two })],
      250,
    );
    assert.equal(modelShareOfWall?.median, 0.225);
    assert.equal(modelShareOfRendering?.median, 0.25);
  });

  test('counts a buffer as reused when it was not new', () => {
    assert.equal(summarize([cycle(1, 1)], 250).bufferReuse, 240 / 250);
  });

  test('takes the largest peaks of all cycles', () => {
    const heavy = cycle(1, 1);
    const { ownPeakBytes, treePeakRatio } = summarize(
      [
        { ...heavy, run: { ...heavy.run, ownPeakBytes: 900 * 2 ** 20, treePeakBytes: 1000 * 2 ** 20 } },
        cycle(1, 1),
      ],
      250,
    );
    assert.equal(ownPeakBytes, 900 * 2 ** 20);
    assert.equal(treePeakRatio, 2.5);
  });

  test('has no figure that was not taken', () => {
    const blind = cycle(1000, 1200, { performance: null });
    const { run, bare } = blind;
    const nothing = { cpuMs: null, ownPeakBytes: null, treePeakBytes: null };
    const summary = summarize(
      [{ ...blind, run: { ...run, ...nothing }, bare: { ...bare, ...nothing } }],
      250,
    );
    const { ratioOfRendering, cpuRatio, firstFrameMs, modelShareOfWall, treePeakBytes, treePeakRatio } =
      summary;
    assert.deepEqual(
      [ratioOfRendering, cpuRatio, firstFrameMs, modelShareOfWall, treePeakBytes, treePeakRatio],
      [null, null, null, null, null, null],
    );
    assert.deepEqual([summary.workers, summary.batch, summary.bufferReuse], [null, null, null]);
    assert.deepEqual(summary.stageLatencyMs, {});
    assert.equal(summary.ratio.median, 1.2);
  });
});
