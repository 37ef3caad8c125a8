import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { RunReport } from '../../src/index.js';
import { makeClip } from './clips.js';
import { faceswap, fixture, readRows, runToReport, temporaryFolder } from './command-run.js';

const folder = temporaryFolder('workers');
const at = (name: string): string => join(folder, name);
const target = at('target.mp4');
const cache = at('cache');
const hopper = fixture('grace_hopper.jpg');
const astronaut = fixture('astronaut.png');

// Ten seconds are 30 frames at this rate: three segments, one of them with two cuts inside.
before(() =>
  makeClip({
    shots: [
      { photo: 'astronaut.png', frames: 36 },
      { photo: 'none', frames: 6 },
      { photo: 'astronaut.png', frames: 43, seed: 5 },
    ],
    rate: { num: 3, den: 1 },
    output: ['-c:v', 'libx264', '-g', '15', '-crf', '18', target],
  }),
);

const render = (name: string, source: string, ...words: readonly string[]): Promise<RunReport> =>
  runToReport(
    [
      '-s',
      source,
      '-t',
      target,
      '-o',
      at(name),
      '--output-video-preset',
      'ultrafast',
      '--blend',
      'poisson',
      ...words,
    ],
    {
      environment: { FACESWAP_CACHE_DIR: cache },
    },
  );

describe('workers', () => {
  test('as many as there may be, with and without what an earlier run found out, the output and its figures are the same', async () => {
    const results = [];
    const reports: RunReport[] = [];
    for (const [workers, ...words] of [[1, '--no-cache'], [2], [3]] as const) {
      const rows = at(`rows-${workers}.json`);
      const options = ['--workers', String(workers), ...words, '--report', rows];
      const report = await render(`out-${workers}.mp4`, hopper, ...options);
      assert.equal(report.media.segments, 3);
      assert.equal(report.performance?.workers.count, workers);
      assert.ok(report.quality.facesSwapped > 65);
      reports.push(report);
      results.push({ sha256: report.outputSha256, quality: report.quality, rows: readRows(rows) });
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
    const [, cold, warm] = reports;
    assert.deepEqual(
      reports.map(({ performance }) => performance?.analysis),
      ['computed', 'computed', 'cached'],
    );
    assert.ok(cold !== undefined && cold.stageMs.detect > 0 && cold.stageMs.landmarks > 0, 'cold');
    assert.ok(warm !== undefined && warm.stageMs.detect + warm.stageMs.landmarks === 0, 'warm');
  });

  test('and their reason are told beforehand', async () => {
    const { exitCode, stdout } = await faceswap([
      ...['run', '-s', hopper, '-t', target, '-o', at('plan.mp4'), '--dry-run', '--workers', '5'],
    ]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^workers +3 \(there are 3 segments\); /m);
    assert.match(stdout, /^memory +.* of frame buffers, \d+ for each worker; limit .*iB$/m);
  });
});

describe('what was found out about a target', () => {
  test('serves another source as well, and changes nothing', async () => {
    const other = await render('other.mp4', astronaut);
    const without = await render('other-without.mp4', astronaut, '--no-cache');
    assert.equal(other.performance?.analysis, 'cached');
    assert.equal(other.outputSha256, without.outputSha256);
  });

  test('is found out again where it was damaged', async () => {
    const part = ['--trim-frame-end', '26'];
    const cold = await render('before.mp4', hopper, ...part);
    const analyses = join(cache, 'analysis');
    for (const name of readdirSync(analyses)) {
      const file = join(analyses, name);
      writeFileSync(file, readFileSync(file).subarray(0, 5000));
    }
    const mended = await render('mended.mp4', hopper, ...part);
    assert.equal(mended.performance?.analysis, 'computed');
    assert.equal(mended.outputSha256, cold.outputSha256);
    assert.equal((await render('again.mp4', hopper, ...part)).performance?.analysis, 'cached');
  });
});
