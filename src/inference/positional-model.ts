import { FaceswapError } from '../errors.js';
import type { ModelSession, TensorData, TensorInfo } from './session.js';

/** What is expected of a model with one input whose outputs are known by their places. */
export type PositionalSignature = {
  /** What the model is, for messages. */
  readonly kind: string;
  readonly input: { readonly name: string; readonly dims: readonly number[] };
  /** What each output is, for messages, and how many numbers it has; null: any number. */
  readonly outputs: readonly { readonly meaning: string; readonly count: number | null }[];
};

type PositionalSession = Pick<ModelSession, 'modelPath' | 'inputs' | 'outputs' | 'run' | 'runInto'>;

/**
 * A model with one input, run for one item at a time. Its signature is checked when it is made; what the file does not state is checked when
 * it runs. The arrays of outputs whose sizes the file states are used again by later runs.
 */
export class PositionalModel {
  /** What the next run is given; plain memory, row-major. */
  readonly input: Float32Array;
  readonly #session: PositionalSession;
  readonly #signature: PositionalSignature;
  readonly #feeds: Record<string, TensorData>;
  /** Null: some output's size is only known after a run. */
  readonly #fetches: Record<string, TensorData> | null;

  /**
   * @param session is not disposed of by this
   * @throws FaceswapError `model` for a model with another signature
   */
  constructor(session: PositionalSession, signature: PositionalSignature) {
    this.#session = session;
    this.#signature = signature;
    const { name, dims } = signature.input;
    const isFixed = this.#checkInput();
    this.#checkOutputs(isFixed);
    this.input = new Float32Array(productOf(dims));
    this.#feeds = { [name]: { data: this.input, dims } };
    this.#fetches = isFixed ? this.#allocate() : null;
  }

  /**
   * Runs the model on {@link input}.
   *
   * @returns the outputs that the signature names, in its order; valid until the next run
   * @throws FaceswapError `model` for outputs of other sizes, and as `ModelSession.run`
   */
  async run(): Promise<readonly Float32Array[]> {
    let results: Record<string, Float32Array>;
    if (this.#fetches === null) {
      results = await this.#session.run(this.#feeds);
    } else {
      await this.#session.runInto(this.#feeds, this.#fetches);
      results = Object.fromEntries(Object.entries(this.#fetches).map(([name, { data }]) => [name, data]));
    }
    return this.#signature.outputs.map(({ meaning, count }, i) => {
      const values = results[(this.#session.outputs[i] as TensorInfo).name] as Float32Array;
      if (count !== null && values.length !== count) {
        throw this.#mismatch(`${count} numbers in output ${i} (${meaning})`, `${values.length}`);
      }
      return values;
    });
  }

  /** @returns whether the file states all sizes but that of the batch */
  #checkInput(): boolean {
    const { name, dims } = this.#signature.input;
    const { inputs } = this.#session;
    const [only] = inputs;
    const fits =
      inputs.length === 1 &&
      only?.name === name &&
      only.dims.length === dims.length &&
      only.dims.every((dim, axis) => typeof dim === 'string' || dim === dims[axis]);
    if (!fits) {
      throw this.#mismatch(
        `one input, ${shapeText({ name, dims })}`,
        inputs.map(shapeText).join(', ') || 'none',
      );
    }
    return only.dims.every((dim, axis) => axis === 0 || typeof dim === 'number');
  }

  #checkOutputs(isFixed: boolean): void {
    const { outputs } = this.#session;
    const expected = this.#signature.outputs;
    if (outputs.length < expected.length) {
      throw this.#mismatch(
        `${expected.length} outputs (${expected.map(({ meaning }) => meaning).join(', ')})`,
        outputs.map(shapeText).join(', ') || 'none',
      );
    }
    // What a model with a free input states of its outputs is often that of the size it was exported at.
    if (!isFixed) return;
    for (const [i, { meaning, count }] of expected.entries()) {
      const output = outputs[i] as TensorInfo;
      const stated = statedCount(output);
      if (count === null || stated === null || stated === count) continue;
      throw this.#mismatch(`${count} numbers in output ${i} (${meaning})`, shapeText(output));
    }
  }

  #allocate(): Record<string, TensorData> | null {
    const entries: [string, TensorData][] = [];
    for (let i = 0; i < this.#signature.outputs.length; i++) {
      const output = this.#session.outputs[i] as TensorInfo;
      const count = statedCount(output);
      if (count === null) return null;
      const dims = output.dims.map((dim) => (typeof dim === 'number' ? dim : 1));
      entries.push([output.name, { data: new Float32Array(count), dims }]);
    }
    return Object.fromEntries(entries);
  }

  #mismatch(expected: string, has: string): FaceswapError {
    return new FaceswapError(
      'model',
      `The file is no ${this.#signature.kind} as it should be: expected ${expected}; it has ${has}`,
      {
        file: this.#session.modelPath,
        hint: 'Fetch the model again with faceswap models pull; files of other makers may have another signature',
      },
    );
  }
}

/** Numbers of an output for a batch of one; null where the file does not state all sizes. */
const statedCount = ({ dims }: TensorInfo): number | null => {
  const [batch, ...rest] = dims;
  const isStated = rest.every((dim) => typeof dim === 'number');
  return isStated ? productOf([typeof batch === 'number' ? batch : 1, ...(rest as number[])]) : null;
};

const productOf = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

const shapeText = ({ name, dims }: TensorInfo): string =>
  `${name} [${dims.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`;
