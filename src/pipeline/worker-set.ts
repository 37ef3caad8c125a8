import type { WorkerClient } from './worker-client.js';

/** Worker threads by number. A run has a set of its own; a batch keeps one for all of its runs. */
export class WorkerSet {
  readonly #start: () => WorkerClient;
  readonly #workers = new Map<number, WorkerClient>();
  readonly #replaced: WorkerClient[] = [];
  #startedCount = 0;

  /** @param start makes a worker and starts its thread */
  constructor(start: () => WorkerClient) {
    this.#start = start;
  }

  /** How many threads were ever started. */
  get startedCount(): number {
    return this.#startedCount;
  }

  /** The worker with this number, started at the first call; one whose thread has died is replaced. */
  open(number: number): WorkerClient {
    const known = this.#workers.get(number);
    return known?.isAlive === true ? known : this.replace(number);
  }

  /** Starts another worker in the place of the one with this number, which is stopped with the others. */
  replace(number: number): WorkerClient {
    const known = this.#workers.get(number);
    if (known !== undefined) this.#replaced.push(known);
    const worker = this.#start();
    this.#startedCount += 1;
    this.#workers.set(number, worker);
    return worker;
  }

  /** Stops all threads; see `WorkerClient.close`. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers.values(), ...this.#replaced].map((worker) => worker.close()));
  }
}
