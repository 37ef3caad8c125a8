import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { FaceswapError } from '../../../src/errors.js';
import type { BenchmarkOptions } from '../../../src/pipeline/benchmark/benchmark-options.js';
import { resolutions } from '../../../src/pipeline/benchmark/benchmark-options.js';
import { resolveBenchmarkOptions } from '../../../src/pipeline/benchmark/resolve-benchmark-options.js';
import { runnerArguments } from '../../../src/pipeline/benchmark/runner-arguments.js';

describe('the options of a benchmark', () => {
  test('have defaults', () => {
    const config = resolveBenchmarkOptions({});
    assert.deepEqual(config.resolutions, ['240p', '480p', '720p', '1080p', '2160p']);
    assert.deepEqual(
      [config.faces, config.models, config.cycles, config.warmup, config.durationSeconds],
      [1, 'embedded', 5, 1, 10],
    );
    assert.equal(config.maxRegressionPercent, 10);
    assert.deepEqual(config.runOptions, {});
    assert.equal(config.runConfig.outputVideoPreset, 'medium');
  });

  test('keep what was given for the run, and paths become absolute', () => {
    const config = resolveBenchmarkOptions({
      workers: 2,
      maxMemory: '1G',
      outputVideoPreset: 'fast',
      output: 'b.json',
      baseline: 'a.json',
      maxRegression: 12.5,
    });
    assert.deepEqual(config.runOptions, { workers: 2, maxMemory: '1G', outputVideoPreset: 'fast' });
    assert.equal(config.runConfig.maxMemoryBytes, 2 ** 30);
    assert.equal(config.output, resolve('b.json'));
    assert.equal(config.maxRegressionPercent, 12.5);
  });

  const mistakes: readonly [BenchmarkOptions | Record<string, unknown>, RegExp][] = [
    [{ resolutions: ['1080'] }, /--resolutions must be a list of 240p, .*got "1080".*Did you mean 1080p\?/],
    [{ resolutions: [] }, /--resolutions must be a list/],
    [{ resolutions: ['240p', '240p'] }, /without repetitions/],
    [{ faces: 0 }, /--faces must be a whole number from 1 to 8, got 0/],
    [{ faces: 9 }, /--faces must be/],
    [{ models: 'nul' }, /--models must be one of embedded, null, bound, got "nul".*Did you mean null\?/],
    [{ cycles: 0 }, /--cycles must be a whole number from 1 to 100/],
    [{ cycles: 2.5 }, /--cycles must be/],
    [{ warmup: -1 }, /--warmup must be a whole number from 0 to 20/],
    [{ duration: 0 }, /--duration must be a number of seconds above 0/],
    [{ duration: Number.NaN }, /--duration must be/],
    [{ baseline: 'a.json', maxRegression: '-5%' }, /--max-regression must be a percentage from 0% to 1000%/],
    [{ baseline: 'a.json', maxRegression: 'much' }, /--max-regression must be/],
    [{ maxRegression: '5%' }, /--max-regression needs a --baseline/],
    [{ output: '' }, /--output must be the file to write/],
    [{ overwrite: 'yes' }, /--overwrite must be true or false/],
    [{ cycels: 3 }, /Unknown option "cycels".*Did you mean cycles\?/],
    [{ workers: 0 }, /--workers must be auto or a whole number from 1 to 64, got 0/],
    [{ outputVideoPreset: 'quick' }, /--output-video-preset must be one of/],
    [{ executionProvider: 'gpu' }, /--execution-provider must be one of/],
  ];
  for (const [options, expected] of mistakes) {
    test(`are refused: ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => resolveBenchmarkOptions(options as BenchmarkOptions),
        (error) => error instanceof FaceswapError && error.kind === 'usage' && expected.test(String(error)),
      );
    });
  }

  test('name sizes of 16:9 whose sides are even', () => {
    for (const [name, { widthPx, heightPx }] of Object.entries(resolutions)) {
      assert.equal(`${heightPx}p`, name);
      assert.equal(widthPx % 2, 0);
      assert.ok(Math.abs(widthPx - (heightPx * 16) / 9) < 1);
    }
  });
});

describe('the words of a measured run', () => {
  const files = { source: 'a.jpg', target: 'b.mp4', output: 'c.mp4', models: undefined };

  test('are those of a user who keeps no cache', () => {
    const words = runnerArguments(resolveBenchmarkOptions({}), files);
    assert.deepEqual(words, [
      ...['run', '--source', 'a.jpg', '--target', 'b.mp4', '--output', 'c.mp4'],
      ...['--no-cache', '--json', '--progress', 'none', '--log-level', 'warn'],
    ]);
  });

  test('carry the settings that were given', () => {
    const config = resolveBenchmarkOptions({
      workers: 'auto',
      batchSize: 4,
      processors: ['face_swapper'],
      hwaccel: 'cuda',
    });
    const text = runnerArguments(config, files).join(' ');
    for (const part of ['--workers auto', '--batch-size 4', '--processors face_swapper', '--hwaccel cuda']) {
      assert.ok(text.includes(part), `${part} is missing in ${text}`);
    }
  });

  test('name the folder of generated models', () => {
    const config = resolveBenchmarkOptions({ models: 'null', faces: 3 });
    const text = runnerArguments(config, { ...files, models: 'folder' }).join(' ');
    assert.match(text, /--benchmark-models folder/);
  });
});
