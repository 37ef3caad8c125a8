import PQueue from 'p-queue';
import type { FrameLane } from './frame-pool.js';
import type { WorkerClient } from './worker-client.js';

/** A worker thread that makes its chain. */
export type StartedWorker = {
  readonly worker: WorkerClient;
  /** Settles when the worker has its models and its chain. */
  readonly ready: Promise<unknown>;
};

/** How a member starts anew. */
export type WorkerRestart = {
  /** The member's place in the team, from 0 on. */
  readonly number: number;
  /** What it worked with so far: dead, or to be started again with less memory. */
  readonly worker: WorkerClient;
  /** Into how many parts its batches are divided: 1 as planned, 2 after memory ran out once. */
  readonly divisor: number;
  /** Frame buffers that it may have from now on. */
  readonly frames: number;
};

/** A place in the team: a share of the frame pool and the worker thread that uses it at present. */
export class TeamMember {
  readonly lane: FrameLane;
  readonly #number: number;
  readonly #restart: (restart: WorkerRestart) => StartedWorker;
  #started: StartedWorker;
  #divisor = 1;

  /** @param restart starts a worker anew; the thread of one that lives may be used again. */
  constructor(
    number: number,
    {
      lane,
      started,
      restart,
    }: { lane: FrameLane; started: StartedWorker; restart: (restart: WorkerRestart) => StartedWorker },
  ) {
    this.#number = number;
    this.lane = lane;
    this.#started = started;
    this.#restart = restart;
  }

  get worker(): WorkerClient {
    return this.#started.worker;
  }

  /** Settles when the worker has its models and its chain. */
  get ready(): Promise<unknown> {
    return this.#started.ready;
  }

  /** Puts a fresh worker in the place of one that has died; does nothing while it lives. */
  renew(): void {
    if (this.worker.failure !== undefined) this.#startAgain();
  }

  /** From now on works with half the batch and half the frames, but with `leastFrames` at least. */
  economise(leastFrames: number): void {
    this.#divisor *= 2;
    this.lane.shrink(Math.max(leastFrames, this.lane.count >> 1));
    this.#startAgain();
  }

  #startAgain(): void {
    this.#started = this.#restart({
      number: this.#number,
      worker: this.worker,
      divisor: this.#divisor,
      frames: this.lane.count,
    });
  }
}

/**
 * The workers of a run. Each does one task at a time; tasks are begun in their order, each by the first worker that is free.
 */
export class WorkerTeam {
  readonly #idle: TeamMember[];
  readonly #queue: PQueue;

  /** @param members at least one */
  constructor(members: readonly TeamMember[]) {
    this.#idle = [...members];
    this.#queue = new PQueue({ concurrency: members.length });
  }

  /**
   * Does a task for every item and gives the results in the order of the items. The first failure keeps the rest from starting
   * and aborts `halt` for those that run; this rejects when the last of them has ended. Whether a member is ready is the
   * task's to await.
   *
   * @throws the first failure.
   */
  async map<Item, Result>(
    items: readonly Item[],
    task: (item: Item, member: TeamMember, halt: AbortSignal) => Promise<Result>,
  ): Promise<readonly Result[]> {
    const halt = new AbortController();
    const tasks = items.map((item) => this.#queue.add(() => this.#perform(item, task, halt)));
    try {
      return await Promise.all(tasks);
    } finally {
      await Promise.allSettled(tasks);
    }
  }

  async #perform<Item, Result>(
    item: Item,
    task: (item: Item, member: TeamMember, halt: AbortSignal) => Promise<Result>,
    halt: AbortController,
  ): Promise<Result> {
    halt.signal.throwIfAborted();
    // The queue starts no more tasks than there are members.
    const member = this.#idle.shift() as TeamMember;
    try {
      return await task(item, member, halt.signal);
    } catch (error) {
      halt.abort(error);
      throw error;
    } finally {
      this.#idle.push(member);
    }
  }
}
