import assert from 'node:assert/strict';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { batchFailure, type BatchItemEvent, type BatchReport } from '../../src/pipeline/run-batch-report.js';
import type { RunReport } from '../../src/pipeline/run-report.js';
import { batchItemLine, formatBatchDryRun, formatBatchTable } from '../../src/report/batch-table.js';
import type { DryRun } from '../../src/pipeline/dry-run.js';

const folder = join(sep, 'work');
const item = {
  index: 2,
  count: 12,
  target: join(folder, 'clip.mp4'),
  output: join(folder, 'out', 'clip.mp4'),
};
const error = { kind: 'media', exitCode: 3, message: 'The file is empty', file: 'x\ny' } as const;

/** The part of a run's report that the table shows. */
const runReport = (kind: 'video' | 'image', frames: number, faces: number): RunReport =>
  ({
    status: faces === 0 ? 'copied' : 'swapped',
    framesPerSecond: 8.06,
    media: { kind, frameCount: frames },
    quality: { facesSwapped: faces, facesFilled: 0 },
    gates: [],
  }) as unknown as RunReport;

test('the line of a target says which, where to and how it went', () => {
  const line = (event: Partial<BatchItemEvent>): string =>
    batchItemLine({ type: 'item', item, ...event } as BatchItemEvent, folder).replaceAll(sep, '/');
  const figures = {
    status: 'swapped',
    kind: 'video',
    frames: 250,
    framesPerSecond: 8.06,
    facesSwapped: 251,
    missedGates: [],
  } as const;
  assert.equal(
    line({ state: 'done', ...figures }),
    '3/12 clip.mp4 -> out/clip.mp4: 250 frames, 8.1 fps, 251 faces swapped',
  );
  assert.equal(
    line({ state: 'done', ...figures, kind: 'image', facesSwapped: 1 }),
    '3/12 clip.mp4 -> out/clip.mp4: 1 face swapped',
  );
  assert.equal(
    line({ state: 'done', ...figures, status: 'copied' }),
    '3/12 clip.mp4 -> out/clip.mp4: no face found, copied',
  );
  assert.equal(
    line({ state: 'done', ...figures, missedGates: ['--min-tpsnr 30.00 dB is missed: it is 28'] }),
    '3/12 clip.mp4 -> out/clip.mp4: 250 frames, 8.1 fps, 251 faces swapped; --min-tpsnr 30.00 dB is missed: it is 28',
  );
  assert.equal(line({ state: 'skipped' }), '3/12 clip.mp4 -> out/clip.mp4: skipped, the output exists');
  assert.equal(
    line({ state: 'failed', error }),
    '3/12 clip.mp4 -> out/clip.mp4: failed: The file is empty ("x\\ny")',
  );
});

test('names cannot break the line or reach the terminal', () => {
  const hostile = {
    ...item,
    target: join(folder, 'a\u001b[2J\r\nb.mp4'),
    output: join(sep, 'else', 'c.mp4'),
  };
  const line = batchItemLine({ type: 'item', item: hostile, state: 'skipped' }, folder);
  assert.equal(line, `3/12 a [2J b.mp4 -> ${hostile.output}: skipped, the output exists`);
});

test('the table has a line for each target and the totals', () => {
  const place = (index: number, name: string) => ({
    index,
    target: join(folder, name),
    output: join(folder, 'out', name),
  });
  const report: BatchReport = {
    schema: 1,
    version: '0',
    items: [
      { ...place(0, 'a.mp4'), ok: true, status: 'done', report: runReport('video', 250, 250) },
      { ...place(1, 'longer.png'), ok: true, status: 'done', report: runReport('image', 1, 2) },
      { ...place(2, 'c.mp4'), ok: false, status: 'failed', error },
      { ...place(3, 'd.mp4'), ok: true, status: 'skipped' },
      { ...place(4, 'e.mp4'), ok: false, status: 'not-done' },
    ],
    counts: {
      targets: 5,
      done: 2,
      failed: 1,
      belowGate: 0,
      skipped: 1,
      notDone: 1,
      notMedia: 1,
      earlierOutputs: 2,
    },
    frames: 251,
    facesSwapped: 252,
    wallMs: 31_234,
    workersStarted: 1,
    stopped: null,
    warnings: [],
  };
  assert.equal(
    formatBatchTable(report, folder).replaceAll(sep, '/'),
    `#  target      output          result
1  a.mp4       out/a.mp4       250 frames, 8.1 fps, 250 faces swapped
2  longer.png  out/longer.png  2 faces swapped
3  c.mp4       out/c.mp4       failed: The file is empty ("x/ny")
4  d.mp4       out/d.mp4       skipped, the output exists
5  e.mp4       out/e.mp4       not done

targets   5: 2 done, 1 skipped, 1 failed, 1 not done
left out  1 file that is no media, 2 earlier outputs
frames    251, 252 faces swapped, in 31.23 s with 1 worker started
`.replace('x/ny', sep === '\\' ? 'x/ny' : 'x\\ny'),
  );
});

test('the table of a dry run tells the frames of each target', () => {
  const dryRun = (kind: DryRun['kind'], frames: number): DryRun =>
    ({ kind, encoder: 'libx264', estimate: { frames, segments: 2 } }) as unknown as DryRun;
  const place = { target: join(folder, 'a.mp4'), output: join(folder, 'b.mp4') };
  const text = formatBatchDryRun(
    {
      schema: 1,
      items: [
        { index: 0, ...place, ok: true, status: 'planned', dryRun: dryRun('video', 250) },
        { index: 1, ...place, ok: true, status: 'planned', dryRun: dryRun('image', 1) },
        { index: 2, ...place, ok: false, status: 'failed', error },
      ],
      estimate: { frames: 251, seconds: 30.4 },
      notMedia: 0,
      earlierOutputs: 0,
      warnings: [],
    },
    folder,
  );
  assert.deepEqual(text.split('\n'), [
    '#  target  output  result',
    '1  a.mp4   b.mp4   250 frames in 2 segments, libx264',
    '2  a.mp4   b.mp4   image',
    '3  a.mp4   b.mp4   failed: The file is empty ("x\\ny")',
    '',
    'status    dry run: nothing was rendered or written',
    'targets   3',
    'estimate  251 frames, about 30 s; a rough guess',
    '',
  ]);
});

test('the failure of a batch is its only kind of failure, what stopped it, or partial', () => {
  const good = { ok: true } as const;
  const bad = (kind: 'media' | 'noFace') => ({ ok: false, error: { ...error, kind } }) as const;
  const kindOf = (...items: Parameters<typeof batchFailure>[0]['items']): string | undefined =>
    batchFailure({ items })?.kind;
  assert.equal(kindOf(good, good), undefined);
  assert.equal(kindOf(bad('media'), bad('media')), 'media');
  assert.equal(kindOf(bad('media'), bad('noFace')), 'partial');
  assert.equal(kindOf(good, bad('media')), 'partial');
  assert.equal(
    String(batchFailure({ items: [bad('media')] })),
    '1 of 1 target failed. The lines above say why',
  );
  const stopped = {
    ...error,
    kind: 'resources',
    message: 'The disk is full',
    file: undefined,
    hint: 'Free some space',
  } as const;
  const failure = batchFailure({ items: [good, { ok: false }, { ok: false }], stopped });
  assert.equal(failure?.exitCode, 8);
  assert.equal(
    String(failure),
    'The disk is full; the batch was stopped, 1 of 3 targets is done. Free some space. Give --skip-existing to go on from there',
  );
});
