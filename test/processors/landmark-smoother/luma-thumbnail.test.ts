import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allocateFrame } from '../../../src/imaging/planar-frame.js';
import { LumaThumbnail, thumbnailCells } from '../../../src/processors/landmark-smoother/luma-thumbnail.js';
import { plainThumbnail } from '../../support/reference/thumbnail.js';
import { formatOf } from '../../support/unit-frames.js';
import { forAll } from '../../support/unit-random.js';

test('a thumbnail is exactly that of its plain twin, at all depths and after frames of other sizes', () => {
  const thumbnails = new LumaThumbnail();
  forAll(60, (random) => {
    const size = () => (random.next() < 0.3 ? random.integer(1, 40) : random.integer(40, 700));
    const bitDepth = ([8, 10, 12] as const)[random.integer(0, 3)]!;
    const frame = allocateFrame({ ...formatOf(size(), size()), bitDepth });
    for (let i = 0; i < frame.data.length; i++) {
      frame.data[i] = random.integer(0, 1 << bitDepth);
    }
    const means = new Float32Array(thumbnailCells).fill(Number.NaN);
    thumbnails.read(frame, means);
    assert.deepEqual(means, plainThumbnail(frame));
  });
});
