import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areaAround } from '../../src/report/worst-pictures.js';
import { worstFrames } from '../../src/report/worst-frames.js';
import { unitRow } from './unit-rows.js';

const calm = Array.from({ length: 200 }, (_, frame) => unitRow(frame));

test('in a run in which nothing stands out there is no worst frame', () => {
  assert.deepEqual(worstFrames(calm, 10), []);
  assert.deepEqual(worstFrames([], 10), []);
});

test('frames that flicker, jump, change their face, show a seam or lose a face are found, the worst first, with the reason', () => {
  const rows = [...calm];
  rows[20] = unitRow(20, { tpsnrOutputDb: 20 });
  rows[60] = unitRow(60, { jitterAfter: 0.05 });
  rows[100] = unitRow(100, { identityToSource: 0.3 });
  rows[140] = unitRow(140, { seam: 8 });
  rows[180] = unitRow(180, { outcome: 'skipped', skipReason: 'turned-away' });
  const found = worstFrames(rows, 10);
  assert.deepEqual(
    found.map(({ position, reasons }) => [position, reasons[0]?.split(':')[0]]),
    [
      [20, 'flickers'],
      [140, 'seam'],
      [60, 'jumps'],
      [100, 'looks less like the source'],
      [180, 'not swapped'],
    ],
  );
});

test('of neighbours only the worst counts, and never more than were asked for', () => {
  const rows = calm.map((row, frame) =>
    frame >= 50 && frame < 56 ? unitRow(frame, { tpsnrOutputDb: 30 - (frame === 53 ? 5 : 0) }) : row,
  );
  assert.deepEqual(
    worstFrames(rows, 10).map(({ position }) => position),
    [53],
  );
  const many = calm.map((row, frame) => (frame % 15 === 0 ? unitRow(frame, { tpsnrOutputDb: 20 }) : row));
  assert.equal(worstFrames(many, 10).length, 10);
});

test('flicker that nobody can see is none', () => {
  const rows = [...calm];
  rows[20] = unitRow(20, { tpsnrOutputDb: 44, tpsnrSourceDb: 70 });
  assert.deepEqual(worstFrames(rows, 10), []);
});

test('the picture around a face has its proportions and lies in the frame as far as it fits', () => {
  const frame = { widthPx: 640, heightPx: 480 };
  const near = areaAround({ x: 0, y: 0, width: 60, height: 80 }, frame);
  assert.deepEqual([near.x, near.y], [0, 0]);
  assert.ok(Math.abs(near.width / near.height - 4 / 3) < 1e-9);
  const large = areaAround({ x: 100, y: 0, width: 400, height: 480 }, frame);
  assert.ok(large.height > 480 && large.y < 0);
});
