import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressChannel } from '../../src/pipeline/progress-channel.js';
import type { ProgressEvent } from '../../src/pipeline/progress.js';

const frames = (done: number): ProgressEvent => ({
  type: 'frames',
  done,
  total: 1000,
  framesPerSecond: 10,
  etaSeconds: null,
  facesSwapped: 0,
});

const collect = async (channel: ProgressChannel): Promise<ProgressEvent[]> => {
  const events: ProgressEvent[] = [];
  for await (const event of channel) events.push(event);
  return events;
};

test('frame events that nobody read are replaced by the newest', async () => {
  const channel = new ProgressChannel();
  channel.emit({ type: 'phase', phase: 'render' });
  for (let done = 1; done <= 500; done += 1) channel.emit(frames(done));
  channel.emit({ type: 'phase', phase: 'mux' });
  channel.close();
  channel.emit(frames(501));
  assert.deepEqual(await collect(channel), [
    { type: 'phase', phase: 'render' },
    frames(500),
    { type: 'phase', phase: 'mux' },
  ]);
});

test('a reader that keeps up sees every event', async () => {
  const channel = new ProgressChannel();
  const reading = collect(channel);
  for (let done = 1; done <= 3; done += 1) {
    channel.emit(frames(done));
    // Lets the reader take the event: its loop needs a few turns of the microtask queue.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }
  channel.close();
  assert.deepEqual(await reading, [frames(1), frames(2), frames(3)]);
});

test('phases, segments and warnings are kept for a reader that comes late', async () => {
  const channel = new ProgressChannel();
  channel.emit({ type: 'phase', phase: 'render' });
  for (let index = 0; index < 1000; index += 1) {
    for (let done = 0; done < 5; done += 1) channel.emit(frames(done));
    channel.emit({ type: 'segment', index, total: 1000, state: 'done' });
  }
  channel.emit({ type: 'warning', warning: { code: 'x', message: 'a remark' } });
  channel.close();
  const events = await collect(channel);
  assert.deepEqual(events[0], { type: 'phase', phase: 'render' });
  assert.equal(events.filter(({ type }) => type === 'segment').length, 1000);
  assert.equal(events.filter(({ type }) => type === 'frames').length, 1000);
  assert.equal(events.at(-1)?.type, 'warning');
});
