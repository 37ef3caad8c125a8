import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameReducer } from '../../src/imaging/frame-reducer.js';
import { kernels } from '../../src/imaging/kernels/kernels.js';
import { allocateFrame } from '../../src/imaging/planar-frame.js';
import { Scratch } from '../../src/imaging/scratch.js';
import { formatOf, paintFrame, samplingNames } from '../support/unit-frames.js';
import { forAll } from '../support/unit-random.js';
import { at } from '../support/unit-values.js';

test('every sample is the rounded mean of its block, whatever the size, the depth and the format', () => {
  const reducer = new FrameReducer();
  forAll(200, (random) => {
    const name = samplingNames[random.integer(0, samplingNames.length)]!;
    const bitDepth = ([8, 10, 12] as const)[random.integer(0, 3)]!;
    const format = { ...formatOf(random.integer(1, 90), random.integer(1, 90), name), bitDepth } as const;
    const frame = allocateFrame(format);
    for (let i = 0; i < frame.data.length; i++) {
      frame.data[i] = random.integer(0, 1 << bitDepth);
    }
    const factor = random.integer(1, 12);
    const reduced = reducer.reduce(frame, factor);
    assert.equal(reduced.format.widthPx, Math.ceil(format.widthPx / factor));
    assert.equal(reduced.format.bitDepth, 8);
    reduced.layout.planes.forEach((plane, index) => {
      const from = frame.layout.planes[index]!;
      assert.equal(plane.widthPx, Math.ceil(from.widthPx / factor));
      assert.equal(plane.heightPx, Math.ceil(from.heightPx / factor));
      for (let row = 0; row < plane.heightPx; row++) {
        for (let column = 0; column < plane.widthPx; column++) {
          let [sum, count] = [0, 0];
          for (let y = row * factor; y < Math.min(from.heightPx, (row + 1) * factor); y++) {
            for (let x = column * factor; x < Math.min(from.widthPx, (column + 1) * factor); x++) {
              sum += at(frame.data, from.offset + y * from.widthPx + x) / (1 << (bitDepth - 8));
              count++;
            }
          }
          const actual = at(reduced.data, plane.offset + row * plane.widthPx + column);
          // Codes above 1020 are beyond 255 levels. A half may round either way, since means have 32 bits.
          const mean = Math.min(255, sum / count);
          assert.ok(Math.abs(actual - mean) < 0.5001, `plane ${index} at ${column}, ${row}: ${actual}`);
        }
      }
    });
  });
});

test('frames that are large enough to be copied in strips are reduced without a seam', () => {
  const frame = paintFrame(formatOf(2600, 300, 'yuv420'), (x, y) => [x / 2600, y / 300, 0.5]);
  const { data, layout } = new FrameReducer().reduce(frame, 4);
  const [from] = frame.layout.planes;
  const [plane] = layout.planes;
  for (let row = 0; row < plane.heightPx; row++) {
    for (let column = 0; column < plane.widthPx; column += 7) {
      let sum = 0;
      for (let i = 0; i < 16; i++) {
        sum += at(frame.data, (4 * row + (i >> 2)) * from.widthPx + 4 * column + (i & 3)) / 16;
      }
      assert.ok(Math.abs(at(data, row * plane.widthPx + column) - sum) < 0.5001, `${column}, ${row}`);
    }
  }
});

test('white and black stay white and black', () => {
  for (const [bitDepth, white] of [
    [8, 255],
    [10, 1020],
    [12, 4080],
  ] as const) {
    const frame = allocateFrame({ ...formatOf(33, 19, 'rgb'), bitDepth });
    assert.ok(new FrameReducer().reduce(frame, 3).data.every((value) => value === 0));
    frame.data.fill(white);
    assert.ok(new FrameReducer().reduce(frame, 3).data.every((value) => value === 255));
  }
});

test('the reduced frame outlives a growth of the kernel memory', () => {
  const frame = paintFrame(formatOf(40, 40, 'rgb'), (x) => [x / 40, 0.5, 0]);
  const reduced = new FrameReducer().reduce(frame, 2);
  const before = Uint8Array.from(reduced.data);
  const { memory } = kernels();
  memory.reserve(memory.buffer.byteLength);
  assert.deepEqual(Uint8Array.from(reduced.data), before);
  assert.equal(reduced.data.buffer, memory.buffer);
});

test('a frame whose memory has moved is a bug, not an empty picture', () => {
  const scratch = new Scratch();
  const frame = allocateFrame(formatOf(40, 40, 'rgb'));
  const data = scratch.bytes('frame', frame.data.length);
  const { memory } = kernels();
  memory.reserve(memory.buffer.byteLength);
  assert.throws(() => new FrameReducer().reduce({ ...frame, data }, 2), { kind: 'bug' });
});
