import { randomUUID } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import type { BatchSession } from './batch-runner.js';
import { modelHash, rememberedModelHash } from './model-hash.js';
import { delimited, delimitedField, valueDims, wireFields, withFixedFirstDim } from './onnx-wire.js';
import { writeParts } from './rewritten-file.js';
import {
  createSession,
  type ModelSession,
  type SessionOptions,
  type TensorData,
  type TensorInfo,
} from './session.js';
import { keepVerdict, readVerdict } from './verdict-file.js';

// Field numbers of ModelProto and GraphProto.
const modelGraph = 7;
const graphInput = 11;
const graphOutput = 12;
const graphValueInfo = 13;

/**
 * Fixes the free batch of a model: first axes of inputs and outputs that are free get this length, and recorded intermediate shapes, which
 * name the free axis, are left out. Nothing else changes.
 *
 * @returns the parts of the file, to be written one behind the other; most are views of the original
 * @throws FaceswapError `model` when the bytes are no ONNX model
 */
export function bakedBatch(bytes: Uint8Array, batchSize: number): Uint8Array[] {
  const fixed = (number: number, body: Uint8Array): Uint8Array[] =>
    delimitedField(number, [
      typeof valueDims(body)?.[0] === 'string' ? withFixedFirstDim(body, batchSize) : body,
    ]);
  try {
    const model = wireFields(bytes);
    if (delimited(model, modelGraph).length !== 1) {
      throw new FaceswapError('model', 'Not an ONNX model: it does not have one graph');
    }
    return model.flatMap((modelField) => {
      if (modelField.number !== modelGraph) return [modelField.raw];
      const graph = wireFields(modelField.body).flatMap(({ number, body, raw }) => {
        if (number === graphValueInfo) return [];
        return number === graphInput || number === graphOutput ? fixed(number, body) : [raw];
      });
      return delimitedField(modelGraph, graph);
    });
  } catch (error) {
    if (error instanceof FaceswapError) throw error;
    throw new FaceswapError('model', 'Not an ONNX model: its protobuf encoding is broken', { cause: error });
  }
}

/**
 * Whether a provider wants fixed shapes. TensorRT builds an engine for the shapes that it sees, which takes from seconds to minutes, and builds again
 * for others, such as the last, smaller batch of a segment. Elsewhere a fixed batch only costs the padding.
 */
export const wantsStaticBatch = (provider: string): boolean => provider === 'tensorrt';

/**
 * Loads a model with a free batch so that it always computes batches of one size. The copy with that size is kept in a folder.
 *
 * @throws FaceswapError as {@link createSession}, and `resources` when the copy cannot be written
 */
export async function openStaticBatch(
  modelPath: string,
  options: SessionOptions & { readonly folder: string; readonly batchSize: number },
): Promise<StaticBatchSession> {
  const { folder, batchSize, rewrittenPath: sourcePath = modelPath } = options;
  const hash = await rememberedModelHash(sourcePath, folder);
  const path = join(folder, `${hash}.batch${batchSize}.onnx`);
  const verdictPath = join(folder, `${hash}.batch${batchSize}.json`);
  const known = await readVerdict(verdictPath, isVerdict);
  const isThere = known !== null && (await modelHash(path).catch(() => '')) === known.sha256;
  if (!isThere) await writeBaked(modelPath, sourcePath, { path, verdictPath, batchSize, folder });
  return new StaticBatchSession(
    await createSession(modelPath, { ...options, rewrittenPath: path }),
    batchSize,
  );
}

const writeBaked = async (
  modelPath: string,
  sourcePath: string,
  {
    path,
    verdictPath,
    batchSize,
    folder,
  }: {
    readonly path: string;
    readonly verdictPath: string;
    readonly batchSize: number;
    readonly folder: string;
  },
): Promise<void> => {
  const partPath = join(folder, `${randomUUID()}.part`);
  try {
    const written = await writeParts(partPath, bakedBatch(await readFile(sourcePath), batchSize));
    if (!written.ok)
      throw new FaceswapError('resources', `Fixed batch: ${written.reason}`, { file: modelPath });
    await rename(partPath, path);
    await keepVerdict(verdictPath, { sha256: written.sha256 });
  } finally {
    await rm(partPath, { force: true }).catch(() => undefined);
  }
};

const isVerdict = (value: unknown): value is { readonly sha256: string } =>
  typeof value === 'object' && value !== null && 'sha256' in value && typeof value.sha256 === 'string';

/**
 * A session of a fixed batch that takes batches of any size up to it: what is missing is filled up with whatever was there before, and
 * what comes of that is dropped.
 */
export class StaticBatchSession implements BatchSession {
  readonly modelPath: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #session: ModelSession;
  readonly #batchSize: number;
  readonly #padded = new Map<string, TensorData>();
  readonly #known = new WeakMap<Record<string, TensorData>, Record<string, TensorData>>();

  /** @param session whose first axes are `batchSize` long where they count items; disposed of by {@link dispose} */
  constructor(session: ModelSession, batchSize: number) {
    this.#session = session;
    this.#batchSize = batchSize;
    this.modelPath = session.modelPath;
    const free = ({ name, dims }: TensorInfo): TensorInfo => ({
      name,
      dims: dims.length > 1 && dims[0] === batchSize ? ['batch', ...dims.slice(1)] : dims,
    });
    this.inputs = session.inputs.map(free);
    this.outputs = session.outputs.map(free);
  }

  /** @throws FaceswapError as {@link ModelSession.runInto}; `bug` for a batch that is larger than the fixed one */
  async runInto(feeds: Record<string, TensorData>, outputs: Record<string, TensorData>): Promise<void> {
    const fullFeeds = this.#full(feeds);
    const fullOutputs = this.#full(outputs);
    for (const name in feeds) copyFront(feeds[name], fullFeeds[name]);
    await this.#session.runInto(fullFeeds, fullOutputs);
    for (const name in outputs) copyFront(fullOutputs[name], outputs[name]);
  }

  /** Frees the native memory. */
  async dispose(): Promise<void> {
    await this.#session.dispose();
  }

  /** The same tensors, those of fewer items replaced by ones of the whole batch. Callers use the same few records again and again. */
  #full(tensors: Record<string, TensorData>): Record<string, TensorData> {
    const known = this.#known.get(tensors);
    if (known !== undefined) return known;
    const full = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [name, this.#fullTensor(name, tensor)]),
    );
    this.#known.set(tensors, full);
    return full;
  }

  #fullTensor(name: string, tensor: TensorData): TensorData {
    const [count = 0, ...rest] = tensor.dims;
    const info = [...this.inputs, ...this.outputs].find((other) => other.name === name);
    if (typeof info?.dims[0] !== 'string' || count === this.#batchSize) return tensor;
    if (count > this.#batchSize || count === 0) {
      throw new FaceswapError('bug', `A batch of ${count} does not fit a fixed one of ${this.#batchSize}`, {
        file: this.modelPath,
      });
    }
    const padded = this.#padded.get(name) ?? {
      data: new Float32Array((tensor.data.length / count) * this.#batchSize),
      dims: [this.#batchSize, ...rest],
    };
    this.#padded.set(name, padded);
    return padded;
  }
}

/** Copies as many items as both have, unless they are the same. */
const copyFront = (from: TensorData | undefined, to: TensorData | undefined): void => {
  if (from === undefined || to === undefined || from.data === to.data) return;
  to.data.set(from.data.subarray(0, Math.min(from.data.length, to.data.length)));
};
