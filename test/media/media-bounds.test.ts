import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import {
  checkDurationBounds,
  checkPictureBounds,
  checkStreamBounds,
  mediaLimits,
} from '../../src/media/media-bounds.js';

const refusal =
  (line: RegExp) =>
  (error: unknown): boolean =>
    error instanceof FaceswapError && error.kind === 'media' && line.test(String(error));

const picture = (width: unknown, height: unknown) => ({ codec_name: 'h264', width, height });

test('pictures up to 16,384 pixels a side and 64 Mi pixels in all are taken, larger ones are not', () => {
  for (const [width, height] of [
    [1, 1],
    [7680, 4320],
    [8192, 8192],
    [16_384, 4096],
  ]) {
    checkPictureBounds(picture(width, height), 'a.mp4');
  }
  for (const [width, height] of [
    [16_385, 1],
    [8193, 8192],
    [1, 2 ** 31],
    [2 ** 31 - 1, 2 ** 31 - 1],
  ]) {
    assert.throws(
      () => checkPictureBounds(picture(width, height), 'a.mp4'),
      refusal(/too large.*a\.mp4/),
      `${width}x${height}`,
    );
  }
});

test('a video without a picture size is refused', () => {
  for (const record of [picture(0, 0), picture(320, 0), picture(-320, -240), picture('x', 'y'), {}]) {
    assert.throws(() => checkPictureBounds(record, 'a.mp4'), refusal(/no picture size/));
  }
});

test('streams and what they weigh are counted', () => {
  const streams = (count: number, extradata_size?: number) => ({
    streams: Array.from({ length: count }, () => ({ extradata_size })),
    format: {},
    chapters: [],
  });
  checkStreamBounds(streams(mediaLimits.streams, 1000), 'a.mkv');
  assert.throws(() => checkStreamBounds(streams(mediaLimits.streams + 1), 'a.mkv'), refusal(/257 streams/));
  assert.throws(() => checkStreamBounds(streams(3, 90 * 2 ** 20), 'a.mkv'), refusal(/more than 256 MiB/));
});

test('a video cannot last longer than a month, or no time that can be told', () => {
  checkDurationBounds(30 * 24 * 3600, 'a.mp4');
  for (const seconds of [32 * 24 * 3600, Number.POSITIVE_INFINITY, Number.NaN]) {
    assert.throws(() => checkDurationBounds(seconds, 'a.mp4'), refusal(/longer than a month/));
  }
});
