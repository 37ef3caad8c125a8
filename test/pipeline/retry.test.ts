import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, FaceswapError, type RetryAdvice } from '../../src/errors.js';
import { type ChildExit, childFailure } from '../../src/media/child-process.js';
import { fileFailure } from '../../src/pipeline/file-failure.js';
import { backoffMs, type Clock, type Retry, systemClock, withRetries } from '../../src/pipeline/retry.js';

const policy = { tries: 3, baseMs: 1000, capMs: 3000 };

/** A clock on which waiting takes no time and is written down. */
const makeClock = (random = 0.5): { clock: Clock; waits: number[] } => {
  const waits: number[] = [];
  const wait = async (delayMs: number): Promise<void> => {
    waits.push(delayMs);
  };
  return { clock: { ...systemClock, wait, random: () => random }, waits };
};

const killed: ChildExit = { code: null, signal: 'SIGKILL' };
const one: ChildExit = { code: 1, signal: null };

test('which ends of a child are transient', () => {
  const cases: [ChildExit, string, ErrorKind, RetryAdvice | undefined][] = [
    [killed, '', 'resources', 'again'],
    [{ code: null, signal: 'SIGSEGV' }, '', 'resources', 'again'],
    [one, '[error] x: Cannot allocate memory', 'resources', 'smaller'],
    [one, '[error] x: Too many open files', 'resources', 'again'],
    [one, '[error] x.mp4: Input/output error', 'media', 'again'],
    [one, '[error] x.mp4: Stale file handle', 'media', 'again'],
    [one, '[error] x.mp4: Connection timed out', 'media', 'again'],
    [one, '[error] av_interleaved_write_frame(): No space left on device', 'resources', undefined],
    [killed, '[error] x: Disk quota exceeded', 'resources', undefined],
    [one, '[error] x.mp4: Invalid data found when processing input', 'media', undefined],
    [one, '[error] x.mp4: No such file or directory', 'media', undefined],
  ];
  for (const [exit, line, kind, retry] of cases) {
    const failure = childFailure('ffmpeg', exit, [line], { stage: 'decode' });
    assert.deepEqual([failure.kind, failure.context.retry], [kind, retry], line);
    assert.equal(failure.isTransient, retry !== undefined);
    assert.equal(FaceswapError.fromRecord(failure.toRecord()).context.retry, retry);
  }
});

test('which failures of the file system are transient', () => {
  const cases: [string, ErrorKind, boolean][] = [
    ['EMFILE', 'resources', true],
    ['ENFILE', 'resources', true],
    ['EIO', 'media', true],
    ['ESTALE', 'media', true],
    ['ENOSPC', 'resources', false],
    ['EDQUOT', 'resources', false],
    ['EROFS', 'media', false],
    ['ENOENT', 'media', false],
  ];
  for (const [code, kind, isTransient] of cases) {
    const failure = fileFailure(Object.assign(new Error(code), { code }), 'x', 'encode');
    assert.deepEqual([failure.kind, failure.isTransient], [kind, isTransient], code);
  }
});

test('waits double up to a limit and are spread from nothing to the whole', () => {
  const waits = (random: number): number[] => [1, 2, 3, 4].map((n) => backoffMs(policy, n, () => random));
  assert.deepEqual(waits(0), [0, 0, 0, 0]);
  assert.deepEqual(waits(0.5), [500, 1000, 1500, 1500]);
  assert.ok(waits(0.999999).every((ms, at) => ms === [1000, 2000, 3000, 3000][at]));
});

const transient = new FaceswapError('resources', 'killed', { retry: 'again' });

test('transient failures are tried again, and each retry is told before it begins', async () => {
  const { clock, waits } = makeClock();
  const told: Retry[] = [];
  const result = await withRetries(
    async (attempt) => {
      if (attempt < 3) throw transient;
      return `try ${attempt}`;
    },
    {
      policy,
      clock,
      signal: new AbortController().signal,
      stage: 'render',
      onRetry: (retry) => {
        told.push(retry);
      },
    },
  );
  assert.equal(result, 'try 3');
  assert.deepEqual(waits, [500, 1000]);
  assert.deepEqual(
    told.map(({ attempt, tries, delayMs }) => [attempt, tries, delayMs]),
    [
      [2, 3, 500],
      [3, 3, 1000],
    ],
  );
});

test('the last try ends it with the number of retries, and what is not transient ends it at once', async () => {
  const cases: [unknown, number, number | undefined][] = [
    [transient, 3, 2],
    [new FaceswapError('media', 'damaged'), 1, undefined],
    [new RangeError('ours'), 1, undefined],
  ];
  for (const [thrown, tries, retries] of cases) {
    const { clock } = makeClock();
    let count = 0;
    const work = withRetries(
      () => {
        count += 1;
        return Promise.reject(thrown);
      },
      { policy, clock, signal: new AbortController().signal, stage: 'render', onRetry: () => {} },
    );
    await assert.rejects(
      work,
      (error) => error instanceof FaceswapError && error.context.retries === retries,
    );
    assert.equal(count, tries);
  }
});

test('an abort ends the wait for the next try', async () => {
  const controller = new AbortController();
  let count = 0;
  const work = withRetries(
    () => {
      count += 1;
      return Promise.reject(transient);
    },
    {
      policy: { ...policy, baseMs: 1e9, capMs: 1e9 },
      clock: { ...systemClock, random: () => 1 },
      signal: controller.signal,
      stage: 'render',
      onRetry: () => setImmediate(() => controller.abort(new Error('enough'))) && undefined,
    },
  );
  await assert.rejects(work, /enough/);
  assert.equal(count, 1);
});
