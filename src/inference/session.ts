import { access } from 'node:fs/promises';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { FaceswapError } from '../errors.js';

type OnnxRuntime = typeof import('onnxruntime-node');

/** A float32 tensor in row-major order. `data` must lie in a plain ArrayBuffer: onnxruntime rejects shared memory. */
export type TensorData = { data: Float32Array; dims: readonly number[] };

/** Name and shape of a model input or output; a string is an axis that is free until the model runs. */
export type TensorInfo = { name: string; dims: readonly (number | string)[] };

export type SessionOptions = {
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

/**
 * One loaded model. {@link ModelSession.run} blocks the event loop of its thread while the model computes, so sessions
 * belong into worker threads. A worker must not be terminated during a run: onnxruntime then aborts the process.
 */
export class ModelSession {
  readonly modelPath: string;
  readonly providers: readonly string[];
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #runtime: OnnxRuntime;
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
   * Runs the model and gives every output in a freshly allocated array.
   *
   * @throws FaceswapError `bug` for feeds that do not fit the model or after {@link dispose}, `resources` when memory
   *   runs out, `model` when the model fails.
   */
  async run(feeds: Record<string, TensorData>): Promise<Record<string, Float32Array>> {
    const results = await this.#compute(feeds, undefined);
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => {
        if (!(tensor.data instanceof Float32Array)) {
          throw new FaceswapError('model', `Output "${name}" is ${tensor.type}, not float32`, {
            file: this.modelPath,
          });
        }
        return [name, tensor.data];
      }),
    );
  }

  /**
   * Runs the model and writes into arrays that the caller owns and may use again for the next run: saves the
   * allocation and a copy (3.7 instead of 8.7 ms for a 16 MB output). Outputs that are not named are not fetched.
   * The dims must be exactly those that the model gives; see {@link allocateOutputs}.
   *
   * @throws as {@link run}.
   */
  async runInto(feeds: Record<string, TensorData>, outputs: Record<string, TensorData>): Promise<void> {
    await this.#compute(feeds, outputs);
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
    fetches: Record<string, TensorData> | undefined,
  ): Promise<InferenceSession.OnnxValueMapType> {
    const session = this.#session;
    if (session === undefined) throw this.#misuse('it was run after dispose()');
    const missing = this.inputs.map(({ name }) => name).filter((name) => !(name in feeds));
    if (missing.length > 0) throw this.#misuse(`it was run without its inputs ${missing.join(', ')}`);
    const freeLengths = new Map<string, number>();
    const feedTensors = this.#tensors(feeds, this.inputs, freeLengths);
    const fetchTensors =
      fetches === undefined ? undefined : this.#tensors(fetches, this.outputs, freeLengths);
    try {
      return fetchTensors === undefined
        ? await session.run(feedTensors)
        : await session.run(feedTensors, fetchTensors);
    } catch (error) {
      const shapes = Object.entries(feeds).map(([name, { dims }]) => `${name} [${dims.join(', ')}]`);
      throw runtimeError(error, `Running the model failed (${shapes.join('; ')})`, this.modelPath);
    }
  }

  /** Checks values against the model's signature; `freeLengths` remembers the length of each free axis by its name. */
  #tensors(
    values: Record<string, TensorData>,
    infos: readonly TensorInfo[],
    freeLengths: Map<string, number>,
  ): Record<string, Tensor> {
    const fits = (dim: number | string, length: number | undefined): boolean => {
      if (typeof dim === 'number' || length === undefined) return dim === length;
      const known = freeLengths.get(dim) ?? length;
      freeLengths.set(dim, known);
      return known === length;
    };
    return Object.fromEntries(
      Object.entries(values).map(([name, { data, dims }]) => {
        const info = infos.find((candidate) => candidate.name === name);
        if (info === undefined) throw this.#misuse(`it has no tensor "${name}"`);
        if (dims.length !== info.dims.length || !info.dims.every((dim, axis) => fits(dim, dims[axis]))) {
          const free = [...freeLengths].map(([axis, length]) => `, ${axis} = ${length}`).join('');
          throw this.#misuse(`"${name}" is [${info.dims.join(', ')}]${free}; got [${dims.join(', ')}]`);
        }
        if (data.length !== elementCount(dims)) {
          throw this.#misuse(`"${name}" [${dims.join(', ')}] got ${data.length} values`);
        }
        if (!(data.buffer instanceof ArrayBuffer)) throw this.#misuse(`"${name}" lies in shared memory`);
        return [name, new this.#runtime.Tensor('float32', data, dims)];
      }),
    );
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
  const { providers, intraOpThreads } = options;
  const runtime = await loadRuntime();
  assertKnownProviders(runtime, providers);
  try {
    await access(modelPath);
  } catch (error) {
    throw new FaceswapError('model', 'The model file is missing or unreadable', {
      file: modelPath,
      cause: error,
      hint: 'For an embedded model run: npm run build:models',
    });
  }
  try {
    const session = await runtime.InferenceSession.create(
      modelPath,
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
    });
  }
  return new FaceswapError('model', `${what}: ${reason}`, { file: modelPath, cause: error });
};

const firstLine = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0]?.trim() ?? '';
};

const tensorInfos = (metadata: readonly InferenceSession.ValueMetadata[], modelPath: string): TensorInfo[] =>
  metadata.map((value) => {
    if (!value.isTensor || value.type !== 'float32') {
      throw new FaceswapError('model', `"${value.name}" is not a float32 tensor, which is not supported`, {
        file: modelPath,
      });
    }
    return { name: value.name, dims: value.shape };
  });

const elementCount = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);
