import assert from 'node:assert/strict';
import test from 'node:test';
import { constantFrameRate, timelineOf, timelineSlots } from '../../src/media/timeline.js';

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

const ninetyKilohertz = { num: 1, den: 90_000 };

const tableOf = (pts: readonly number[], lastDurationTicks?: number) => ({
  ptsTicks: Float64Array.from(pts),
  keyframes: new Uint8Array(pts.length),
  lastDurationTicks,
});

test('a rate survives being rounded to 90 kHz and then to milliseconds', () => {
  const pts = Float64Array.from({ length: 5000 }, (_, k) => Math.round(Math.round(k * 3753.75) / 90));
  assert.deepEqual(constantFrameRate(pts, milliseconds, [])?.frameRate, { num: 24000, den: 1001 });
});

test('milliseconds in a file with fine ticks are still a constant rate, uneven fine ticks are not', () => {
  const remuxed = rounded(500, 24).map((ms) => ms * 90);
  assert.deepEqual(constantFrameRate(remuxed, ninetyKilohertz, [])?.frameRate, { num: 24, den: 1 });
  const uneven = Array.from({ length: 500 }, (_, k) => k * 3600 + ((k * 37) % 50));
  const timeline = timelineOf(tableOf(uneven), ninetyKilohertz, [{ num: 25, den: 1 }]);
  assert.ok(timeline.isVariable);
  assert.deepEqual(timeline.frameRate, { num: 25, den: 1 });
  assert.deepEqual([...timeline.slots], uneven);
});

test('a period of whole ticks leaves nothing to round: one frame that is a tick late makes the rate variable', () => {
  const pts = Array.from({ length: 100 }, (_, k) => k * 40 + (k === 50 ? 1 : 0));
  const timeline = timelineOf(tableOf(pts), milliseconds, [{ num: 25, den: 1 }]);
  assert.ok(timeline.isVariable);
  assert.deepEqual([...timeline.slots], pts);
});

test('the clock of a variable rate is the coarsest in which every time is whole', () => {
  const pts = [0, 3600, 10_800, 14_400, 36_000, 39_600, 50_400, 54_000, 90_000].map((tick) => tick + 500);
  const { clock, slots, endSlot } = timelineOf(tableOf(pts, 7200), ninetyKilohertz, []);
  assert.deepEqual(clock, { num: 25, den: 1 });
  assert.deepEqual([...slots], [0, 1, 3, 4, 10, 11, 14, 15, 25]);
  assert.equal(endSlot, 27);
});

test('the nominal rate of a variable one is a claim near the mean, else the mean', () => {
  const pts = Array.from({ length: 100 }, (_, k) => k * 50 + ((k * 7) % 13));
  const nominal = (num: number) => timelineOf(tableOf(pts), milliseconds, [{ num, den: 1 }]).frameRate;
  assert.deepEqual(nominal(30), { num: 30, den: 1 });
  const mean = nominal(1000);
  assert.ok(Math.abs(mean.num / mean.den - 20) < 0.1, 'the finest step is no frame rate');
});

test('ticks finer than a microsecond are rounded to microseconds', () => {
  const pts = [0, 41_666_667, 90_000_001, 91_000_000];
  const { clock, slots } = timelineOf(tableOf(pts, 1_234_567), { num: 1, den: 1_000_000_000 }, []);
  assert.deepEqual(clock, { num: 1_000_000, den: 1 });
  assert.deepEqual([...slots], [0, 41_667, 90_000, 91_000]);
});
