import { FaceswapError } from '../errors.js';
import type { ModelSession, TensorData, TensorInfo } from './session.js';

/** What a batch runner needs of a session. */
export type BatchSession = Pick<ModelSession, 'modelPath' | 'runInto'> & {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
};

export type BatchRunnerOptions = {
  /** Items per run of the model at most. */
  readonly batchSize: number;
  /** Items that can be laid in before {@link BatchRunner.run}; the batch size when it is not given. */
  readonly capacity?: number | undefined;
  /** Outputs to fetch; all when it is not given. */
  readonly outputs?: readonly string[] | undefined;
  /** Is told of each batch size for which memory ran out. */
  readonly onTooLarge?: ((size: number) => void) | undefined;
};

/** All items of one input or output, one behind the other. */
type Slots = {
  readonly name: string;
  readonly data: Float32Array;
  /** Whether its first axis counts items. Where not, the model takes one item per run. */
  readonly isBatched: boolean;
  /** Dims of one item, without the batch. */
  readonly itemDims: readonly number[];
  readonly itemLength: number;
  /** An input without a batch axis has one slot for all items. */
  readonly shared: boolean;
  readonly views: readonly Float32Array[];
};

/** The tensors of one run, kept so that a repeated run allocates nothing. */
type Chunk = {
  readonly start: number;
  readonly size: number;
  readonly feeds: Record<string, TensorData>;
  readonly fetches: Record<string, TensorData>;
};

/**
 * Sends many items through a model in as few runs as its batch size allows. Inputs are written straight into the slots of
 * preallocated tensors and outputs are read from such slots, so nothing is copied and nothing is allocated per run.
 *
 * When a run fails for want of memory, the batch is halved, for good, and the run is tried again.
 */
export class BatchRunner {
  /** Items that fit in before {@link BatchRunner.run}. */
  readonly capacity: number;
  readonly #session: BatchSession;
  readonly #onTooLarge: ((size: number) => void) | undefined;
  #inputs: readonly Slots[];
  #outputs: readonly Slots[];
  #chunks: Chunk[] = [];
  #batchSize: number;
  #halvings = 0;

  /**
   * @param session is not disposed of by the runner
   * @throws FaceswapError `bug` when batches are asked of a model whose batch is fixed, `model` for a model with another free
   *   axis than its first
   */
  constructor(session: BatchSession, options: BatchRunnerOptions) {
    const { batchSize, capacity = batchSize, outputs, onTooLarge } = options;
    if (!(Number.isInteger(batchSize) && batchSize >= 1 && Number.isInteger(capacity))) {
      throw new FaceswapError('bug', `A batch cannot have ${batchSize} items of ${capacity}`);
    }
    this.#session = session;
    this.#onTooLarge = onTooLarge;
    this.#batchSize = batchSize;
    this.capacity = Math.max(capacity, batchSize);
    const isFree = hasFreeBatch(session);
    if (batchSize > 1 && !isFree) {
      throw new FaceswapError('bug', `The model takes one item at a time, not ${batchSize}`, {
        file: session.modelPath,
      });
    }
    const slots = (info: TensorInfo): Slots => this.#slots(info, isFree);
    this.#inputs = session.inputs.map(slots);
    this.#outputs = session.outputs.filter(({ name }) => outputs?.includes(name) ?? true).map(slots);
  }

  /** Items per run at present: what was asked for, or less after {@link BatchRunner.halvings}. */
  get batchSize(): number {
    return this.#batchSize;
  }

  /** How often the batch was halved because memory ran out. */
  get halvings(): number {
    return this.#halvings;
  }

  /**
   * Where the values of an item's input belong. An input without a batch axis has one slot for all items. The view stays
   * valid until {@link dispose}, and its contents until they are written again: what does not change need not be written twice.
   *
   * @throws FaceswapError `bug` for an unknown name or an index outside of the capacity
   */
  input(name: string, index: number): Float32Array {
    return this.#view(this.#inputs, name, index);
  }

  /**
   * An item's output of the last {@link run}. The next run overwrites it.
   *
   * @throws FaceswapError as {@link input}
   */
  output(name: string, index: number): Float32Array {
    return this.#view(this.#outputs, name, index);
  }

  /**
   * Runs the model on the items 0 to `count` − 1.
   *
   * @throws FaceswapError `resources` when memory does not suffice for a single item, and as {@link ModelSession.runInto}
   */
  async run(count: number): Promise<void> {
    if (!(Number.isInteger(count) && count >= 0 && count <= this.capacity)) {
      throw this.#misuse(`${count} items do not fit into ${this.capacity} slots`);
    }
    let start = 0;
    while (start < count) {
      const size = Math.min(this.#batchSize, count - start);
      const { feeds, fetches } = this.#chunk(start, size);
      try {
        await this.#session.runInto(feeds, fetches);
        start += size;
      } catch (error) {
        if (!(error instanceof FaceswapError && error.kind === 'resources') || size === 1) throw error;
        this.#onTooLarge?.(size);
        this.#batchSize = size >> 1;
        this.#halvings += 1;
        this.#chunks = [];
      }
    }
  }

  /** Lets go of the slots; the runner cannot be used afterwards. */
  dispose(): void {
    this.#inputs = [];
    this.#outputs = [];
    this.#chunks = [];
  }

  #slots({ name, dims }: TensorInfo, isFree: boolean): Slots {
    const [batch, ...rest] = dims;
    const isBatched = isFree && typeof batch === 'string';
    // A batch that is free at one end of the model only is one of a single item.
    const single = typeof batch === 'string' ? [1, ...rest] : dims;
    const lengths = isBatched ? rest : single;
    const fixed = lengths.filter((dim) => typeof dim === 'number');
    if (fixed.length < lengths.length) {
      throw new FaceswapError('model', `"${name}" [${dims.join(', ')}] has no fixed size per item`, {
        file: this.#session.modelPath,
      });
    }
    const itemLength = fixed.reduce((product, dim) => product * dim, 1);
    // What a free model takes without a batch axis is the same for all items.
    const shared = isFree && !isBatched;
    const count = shared ? 1 : this.capacity;
    const data = new Float32Array(count * itemLength);
    const views = Array.from({ length: count }, (_, index) =>
      data.subarray(index * itemLength, (index + 1) * itemLength),
    );
    return { name, data, isBatched, itemDims: fixed, itemLength, shared, views };
  }

  #view(all: readonly Slots[], name: string, index: number): Float32Array {
    for (const slots of all) {
      if (slots.name !== name) continue;
      const view = slots.views[slots.shared ? 0 : index];
      if (view === undefined) break;
      return view;
    }
    throw this.#misuse(`there is no slot ${index} of "${name}"`);
  }

  #chunk(start: number, size: number): Chunk {
    for (const chunk of this.#chunks) if (chunk.start === start && chunk.size === size) return chunk;
    const tensors = (all: readonly Slots[]): Record<string, TensorData> =>
      Object.fromEntries(
        all.map(({ name, data, isBatched, itemDims, itemLength, shared }) => [
          name,
          {
            data: shared ? data : data.subarray(start * itemLength, (start + size) * itemLength),
            dims: isBatched ? [size, ...itemDims] : itemDims,
          },
        ]),
      );
    const chunk = { start, size, feeds: tensors(this.#inputs), fetches: tensors(this.#outputs) };
    this.#chunks.push(chunk);
    return chunk;
  }

  #misuse(what: string): FaceswapError {
    return new FaceswapError('bug', `Wrong use of a batch: ${what}`, { file: this.#session.modelPath });
  }
}

/** Whether one run of a model can take several items: some input's and every output's first axis is free. */
export function hasFreeBatch({ inputs, outputs }: Pick<BatchSession, 'inputs' | 'outputs'>): boolean {
  const isFree = ({ dims }: TensorInfo): boolean => typeof dims[0] === 'string';
  return inputs.some(isFree) && outputs.every(isFree);
}
