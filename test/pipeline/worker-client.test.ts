import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { plainMachine } from '../../src/pipeline/face-chain.js';
import { chainSettings } from '../../src/pipeline/plan.js';
import { resolveRunOptions } from '../../src/pipeline/resolve-run-options.js';
import { silentLogger } from '../../src/pipeline/run-logger.js';
import { WorkerClient } from '../../src/pipeline/worker-client.js';

const entry = new URL('./fake-worker.mjs', import.meta.url);
const settings = chainSettings(resolveRunOptions({ source: 'a', target: 'b', output: 'c' }));
const range = { start: 0, end: 6 };
const segment = {
  format: {
    widthPx: 4,
    heightPx: 4,
    bitDepth: 8,
    chromaShiftX: 1,
    chromaShiftY: 1,
    matrix: 'bt601',
    range: 'limited',
  },
  frameRate: { num: 25, den: 1 },
  decode: range,
  render: { start: 1, end: 6 },
} as const;

let client: WorkerClient | undefined;

const startClient = (behaviour: string): WorkerClient => {
  process.env['FAKE_CHAIN'] = behaviour;
  client = new WorkerClient({ logger: silentLogger, entry });
  return client;
};

afterEach(async () => {
  await client?.close();
  delete process.env['FAKE_CHAIN'];
});

test('frames go to the worker and back by transfer, in order, those outside the segment without a row', async () => {
  const worker = startClient('invert');
  await worker.init(settings, [], plainMachine);
  await worker.beginSegment(segment);
  const sent = Array.from({ length: 6 }, () => new ArrayBuffer(24));
  const replies = await Promise.all(sent.map((buffer, index) => worker.push({ index, buffer })));
  assert.ok(sent.every((buffer) => buffer.byteLength === 0));
  const end = await worker.endSegment();
  const outputs = [...replies.flatMap((reply) => reply.outputs), ...end.outputs];
  assert.deepEqual(
    outputs.map(({ index, row }) => [index, row?.frame]),
    [
      [0, undefined],
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
      [5, 5],
    ],
  );
  assert.deepEqual(
    outputs.map(({ buffer }) => new Uint8Array(buffer)[0]),
    [0, 255, 255, 255, 255, 255],
  );
  assert.equal(end.stageTimes.swap, 5);
});

test('a failure in the chain comes back as an error and the worker lives on', async () => {
  const worker = startClient('fail');
  await worker.init(settings, [], plainMachine);
  await worker.beginSegment(segment);
  await assert.rejects(
    worker.push({ index: 3, buffer: new ArrayBuffer(24) }),
    (error) => error instanceof FaceswapError && error.kind === 'bug' && /fails here/.test(error.message),
  );
  await worker.beginSegment(segment);
});

test('a worker that ends fails everything that waits for it and everything later', async () => {
  const worker = startClient('exit');
  await worker.init(settings, [], plainMachine);
  await worker.beginSegment(segment);
  const ended = (error: unknown): boolean =>
    error instanceof FaceswapError &&
    error.kind === 'bug' &&
    /ended before .* \(code 7\)/.test(error.message);
  await assert.rejects(worker.push({ index: 3, buffer: new ArrayBuffer(24) }), ended);
  await assert.rejects(worker.endSegment(), ended);
});

test('closing refuses what still waits, can be done twice, and leaves no thread', async () => {
  const worker = startClient('swap');
  await worker.init(settings, [], plainMachine);
  await worker.beginSegment(segment);
  const waiting = Promise.allSettled(
    [0, 1, 2].map((index) => worker.push({ index, buffer: new ArrayBuffer(24) })),
  );
  await Promise.all([worker.close(), worker.close()]);
  for (const { status } of await waiting) assert.ok(status === 'rejected' || status === 'fulfilled');
  await assert.rejects(worker.endSegment(), FaceswapError);
});

test('frames before a chain are a bug, not a hang', async () => {
  const worker = startClient('swap');
  await assert.rejects(worker.beginSegment(segment), /before its chain was made/);
});
