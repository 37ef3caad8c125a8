import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FaceswapError } from '../../../src/errors.js';
import type { BenchmarkOptions } from '../../../src/pipeline/benchmark/benchmark-options.js';
import { runBenchmark } from '../../../src/pipeline/benchmark/run-benchmark.js';
import { inFolder } from '../../media/media-fixtures.js';

const fakeFile = fileURLToPath(new URL('./fake-faceswap.mjs', import.meta.url));

/** Ten frames of 240 lines, measured with a program that stands for faceswap. */
const measure = (mode: string, options: BenchmarkOptions = {}, signal?: AbortSignal) =>
  runBenchmark(
    {
      resolutions: ['240p'],
      duration: 0.4,
      cycles: 2,
      warmup: 1,
      outputVideoPreset: 'ultrafast',
      ...options,
    },
    { signal },
    { command: [process.execPath, fakeFile, mode] },
  );

// A temporary folder of our own: what is left in it was left by us.
const ownTemporary = await mkdtemp(join(tmpdir(), 'faceswap-benchmark-test-'));
process.env['TMPDIR'] = ownTemporary;
after(() => rm(ownTemporary, { recursive: true, force: true }));

const leftovers = async (): Promise<readonly string[]> =>
  (await readdir(ownTemporary)).filter((name) => name.startsWith('.faceswap-'));

const fails = (kind: string, pattern: RegExp) => (error: unknown) =>
  error instanceof FaceswapError && error.kind === kind && pattern.test(String(error));

describe('a benchmark', () => {
  test('measures a transcode and a run in each cycle and cleans up', async () => {
    const { entries, settings, machine, warnings } = await measure('ok');
    assert.deepEqual(await leftovers(), []);
    const [measured] = entries;
    assert.ok(measured);
    assert.deepEqual(
      measured.cycles.map(({ isWarmup }) => isWarmup),
      [true, false, false],
    );
    for (const { bare, run } of measured.cycles) {
      assert.ok(bare.wallMs > 0 && run.wallMs > 0 && bare.outputBytes > 0);
      assert.equal(run.outputBytes, measured.clip.bytes, 'the stand-in copies the clip');
      assert.equal(run.facesSwapped, 10);
    }
    assert.equal(measured.clip.frames, 10);
    assert.equal(measured.summary.facesPerFrame, 1);
    assert.equal(measured.summary.firstFrameMs?.median, 120);
    assert.equal(settings.outputVideoEncoder, 'libx264');
    assert.equal(settings.outputVideoPreset, 'ultrafast');
    assert.match(machine.onnxruntimeVersion, /^\d+\.\d+\.\d+/);
    const remarks = warnings.filter(({ code }) => code === 'told');
    assert.deepEqual(remarks, [{ code: 'told', message: '240p: a remark' }], 'each once, without the clip');
  });

  test('does without figures that a run did not take', async () => {
    const { entries } = await measure('bare-report', { cycles: 1, warmup: 0 });
    assert.equal(entries[0]?.summary.workers, null);
    assert.equal(entries[0]?.summary.ratioOfRendering, null);
  });

  test('warns when faces were missed', async () => {
    const { warnings } = await measure('miss', { cycles: 1, warmup: 0 });
    const missed = warnings.find(({ code }) => code === 'benchmark-faces-missed');
    assert.equal(missed?.message, '240p: only 0.30 of 1 face per frame swapped');
  });

  test('fails with what a run failed with, and leaves nothing', async () => {
    await assert.rejects(measure('fail'), fails('model', /The model is damaged.*Build it again/));
    await assert.rejects(measure('garble'), fails('bug', /printed no JSON; its last words: something odd/));
    assert.deepEqual(await leftovers(), []);
  });

  test('that is stopped lets the run stop by itself, and leaves nothing', async () => {
    await inFolder(async (folder) => {
      const mark = join(folder, 'mark');
      process.env['FAKE_FACESWAP_MARK'] = mark;
      const stop = new AbortController();
      process.once('SIGUSR2', () => stop.abort());
      await assert.rejects(measure('hang', {}, stop.signal), fails('interrupted', /Stopped on request/));
      assert.equal(await readFile(mark, 'utf8'), 'stopped');
      assert.deepEqual(await leftovers(), []);
    });
  });

  test('writes a report that serves as a baseline', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'base.json');
      const quick = { cycles: 1, warmup: 0 };
      const first = await measure('ok', { ...quick, output: file });
      assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), JSON.parse(JSON.stringify(first)));
      const second = await measure('ok', { ...quick, baseline: file, maxRegression: '1000%' });
      assert.deepEqual(second.comparison?.notCompared, []);
      assert.equal(second.comparison?.entries.length, 1);
      await assert.rejects(measure('ok', { ...quick, output: file }), fails('usage', /exists already/));
      await measure('ok', { ...quick, output: file, overwrite: true });
      assert.deepEqual(await readdir(folder), ['base.json']);
    });
  });
});

describe('before any work a benchmark refuses', () => {
  test('an output whose folder is not there, or that is the baseline', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'same.json');
      await assert.rejects(
        measure('ok', { output: join(folder, 'absent', 'a.json') }),
        fails('media', /not exist/),
      );
      await assert.rejects(measure('ok', { output: file, baseline: file }), fails('usage', /another file/));
    });
  });

  test('a baseline that is none', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'base.json');
      await writeFile(file, '{}');
      await assert.rejects(measure('ok', { baseline: file }), fails('usage', /no report of a benchmark/));
    });
  });

  test('an encoder that nobody knows', async () => {
    await assert.rejects(
      measure('ok', { outputVideoEncoder: 'libx999' }),
      fails('usage', /"libx999" is not supported/),
    );
  });
});
