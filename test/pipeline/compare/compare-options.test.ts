import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { type CompareOptions, resolveCompareOptions } from '../../../src/pipeline/compare/compare-options.js';

test('paths become absolute, and what was not given has its default', () => {
  const { videos, reference, sources, workers, run } = resolveCompareOptions({
    videos: ['a.mp4', 'b.mkv'],
    source: 'me.jpg',
    workers: 3,
  });
  assert.deepEqual(videos, [resolve('a.mp4'), resolve('b.mkv')]);
  assert.deepEqual([reference, sources, workers], [undefined, [resolve('me.jpg')], 3]);
  assert.equal(run.landmarkSmoother, 'window');
});

test('wrong options are told before any work', () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ videos: ['a.mp4'] }, /Two videos/],
    [{ videos: ['a.mp4', ''] }, /Two videos/],
    [{ videos: ['a.mp4', 'b.mp4'], reference: 5 }, /--reference/],
    [{ videos: ['a.mp4', 'b.mp4'], source: ['a', 7] }, /--source/],
    [{ videos: ['a.mp4', 'b.mp4'], workers: 0 }, /--workers/],
    [{ videos: ['a.mp4', 'b.mp4'], executionProvider: 'gpu' }, /--execution-provider/],
    [{ videos: ['a.mp4', 'b.mp4'], referense: 'c' }, /Unknown option "referense"/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => resolveCompareOptions(options as CompareOptions), message);
  }
});
