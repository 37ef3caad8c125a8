import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qualityTotals } from '../../src/pipeline/quality-totals.js';
import type { FrameRow } from '../../src/pipeline/run-report.js';
import { faceRow as face, frameRow as row } from '../support/unit-rows.js';

test('a run without rows has counts of zero and figures of null', () => {
  assert.deepEqual(qualityTotals([]), {
    facesFound: 0,
    facesSwapped: 0,
    facesFilled: 0,
    facesSkipped: {},
    unswappedShare: null,
    ssimOutside: null,
    framesWithoutFace: 0,
    sceneCuts: 0,
    tpsnrOutputDb: null,
    tpsnrSourceDb: null,
    tpsnrAlignedOutputDb: null,
    tpsnrAlignedSourceDb: null,
    seam: null,
    ssimInside: null,
    jitterShareBefore: null,
    jitterShareAfter: null,
    identityToSource: null,
    identityToTarget: null,
  });
});

test('faces are counted by outcome and skipped ones by reason', () => {
  const totals = qualityTotals([
    row(0, [face({}), face({ outcome: 'skipped', skipReason: 'too-small' })]),
    row(1, [face({ outcome: 'filled' }), face({ outcome: 'skipped', skipReason: 'too-small' })]),
    row(2, [], true),
    row(3, [face({ outcome: 'skipped', skipReason: 'turned-away' })]),
  ]);
  assert.equal(totals.facesFound, 4);
  assert.equal(totals.facesSwapped, 1);
  assert.equal(totals.facesFilled, 1);
  assert.deepEqual(totals.facesSkipped, { 'too-small': 2, 'turned-away': 1 });
  assert.equal(totals.framesWithoutFace, 1);
  assert.equal(totals.sceneCuts, 1);
});

test('spread is mean, population standard deviation and minimum; equal pictures count as 100 dB', () => {
  const totals = qualityTotals([
    row(0, [face({})]),
    row(1, [face({ tpsnrOutputDb: 30, tpsnrSourceDb: Number.POSITIVE_INFINITY })]),
    row(2, [face({ tpsnrOutputDb: 40, tpsnrSourceDb: 50 })]),
  ]);
  assert.deepEqual(totals.tpsnrOutputDb, { mean: 35, std: 5, min: 30 });
  assert.deepEqual(totals.tpsnrSourceDb, { mean: 75, std: 25, min: 50 });
});

test('similarity to the source is told of the faces that were swapped alone', () => {
  const totals = qualityTotals([
    row(0, [
      face({ tpsnrAlignedOutputDb: null, tpsnrAlignedSourceDb: null, seam: null, ssimInside: 0.5 }),
      face({ outcome: 'skipped', skipReason: 'too-small' }),
    ]),
    row(1, [face({ tpsnrAlignedOutputDb: null, tpsnrAlignedSourceDb: null, seam: null, ssimInside: 0.7 })]),
  ]);
  assert.equal(totals.ssimInside?.count, 2);
  assert.equal(totals.ssimInside?.p50, 0.6);
});

test('percentiles interpolate linearly between ranks', () => {
  const rows = Array.from({ length: 21 }, (_, index) =>
    row(index, [face({ identityToSource: (20 - index) / 20 })]),
  );
  const spread = qualityTotals(rows).identityToSource;
  assert.equal(spread?.count, 21);
  for (const [value, expected] of [
    [spread?.p5, 0.05],
    [spread?.p50, 0.5],
    [spread?.p95, 0.95],
  ] as const) {
    assert.ok(Math.abs((value ?? Number.NaN) - expected) < 1e-12);
  }
});

test('a jitter frame exceeds three times the median of its own shot and the floor of 0.01', () => {
  const shot = (start: number, values: readonly number[], cut: boolean): FrameRow[] =>
    values.map((jitterBefore, index) =>
      row(start + index, [face({ jitterBefore, jitterAfter: 0.001 })], cut && index === 0),
    );
  const rows = [
    // median 0.004: limit 0.012
    ...shot(0, [0.004, 0.004, 0.0119, 0.0121, 0.004], false),
    // median 0.02: limit 0.06
    ...shot(5, [0.02, 0.02, 0.05, 0.061, 0.02], true),
    // median 0.001: the floor of 0.01 counts
    ...shot(10, [0.001, 0.001, 0.0099, 0.0101, 0.001], true),
  ];
  const totals = qualityTotals(rows);
  assert.equal(totals.jitterShareBefore, 3 / 15);
  assert.equal(totals.jitterShareAfter, 0);
});
