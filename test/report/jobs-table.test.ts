import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobSummary } from '../../src/pipeline/job-list.js';
import { ageText, formatCleaning, formatJob, formatJobList } from '../../src/report/jobs-table.js';

const job: JobSummary = {
  folder: '/clips/.out.mp4.faceswap-0123456789ab',
  id: '0123456789ab',
  output: '/clips/o\u001but.mp4',
  target: '/clips/in.mp4',
  createdAt: '2026-01-02T03:04:05.000Z',
  segmentsDone: 2,
  segmentCount: 6,
  bytes: 3 * 2 ** 20,
  ageSeconds: 200,
  running: null,
};

test('ages are told in the largest unit that fits', () => {
  assert.deepEqual([0, 59.9, 60, 7199, 86_399, 200_000].map(ageText), [
    '0 s',
    '59 s',
    '1 min',
    '1 h',
    '23 h',
    '2 d',
  ]);
});

test('the list has a line for each job, without characters that move a cursor', () => {
  assert.equal(formatJobList([]), 'No unfinished jobs.\n');
  const running = { ...job, running: { pid: 12, host: 'here' } };
  assert.equal(
    formatJobList([job, running]),
    [
      'job           segments  size     age    state                         output',
      '0123456789ab  2/6       3.0 MiB  3 min  stopped                       /clips/o?ut.mp4',
      '0123456789ab  2/6       3.0 MiB  3 min  running (process 12 on here)  /clips/o?ut.mp4',
      '',
    ].join('\n'),
  );
});

test('a job shows everything that decides it', () => {
  const text = formatJob({ ...job, components: { 'output-video-quality': '80' } });
  assert.match(text, /^segments +2\/6 done$/m);
  assert.match(text, /^ {2}output-video-quality +80$/m);
});

test('cleaning tells what was deleted and what was left alone', () => {
  assert.equal(formatCleaning({ deleted: [], running: [] }), 'Nothing to delete.\n');
  assert.equal(
    formatCleaning({ deleted: [job], running: [job] }),
    'deleted  0123456789ab  3.0 MiB  /clips/o?ut.mp4\nrunning  0123456789ab  left alone  /clips/o?ut.mp4\n',
  );
});
