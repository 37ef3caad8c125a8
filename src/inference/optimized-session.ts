import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { FaceswapError } from '../errors.js';
import { rememberedModelHash } from './model-hash.js';
import { onnxruntimeVersion } from './onnxruntime-version.js';
import { processorIdentity } from './processor-identity.js';
import { createSession, type ModelSession, type SessionOptions } from './session.js';
import { keepVerdict, readVerdict } from './verdict-file.js';

export type OptimizedSessionOptions = SessionOptions & {
  /** Where optimised models are kept; made when it is missing. */
  readonly folder: string;
  /** Most bytes that all of them may take; 4 GiB when it is not given. The least recently used go first. */
  readonly limitBytes?: number | undefined;
  /** Models below this are not worth keeping; 8 MiB when it is not given. */
  readonly smallestBytes?: number | undefined;
};

/** What is written beside an optimised model. */
type Verdict = { readonly version: number; readonly sizeBytes: number; readonly sample: string };

const rulesVersion = 1;
const defaultLimitBytes = 4 * 2 ** 30;

/** A model below this is optimised in some tens of milliseconds, which is what looking for a kept copy costs. */
const smallestKeptBytes = 8 * 2 ** 20;

/** Providers whose optimised graphs can be written. TensorRT and CoreML compile parts of a graph, which ONNX has no form for. */
const writingProviders: ReadonlySet<string> = new Set(['cpu', 'cuda']);

/**
 * {@link createSession}, with the optimised graph kept for the next time: by the model's content, the providers in order, the device,
 * the processor and onnxruntime's version. Threads do not matter. Outputs are those of a session that was optimised afresh, bit for bit.
 *
 * Small models and providers that cannot write are loaded as ever, and so is everything where the folder cannot be used: a cache only saves time.
 *
 * @throws FaceswapError as {@link createSession}
 */
export async function createOptimizedSession(
  modelPath: string,
  options: OptimizedSessionOptions,
): Promise<ModelSession> {
  const { folder, rewrittenPath = modelPath } = options;
  const { limitBytes = defaultLimitBytes, smallestBytes = smallestKeptBytes } = options;
  const size = await sizeOf(rewrittenPath);
  if (size < smallestBytes || !options.providers.every((name) => writingProviders.has(name))) {
    return createSession(modelPath, options);
  }
  const name = keyOf(await rememberedModelHash(rewrittenPath, folder), options);
  const path = join(folder, `${name}.onnx`);
  const verdictPath = join(folder, `${name}.json`);
  const known = await readVerdict(verdictPath, isVerdict);
  if (known !== null && (await isAsWritten(path, known))) {
    try {
      const session = await createSession(modelPath, {
        ...options,
        rewrittenPath: path,
        optimization: 'kept',
      });
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return session;
    } catch (error) {
      // Made anew below; whatever is wrong with the model itself shows there.
      if (!(error instanceof FaceswapError && error.kind === 'model')) throw error;
    }
  }
  const partPath = join(folder, `${name}.${randomUUID()}.part`);
  const session = await createWriting(modelPath, options, partPath);
  try {
    const sizeBytes = await sizeOf(partPath);
    if (sizeBytes > 0 && sizeBytes <= limitBytes) {
      const sample = await sampleOf(partPath, sizeBytes);
      await rename(partPath, path);
      await keepVerdict(verdictPath, { version: rulesVersion, sizeBytes, sample } satisfies Verdict);
      await forgetOldest(folder, limitBytes);
    }
  } catch {
    // Optimised again next time.
  } finally {
    await rm(partPath, { force: true }).catch(() => undefined);
  }
  return session;
}

/** A session whose optimised graph is written, or one like any other where it cannot be: a full disk, a graph with no file form. */
const createWriting = async (
  modelPath: string,
  options: OptimizedSessionOptions,
  writtenPath: string,
): Promise<ModelSession> => {
  try {
    await mkdir(options.folder, { recursive: true });
    return await createSession(modelPath, { ...options, optimization: { writtenPath } });
  } catch {
    return createSession(modelPath, options);
  }
};

const keyOf = (hash: string, { providers, deviceId }: OptimizedSessionOptions): string => {
  const machine = [processorIdentity(), process.platform, onnxruntimeVersion()];
  const parts = [rulesVersion, hash, providers, deviceId ?? null, machine];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
};

/** 0 for a file that is not there: {@link createSession} says so. */
const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
};

const isAsWritten = async (path: string, { sizeBytes, sample }: Verdict): Promise<boolean> => {
  try {
    return (await sizeOf(path)) === sizeBytes && (await sampleOf(path, sizeBytes)) === sample;
  } catch {
    return false;
  }
};

const samplePieces = 64;
const samplePieceBytes = 16 * 1024;

/**
 * SHA-256 over pieces spread evenly over a file, its beginning and end among them: tells a cut or foreign file in a millisecond. The
 * whole of it would take as long to hash as the optimisation that the file saves.
 */
const sampleOf = async (path: string, sizeBytes: number): Promise<string> => {
  const hash = createHash('sha256');
  const file: FileHandle = await open(path, 'r');
  try {
    const piece = Buffer.alloc(samplePieceBytes);
    const last = Math.max(0, sizeBytes - samplePieceBytes);
    for (let k = 0; k < samplePieces; k++) {
      const at = Math.round((last * k) / (samplePieces - 1));
      const { bytesRead } = await file.read(piece, 0, samplePieceBytes, at);
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
};

/** Unfinished files of a process that was killed are deleted when they are older. */
const abandonedAfterMs = 60 * 60 * 1000;

/** Deletes what was not used for longest until the rest fits. */
const forgetOldest = async (folder: string, limitBytes: number): Promise<void> => {
  const kept = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.onnx') && !name.endsWith('.part')) continue;
    const { size, mtimeMs } = await stat(join(folder, name));
    if (name.endsWith('.onnx')) kept.push({ name, size, mtimeMs });
    else if (Date.now() - mtimeMs > abandonedAfterMs) await rm(join(folder, name), { force: true });
  }
  kept.sort((first, second) => second.mtimeMs - first.mtimeMs);
  let total = 0;
  for (const { name, size } of kept) {
    total += size;
    if (total <= limitBytes) continue;
    await rm(join(folder, name), { force: true });
    await rm(join(folder, name.replace(/\.onnx$/, '.json')), { force: true });
  }
};

const isVerdict = (value: unknown): value is Verdict => {
  if (typeof value !== 'object' || value === null) return false;
  const { version, sizeBytes, sample } = value as Record<string, unknown>;
  return version === rulesVersion && typeof sizeBytes === 'number' && typeof sample === 'string';
};
