import assert from 'node:assert/strict';
import test from 'node:test';
import { slotExpression } from '../../src/media/frame-times.js';
import { ffmpegOutput } from './media-fixtures.js';

/** The times that ffmpeg itself computes, in slots. */
const computed = (expression: string, count: number): readonly number[] =>
  ffmpegOutput(
    ...[
      '-f',
      'lavfi',
      '-i',
      `color=s=16x16:r=25,trim=end_frame=${count},settb=1/1000,setpts='${expression}'`,
    ],
    ...['-vsync', '0', '-enc_time_base', '1:1000', '-f', 'framemd5', 'pipe:1'],
  )
    .toString()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Number(line.split(',')[2]));

test('ffmpeg puts every frame into its slot, counted from the first', () => {
  let state = 1;
  const slots = [7];
  for (let k = 1; k < 300; k++) {
    state = (state * 48_271) % 2_147_483_647;
    // Long even stretches between irregular ones.
    slots.push((slots[k - 1] ?? 0) + (k % 100 < 40 ? 41 : 1 + (state % 400)));
  }
  const expression = slotExpression(slots) ?? '';
  assert.deepEqual(
    computed(expression, 300),
    slots.map((slot) => slot - 7),
  );
});

test('even steps need one term however many frames there are', () => {
  assert.equal(slotExpression([5, 6, 7, 8]), undefined);
  assert.equal(slotExpression([]), undefined);
  assert.equal(slotExpression([0, 40, 80, 120]), 'N*40');
  assert.equal(slotExpression([0, 1, 2, 5, 6]), 'if(lt(N,3),N,N+2)');
});
