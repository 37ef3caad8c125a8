import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerClient } from '../../src/pipeline/worker-client.js';
import { WorkerSet } from '../../src/pipeline/worker-set.js';

/** A worker without a thread, which can die. */
class FakeWorker {
  isAlive = true;
  closes = 0;
  close(): Promise<void> {
    this.closes += 1;
    this.isAlive = false;
    return Promise.resolve();
  }
}

test('a set starts each worker once, replaces one that died, and closes them all', async () => {
  const started: FakeWorker[] = [];
  const set = new WorkerSet(() => {
    const worker = new FakeWorker();
    started.push(worker);
    return worker as unknown as WorkerClient;
  });
  const first = set.open(0);
  assert.equal(set.open(0), first);
  const second = set.open(1);
  assert.notEqual(second, first);
  assert.equal(set.startedCount, 2);

  const [died] = started;
  assert.ok(died);
  died.isAlive = false;
  assert.notEqual(set.open(0), first);
  assert.equal(set.open(1), second);
  assert.equal(set.startedCount, 3);

  await set.close();
  assert.deepEqual(
    started.map(({ closes }) => closes),
    [1, 1, 1],
  );
});
