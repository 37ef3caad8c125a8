import assert from 'node:assert/strict';
import test from 'node:test';
import { constantFrameRate, timelineSlots } from '../../src/media/timeline.js';

const milliseconds = { num: 1, den: 1000 };

/** Timestamps of `count` frames at `rate`, rounded to whole milliseconds as Matroska does. */
const rounded = (count: number, rate: number): Float64Array =>
  Float64Array.from({ length: count }, (_, k) => Math.round((k * 1000) / rate));

test('rates survive timestamps that are rounded to milliseconds', () => {
  for (const rate of [
    { num: 24000, den: 1001 },
    { num: 30000, den: 1001 },
    { num: 60000, den: 1001 },
    { num: 25, den: 1 },
    { num: 12, den: 1 },
  ]) {
    const found = constantFrameRate(rounded(5000, rate.num / rate.den), milliseconds, []);
    assert.deepEqual(found?.frameRate, rate);
  }
});

test('an unusual rate is taken from the container when it fits', () => {
  const claimed = { num: 179, den: 6 };
  assert.deepEqual(constantFrameRate(rounded(400, 179 / 6), milliseconds, [claimed])?.frameRate, claimed);
});

test('steps that change have no constant rate', () => {
  const pts = Float64Array.from({ length: 100 }, (_, k) => (k < 50 ? k * 40 : 2000 + (k - 50) * 125));
  assert.equal(constantFrameRate(pts, milliseconds, [{ num: 25, den: 1 }]), undefined);
});

test('a few missing frames leave gaps on the timeline and keep the rate', () => {
  const slots = [0, 1, 2, 5, 6, 7];
  const pts = Float64Array.from(slots, (slot) => slot * 40);
  assert.deepEqual([...(timelineSlots(pts, milliseconds, { num: 25, den: 1 }) ?? [])], slots);
});
