import assert from 'node:assert/strict';
import { test } from 'node:test';
import { estimateSeconds } from '../../src/pipeline/run-estimate.js';

test('the guess has a fixed start and grows evenly with the frames', () => {
  const seconds = (frames: number): number => estimateSeconds({ frames, widthPx: 640, heightPx: 360 });
  assert.ok(seconds(0) > 0);
  assert.ok(Math.abs(seconds(200) - seconds(100) - (seconds(100) - seconds(0))) < 1e-9);
  assert.ok(seconds(100) > seconds(0));
});

test('larger frames take longer, but four times the pixels not four times the time', () => {
  const small = estimateSeconds({ frames: 1000, widthPx: 960, heightPx: 540 });
  const large = estimateSeconds({ frames: 1000, widthPx: 1920, heightPx: 1080 });
  assert.ok(large > 1.2 * small && large < 4 * small, `${small} s, ${large} s`);
});
