import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { allocateFrame, frameLayout, wrapFrame } from '../../src/imaging/planar-frame.js';
import { formatOf, samplingNames } from '../support/unit-frames.js';
import { forAll } from '../support/unit-random.js';

const isBug = (error: unknown): boolean => error instanceof FaceswapError && error.kind === 'bug';

test('chroma of odd sizes is rounded up, as ffmpeg does', () => {
  // `ffmpeg -f lavfi -i testsrc=s=853x481 -frames:v 1 -pix_fmt yuv420p -f rawvideo -` writes 616,107 bytes.
  assert.equal(frameLayout(formatOf(853, 481, 'yuv420')).byteLength, 616_107);
  const { planes } = frameLayout(formatOf(5, 3, 'yuv420'));
  assert.deepEqual(planes, [
    { offset: 0, widthPx: 5, heightPx: 3 },
    { offset: 15, widthPx: 3, heightPx: 2 },
    { offset: 21, widthPx: 3, heightPx: 2 },
  ]);
  assert.deepEqual(frameLayout(formatOf(5, 3, 'yuv422')).planes[1], { offset: 15, widthPx: 3, heightPx: 3 });
  assert.deepEqual(frameLayout(formatOf(1, 1, 'yuv420')).byteLength, 3);
});

test('planes follow each other without a gap in every format and size', () => {
  forAll(200, (random) => {
    const name = samplingNames[random.integer(0, samplingNames.length)]!;
    const { planes, byteLength } = frameLayout(
      formatOf(random.integer(1, 400), random.integer(1, 400), name),
    );
    let end = 0;
    for (const plane of planes) {
      assert.equal(plane.offset, end);
      end += plane.widthPx * plane.heightPx;
    }
    assert.equal(end, byteLength);
  });
});

test('sizes that are no positive integers are refused', () => {
  for (const widthPx of [0, -2, 1.5, Number.NaN, Infinity]) {
    assert.throws(() => frameLayout(formatOf(widthPx, 4)), isBug);
    assert.throws(() => frameLayout(formatOf(4, widthPx)), isBug);
  }
});

test('a buffer is wrapped without a copy and must have the exact size', () => {
  const format = formatOf(5, 3);
  const buffer = new ArrayBuffer(27);
  const frame = wrapFrame(format, buffer);
  frame.data[26] = 7;
  assert.equal(new Uint8Array(buffer)[26], 7);
  assert.throws(() => wrapFrame(format, new ArrayBuffer(26)), isBug);
  assert.throws(() => wrapFrame(format, new ArrayBuffer(28)), isBug);
  assert.deepEqual(allocateFrame(format).data, new Uint8Array(27));
});
