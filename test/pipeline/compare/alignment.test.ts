import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanarFormat } from '../../../src/imaging/planar-frame.js';
import type { TargetMedia } from '../../../src/media/target-media.js';
import { misalignment } from '../../../src/pipeline/compare/alignment.js';
import { unitTarget } from './unit-target.js';

const reference = unitTarget();

const withFormat = (format: Partial<PlanarFormat>): TargetMedia => unitTarget({ format });

test('depth, chroma sampling, time base and start may differ', () => {
  for (const other of [
    unitTarget(),
    withFormat({ bitDepth: 10, chromaShiftX: 0, chromaShiftY: 0 }),
    unitTarget({ timeBase: { num: 1, den: 1000 }, firstTicks: 500, stepTicks: 40 }),
  ]) {
    assert.equal(misalignment(reference, other, 10), undefined);
  }
});

test('another size, another meaning of samples and other times are told', () => {
  const cases: readonly (readonly [TargetMedia, RegExp])[] = [
    [withFormat({ widthPx: 160 }), /160x240 pixels instead of 320x240/],
    [withFormat({ range: 'full' }), /full range instead of limited range/],
    [withFormat({ matrix: 'rgb', range: 'full' }), /RGB instead of limited range/],
    [unitTarget({ stepTicks: 2 }), /its frame 1 is shown 0\.080 s after the first instead of 0\.040 s/],
  ];
  for (const [other, reason] of cases) assert.match(misalignment(reference, other, 10) ?? '', reason);
});

test('only the frames that are compared must lie at the same times', () => {
  const late = unitTarget();
  late.video.ptsTicks[9] = 100;
  assert.equal(misalignment(reference, late, 9), undefined);
  assert.match(misalignment(reference, late, 10) ?? '', /its frame 9/);
});
