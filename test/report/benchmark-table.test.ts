import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compareWithBaseline } from '../../src/pipeline/benchmark/baseline.js';
import { formatBenchmark, formatComparison, regressionText } from '../../src/report/benchmark-table.js';
import { benchmarkReport, cycle, entry } from '../pipeline/benchmark/unit-report.js';

// Two cycles: 10 s against 12.5 s, 10 s against 15 s; the other figures stand in unit-report.ts. Worked out by hand.
const expected = `machine   Test CPU, 2 cores, 16 GiB, Test GPU
          faceswap 0.1.0, ffmpeg 5.1.9, onnxruntime 1.30.0, Node 20.1.0
settings  embedded models, 1 face, clips of 10 s, libx264 medium at quality 80
          cpu with 2 threads, workers auto, batch auto, hwaccel none
          median (lowest to highest) of 5 cycles after 1 to warm up

1080p  1920x1080, 250 frames
speed         18.3 (16.7 to 20.0) fps; ffmpeg 25.0 fps
ratio         1.38 (1.25 to 1.50) times the wall time of bare ffmpeg
              0.90 of the rendering alone, 1.38 (1.25 to 1.50) of processor time
first frame   0.80 s; Node itself 0.25 s
in models     33.0 % of wall time, 50.0 % of the rendering
peak memory   200 MiB own process, 600 MiB with its children; ffmpeg 400 MiB (ratio 1.50)
workers       1: 2 cores: one worker and its ffmpeg keep them busy
batch         4: 6.1 GiB free, 1.2 GiB per face; halved 1 time
frames        10 buffers of 3.0 MiB, 8 in flight at most (limit 512 MiB), 96.0 % of uses were reuses
decoding      in software
faces         1.00 swapped per frame
ms per frame                  p50      p95      p99
              decode         1.50     4.00     9.25
              encode        20.00    33.33    40.00
`;

describe('the table of a benchmark', () => {
  test('has a head and a block per resolution', () => {
    const cycles = [cycle(10_000, 12_500), cycle(10_000, 15_000)];
    assert.equal(formatBenchmark(benchmarkReport([entry('1080p', cycles)])), expected);
    const two = formatBenchmark(benchmarkReport([entry('1080p', cycles), entry('240p', cycles)]));
    assert.ok(two.startsWith(expected) && two.includes('\n\n240p  426x240, 250 frames\n'));
  });

  test('shows a dash for what was not taken', () => {
    const text = formatBenchmark(
      benchmarkReport([entry('240p', [cycle(1000, 1200, { performance: null })])]),
    );
    for (const line of [
      /^first frame {3}-; Node itself 0\.25 s$/m,
      /^in models {5}- of wall time, - of the rendering$/m,
      /^workers {7}-$/m,
      /^batch {9}-$/m,
      /^frames {8}-$/m,
      /^decoding {6}-$/m,
      /^ms per frame {2}-$/m,
    ]) {
      assert.match(text, line);
    }
    assert.doesNotMatch(text, /NaN|null|undefined/);
  });

  test('has no character beyond ASCII and no trailing space', () => {
    const text = formatBenchmark(benchmarkReport([entry('720p', [cycle(1, 2)])]));
    assert.match(text, /^[\x20-\x7e\n]*$/);
    assert.doesNotMatch(text, / \n/);
  });
});

describe('the comparison in the table', () => {
  const baseline = benchmarkReport([entry('720p', [cycle(1000, 1200)]), entry('240p', [cycle(100, 120)])]);
  const now = benchmarkReport([entry('720p', [cycle(1000, 1500)]), entry('1080p', [cycle(1, 1)])], {
    version: '0.2.0',
  });
  const comparison = compareWithBaseline(baseline, now, { file: '/ci/base.json', maxRegressionPercent: 10 });

  test('says what is worse, what is other and what could not be compared', () => {
    assert.equal(
      formatComparison(comparison),
      `baseline  /ci/base.json (faceswap 0.1.0), at most 10 % worse
          other now: faceswap 0.2.0 (baseline: 0.1.0)
720p      speed 25.0 % worse (REGRESSION), own peak memory unchanged, tree peak memory unchanged
1080p     not compared: the baseline does not have it
240p      not compared: it was not measured now
`,
    );
    assert.ok(formatBenchmark({ ...now, comparison }).endsWith(`\n\n${formatComparison(comparison)}`));
  });

  test('becomes one sentence when something is worse, and none otherwise', () => {
    assert.equal(
      regressionText(comparison),
      'Worse than the baseline by more than 10 %: 720p speed by 25.0 %',
    );
    const same = compareWithBaseline(baseline, baseline, { file: 'a.json', maxRegressionPercent: 0 });
    assert.equal(regressionText(same), undefined);
  });
});
