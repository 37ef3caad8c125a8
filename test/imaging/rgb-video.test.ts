import assert from 'node:assert/strict';
import test from 'node:test';
import { rgbFromVideo, videoFromRgb } from '../../src/imaging/rgb-video.js';

/** Every fifth level of each channel, the ends included: 140,608 colours. */
const levels = Array.from({ length: 52 }, (_, k) => 5 * k);

test('colours come back from 10-bit video exactly', () => {
  const pixels = Uint8Array.from(
    levels.flatMap((red) => levels.flatMap((green) => levels.flatMap((blue) => [red, green, blue, 7]))),
  );
  const back = new Uint8Array(pixels.length).fill(7);
  rgbFromVideo(videoFromRgb(pixels), back);
  assert.ok(Buffer.from(back).equals(Buffer.from(pixels)));
});

test('black, white and the primaries have the codes of BT.709', () => {
  const planes = videoFromRgb(Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 0, 255, 0, 0, 0, 0, 0, 255, 0));
  assert.deepEqual([...planes.subarray(0, 4)], [64, 940, 250, 127]);
  assert.deepEqual([...planes.subarray(4, 8)], [512, 512, 409, 960]);
  assert.deepEqual([...planes.subarray(8)], [512, 512, 960, 471]);
});
