import { access } from 'node:fs/promises';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { FaceswapError } from '../errors.js';
import {
  type ElementType,
  fromNative,
  isElementType,
  type NativeArray,
  nativeArray,
  toNative,
} from './element-types.js';
import { guardModelFile } from './model-guard.js';
import { disableTelemetry } from './telemetry.js';

type OnnxRuntime = typeof import('onnxruntime-node');

/** Values of a tensor in row-major order. `data` must lie in a plain ArrayBuffer: onnxruntime rejects shared memory. */
export type TensorData = { data: Float32Array; dims: readonly number[] };

/** Name and shape of a model input or output; a string is an axis that is free until the model runs. */
export type TensorInfo = { name: string; dims: readonly (number | string)[] };

/**
 * An input or output of a loaded model. Its values are exchanged as float32 whatever its own type is, and converted: see
 * {@link toNative} for how.
 */
export type SessionTensorInfo = TensorInfo & { elementType: ElementType };

export type SessionOptions = {
  /**
   * The file to load in place of the model's own: a copy of it that was rewritten (such as with a free batch dimension).
   * Errors and {@link ModelSession.modelPath} still name the model itself, which is what the user knows.
   */
  rewrittenPath?: string | undefined;
  /**
   * Execution providers by onnxruntime's names, most wanted first. What the first ones cannot compute runs on the CPU
   * provider, which every session has; a provider that cannot be loaded at all is an error.
   */
  providers: readonly string[];
  /** Threads that one run uses. */
  intraOpThreads: number;
};

/** An execution provider that the installed onnxruntime knows by name. */
export type ProviderInfo = {
  name: string;
  /** Whether its library came with the package; the others need a separate installation. */
  bundled: boolean;
};

export type ProviderProbe = { name: string; ok: true } | { name: string; ok: false; reason: string };

/** A caller's array in onnxruntime's form. */
type Wrapped = {
  readonly tensor: Tensor;
  readonly elementType: ElementType;
  /** The converted values, in memory that belongs to the caller's array; null where the array itself is the tensor's. */
  readonly converted: NativeArray | null;
};

/** What one run is given in onnxruntime's form; used again by later runs, so that runs leave no garbage of ours. */
type RunBinding = {
  readonly feeds: Record<string, Tensor>;
  readonly fetches: Record<string, Tensor>;
  /** Lengths that the free axes have in this run. */
  readonly freeLengths: Map<string, number>;
};

let modelMs = 0;
let runStartedMs = 0;

const markRunStart = (): void => {
  runStartedMs = performance.now();
};

/**
 * Milliseconds that this thread has spent inside model runs, of whatever session, since the last call; failed runs count.
 * Starts again at zero.
 */
export function takeModelMs(): number {
  const taken = modelMs;
  modelMs = 0;
  return taken;
}

/**
 * One loaded model. {@link ModelSession.run} blocks the event loop of its thread while the model computes, so sessions
 * belong into worker threads. A worker must not be terminated during a run: onnxruntime then aborts the process.
 */
export class ModelSession {
  readonly modelPath: string;
  readonly providers: readonly string[];
  readonly inputs: readonly SessionTensorInfo[];
  readonly outputs: readonly SessionTensorInfo[];
  readonly #runtime: OnnxRuntime;
  /** One per run that is under way at the same time: onnxruntime reads them a turn of the event loop later. */
  readonly #idleBindings: RunBinding[] = [];
  /** By the array that they wrap: callers use the same few arrays again and again. */
  readonly #wrapped = new WeakMap<Float32Array, Wrapped>();
  #session: InferenceSession | undefined;

  /** Use {@link createSession}. */
  constructor(
    runtime: OnnxRuntime,
    session: InferenceSession,
    modelPath: string,
    providers: readonly string[],
  ) {
    this.#runtime = runtime;
    this.#session = session;
    this.modelPath = modelPath;
    this.providers = [...providers];
    this.inputs = tensorInfos(session.inputMetadata, modelPath);
    this.outputs = tensorInfos(session.outputMetadata, modelPath);
  }

  /**
   * Runs the model and gives every output in a freshly allocated array, as float32 whatever the model's own types are.
   *
   * @throws FaceswapError `bug` for feeds that do not fit the model (also values that are not finite where the model takes whole
   *   numbers) or after {@link dispose}, `resources` when memory
   *   runs out, `model` when the model fails.
   */
  async run(feeds: Record<string, TensorData>): Promise<Record<string, Float32Array>> {
    const results = await this.#compute(feeds, undefined);
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [name, this.#floats(name, tensor)]),
    );
  }

  /**
   * Runs the model and writes into arrays that the caller owns and may use again for the next run: saves the
   * allocation and a copy (3.7 instead of 8.7 ms for a 16 MB output). Outputs that are not named are not fetched.
   * onnxruntime-node 1.30 makes a copy of each fetched output for itself all the same and leaves it to the garbage collector;
   * nothing else is allocated when the same arrays are used again.
   * The dims must be exactly those that the model gives; see {@link allocateOutputs}.
   *
   * @throws as {@link run}.
   */
  async runInto(feeds: Record<string, TensorData>, outputs: Record<string, TensorData>): Promise<void> {
    await this.#compute(feeds, outputs);
    for (const name in outputs) {
      const { data } = outputs[name] as TensorData;
      const converted = this.#wrapped.get(data)?.converted ?? null;
      if (converted !== null) fromNative(converted, data);
    }
  }

  /**
   * Arrays for {@link runInto}, for every output or just the named ones; each free axis gets the length `batch`.
   *
   * @throws FaceswapError `bug` for a name that is no output.
   */
  allocateOutputs(batch: number, names = this.outputs.map(({ name }) => name)): Record<string, TensorData> {
    return Object.fromEntries(
      names.map((name) => {
        const info = this.outputs.find((output) => output.name === name);
        if (info === undefined) throw this.#misuse(`it has no output "${name}"`);
        const dims = info.dims.map((dim) => (typeof dim === 'number' ? dim : batch));
        return [name, { data: new Float32Array(elementCount(dims)), dims }];
      }),
    );
  }

  /** Frees the native memory; safe to call twice. */
  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }

  async #compute(
    feeds: Record<string, TensorData>,
    outputs: Record<string, TensorData> | undefined,
  ): Promise<InferenceSession.OnnxValueMapType> {
    const session = this.#session;
    if (session === undefined) throw this.#misuse('it was run after dispose()');
    for (const { name } of this.inputs) {
      if (!(name in feeds)) throw this.#misuse(`it was run without its input ${name}`);
    }
    const binding = this.#idleBindings.pop() ?? { feeds: {}, fetches: {}, freeLengths: new Map() };
    try {
      binding.freeLengths.clear();
      this.#bind(feeds, this.inputs, binding.feeds, binding.freeLengths);
      if (outputs !== undefined) this.#bind(outputs, this.outputs, binding.fetches, binding.freeLengths);
      // onnxruntime begins in an immediate of its own, after whatever else is waiting in this thread. The one before it
      // notes when, so that only the model is timed.
      setImmediate(markRunStart);
      try {
        return outputs === undefined
          ? await session.run(binding.feeds)
          : await session.run(binding.feeds, binding.fetches);
      } catch (error) {
        const shapes = Object.entries(feeds).map(([name, { dims }]) => `${name} [${dims.join(', ')}]`);
        throw runtimeError(error, `Running the model failed (${shapes.join('; ')})`, this.modelPath);
      } finally {
        modelMs += performance.now() - runStartedMs;
      }
    } finally {
      this.#idleBindings.push(binding);
    }
  }

  /**
   * Checks values against the model's signature and lays them into `bound` as tensors. `freeLengths` remembers the length
   * of each free axis by its name.
   */
  #bind(
    values: Record<string, TensorData>,
    infos: readonly SessionTensorInfo[],
    bound: Record<string, Tensor>,
    freeLengths: Map<string, number>,
  ): void {
    for (const name in bound) if (!(name in values)) Reflect.deleteProperty(bound, name);
    for (const name in values) {
      const { data, dims } = values[name] as TensorData;
      const info = infoOf(name, infos);
      if (info === undefined) throw this.#misuse(`it has no tensor "${name}"`);
      if (!fitsShape(info.dims, dims, freeLengths)) {
        const free = [...freeLengths].map(([axis, length]) => `, ${axis} = ${length}`).join('');
        throw this.#misuse(`"${name}" is [${info.dims.join(', ')}]${free}; got [${dims.join(', ')}]`);
      }
      // Also refuses a view of WebAssembly memory that has grown since: such a view has length 0.
      if (data.length !== elementCount(dims)) {
        throw this.#misuse(`"${name}" [${dims.join(', ')}] got ${data.length} values`);
      }
      if (!(data.buffer instanceof ArrayBuffer)) throw this.#misuse(`"${name}" lies in shared memory`);
      const wrapped = this.#wrap(data, dims, info.elementType);
      if (wrapped.converted !== null && infos === this.inputs) {
        try {
          toNative(info.elementType, data, wrapped.converted);
        } catch (error) {
          throw this.#misuse(`"${name}" is ${info.elementType}: ${firstLine(error)}`);
        }
      }
      bound[name] = wrapped.tensor;
    }
  }

  /** The tensor of an array that callers may use again and again. */
  #wrap(data: Float32Array, dims: readonly number[], elementType: ElementType): Wrapped {
    const known = this.#wrapped.get(data);
    if (known !== undefined && known.elementType === elementType && isSameShape(known.tensor.dims, dims)) {
      return known;
    }
    const converted = elementType === 'float32' ? null : nativeArray(elementType, data.length);
    const native = converted ?? data;
    const wrapped = { tensor: this.#tensor(elementType, native, dims), elementType, converted };
    this.#wrapped.set(data, wrapped);
    return wrapped;
  }

  #tensor(elementType: ElementType, native: NativeArray, dims: readonly number[]): Tensor {
    // Each element type has its own overload of the constructor.
    const { Tensor: NativeTensor } = this.#runtime;
    const make = NativeTensor as new (type: string, data: NativeArray, dims: readonly number[]) => Tensor;
    if (elementType !== 'float16') return new make(elementType, native, dims);
    // Where the engine has Float16Array (Node 24), the constructor makes one of the bits, in which the library's native part
    // finds no values ("expected 8, got 0", 1.30). As uint16 the bits stay what they are, and the type is stated afterwards.
    return Object.assign(new make('uint16', native, dims), { type: elementType });
  }

  #floats(name: string, { type, data }: InferenceSession.OnnxValueMapType[string]): Float32Array {
    if (data instanceof Float32Array) return data;
    if (!isElementType(type) || !ArrayBuffer.isView(data)) {
      throw new FaceswapError('model', `Output "${name}" is ${type}, which is not supported`, {
        file: this.modelPath,
      });
    }
    // Where the engine has an array type for halves, onnxruntime gives that.
    const native = type === 'float16' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
    const floats = new Float32Array(native.length);
    fromNative(native as NativeArray, floats);
    return floats;
  }

  #misuse(what: string): FaceswapError {
    return new FaceswapError('bug', `Wrong use of a model: ${what}`, { file: this.modelPath });
  }
}

/**
 * Loads a model file. Blocks the event loop while the model is optimised (tens of milliseconds for the embedded
 * models).
 *
 * @throws FaceswapError `unavailable` when a provider is unknown or cannot be loaded, `model` when the file is missing
 *   or no ONNX model, `resources` when memory runs out.
 */
export async function createSession(modelPath: string, options: SessionOptions): Promise<ModelSession> {
  const { providers, intraOpThreads, rewrittenPath = modelPath } = options;
  const runtime = await loadRuntime();
  assertKnownProviders(runtime, providers);
  try {
    await access(rewrittenPath);
  } catch (error) {
    throw new FaceswapError('model', 'The model file is missing or unreadable', {
      file: modelPath,
      cause: error,
      hint: 'For an embedded model run: npm run build:models',
    });
  }
  guardModelFile(rewrittenPath, modelPath);
  try {
    const session = await runtime.InferenceSession.create(
      rewrittenPath,
      nativeOptions(providers, intraOpThreads),
    );
    return new ModelSession(runtime, session, modelPath, providers);
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    const failure = runtimeError(error, 'The model cannot be loaded', modelPath);
    if (failure.kind === 'resources') throw failure;
    // onnxruntime's message does not tell whether the provider or the file is at fault; a model that is known to be
    // good does.
    for (const provider of providers) {
      const probe = await probeProvider(provider);
      if (!probe.ok) throw unavailable(provider, probe.reason, error);
    }
    throw failure;
  }
}

/** The execution providers that this build of onnxruntime knows; whether one works is for {@link probeProvider}. */
export async function availableProviders(): Promise<ProviderInfo[]> {
  const runtime = await loadRuntime();
  return runtime.listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }));
}

/**
 * Finds out whether a provider really works by loading and running a model of one node on it. A provider whose library
 * loads but that refuses the model is reported with onnxruntime's reason. Never throws for an unusable provider.
 */
export async function probeProvider(name: string): Promise<ProviderProbe> {
  const runtime = await loadRuntime();
  try {
    assertKnownProviders(runtime, [name]);
    const session = await runtime.InferenceSession.create(await probeModel(), nativeOptions([name], 1));
    try {
      await session.run({ input: new runtime.Tensor('float32', Float32Array.of(-1, 2), [1, 2]) });
    } finally {
      await session.release();
    }
    return { name, ok: true };
  } catch (error) {
    return { name, ok: false, reason: firstLine(error) };
  }
}

/** `--help` must not pay for the native library, so it is loaded when the first session is asked for. */
const loadRuntime = async (): Promise<OnnxRuntime> => {
  try {
    disableTelemetry();
    const runtime = await import('onnxruntime-node');
    // The library logs each failure to stderr, in colour and over several lines, and then throws it. Users get one
    // line from the thrown error. Read by the library once, before the first session.
    runtime.env.logLevel = 'fatal';
    return runtime;
  } catch (error) {
    throw new FaceswapError('unavailable', `onnxruntime-node cannot be loaded: ${firstLine(error)}`, {
      cause: error,
      hint: 'Reinstall the package on this machine: npm ci',
    });
  }
};

const nativeOptions = (
  providers: readonly string[],
  intraOpThreads: number,
): InferenceSession.SessionOptions => ({
  executionProviders: [...providers],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: intraOpThreads,
  interOpNumThreads: 1,
  // 4 = fatal only; as for the library as a whole, see loadRuntime.
  logSeverityLevel: 4,
});

const assertKnownProviders = (runtime: OnnxRuntime, providers: readonly string[]): void => {
  const known = runtime.listSupportedBackends().map(({ name }) => name);
  if (providers.length === 0)
    throw new FaceswapError('bug', 'A session needs at least one execution provider');
  for (const provider of providers) {
    if (!known.includes(provider)) {
      throw unavailable(provider, `this build of onnxruntime knows only ${known.join(', ')}`);
    }
  }
};

const unavailable = (provider: string, reason: string, cause?: unknown): FaceswapError =>
  new FaceswapError('unavailable', `Execution provider "${provider}" cannot be used: ${reason}`, {
    cause,
    hint: 'See "faceswap doctor", or ask for --execution-provider cpu',
  });

const probeModel = async (): Promise<Uint8Array> => {
  const { encodeModel } = await import('./onnx-file.js');
  return encodeModel({
    graphName: 'probe',
    opset: 17,
    producer: { name: 'faceswap', version: '1' },
    inputs: [{ name: 'input', elementType: 'float32', dims: [1, 2] }],
    outputs: [{ name: 'output', elementType: 'float32', dims: [1, 2] }],
    initializers: [],
    nodes: [{ opType: 'Relu', name: 'relu', inputs: ['input'], outputs: ['output'] }],
  });
};

/** How onnxruntime, its CUDA provider and the C++ library word a failed allocation; there is no error code for it. */
const outOfMemory =
  /out of memory|bad_alloc|failed to allocate|allocation failed|not enough memory|AllocateRawInternal|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED/i;

const runtimeError = (error: unknown, what: string, modelPath: string): FaceswapError => {
  const reason = firstLine(error);
  if (outOfMemory.test(String(error))) {
    return new FaceswapError('resources', `${what}: out of memory (${reason})`, {
      file: modelPath,
      cause: error,
      hint: 'Free memory or lower the batch size',
      retry: 'smaller',
    });
  }
  return new FaceswapError('model', `${what}: ${reason}`, { file: modelPath, cause: error });
};

const firstLine = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0]?.trim() ?? '';
};

const tensorInfos = (
  metadata: readonly InferenceSession.ValueMetadata[],
  modelPath: string,
): SessionTensorInfo[] =>
  metadata.map((value) => {
    if (!value.isTensor || !isElementType(value.type)) {
      const what = value.isTensor ? `a tensor of ${value.type}` : 'no tensor';
      throw new FaceswapError('model', `"${value.name}" is ${what}, which is not supported`, {
        file: modelPath,
      });
    }
    return { name: value.name, dims: value.shape, elementType: value.type };
  });

const infoOf = (name: string, infos: readonly SessionTensorInfo[]): SessionTensorInfo | undefined => {
  for (const info of infos) if (info.name === name) return info;
  return undefined;
};

/** Whether a shape is one that the model takes; an axis without a name is free on its own. */
const fitsShape = (
  wanted: readonly (number | string)[],
  dims: readonly number[],
  freeLengths: Map<string, number>,
): boolean => {
  if (wanted.length !== dims.length) return false;
  for (let axis = 0; axis < dims.length; axis++) {
    const length = dims[axis] as number;
    const dim = wanted[axis] as number | string;
    if (dim === '') continue;
    const known = typeof dim === 'number' ? dim : freeLengths.get(dim);
    if (known === undefined) freeLengths.set(dim as string, length);
    else if (known !== length) return false;
  }
  return true;
};

const isSameShape = (first: readonly number[], second: readonly number[]): boolean => {
  if (first.length !== second.length) return false;
  for (let axis = 0; axis < first.length; axis++) if (first[axis] !== second[axis]) return false;
  return true;
};

const elementCount = (dims: readonly number[]): number => {
  let count = 1;
  for (const dim of dims) count *= dim;
  return count;
};
