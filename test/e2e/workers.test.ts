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
  runToReport(['-s', source, '-t', target, '-o', at(name), '--output-video-preset', 'ultrafast', ...words], {
    environment: { FACESWAP_CACHE_DIR: cache },
  });

describe('workers', () => {
  test('as many as there may be, the output is the same, byte for byte, and so are its figures', async () => {
    const results = [];
    for (const workers of [1, 2, 3]) {
      const rows = at(`rows-${workers}.json`);
      const words = ['--workers', String(workers), '--no-cache', '--report', rows];
      const report = await render(`out-${workers}.mp4`, hopper, ...words);
      assert.equal(report.media.segments, 3);
      assert.equal(report.performance?.workers.count, workers);
      assert.ok(report.quality.facesSwapped > 65);
      results.push({ sha256: report.outputSha256, quality: report.quality, rows: readRows(rows) });
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
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
  test('spares the next run the analysis, with another source as well, and changes nothing', async () => {
    const without = await render('without.mp4', hopper, '--no-cache');
    const cold = await render('cold.mp4', hopper);
    const warm = await render('warm.mp4', hopper, '--workers', '2');
    assert.ok(cold.stageMs.detect > 0 && cold.stageMs.landmarks > 0);
    assert.equal(warm.stageMs.detect + warm.stageMs.landmarks, 0);
    assert.deepEqual(
      [without, cold, warm].map(({ performance }) => performance?.analysis),
      ['computed', 'computed', 'cached'],
    );
    assert.equal(cold.outputSha256, without.outputSha256);
    assert.equal(warm.outputSha256, without.outputSha256);
    assert.deepEqual(warm.quality, without.quality);

    const other = await render('other.mp4', astronaut);
    const otherWithout = await render('other-without.mp4', astronaut, '--no-cache');
    assert.equal(other.performance?.analysis, 'cached');
    assert.equal(other.outputSha256, otherWithout.outputSha256);
    assert.notEqual(other.outputSha256, cold.outputSha256);
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
