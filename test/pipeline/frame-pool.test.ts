import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { FramePool } from '../../src/pipeline/frame-pool.js';

const isBug = (message: RegExp) => (error: unknown) =>
  error instanceof FaceswapError && error.kind === 'bug' && message.test(error.message);

test('the pool lends a fixed number of buffers and makes the next one wait', async () => {
  const pool = new FramePool({ count: 2, frameBytes: 16 });
  const first = await pool.acquire();
  await pool.acquire();
  const order: string[] = [];
  const third = pool.acquire().then((buffer) => {
    order.push('third');
    return buffer;
  });
  const fourth = pool.acquire().then(() => order.push('fourth'));
  await Promise.resolve();
  assert.deepEqual(order, []);
  pool.release(first);
  assert.equal(await third, first);
  assert.equal(pool.lent, 2);
  pool.release(first);
  await fourth;
  assert.deepEqual(order, ['third', 'fourth']);
  assert.equal(pool.peakLent, 2);
});

test('a released buffer is lent again instead of a new one', async () => {
  const pool = new FramePool({ count: 3, frameBytes: 16 });
  const buffer = await pool.acquire();
  pool.release(buffer);
  assert.equal(await pool.acquire(), buffer);
  assert.equal(pool.lent, 1);
});

test('a buffer that went to another thread and back is accepted as another object', async () => {
  const pool = new FramePool({ count: 1, frameBytes: 16 });
  const buffer = await pool.acquire();
  const returned = structuredClone(buffer, { transfer: [buffer] });
  assert.throws(() => pool.release(buffer), isBug(/transferred away/));
  pool.release(returned);
  assert.equal(await pool.acquire(), returned);
});

test('foreign and twice released buffers are noticed', async () => {
  const pool = new FramePool({ count: 2, frameBytes: 16 });
  const buffer = await pool.acquire();
  assert.throws(() => pool.release(new ArrayBuffer(8)), isBug(/foreign/));
  await pool.acquire();
  pool.release(buffer);
  assert.throws(() => pool.release(buffer), isBug(/twice/));
  pool.release(new ArrayBuffer(16));
  assert.throws(() => pool.release(new ArrayBuffer(16)), isBug(/twice/));
});

test('an abort ends the wait with its reason and leaves the queue in order', async () => {
  const pool = new FramePool({ count: 1, frameBytes: 16 });
  const buffer = await pool.acquire();
  const controller = new AbortController();
  const aborted = pool.acquire(controller.signal);
  const patient = pool.acquire();
  controller.abort(new Error('enough'));
  await assert.rejects(aborted, /enough/);
  pool.release(buffer);
  assert.equal(await patient, buffer);
  await assert.rejects(pool.acquire(controller.signal), /enough/);
});

test('impossible sizes are refused', () => {
  assert.throws(() => new FramePool({ count: 0, frameBytes: 16 }), isBug(/impossible/));
  assert.throws(() => new FramePool({ count: 1, frameBytes: 0.5 }), isBug(/impossible/));
});
