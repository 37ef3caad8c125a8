import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { type FrameLane, FramePool } from '../../src/pipeline/frame-pool.js';

const isBug = (message: RegExp) => (error: unknown) =>
  error instanceof FaceswapError && error.kind === 'bug' && message.test(error.message);

const makeLane = (framesPerLane: number): { pool: FramePool; lane: FrameLane } => {
  const pool = new FramePool({ lanes: 1, framesPerLane, frameBytes: 16 });
  const [lane] = pool.lanes;
  assert.ok(lane);
  return { pool, lane };
};

test('a lane lends a fixed number of buffers and makes the next one wait', async () => {
  const { pool, lane } = makeLane(2);
  const first = await lane.acquire();
  await lane.acquire();
  const order: string[] = [];
  const third = lane.acquire().then((buffer) => {
    order.push('third');
    return buffer;
  });
  const fourth = lane.acquire().then(() => order.push('fourth'));
  await Promise.resolve();
  assert.deepEqual(order, []);
  lane.release(first);
  assert.equal(await third, first);
  assert.equal(lane.lent, 2);
  lane.release(first);
  await fourth;
  assert.deepEqual(order, ['third', 'fourth']);
  assert.equal(lane.peakLent, 2);
  assert.deepEqual([pool.acquired, pool.allocated, pool.peakLent], [4, 2, 2]);
});

test('a released buffer is lent again instead of a new one', async () => {
  const { pool, lane } = makeLane(3);
  const buffer = await lane.acquire();
  lane.release(buffer);
  assert.equal(await lane.acquire(), buffer);
  assert.equal(lane.lent, 1);
  assert.deepEqual([pool.acquired, pool.allocated], [2, 1]);
});

test('lanes give buffers on to one another but none takes the share of another', async () => {
  const pool = new FramePool({ lanes: 2, framesPerLane: 2, frameBytes: 16 });
  const [quick, slow] = pool.lanes;
  assert.ok(quick && slow);
  const buffers = [await quick.acquire(), await quick.acquire()];
  let got = false;
  const waiting = quick.acquire().then((buffer) => {
    got = true;
    return buffer;
  });
  // The quick lane waits for its own buffers although the slow one has two to spare.
  const other = await slow.acquire();
  assert.equal(got, false);
  assert.ok(!buffers.includes(other));
  assert.equal(pool.peakLent, 3);
  quick.release(buffers[0] as ArrayBuffer);
  assert.equal(await waiting, buffers[0]);
  quick.release(buffers[1] as ArrayBuffer);
  assert.equal(await slow.acquire(), buffers[1]);
  assert.deepEqual([pool.count, pool.allocated, pool.acquired], [4, 3, 5]);
});

test('a buffer that went to another thread and back is accepted as another object', async () => {
  const { lane } = makeLane(1);
  const buffer = await lane.acquire();
  const returned = structuredClone(buffer, { transfer: [buffer] });
  assert.throws(() => lane.release(buffer), isBug(/transferred away/));
  lane.release(returned);
  assert.equal(await lane.acquire(), returned);
});

test('foreign and twice released buffers are noticed', async () => {
  const { lane } = makeLane(2);
  const buffer = await lane.acquire();
  assert.throws(() => lane.release(new ArrayBuffer(8)), isBug(/foreign/));
  await lane.acquire();
  lane.release(buffer);
  assert.throws(() => lane.release(buffer), isBug(/twice/));
  lane.release(new ArrayBuffer(16));
  assert.throws(() => lane.release(new ArrayBuffer(16)), isBug(/twice/));
});

test('an abort ends the wait with its reason and leaves the queue in order', async () => {
  const { lane } = makeLane(1);
  const buffer = await lane.acquire();
  const controller = new AbortController();
  const aborted = lane.acquire(controller.signal);
  const patient = lane.acquire();
  controller.abort(new Error('enough'));
  await assert.rejects(aborted, /enough/);
  lane.release(buffer);
  assert.equal(await patient, buffer);
  await assert.rejects(lane.acquire(controller.signal), /enough/);
});

test('impossible sizes are refused', () => {
  const make =
    (framesPerLane: number, frameBytes: number, lanes = 1) =>
    () =>
      new FramePool({ lanes, framesPerLane, frameBytes });
  assert.throws(make(0, 16), isBug(/impossible/));
  assert.throws(make(1, 0.5), isBug(/impossible/));
  assert.throws(make(1, 16, 0), isBug(/impossible/));
});
