import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { describeSelf, type JobOwner, ownerState, readOwner, takeLock } from '../../src/pipeline/job-lock.js';

let root = '';
let file = '';
let count = 0;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'faceswap-lock-'));
});
after(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  count += 1;
  mkdirSync(join(root, String(count)));
  file = join(root, String(count), 'lock');
});

const isRefused =
  (message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof FaceswapError && error.kind === 'usage' && message.test(String(error));

/** A process that has ended. */
const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

const write = (owner: JobOwner): void => writeFileSync(file, JSON.stringify(owner));

test('a lock is held by one at a time, and can be taken again when it was released', async () => {
  const lock = await takeLock(file);
  assert.equal((await readOwner(file))?.pid, process.pid);
  await assert.rejects(takeLock(file), isRefused(/Another run is working on this job: process \d+/));
  await lock.release();
  await lock.release();
  const again = await takeLock(file);
  again.releaseNow();
  assert.deepEqual(readdirSync(join(root, String(count))), []);
});

test('the lock of a process that has ended is taken over, by one of several', async () => {
  write({ ...(await describeSelf()), pid: deadPid(), startTicks: null });
  const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(file)));
  assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.deepEqual(readdirSync(join(root, String(count))), ['lock']);
  assert.equal((await readOwner(file))?.pid, process.pid);
});

test(
  'another process of the same number, or of an earlier boot, is not the owner, whatever the clock says',
  existsSync('/proc/self/stat') ? {} : { skip: 'only Linux tells when a process began' },
  async () => {
    const self = await describeSelf();
    assert.equal(await ownerState(self), 'alive');
    assert.equal(await ownerState({ ...self, startTicks: '1' }), 'dead');
    assert.equal(await ownerState({ ...self, boot: 'another' }), 'dead');
    assert.equal(await ownerState({ ...self, since: '2099-01-01T00:00:00Z' }), 'alive');
    write({ ...self, startTicks: '1' });
    await (await takeLock(file)).release();
  },
);

test('the lock of another machine is not taken, and the error says which file to delete', async () => {
  write({ ...(await describeSelf()), host: 'elsewhere.example' });
  await assert.rejects(takeLock(file), isRefused(/on elsewhere\.example.*lock.*delete this file/));
});

test('a lock that cannot be read counts as held', async () => {
  for (const text of ['', '{', '{"pid":-1}', 'x'.repeat(5000)]) {
    writeFileSync(file, text);
    assert.equal(await readOwner(file), null);
    await assert.rejects(takeLock(file), isRefused(/locked by somebody/));
  }
});
