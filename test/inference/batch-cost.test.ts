import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { isBatchCost, measureBatches } from '../../src/inference/batch-cost.js';
import type { BatchSession } from '../../src/inference/batch-runner.js';
import type { TensorData } from '../../src/inference/session.js';

/** A session on a device and a clock that stand still unless a run moves them. */
const fakeDevice = (
  options: {
    runMs?: (size: number, run: number) => number;
    roomFor?: number;
    answer?: (size: number, item: number) => number;
    dims?: readonly (number | string)[];
  } = {},
) => {
  const { runMs = (size) => 10 + size, roomFor = 64, answer = () => 1, dims = ['batch', 2] } = options;
  let clockMs = 0;
  let largest = 0;
  const sizes: number[] = [];
  const session: BatchSession = {
    modelPath: 'fake.onnx',
    inputs: [{ name: 'x', dims }],
    outputs: [{ name: 'y', dims }],
    runInto: async (feeds, outputs) => {
      const size = (feeds['x'] as TensorData).dims[0] as number;
      if (size > roomFor) throw new FaceswapError('resources', 'out of memory');
      clockMs += runMs(size, sizes.length);
      largest = Math.max(largest, size);
      sizes.push(size);
      const { data } = outputs['y'] as TensorData;
      for (let i = 0; i < data.length; i++) data[i] = answer(size, i >> 1);
    },
  };
  return {
    session,
    sizes,
    now: () => clockMs,
    // 1,000,000 bytes, less 200,000 for the model and 1,000 per item of the largest batch so far.
    freeMemory: async () => 800_000 - 1000 * largest,
  };
};

describe('batch cost', () => {
  it('the best time per item of each size counts, and the sizes take turns', async () => {
    // The first run of each size is slow, as it is on a device.
    const { session, sizes, now } = fakeDevice({ runMs: (size, run) => (run % 2 === 0 ? 50 : 10) + size });
    const cost = await measureBatches(session, { sizes: [1, 2, 4], now });
    assert.deepEqual(cost.timings, [
      { size: 1, msPerItem: 11, exact: true },
      { size: 2, msPerItem: 6, exact: true },
      { size: 4, msPerItem: 3.5, exact: true },
    ]);
    assert.deepEqual(sizes, [1, 1, 2, 2, 4, 4, 1, 2, 4, 1, 2, 4]);
    assert.deepEqual(
      { bytesPerItem: cost.bytesPerItem, fixedBytes: cost.fixedBytes, failedSize: cost.failedSize },
      { bytesPerItem: null, fixedBytes: null, failedSize: null },
    );
  });

  it('memory per item is what the device has less after a larger batch', async () => {
    const { session, now, freeMemory } = fakeDevice();
    const cost = await measureBatches(session, {
      sizes: [1, 2, 8],
      now,
      freeMemory,
      freeBeforeBytes: 1_000_000,
    });
    assert.equal(cost.bytesPerItem, 1000);
    assert.equal(cost.fixedBytes, 201_000);
  });

  it('memory that the device does not tell stays unknown', async () => {
    const { session, now } = fakeDevice();
    const cost = await measureBatches(session, { sizes: [1, 2], now, freeMemory: async () => null });
    assert.equal(cost.bytesPerItem, null);
    assert.equal(cost.fixedBytes, null);
  });

  it('the first size that does not fit ends the measurement and is remembered', async () => {
    const { session, now } = fakeDevice({ roomFor: 3 });
    const cost = await measureBatches(session, { sizes: [1, 2, 4, 8], now });
    assert.deepEqual(
      cost.timings.map(({ size }) => size),
      [1, 2],
    );
    assert.equal(cost.failedSize, 4);
    await assert.rejects(
      measureBatches(fakeDevice({ roomFor: 0 }).session, { sizes: [1, 2] }),
      /out of memory/,
    );
  });

  it('sizes that would take too long are left out, but never the first', async () => {
    const slow = fakeDevice({ runMs: (size) => 900 * size });
    const cost = await measureBatches(slow.session, { sizes: [1, 2, 4], now: slow.now, budgetMs: 2000 });
    assert.deepEqual(cost.timings, [{ size: 1, msPerItem: 900, exact: true }]);
    const slower = fakeDevice({ runMs: () => 9000 });
    await measureBatches(slower.session, { sizes: [1, 2], now: slower.now, budgetMs: 2000 });
    assert.deepEqual(slower.sizes, [1]);
  });

  it('a batch of which one item comes out differently is not exact', async () => {
    const { session, now } = fakeDevice({
      answer: (size, item) => (size === 4 && item === 3 ? 1.0000001 : 1),
    });
    const cost = await measureBatches(session, { sizes: [1, 2, 4], now });
    assert.deepEqual(
      cost.timings.map(({ exact }) => exact),
      [true, true, false],
    );
  });

  it('a model with a fixed batch is measured with single items only', async () => {
    const { session, sizes, now } = fakeDevice({ dims: [1, 2] });
    const cost = await measureBatches(session, { sizes: [1, 2, 4], now });
    assert.equal(cost.timings.length, 1);
    assert.ok(sizes.every((size) => size === 1));
  });

  it('what comes back from a cache is checked', async () => {
    const { session, now } = fakeDevice();
    const cost = await measureBatches(session, { sizes: [1, 2], now });
    assert.ok(isBatchCost(JSON.parse(JSON.stringify(cost))));
    for (const wrong of [
      null,
      [],
      {},
      { ...cost, timings: [] },
      { ...cost, timings: [{ size: 1.5, msPerItem: 1, exact: true }] },
      { ...cost, timings: [{ size: 1, msPerItem: null, exact: true }] },
      { ...cost, timings: [{ size: 1, msPerItem: 1 }] },
      { ...cost, bytesPerItem: -1 },
      { ...cost, fixedBytes: '7' },
      { ...cost, failedSize: undefined },
    ])
      assert.ok(!isBatchCost(wrong), JSON.stringify(wrong));
  });
});
