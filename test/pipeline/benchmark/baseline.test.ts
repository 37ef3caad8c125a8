import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import {
  checkComparable,
  compareWithBaseline,
  readBaseline,
} from '../../../src/pipeline/benchmark/baseline.js';
import type { BenchmarkReport } from '../../../src/pipeline/benchmark/benchmark-report.js';
import { inFolder } from '../../media/media-fixtures.js';
import { benchmarkReport, cycle, entry } from './unit-report.js';

const usage = (pattern: RegExp) => (error: unknown) =>
  error instanceof FaceswapError && error.kind === 'usage' && pattern.test(String(error));

const baseline = benchmarkReport([entry('720p', [cycle(1000, 1200)]), entry('240p', [cycle(100, 120)])]);

const check = (then: BenchmarkReport, now: BenchmarkReport): void =>
  checkComparable(then, {
    file: 'base.json',
    machine: now.machine,
    settings: now.settings,
    resolutions: now.entries.map(({ resolution }) => resolution),
  });

const compare = (now: BenchmarkReport, maxRegressionPercent = 10) =>
  compareWithBaseline(baseline, now, { file: 'base.json', maxRegressionPercent });

const worseOf = (now: BenchmarkReport) =>
  compare(now).entries.map(({ figures }) => figures.map(({ worsePercent }) => Math.round(worsePercent)));

describe('a baseline', () => {
  test('is read as it was written', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'base.json');
      await writeFile(file, JSON.stringify(baseline));
      assert.deepEqual(await readBaseline(file), JSON.parse(JSON.stringify(baseline)));
    });
  });

  test('must be a report of a benchmark', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'base.json');
      const others = [
        '{',
        '[]',
        '{"schema":2}',
        JSON.stringify({ ...baseline, entries: [{ resolution: '240p' }] }),
      ];
      for (const text of others) {
        await writeFile(file, text);
        await assert.rejects(readBaseline(file), usage(/--baseline is (not JSON|no report)/));
      }
      await assert.rejects(readBaseline(join(folder, 'absent.json')), (error) => {
        return error instanceof FaceswapError && error.kind === 'media';
      });
    });
  });

  test('of the same machine and settings is taken, whatever the versions', () => {
    const { machine } = baseline;
    const updated = {
      ...machine,
      ffmpegVersion: '7.1',
      nodeVersion: '22.0.0',
      memoryBytes: machine.memoryBytes + 1e6,
    };
    assert.doesNotThrow(() => check(baseline, benchmarkReport(baseline.entries, { machine: updated })));
  });

  test('of another machine is refused, with everything that differs', () => {
    const machine = {
      ...baseline.machine,
      cpuModel: 'Other CPU',
      cores: 8,
      gpus: [],
      memoryBytes: 64 * 2 ** 30,
    };
    assert.throws(
      () => check(baseline, benchmarkReport(baseline.entries, { machine })),
      usage(
        /another machine: processor Other CPU \(baseline: Test CPU\); cores 8 .*graphics card none .*memory 64 GiB/,
      ),
    );
  });

  test('with other settings is refused, with everything that differs', () => {
    const settings = { ...baseline.settings, faces: 2, outputVideoPreset: 'fast' } as const;
    assert.throws(
      () => check(baseline, benchmarkReport(baseline.entries, { settings })),
      usage(/other settings: faces 2 \(baseline: 1\); outputVideoPreset "fast" \(baseline: "medium"\)/),
    );
  });

  test('without any of the resolutions is refused', () => {
    assert.throws(
      () => check(baseline, benchmarkReport([entry('1080p', [cycle(1, 1)])])),
      usage(/none of the resolutions.*It has 720p, 240p/),
    );
  });
});

describe('a comparison', () => {
  test('finds nothing when nothing has changed', () => {
    assert.deepEqual(worseOf(baseline), [
      [0, 0, 0],
      [0, 0, 0],
    ]);
    assert.equal(compare(baseline).hasRegression, false);
  });

  test('takes a slower program for slower', () => {
    const slower = benchmarkReport([entry('720p', [cycle(1000, 1500)])]);
    assert.equal(worseOf(slower)[0]?.[0], 25);
    assert.equal(compare(slower).hasRegression, true);
    assert.equal(compare(slower, 30).hasRegression, false);
  });

  test('takes neither a slow machine nor a lucky transcode for a slower program', () => {
    const slowMachine = benchmarkReport([entry('720p', [cycle(2000, 2400)])]);
    const luckyBare = benchmarkReport([entry('720p', [cycle(500, 1200)])]);
    assert.equal(worseOf(slowMachine)[0]?.[0], 0);
    assert.equal(worseOf(luckyBare)[0]?.[0], 0);
  });

  test('tells a faster program as a negative figure', () => {
    assert.equal(worseOf(benchmarkReport([entry('720p', [cycle(1000, 600)])]))[0]?.[0], -50);
  });

  test('looks at memory, of the process and of the tree', () => {
    const { run, ...rest } = cycle(1000, 1200);
    const heavier = { ...rest, run: { ...run, ownPeakBytes: 300 * 2 ** 20, treePeakBytes: 630 * 2 ** 20 } };
    const { entries } = compare(benchmarkReport([entry('720p', [heavier])]));
    assert.deepEqual(
      entries[0]?.figures.map(({ name, isRegression }) => [name, isRegression]),
      [
        ['speed', false],
        ['own peak memory', true],
        ['tree peak memory', false],
      ],
    );
  });

  test('names what it cannot compare', () => {
    const other = entry('720p', [cycle(1, 1)]);
    const now = benchmarkReport([
      { ...other, clip: { ...other.clip, frames: 99 } },
      entry('1080p', [cycle(1, 1)]),
      entry('240p', [cycle(100, 120)]),
    ]);
    const { entries, notCompared } = compare(now);
    assert.deepEqual(
      entries.map(({ resolution }) => resolution),
      ['240p'],
    );
    assert.deepEqual(notCompared, [
      { resolution: '720p', reason: 'its clip was another one' },
      { resolution: '1080p', reason: 'the baseline does not have it' },
    ]);
    const { notCompared: unmeasured } = compare(benchmarkReport([entry('720p', [cycle(1, 1)])]));
    assert.deepEqual(unmeasured, [{ resolution: '240p', reason: 'it was not measured now' }]);
  });

  test('names programs of another version', () => {
    const machine = { ...baseline.machine, ffmpegVersion: '7.1' };
    const { differences } = compare(benchmarkReport(baseline.entries, { version: '0.2.0', machine }));
    assert.deepEqual(differences, ['faceswap 0.2.0 (baseline: 0.1.0)', 'ffmpeg 7.1 (baseline: 5.1.9)']);
  });
});
