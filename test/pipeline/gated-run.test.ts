import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, after, test } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { FaceswapError } from '../../src/errors.js';
import { gateFailure } from '../../src/pipeline/quality-gates.js';
import { startRun } from '../../src/pipeline/run.js';
import { startBatch } from '../../src/pipeline/run-batch.js';
import { batchFailure } from '../../src/pipeline/run-batch-report.js';
import type { RunOptions } from '../../src/pipeline/run-options.js';
import type { RowsLine } from '../../src/pipeline/run-report.js';
import { ffmpegOutput } from '../media/media-fixtures.js';

/** Its faces have an identity of 0.7, a tPSNR of 40 dB and a jitter of 0.001 in every frame. */
const workerEntry = new URL('./fake-worker.mjs', import.meta.url);

let root = '';
let clip = '';
let still = '';
let count = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-gates-'));
  clip = join(root, 'clip.mp4');
  still = join(root, 'still.png');
  ffmpegOutput(
    ...['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=5:duration=20', '-c:v', 'libx264'],
    ...['-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p', clip],
  );
  ffmpegOutput('-f', 'lavfi', '-i', 'testsrc2=size=64x48', '-frames:v', '1', still);
});

after(() => rm(root, { recursive: true, force: true }));

const start = (options: Partial<RunOptions>) => {
  const output = join(root, `out-${count++}.mp4`);
  const all = { source: still, target: clip, output, cache: false, ...options } as RunOptions;
  return startRun(all, {}, { workerEntry });
};

const linesOf = (file: string): readonly RowsLine[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RowsLine);

test('a run below a gate is written and says which gate, how far, and where', async () => {
  const output = join(root, 'below.mp4');
  const report = await start({ output, minIdentity: 0.75, minTpsnr: 39, maxJitter: '0%', maxUnswapped: 0 });
  assert.ok(existsSync(output));
  assert.deepEqual(
    report.gates.map(({ gate, passed }) => [gate, passed]),
    [
      ['min-identity', false],
      ['max-jitter', true],
      ['min-tpsnr', true],
      ['max-unswapped', true],
    ],
  );
  assert.deepEqual(report.gates[0]?.frames, [{ start: 0, end: 100 }]);
  assert.equal(report.gates[0]?.figure, 0.7);
  assert.equal(gateFailure(report.gates, output)?.kind, 'qualityGate');
});

test('a run that was continued is judged as a whole, and by the limits of the call that ends it', async () => {
  const output = join(root, 'resumed.mp4');
  const stop = new AbortController();
  const first = startRun(
    { source: still, target: clip, output, cache: false, workers: 1 },
    { drain: stop.signal },
    { workerEntry },
  );
  const watch = async (): Promise<void> => {
    for await (const event of first.progress) {
      if (event.type === 'segment' && event.state === 'started') stop.abort();
    }
  };
  await Promise.all([
    assert.rejects(first, (error) => error instanceof FaceswapError && error.kind === 'interrupted'),
    watch(),
  ]);
  const report = await start({ output, minIdentity: 0.75 });
  assert.equal(report.resumed?.segments, 1);
  assert.deepEqual(report.gates[0]?.frames, [{ start: 0, end: 100 }]);
});

test('a report whose name ends in .jsonl has a header, a line for each frame and the totals', async () => {
  const file = join(root, 'rows.jsonl');
  const report = await start({ report: file, trimFrameStart: 10, trimFrameEnd: 30 });
  const lines = linesOf(file);
  const [header, ...rest] = lines;
  const end = rest.pop();
  assert.ok(header?.type === 'header' && end?.type === 'totals');
  assert.equal(rest.length, 20);
  for (const [at, line] of rest.entries()) {
    assert.ok(line.type === 'frame');
    assert.equal(line.frame, 10 + at);
    assert.equal(line.timeSeconds, (10 + at) / 5);
    assert.equal(line.faces.length, 1);
  }
  const { type: _, ...known } = header;
  const { type: __, ...found } = end;
  assert.deepEqual({ ...known, ...found }, JSON.parse(JSON.stringify(report)));
  assert.deepEqual(
    report.tracks.map(({ trackId, start, end }) => [trackId, start, end]),
    [[0, 10, 30]],
  );
  assert.deepEqual(
    report.shots.map(({ shot, start, end }) => [shot, start, end]),
    [[0, 10, 30]],
  );
});

test('names of media cannot break a line of a report', async () => {
  const hostile = join(root, 'a\n{"type":"totals"}\u2028"x.mp4');
  const file = join(root, 'hostile.jsonl');
  const report = await start({ output: hostile, report: file, trimFrameEnd: 3 });
  const lines = linesOf(file);
  assert.deepEqual(
    lines.map(({ type }) => type),
    ['header', 'frame', 'frame', 'frame', 'totals'],
  );
  const [header] = lines;
  assert.ok(header?.type === 'header');
  assert.equal(header.output, report.output);
});

test('a job folder that is kept holds the rows of the run', async () => {
  const jobDir = join(root, 'jobs');
  const file = join(root, 'kept.jsonl');
  await start({ keepJob: true, jobDir, report: file, trimFrameEnd: 5 });
  const [folder] = readdirSync(jobDir);
  assert.ok(folder);
  assert.deepEqual(linesOf(join(jobDir, folder, 'report.jsonl')), linesOf(file));
});

test('gates of time are refused for a still image, the others judge it', async () => {
  const output = join(root, 'still-out.png');
  await assert.rejects(start({ target: still, output, maxJitter: 0.1 }), {
    message: '--max-jitter must be left out when the target is an image',
  });
  const report = await start({ target: still, output, minIdentity: 0.75, maxUnswapped: 0 });
  assert.deepEqual(
    report.gates.map(({ gate, passed }) => [gate, passed]),
    [
      ['min-identity', false],
      ['max-unswapped', true],
    ],
  );
});

test('a batch with outputs below a gate ends as such, with all of them written', async () => {
  const output = join(root, 'batch');
  const batch = startBatch(
    { source: still, target: [clip, still], output, cache: false, minTpsnr: 45 },
    {},
    { workerEntry },
  );
  const lines: string[] = [];
  for await (const event of batch.progress) {
    if (event.type === 'item' && event.state === 'done') lines.push(...event.missedGates);
  }
  const report = await batch;
  assert.deepEqual(lines, ['--min-tpsnr 45.00 dB is missed: the mean tPSNR is 40.00 dB: 100 frames (0-99)']);
  assert.equal(report.counts.belowGate, 1);
  assert.equal(report.counts.done, 2);
  assert.equal(batchFailure(report)?.exitCode, 7);
  assert.match(String(batchFailure(report)), /^1 of 2 targets misses a quality gate/);
  assert.deepEqual(readdirSync(output).sort(), ['clip.mp4', 'still.png']);
});
