import PQueue from 'p-queue';
import type { FrameLane } from './frame-pool.js';
import type { WorkerClient } from './worker-client.js';

/** A worker thread with its share of the frame pool. */
export type TeamMember = {
  readonly worker: WorkerClient;
  readonly lane: FrameLane;
  /** Settles when the worker has its models and its chain. */
  readonly ready: Promise<unknown>;
};

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
   * and aborts `halt` for those that run; this rejects when the last of them has ended.
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
      await member.ready;
      halt.signal.throwIfAborted();
      return await task(item, member, halt.signal);
    } catch (error) {
      halt.abort(error);
      throw error;
    } finally {
      this.#idle.push(member);
    }
  }
}
