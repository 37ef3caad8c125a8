import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { latencyOf } from '../../src/pipeline/latency.js';
import { formatTimeline } from '../../src/pipeline/segment-timeline.js';
import { StageSpans } from '../../src/pipeline/stage-spans.js';

const spansOf = (...spans: readonly (readonly [number, number])[]): StageSpans => {
  const result = new StageSpans(spans.length);
  for (const [start, end] of spans) result.add(start, end);
  return result;
};

describe('the chart of a segment', () => {
  test('shows when each stage was busy', () => {
    // 400 ms in 40 columns of 10 ms, from 1,000 on; worked out by hand.
    const lines = formatTimeline(
      [
        { name: 'decode', spans: spansOf([1000, 1100], [1200, 1205], [1310, 1312]) },
        { name: 'swap', samples: Float32Array.of(20, 0.4, 7.5, 1) },
        { name: 'encode', spans: spansOf([1395, 1405]) },
      ],
      { startMs: 1000, wallMs: 400 },
    );
    assert.deepEqual(lines, [
      'decode     107 ms   27 % |##########          -          .        |',
      'swap        29 ms    7 % |     #                   =         .    |',
      'encode      10 ms    3 % |                                       -|',
    ]);
  });

  test('counts what lies outside of its time in the figures only', () => {
    const [line] = formatTimeline([{ name: 'decode', spans: spansOf([900, 1000], [1400, 1500]) }], {
      startMs: 1000,
      wallMs: 400,
    });
    assert.equal(line, `decode     200 ms   50 % |${' '.repeat(40)}|`);
  });
});

describe('spans', () => {
  test('are as many as there is room for', () => {
    const spans = new StageSpans(2);
    for (const start of [0, 10, 20]) spans.add(start, start + 3);
    assert.equal(spans.count, 2);
    assert.deepEqual([...spans.durations()], [3, 3]);
    assert.equal(spans.totalMs(), 6);
  });
});

describe('percentiles of latency', () => {
  test('are samples, by nearest rank over all parts', () => {
    // 1 to 100: the p-th percentile by nearest rank is p itself.
    const values = Array.from({ length: 100 }, (_, at) => ((at * 37) % 100) + 1);
    const parts = [Float32Array.from(values.slice(0, 30)), Float32Array.from(values.slice(30))];
    assert.deepEqual(latencyOf(parts), { p50: 50, p95: 95, p99: 99, count: 100 });
    assert.deepEqual(latencyOf([Float32Array.of(4)]), { p50: 4, p95: 4, p99: 4, count: 1 });
    // Of three samples, half is reached by the second, 95 % by the third.
    assert.deepEqual(latencyOf([Float32Array.of(9, 1, 5)]), { p50: 5, p95: 9, p99: 9, count: 3 });
  });

  test('are left out where nothing was measured', () => {
    assert.equal(latencyOf([]), undefined);
    assert.equal(latencyOf([new Float32Array(0)]), undefined);
  });
});
