import { BatchRunner, type BatchSession } from './batch-runner.js';

/**
 * A {@link BatchRunner} with room for any number of items: it doubles when it is full and takes along what was laid in.
 * Views that it gave before it grew are no longer its own, so ask anew after each item.
 */
export class GrowingBatch {
  readonly #session: BatchSession;
  readonly #outputs: readonly string[] | undefined;
  readonly #onTooLarge: ((size: number) => void) | undefined;
  #runner: BatchRunner;
  #earlierHalvings = 0;

  /**
   * @param session is not disposed of
   * @param batchSize items per run of the model at most
   * @param outputs outputs to fetch; all when it is not given
   * @param onTooLarge see `BatchRunnerOptions`
   */
  constructor(
    session: BatchSession,
    batchSize: number,
    outputs?: readonly string[],
    onTooLarge?: (size: number) => void,
  ) {
    this.#onTooLarge = onTooLarge;
    this.#session = session;
    this.#outputs = outputs;
    this.#runner = new BatchRunner(session, { batchSize, outputs, onTooLarge });
  }

  /** How often a batch was halved because memory ran out. */
  get halvings(): number {
    return this.#earlierHalvings + this.#runner.halvings;
  }

  /** See `BatchRunner.input`; makes room where there is none. */
  input(name: string, index: number): Float32Array {
    while (index >= this.#runner.capacity) this.#grow();
    return this.#runner.input(name, index);
  }

  /** See `BatchRunner.output`. */
  output(name: string, index: number): Float32Array {
    return this.#runner.output(name, index);
  }

  /** See `BatchRunner.run`. */
  async run(count: number): Promise<void> {
    if (count > 0) await this.#runner.run(count);
  }

  dispose(): void {
    this.#runner.dispose();
  }

  #grow(): void {
    const full = this.#runner;
    this.#earlierHalvings += full.halvings;
    this.#runner = new BatchRunner(this.#session, {
      batchSize: full.batchSize,
      capacity: 2 * full.capacity,
      outputs: this.#outputs,
      onTooLarge: this.#onTooLarge,
    });
    for (const { name } of this.#session.inputs) {
      for (let index = 0; index < full.capacity; index++) {
        this.#runner.input(name, index).set(full.input(name, index));
      }
    }
    full.dispose();
  }
}
