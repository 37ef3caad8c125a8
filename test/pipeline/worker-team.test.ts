import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { type FrameLane, FramePool } from '../../src/pipeline/frame-pool.js';
import type { WorkerClient } from '../../src/pipeline/worker-client.js';
import { TeamMember, type WorkerRestart, WorkerTeam } from '../../src/pipeline/worker-team.js';

/** Members are told apart by their lanes; no test here lets a worker work. */
const makeTeam = (count: number): { team: WorkerTeam; lanes: readonly FrameLane[] } => {
  const { lanes } = new FramePool({ lanes: count, framesPerLane: 1, frameBytes: 1 });
  const started = { worker: {} as WorkerClient, ready: Promise.resolve() };
  const members = lanes.map(
    (lane, number) => new TeamMember(number, { lane, started, restart: () => started }),
  );
  return { team: new WorkerTeam(members), lanes };
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('each member does one thing at a time, and results come in the order of the items', async () => {
  const { team } = makeTeam(2);
  const busy = new Set<FrameLane>();
  let most = 0;
  const results = await team.map([5, 1, 4, 2, 3], async (item, { lane }) => {
    assert.ok(!busy.has(lane));
    busy.add(lane);
    most = Math.max(most, busy.size);
    for (let turns = 0; turns < item; turns += 1) await turn();
    busy.delete(lane);
    return item * 10;
  });
  assert.deepEqual(results, [50, 10, 40, 20, 30]);
  assert.equal(most, 2);
});

test('the first failure stops what runs, keeps the rest from starting, and is what is told', async () => {
  const { team } = makeTeam(2);
  const started: number[] = [];
  let halted: unknown;
  const work = team.map([0, 1, 2, 3], async (item, _member, halt) => {
    started.push(item);
    await turn();
    if (item === 1) throw new Error('no more');
    await new Promise<void>((resolve) => halt.addEventListener('abort', () => resolve(), { once: true }));
    halted = halt.reason;
    throw new Error('stopped by the other');
  });
  await assert.rejects(work, /no more/);
  assert.deepEqual(started, [0, 1]);
  assert.match(String(halted), /no more/);
});

test('a member whose worker died gets a fresh one, and one whose memory ran out a smaller one', () => {
  const [lane] = new FramePool({ lanes: 1, framesPerLane: 20, frameBytes: 1 }).lanes;
  assert.ok(lane);
  const dead = { failure: new FaceswapError('bug', 'it died', { retry: 'again' }) } as WorkerClient;
  const fresh = { failure: undefined } as WorkerClient;
  const restarts: WorkerRestart[] = [];
  const ready = Promise.resolve();
  const member = new TeamMember(4, {
    lane,
    started: { worker: dead, ready },
    restart: (restart) => {
      restarts.push(restart);
      return { worker: fresh, ready };
    },
  });
  member.renew();
  member.renew();
  assert.equal(member.worker, fresh);
  member.economise(11);
  member.economise(11);
  assert.deepEqual(restarts, [
    { number: 4, worker: dead, divisor: 1, frames: 20 },
    { number: 4, worker: fresh, divisor: 2, frames: 11 },
    { number: 4, worker: fresh, divisor: 4, frames: 11 },
  ]);
  assert.equal(lane.count, 11);
});
