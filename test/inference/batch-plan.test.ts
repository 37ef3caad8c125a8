import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BatchCost } from '../../src/inference/batch-cost.js';
import { type BatchPlanInput, planBatch } from '../../src/inference/batch-plan.js';
import { forAll } from '../support/unit-random.js';

const gibibyte = 2 ** 30;

const deviceCost: BatchCost = {
  timings: [
    { size: 1, msPerItem: 12, exact: true },
    { size: 8, msPerItem: 5, exact: false },
  ],
  bytesPerItem: 1.2 * gibibyte,
  fixedBytes: gibibyte,
  failedSize: null,
};

const onDevice: BatchPlanInput = {
  request: 'auto',
  target: 'device',
  batchable: { ok: true },
  freeBytes: 6.5 * gibibyte,
  totalBytes: 8 * gibibyte,
  cost: deviceCost,
};

const timings = (
  ...all: readonly (readonly [size: number, msPerItem: number, exact?: boolean])[]
): BatchCost => ({
  timings: all.map(([size, msPerItem, exact = true]) => ({ size, msPerItem, exact })),
  bytesPerItem: null,
  fixedBytes: null,
  failedSize: null,
});

const onCpu = (cost: BatchCost | null, more: Partial<BatchPlanInput> = {}): BatchPlanInput => ({
  request: 'auto',
  target: 'cpu',
  batchable: { ok: true },
  freeBytes: 8 * gibibyte,
  totalBytes: 16 * gibibyte,
  cost,
  ...more,
});

describe('batch plan', () => {
  it('on a device it is the largest power of two that fits beside the model and a reserve', () => {
    // 6.5 GiB less 5 % of 8 GiB is 6.1; the model with one face takes 1, so 4.25 more faces fit.
    assert.deepEqual(planBatch(onDevice), { size: 4, reason: '6.1 GiB free, 1.2 GiB per face' });
  });

  it('more memory never gives a smaller batch, and what is chosen fits', () => {
    forAll(300, (random) => {
      const bytesPerItem = random.between(0.01, 2) * gibibyte;
      const fixedBytes = random.between(0, 3) * gibibyte;
      const freeBytes = random.between(0, 80) * gibibyte;
      const totalBytes = 80 * gibibyte;
      const cost = { ...deviceCost, bytesPerItem, fixedBytes };
      const { size } = planBatch({ ...onDevice, freeBytes, totalBytes, cost });
      assert.ok(Number.isInteger(Math.log2(size)) && size <= 64);
      if (size > 1) {
        // The first face is part of the fixed cost.
        const needed = fixedBytes + bytesPerItem * (size - 1);
        assert.ok(needed <= freeBytes - 0.05 * totalBytes);
      }
      const more = planBatch({ ...onDevice, freeBytes: freeBytes + gibibyte, totalBytes, cost });
      assert.ok(more.size >= size);
    });
  });

  it('a limit of the user counts instead of free memory, with or without a tool that knows it', () => {
    const limitBytes = 2.5 * gibibyte;
    for (const freeBytes of [onDevice.freeBytes, null]) {
      assert.deepEqual(planBatch({ ...onDevice, freeBytes, limitBytes }), {
        size: 2,
        reason: 'limit 2.5 GiB, 1.2 GiB per face',
      });
    }
    assert.equal(
      planBatch({ ...onDevice, limitBytes: 100 * gibibyte }).reason,
      '6.1 GiB free, 1.2 GiB per face',
    );
  });

  it('no batch is larger than 64, or than what can come together', () => {
    const roomy = { ...onDevice, freeBytes: 140 * gibibyte, totalBytes: 140 * gibibyte };
    assert.deepEqual(planBatch(roomy), {
      size: 64,
      reason: '133.0 GiB free, 1.2 GiB per face; no more than 64 at a time',
    });
    assert.equal(planBatch({ ...roomy, mostItems: 9 }).size, 8);
    const free = { ...deviceCost, bytesPerItem: 0 };
    assert.equal(planBatch({ ...onDevice, cost: free }).size, 64);
  });

  it('what failed in the measurement is not tried again', () => {
    assert.deepEqual(planBatch({ ...onDevice, cost: { ...deviceCost, failedSize: 4 } }), {
      size: 2,
      reason: '6.1 GiB free, 1.2 GiB per face, and 4 did not fit',
    });
  });

  it('what is not known on a device gives single items and says so', () => {
    assert.deepEqual(planBatch({ ...onDevice, freeBytes: null, totalBytes: null }), {
      size: 1,
      reason: 'the free memory of the device is not known; ask for a size or set a limit',
    });
    const unmeasured = { size: 1, reason: 'what a face costs on this device could not be measured' };
    assert.deepEqual(planBatch({ ...onDevice, cost: null }), unmeasured);
    assert.deepEqual(planBatch({ ...onDevice, cost: { ...deviceCost, bytesPerItem: null } }), unmeasured);
    assert.match(planBatch({ ...onDevice, freeBytes: gibibyte }).reason, /hardly room for one/);
  });

  it('on a CPU batches need to be at least 3 % faster', () => {
    assert.deepEqual(planBatch(onCpu(timings([1, 7.9], [2, 8.3], [4, 8.1]))), {
      size: 1,
      reason: 'batches are not faster on this CPU (8.1 ms against 7.9 ms per face)',
    });
    assert.equal(planBatch(onCpu(timings([1, 10], [2, 9.8], [4, 9.75]))).size, 1);
    assert.deepEqual(planBatch(onCpu(timings([1, 10], [2, 9.8], [4, 9.6]))), {
      size: 4,
      reason: 'faster on this CPU (9.6 ms against 10 ms per face)',
    });
  });

  it('of sizes that are as fast as each other the smallest is taken', () => {
    assert.equal(planBatch(onCpu(timings([1, 10], [2, 8.05], [4, 8], [8, 8.01]))).size, 2);
  });

  it('on a CPU a batch that rounds differently is not used, nor any larger one', () => {
    assert.equal(planBatch(onCpu(timings([1, 10], [2, 9], [4, 8, false], [8, 7]))).size, 2);
    assert.deepEqual(planBatch(onCpu(timings([1, 10], [2, 9, false], [4, 8, false]))), {
      size: 1,
      reason: 'batches are faster on this CPU, but do not give the same bits',
    });
  });

  it('on a CPU what was not measured is not used', () => {
    assert.equal(planBatch(onCpu(null)).reason, 'batches were not measured on this CPU');
    assert.equal(
      planBatch(onCpu(timings([1, 6900]))).reason,
      'a run is long enough on its own (6.9 s per face)',
    );
    const fast = timings([1, 10], [2, 8]);
    assert.equal(planBatch(onCpu(fast, { mostItems: 1 })).reason, 'no more than one face comes at a time');
    const large = { ...fast, bytesPerItem: 8 * gibibyte, fixedBytes: gibibyte };
    assert.equal(planBatch(onCpu(large)).reason, 'memory is short (10 ms per face)');
  });

  it('a size that is asked for is granted as far as the model and the limit allow', () => {
    assert.deepEqual(planBatch({ ...onDevice, request: 6 }), { size: 6, reason: 'as asked' });
    assert.deepEqual(planBatch({ ...onDevice, request: 6, freeBytes: null, cost: null }), {
      size: 6,
      reason: 'as asked',
    });
    assert.deepEqual(planBatch({ ...onDevice, request: 6, limitBytes: 2.5 * gibibyte }), {
      size: 2,
      reason: '6 asked for, but the limit is 2.5 GiB',
    });
    assert.equal(planBatch(onCpu(null, { request: 100 })).size, 64);
  });

  it('a model that takes one item at a time is left so, whatever is asked for', () => {
    const batchable = {
      ok: false,
      reason: 'the model takes one item at a time: Squeeze "a" drops the batch',
    } as const;
    assert.deepEqual(planBatch({ ...onDevice, batchable }), { size: 1, reason: batchable.reason });
    assert.deepEqual(planBatch({ ...onDevice, batchable, request: 8 }), {
      size: 1,
      reason: `${batchable.reason}, not 8 as asked`,
    });
  });
});
