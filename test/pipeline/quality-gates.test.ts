import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GateLimits, gateFailure, gateText, judgeQuality } from '../../src/pipeline/quality-gates.js';
import { qualityTotals } from '../../src/pipeline/quality-totals.js';
import type { FaceRow, FrameRow } from '../../src/pipeline/run-report.js';
import { faceRow, frameRow } from '../support/unit-rows.js';

const none: GateLimits = {
  minIdentity: undefined,
  maxJitter: undefined,
  minTpsnr: undefined,
  maxUnswapped: undefined,
};

const judge = (rows: readonly FrameRow[], limits: Partial<GateLimits>) =>
  judgeQuality(rows, qualityTotals(rows), { ...none, ...limits });

const frames = (count: number, faceOf: (frame: number) => Partial<FaceRow>): FrameRow[] =>
  Array.from({ length: count }, (_, frame) => frameRow(frame, [faceRow(faceOf(frame))]));

test('without limits nothing is judged', () => {
  assert.deepEqual(
    judge(
      frames(3, () => ({})),
      {},
    ),
    [],
  );
  assert.equal(gateFailure([], 'out.mp4'), undefined);
});

test('identity is judged by its median, and sampled frames that are all too low make one range', () => {
  const rows = frames(60, (frame) => ({
    identityToSource: frame % 6 === 0 ? (frame < 18 || frame === 42 ? 0.3 : 0.6) : null,
  }));
  const [low] = judge(rows, { minIdentity: 0.65 });
  assert.deepEqual([low?.passed, low?.figure, low?.frameCount], [false, 0.6, 10]);
  assert.deepEqual(low?.frames, [{ start: 0, end: 55 }]);
  const [high] = judge(rows, { minIdentity: 0.5 });
  assert.equal(high?.passed, true);
  assert.equal(high?.frameCount, 4);
  assert.deepEqual(high?.frames, [
    { start: 0, end: 13 },
    { start: 42, end: 43 },
  ]);
});

test('jitter is judged by the share of faces that jitter, after smoothing', () => {
  const rows = frames(20, (frame) => ({
    jitterBefore: 0.004,
    jitterAfter: frame === 5 || frame === 6 ? 0.05 : 0.001,
  }));
  const [result] = judge(rows, { maxJitter: 0.05 });
  assert.deepEqual([result?.passed, result?.figure, result?.frames], [false, 0.1, [{ start: 5, end: 7 }]]);
  assert.equal(judge(rows, { maxJitter: 0.1 })[0]?.passed, true);
});

test('tPSNR is judged by its mean', () => {
  const rows = frames(4, (frame) => ({ tpsnrOutputDb: frame === 0 ? null : 20 + 10 * frame }));
  const [result] = judge(rows, { minTpsnr: 40.5 });
  assert.deepEqual([result?.figure, result?.passed], [40, false]);
  assert.deepEqual(result?.frames, [{ start: 1, end: 3 }]);
  assert.equal(judge(rows, { minTpsnr: 40 })[0]?.passed, true);
});

test('faces that nobody wanted swapped are no unswapped faces', () => {
  const rows = [
    frameRow(0, [faceRow({}), faceRow({ outcome: 'skipped', skipReason: 'not-selected' })]),
    frameRow(1, [
      faceRow({ outcome: 'filled' }),
      faceRow({ outcome: 'skipped', skipReason: 'not-selected' }),
    ]),
    frameRow(2, [faceRow({ outcome: 'skipped', skipReason: 'too-small' })]),
    frameRow(3, []),
    frameRow(4, [faceRow({ outcome: 'skipped', skipReason: 'turned-away' })]),
  ];
  const [result] = judge(rows, { maxUnswapped: 0.4 });
  assert.deepEqual([result?.figure, result?.passed, result?.frameCount], [0.5, false, 2]);
  // Frame 3 has no face to be judged by.
  assert.deepEqual(result?.frames, [{ start: 2, end: 5 }]);
});

test('a figure that could not be taken misses its gate and says so', () => {
  const rows = [frameRow(0, [])];
  const results = judge(rows, { minIdentity: -1, maxJitter: 1, minTpsnr: 0, maxUnswapped: 1 });
  assert.deepEqual(
    results.map(({ passed, figure }) => [passed, figure]),
    [
      [false, null],
      [false, null],
      [false, null],
      [false, null],
    ],
  );
  assert.equal(
    gateText(results[0]!),
    '--min-identity -1.000 is missed: the median identity to the source could not be taken',
  );
});

test('a line tells the figure, the limit and the first frames; the failure has all lines', () => {
  const rows = frames(50, (frame) => ({
    tpsnrOutputDb: frame % 10 < 2 ? 20 : 30,
    outcome: frame === 7 ? 'skipped' : 'swapped',
    ...(frame === 7 ? { skipReason: 'too-small' as const } : {}),
  }));
  const results = judge(rows, { minTpsnr: 29, maxUnswapped: 0.001 });
  const lines = [
    '--min-tpsnr 29.00 dB is missed: the mean tPSNR is 28.00 dB: 10 frames (0-1, 10-11, 20-21, …)',
    '--max-unswapped 0.1 % is missed: the share of faces left alone is 2 %: 1 frame (7)',
  ];
  assert.deepEqual(results.map(gateText), lines);
  const failure = gateFailure(results, '/out.mp4');
  assert.equal(failure?.exitCode, 7);
  assert.equal(failure?.message, lines.join('; '));
});

test('the frames that a result names are bounded', () => {
  const rows = frames(200, (frame) => ({ tpsnrOutputDb: frame % 2 === 0 ? 10 : 30 }));
  const [result] = judge(rows, { minTpsnr: 25 });
  assert.equal(result?.frameCount, 100);
  assert.equal(result?.frames.length, 20);
});
